//! The request of an event: pure.

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
use serde_json::Value;

/// Builds the request, or says what is wrong with the arguments.
pub(super) fn build(event: &Event) -> Result<Request<Full<Bytes>>, Outcome> {
    let argument = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default();
    let index = argument("index");
    if index.is_empty() {
        return Err(Outcome::Misconfigured("`index` is missing".into()));
    }
    let document = match event.data.get("document") {
        Some(document @ Value::Object(_)) => document.to_string(),
        _ => return Err(Outcome::Misconfigured("`document` is not an object".into())),
    };
    let id = Some(argument("id")).filter(|id| !id.is_empty()).unwrap_or(&event.id);
    let mut request = Request::new(Full::new(Bytes::from(document)));
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = below(argument("url"), &[index, "_create", id], &[])?;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let authorization = match (argument("apiKey"), argument("serviceToken"), argument("username")) {
        ("", "", "") => return Ok(request),
        ("", "", user) => basic(user, argument("password"))?,
        ("", token, _) => secret(&format!("Bearer {token}"), "serviceToken")?,
        (key, ..) => secret(&format!("ApiKey {key}"), "apiKey")?,
    };
    request.headers_mut().insert(header::AUTHORIZATION, authorization);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_bus::Kind;
    use hookline_item::Timestamp;
    use serde_json::json;

    fn build_from(data: Value) -> Result<Request<Full<Bytes>>, Outcome> {
        let kind = Kind::Action("elastic".into());
        build(&Event { id: "e1".into(), kind, plugin: "p".into(), node: "n".into(), time: Timestamp(0), data })
    }

    #[test]
    fn a_document_is_created_under_the_events_id() {
        let head = |data: Value| {
            let request = build_from(data).unwrap();
            let authorization = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
            (format!("{} {}", request.method(), request.uri()), authorization)
        };
        let with =
            |name: &str, value: &str| json!({"url": "https://es:9200", "index": "a b/c", "document": {}, name: value, "password": "p"});
        let target = "PUT https://es:9200/a%20b%2Fc/_create/e1".to_owned();
        assert_eq!(head(with("apiKey", "k")), (target.clone(), "ApiKey k".to_owned()));
        assert_eq!(head(with("serviceToken", "s")), (target.clone(), "Bearer s".to_owned()));
        assert_eq!(head(with("username", "u")), (target.clone(), "Basic dTpw".to_owned()));
        assert_eq!(head(with("id", "mine")), ("PUT https://es:9200/a%20b%2Fc/_create/mine".to_owned(), String::new()));
    }

    #[test]
    fn bad_arguments_are_misconfigured() {
        let cases = [
            (json!({"url": "http://h/", "document": {}}), "`index`"),
            (json!({"url": "http://h/", "index": "i", "document": []}), "`document`"),
            (json!({"index": "i", "document": {}}), "`url`"),
            (json!({"url": "http://h/", "index": "i", "document": {}, "apiKey": "se\ncret"}), "`apiKey`"),
        ];
        for (data, expected) in cases {
            let Err(Outcome::Misconfigured(reason)) = build_from(data) else { panic!("{expected}") };
            assert!(reason.contains(expected) && !reason.contains("cret"), "{reason}");
        }
    }
}
