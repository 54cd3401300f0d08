// Connections from private addresses to public ones: each client, server and port once an hour

var HOUR = 3600 * 1000;
var PAIRS_MAX = 10000;
var told = new Map();

// Private, shared, loopback, link-local and multicast addresses (RFC 1918, 6598, 3927, 4193, 4291)
function isPrivate(ip) {
  if (ip.includes(":")) return /^(fc|fd|fe8|fe9|fea|feb|ff)/i.test(ip) || ip === "::1";
  var [a, b] = ip.split(".").map(Number);
  return a === 10 || a === 127 || a >= 224 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128) || (a === 169 && b === 254);
}

function onItemCaptured(data) {
  if (data.protocol.name !== "tcp" || !data.data.established) return;
  if (!isPrivate(data.src.ip) || isPrivate(data.dst.ip)) return;
  var pair = data.src.ip + " " + data.dst.ip + " " + data.dst.port;
  if (data.timestamp - (told.get(pair) || -HOUR) < HOUR) return;
  if (told.size >= PAIRS_MAX) told.clear();
  told.set(pair, data.timestamp);
  emit("external-connection", { item: data.id, from: data.src.name || data.src.ip, to: data.dst.name || data.dst.ip, port: data.dst.port, protocol: data.data.l7, bytes: data.data.bytes });
}
