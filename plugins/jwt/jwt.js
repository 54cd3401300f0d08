// JSON Web Tokens without signature (alg: none), and expired ones that a server accepted
//
// Tokens are looked for in the Authorization header (shown only with --no-redact: else it is masked before any hook), in the query, and in
// JSON bodies. What is told never holds the signature.

var TOKEN = /\beyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*/g;
var ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// base64url (RFC 4648, section 5) of bytes below 128: what JSON of these headers and claims is made of.
function decoded(text) {
  var out = "", bits = 0, held = 0;
  for (var c of text) {
    held = (held << 6) | ALPHABET.indexOf(c);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += String.fromCharCode((held >> bits) & 255);
    }
  }
  return JSON.parse(out);
}

function check(token, data) {
  var parts = token.split(".");
  try {
    var header = decoded(parts[0]), claims = decoded(parts[1]);
  } catch (e) {
    return; // it only looked like one
  }
  var about = { item: data.id, path: data.request.path, issuer: claims.iss, subject: claims.sub };
  if (String(header.alg).toLowerCase() === "none" || parts[2] === "")
    emit("jwt-unsigned", about);
  else if (claims.exp * 1000 < data.timestamp && data.response && data.response.status < 400)
    emit("jwt-expired-and-accepted", Object.assign(about, { expired: new Date(claims.exp * 1000).toISOString(), status: data.response.status }));
}

function onItemCaptured(data) {
  if (data.protocol.name !== "http" || !data.request) return;
  var places = [data.request.headers["Authorization"], data.request.url, data.request.body && data.request.body.text];
  var seen = new Set();
  for (var place of places)
    for (var token of String(place || "").match(TOKEN) || []) seen.add(token);
  for (var token of seen) check(token, data);
}
