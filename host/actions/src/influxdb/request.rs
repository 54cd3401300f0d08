//! The write request of an event: pure.

use crate::{
    Outcome,
    http::{basic, below, secret},
};
use bytes::Bytes;
use hookline_bus::Event;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{self, HeaderValue},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Nanoseconds of the time that tell events apart.
const APART: u64 = 1_000_000;

/// Builds the request, or says what is wrong with the arguments.
pub(super) fn build(event: &Event) -> Result<Request<Full<Bytes>>, Outcome> {
    let argument = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default();
    let (bucket, db) = (argument("bucket"), argument("db"));
    let (path, query) = match (bucket, db) {
        ("", "") => return Err(Outcome::Misconfigured("`bucket` (version 2) or `db` (version 1) is missing".into())),
        (bucket, "") => (["api", "v2", "write"].as_slice(), vec![("org", argument("org")), ("bucket", bucket), ("precision", "ns")]),
        ("", db) => (["write"].as_slice(), vec![("db", db), ("rp", argument("rp")), ("precision", "ns")]),
        _ => return Err(Outcome::Misconfigured("`bucket` (version 2) and `db` (version 1) are both there: give one".into())),
    };
    let mut request = Request::new(Full::new(Bytes::from(line(event)?)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = below(argument("url"), path, &query)?;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let authorization = match (argument("token"), argument("username")) {
        ("", "") => return Ok(request),
        ("", user) => basic(user, argument("password"))?,
        (token, _) => secret(&format!("Token {token}"), "token")?,
    };
    request.headers_mut().insert(header::AUTHORIZATION, authorization);
    Ok(request)
}

/// `measurement,tag=value field=value time`
fn line(event: &Event) -> Result<String, Outcome> {
    let measurement = event.data.get("measurement").and_then(Value::as_str).unwrap_or_default();
    if measurement.is_empty() {
        return Err(Outcome::Misconfigured("`measurement` is missing".into()));
    }
    let mut line = escaped(measurement, &[',', ' ']);
    let mut tags: Vec<_> = object(event, "tags")?.into_iter().flatten().map(|(name, value)| (name, plain(value))).collect();
    // Sorted, as servers like them best; the protocol has no empty ones.
    tags.sort();
    for (name, value) in tags.iter().filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
        let _ = write!(line, ",{}={}", escaped(name, &[',', '=', ' ']), escaped(value, &[',', '=', ' ']));
    }
    let mut separator = ' ';
    for (name, value) in object(event, "fields")?.into_iter().flatten() {
        let value = match value {
            Value::Null => continue,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            other => format!("\"{}\"", plain(other).replace('\\', "\\\\").replace('"', "\\\"")),
        };
        let _ = write!(line, "{separator}{}={value}", escaped(name, &[',', '=', ' ']));
        separator = ',';
    }
    if separator == ' ' {
        return Err(Outcome::Misconfigured("`fields` has no value: InfluxDB refuses a point without".into()));
    }
    let apart = Sha256::digest(&event.id).iter().take(8).fold(0_u64, |n, b| n << 8 | u64::from(*b)) % APART;
    let _ = write!(line, " {}", event.time.0 / APART * APART + apart);
    Ok(line)
}

fn object<'e>(event: &'e Event, name: &str) -> Result<Option<&'e Map<String, Value>>, Outcome> {
    match event.data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(members)) => Ok(Some(members)),
        Some(_) => Err(Outcome::Misconfigured(format!("`{name}` is not an object"))),
    }
}

