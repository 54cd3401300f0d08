//! The request of an event: pure.

use crate::{Outcome, http::parse_url};
use bytes::Bytes;
use hookline_bus::Event;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

/// Carries the event's id, so that a sink can tell a repetition (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Headers that frame the message or speak for the connection: the client's alone (RFC 9110 §7.6.1).
const RESERVED: [HeaderName; 6] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TE, header::TRANSFER_ENCODING, header::TRAILER, header::UPGRADE];

/// Builds the request, or says what is wrong with the arguments.
pub(super) fn build(event: &Event) -> Result<Request<Full<Bytes>>, Outcome> {
    let url = parse_url(event.data.get("url").and_then(Value::as_str).unwrap_or_default())?;
    let body = body(event.data.get("body"));
    let mut headers = headers(event.data.get("headers"))?;
    if !body.is_empty() {
        headers.entry(header::CONTENT_TYPE).or_insert(content_type(&body));
    }
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        let id = HeaderValue::from_str(&event.id).map_err(|_| Outcome::Permanent("the event's id does not fit into a header".into()))?;
        headers.insert(IDEMPOTENCY_KEY, id);
    }
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method(event.data.get("method"))?;
    *request.uri_mut() = url;
    *request.headers_mut() = headers;
    Ok(request)
}

/// POST unless it says otherwise; in capitals, as methods are case-sensitive and nobody means `post`.
fn method(value: Option<&Value>) -> Result<Method, Outcome> {
    let bad = || Outcome::Misconfigured("`method` is not one that a webhook can use".into());
    let text = match value {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err(bad()),
    };
    match text {
        "" => Ok(Method::POST),
        text => Method::from_bytes(text.to_ascii_uppercase().as_bytes()).ok().filter(|m| m != Method::CONNECT).ok_or_else(bad),
    }
}

/// A string as it is; what is JSON already, as its text.
fn body(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(json) => json.to_string(),
    }
}

fn content_type(body: &str) -> HeaderValue {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
    HeaderValue::from_static(if is_json { "application/json" } else { "text/plain; charset=utf-8" })
}

fn headers(value: Option<&Value>) -> Result<HeaderMap, Outcome> {
    let mut headers = HeaderMap::new();
    let members = match value {
        None | Some(Value::Null) => return Ok(headers),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(Outcome::Misconfigured("`headers` is not an object".into())),
    };
    for (name, value) in members {
        let bad = |why: &str| Outcome::Misconfigured(format!("header {name:?} {why}"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("is not a valid name"))?;
        if RESERVED.contains(&header) {
            return Err(bad("belongs to the connection and cannot be set"));
        }
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(bad("is not a string")),
        };
        let mut text = HeaderValue::from_str(&text).map_err(|_| bad("has a value with control characters"))?;
        text.set_sensitive(true);
        headers.insert(header, text);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_bus::Kind;
    use hookline_item::Timestamp;
    use http_body_util::BodyExt as _;
    use serde_json::json;

    fn build_from(data: Value) -> Result<Request<Full<Bytes>>, Outcome> {
        let kind = Kind::Action("webhook".into());
        build(&Event { id: "e1".into(), kind, plugin: "p".into(), node: "n".into(), time: Timestamp(0), data })
    }

    /// The request as it would look on the wire, headers sorted.
    fn text(data: Value) -> String {
        let (head, body) = build_from(data).unwrap().into_parts();
        let mut headers: Vec<_> = head.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
        headers.sort();
        let body = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(body.collect()).unwrap().to_bytes();
        format!("{} {}\n{}\n{}", head.method, head.uri, headers.concat(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn defaults() {
        let golden = "POST http://h/p?q=1\ncontent-type: application/json\nidempotency-key: e1\n\n{\"a\":1}";
        assert_eq!(text(json!({"url": "http://h/p?q=1", "body": "{\"a\":1}"})), golden);
        assert_eq!(text(json!({"url": "http://h/p?q=1", "body": {"a": 1}, "method": "", "headers": {}})), golden);
        assert_eq!(
            text(json!({"url": "https://h/", "body": "hello"})),
            "POST https://h/\ncontent-type: text/plain; charset=utf-8\nidempotency-key: e1\n\nhello"
        );
    }

    #[test]
    fn what_is_given_wins() {
        let data = json!({
            "url": "http://h:81/", "method": "put", "body": "{}",
            "headers": {"Content-Type": "x/y", "Idempotency-Key": "mine", "X-Retry": 3},
        });
        assert_eq!(text(data), "PUT http://h:81/\ncontent-type: x/y\nidempotency-key: mine\nx-retry: 3\n\n{}");
        assert_eq!(text(json!({"url": "http://h/", "method": "GET"})), "GET http://h/\nidempotency-key: e1\n\n");
    }

    #[test]
    fn bad_arguments_are_misconfigured() {
        let cases = [
            (json!(null), "`url` is missing"),
            (json!({"url": "http://h/", "method": "A B"}), "`method`"),
            (json!({"url": "http://h/", "method": "connect"}), "`method`"),
            (json!({"url": "http://h/", "method": 1}), "`method`"),
            (json!({"url": "http://h/", "headers": []}), "`headers`"),
            (json!({"url": "http://h/", "headers": {"a b": ""}}), "header \"a b\""),
            (json!({"url": "http://h/", "headers": {"a": "secret\r\nb: c"}}), "control characters"),
            (json!({"url": "http://h/", "headers": {"a": ["secret"]}}), "not a string"),
            (json!({"url": "http://h/", "headers": {"Transfer-Encoding": "chunked"}}), "belongs to the connection"),
        ];
        for (data, expected) in cases {
            let Err(Outcome::Misconfigured(reason)) = build_from(data) else { panic!("{expected}") };
            assert!(reason.contains(expected) && !reason.contains("secret"), "{reason}");
        }
    }
}
