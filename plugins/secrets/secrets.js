// Keys, tokens and private keys that are sent in clear in HTTP URLs and bodies
//
// What is told has the kind, the place and the first four characters: enough to find the key, not to use it.

var KINDS = [
  ["AWS access key", /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ["GitHub token", /\bgh[pousr]_[A-Za-z0-9]{36,}\b/],
  ["Slack token", /\bxox[abprs]-[A-Za-z0-9-]{10,}/],
  ["Google API key", /\bAIza[A-Za-z0-9_-]{35}\b/],
  ["Stripe key", /\bsk_live_[A-Za-z0-9]{20,}\b/],
  ["private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
];
var LENGTH_MAX = 100000;

function look(place, text, data) {
  if (!text) return;
  text = String(text).slice(0, LENGTH_MAX);
  for (var [kind, pattern] of KINDS) {
    var found = pattern.exec(text);
    if (found)
      emit("secret-in-clear", { item: data.id, kind: kind, place: place, begins: found[0].slice(0, 4), path: data.request.path, server: data.dst.name || data.dst.ip });
  }
}

function onItemCaptured(data) {
  if (data.protocol.name !== "http" || !data.request) return;
  look("url", data.request.url, data);
  look("request body", data.request.body && data.request.body.text, data);
  look("response body", data.response && data.response.content && data.response.content.text, data);
}