/// A text as it is, something else as JSON, nothing as nothing.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// With a backslash before each of `special`; what would end the line, or escape what follows, is a space.
fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let text = text.trim_end_matches('\\').replace(['\n', '\r'], " ");
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_bus::Kind;
    use hookline_item::Timestamp;
    use http_body_util::BodyExt as _;
    use serde_json::json;

    fn build_from(id: &str, data: Value) -> Result<Request<Full<Bytes>>, Outcome> {
        let kind = Kind::Action("influxdb".into());
        build(&Event { id: id.into(), kind, plugin: "p".into(), node: "n".into(), time: Timestamp(1_700_000_000_123_456_789), data })
    }

    /// URL, authorization, and the line.
    fn text(data: Value) -> [String; 3] {
        let (head, body) = build_from("e1", data).unwrap().into_parts();
        let body = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(body.collect()).unwrap().to_bytes();
        let authorization = head.headers.get("authorization").map_or("", |value| value.to_str().unwrap());
        [head.uri.to_string(), authorization.to_owned(), String::from_utf8(body.to_vec()).unwrap()]
    }

    #[test]
    fn a_point_of_version_2() {
        let [url, authorization, line] = text(json!({"url": "http://h:8086/", "token": "t", "org": "my org", "bucket": "b&c",
            "measurement": "http latency,p", "tags": {"route": "/a b=c", "none": "", "n": 3}, "fields": {"ms": 12, "ok": true, "path": "a\"b\\c", "gone": null, "f": 1.5}}));
        assert_eq!(
            (url.as_str(), authorization.as_str()),
            ("http://h:8086/api/v2/write?org=my%20org&bucket=b%26c&precision=ns", "Token t")
        );
        let (point, time) = line.rsplit_once(' ').unwrap();
        assert_eq!(point, r#"http\ latency\,p,n=3,route=/a\ b\=c ms=12,ok=true,path="a\"b\\c",f=1.5"#);
        assert!(time.starts_with("1700000000123") && time.len() == 19, "{time}");
    }

    #[test]
    fn a_point_of_version_1() {
        let [url, authorization, line] =
            text(json!({"url": "https://h/x", "db": "d", "username": "u", "password": "p", "measurement": "m", "fields": {"a": [1]}}));
        assert_eq!((url.as_str(), authorization.as_str()), ("https://h/x/write?db=d&precision=ns", "Basic dTpw"));
        assert!(line.starts_with("m a=\"[1]\" 1700000000123"), "{line}");
    }

    #[test]
    fn events_of_one_time_are_points_of_their_own_and_a_repeated_one_is_the_same() {
        let data = json!({"url": "http://h/", "bucket": "b", "measurement": "m", "fields": {"a": 1}});
        let line = |id: &str| {
            line(&Event {
                id: id.into(),
                kind: Kind::Action("influxdb".into()),
                plugin: "p".into(),
                node: "n".into(),
                time: Timestamp(5),
                data: data.clone(),
            })
            .unwrap()
        };
        assert_eq!(line("e1"), line("e1"));
        assert_ne!(line("e1"), line("e2"));
    }

    #[test]
    fn bad_arguments_are_misconfigured() {
        let cases = [
            (json!({"url": "http://h/", "measurement": "m", "fields": {"a": 1}}), "`bucket`"),
            (json!({"url": "http://h/", "bucket": "b", "db": "d", "measurement": "m", "fields": {"a": 1}}), "both"),
            (json!({"bucket": "b", "measurement": "m", "fields": {"a": 1}}), "`url`"),
            (json!({"url": "http://h/", "bucket": "b", "fields": {"a": 1}}), "`measurement`"),
            (json!({"url": "http://h/", "bucket": "b", "measurement": "m", "fields": {"a": null}}), "`fields`"),
            (json!({"url": "http://h/", "bucket": "b", "measurement": "m", "fields": 1}), "`fields`"),
            (json!({"url": "http://h/", "bucket": "b", "measurement": "m", "fields": {"a": 1}, "token": "se\ncret"}), "`token`"),
        ];
        for (data, expected) in cases {
            let Err(Outcome::Misconfigured(reason)) = build_from("e", data) else { panic!("{expected}") };
            assert!(reason.contains(expected) && !reason.contains("cret"), "{reason}");
        }
    }

    #[test]
    fn a_name_cannot_end_its_line_or_escape_what_follows() {
        let [_, _, line] =
            text(json!({"url": "http://h/", "bucket": "b", "measurement": "m\nx\\", "tags": {"t\n": "v\\"}, "fields": {"f\n": "a\nb"}}));
        assert!(line.starts_with("m\\ x,t\\ =v f\\ =\"a\nb\" "), "{line}");
    }
}
