//! JSON out of values, and values out of JSON.

use crate::value::{List, Object, Value};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::io::Write as _;

/// Appends `value` as JSON to `out`. Absent values become `null` here; inside objects they are left out.
pub fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Absent | Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        // Writing to a Vec cannot fail.
        Value::U64(n) => drop(write!(out, "{n}")),
        Value::I64(n) => drop(write!(out, "{n}")),
        Value::F64(n) if n.is_finite() => drop(write!(out, "{n}")),
        Value::F64(_) => out.extend_from_slice(b"null"),
        Value::Str(s) => write_str(out, s),
        Value::Bytes(b) => {
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(b).as_bytes());
            out.push(b'"');
        }
        Value::List(l) => write_list(out, *l),
        Value::MadeList(l) => write_list(out, l.as_ref()),
        Value::Object(o) => write_object(out, *o),
        Value::MadeObject(o) => write_object(out, o.as_ref()),
    }
}

/// Appends `object` as a JSON object to `out`, its absent values left out.
pub fn write_object(out: &mut Vec<u8>, object: &dyn Object) {
    out.push(b'{');
    let mut first = true;
    object.each(&mut |name, value| {
        if value.is_absent() {
            return;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_str(out, name);
        out.push(b':');
        write_value(out, &value);
    });
    out.push(b'}');
}

/// `object` as a JSON text.
#[must_use]
pub fn to_string(object: &dyn Object) -> String {
    let mut out = Vec::with_capacity(1024);
    write_object(&mut out, object);
    String::from_utf8(out).unwrap_or_default()
}

fn write_list(out: &mut Vec<u8>, list: &dyn List) {
    out.push(b'[');
    for i in 0..list.len() {
        if i > 0 {
            out.push(b',');
        }
        write_value(out, &list.at(i));
    }
    out.push(b']');
}

/// Appends `s` as a JSON string (RFC 8259 §7): quotes, backslashes and control characters are escaped.
pub fn write_str(out: &mut Vec<u8>, s: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = s.as_bytes();
    let mut plain = 0;
    for (i, &b) in bytes.iter().enumerate() {
        let short: &[u8] = match b {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 | 0x7f => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..i]);
        plain = i + 1;
        if short.is_empty() {
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
        } else {
            out.extend_from_slice(short);
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Parsed JSON is an object like any other, so that stored items can be filtered.
impl Object for serde_json::Map<String, serde_json::Value> {
    fn get(&self, name: &str) -> Value<'_> {
        serde_json::Map::get(self, name).map_or(Value::Absent, from_json)
    }
    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        for (name, value) in self {
            f(name, from_json(value));
        }
    }
}

/// A list of parsed JSON values.
struct JsonList<'a>(&'a [serde_json::Value]);
impl List for JsonList<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn at(&self, index: usize) -> Value<'_> {
        self.0.get(index).map_or(Value::Absent, from_json)
    }
}

/// A parsed JSON value as a value.
#[must_use]
pub fn from_json(v: &serde_json::Value) -> Value<'_> {
    use serde_json::Value as Json;
    match v {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match (n.as_u64(), n.as_i64()) {
            (Some(n), _) => Value::U64(n),
            (None, Some(n)) => Value::I64(n),
            (None, None) => n.as_f64().map_or(Value::Null, Value::F64),
        },
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(a) => Value::MadeList(Box::new(JsonList(a))),
        Json::Object(o) => Value::Object(o),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_json_needs_escaped() {
        let mut out = Vec::new();
        write_str(&mut out, "a\"\\\n\u{1}é\u{7f}");
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"\\\n\u0001é\u007f""#);
    }

    #[test]
    fn parsed_json_prints_as_it_was() {
        let text = r#"{"a":[1,-2,2.5,null,true,"x"],"b":{"c":{}}}"#;
        let parsed: serde_json::Map<_, _> = serde_json::from_str(text).unwrap();
        assert_eq!(to_string(&parsed), text);
    }
}
