// Mask e-mail addresses, card numbers and telephone numbers in what the dashboard and the API show
//
// The item index keeps what was captured; nothing else leaves it by way of the API. To mask values before any hook, use --redact-json.

var EMAIL = /[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}/g;
var PHONE = /\+\d[\d ()-]{7,}\d/g;
var DIGITS = /\b\d(?:[ -]?\d){12,18}\b/g;

// The check digit of card numbers (ISO/IEC 7812-1)
function isCard(text) {
  var sum = 0, digits = text.replace(/\D/g, "");
  for (var i = 0; i < digits.length; i++) {
    var d = Number(digits[digits.length - 1 - i]) * (i % 2 ? 2 : 1);
    sum += d > 9 ? d - 9 : d;
  }
  return sum % 10 === 0;
}

function masked(value) {
  if (typeof value === "string")
    return value.replace(EMAIL, "[e-mail]").replace(DIGITS, (n) => (isCard(n) ? "[card]" : n)).replace(PHONE, "[telephone]");
  if (Array.isArray(value)) return value.map(masked);
  if (value && typeof value === "object") {
    var out = {};
    for (var name in value) out[name] = masked(value[name]);
    return out;
  }
  return value;
}

function onItemQueried(data) {
  var shown = JSON.parse(JSON.stringify(data));
  ["request", "response", "data", "summary"].forEach((part) => {
    if (shown[part] !== undefined) shown[part] = masked(shown[part]);
  });
  return shown;
}
