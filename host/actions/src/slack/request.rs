//! The message of an event: pure.

use crate::{Outcome, http::parse_url};
use bytes::Bytes;
use hookline_bus::Event;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{self, HeaderValue},
};
use serde_json::{Map, Value, json};

/// Characters of an attachment's text: beyond, Slack cuts it off and says nothing. Slack does not document the number; it is the one
/// in <https://github.com/ErikKalkoken/slackApiDoc> (message_limits.md). From 700 on it is folded under "Show more".
const TEXT_CHARS_MAX: usize = 8_000;

/// Characters of the text above it: where Slack begins to split a message's text
/// (<https://api.slack.com/changelog/2018-04-truncating-really-long-messages>).
const PRETEXT_CHARS_MAX: usize = 4_000;

/// Builds the request, or says what is wrong with the arguments.
pub(super) fn build(event: &Event) -> Result<Request<Full<Bytes>>, Outcome> {
    let argument = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = parse_url(argument("url"))?;
    let (pretext, text) = (argument("pretext"), argument("text"));
    if pretext.is_empty() && text.is_empty() {
        return Err(Outcome::Misconfigured("`pretext` and `text` are both missing: Slack refuses an empty message".into()));
    }
    let mut attachment = Map::new();
    // What notifications show, which have no room for the rest.
    attachment.insert("fallback".into(), cut(if pretext.is_empty() { text } else { pretext }, PRETEXT_CHARS_MAX).into());
    for (name, value) in
        [("pretext", cut(pretext, PRETEXT_CHARS_MAX)), ("text", cut(text, TEXT_CHARS_MAX)), ("color", argument("color").to_owned())]
    {
        if !value.is_empty() {
            attachment.insert(name.into(), value.into());
        }
    }
    attachment.insert("fields".into(), json!([{"title": "Timestamp", "value": event.time.to_string(), "short": true}]));
    attachment.insert("ts".into(), event.time.as_secs().into());
    let body = json!({ "attachments": [attachment] }).to_string();
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// At most `chars_max` characters, the last an ellipsis if something went.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_bus::Kind;
    use hookline_item::Timestamp;
    use http_body_util::BodyExt as _;

    fn body(data: Value) -> Value {
        let request = event_request(data).unwrap();
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/services/x"));
        let body = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(request.into_body().collect()).unwrap();
        serde_json::from_slice(&body.to_bytes()).unwrap()
    }

    fn event_request(data: Value) -> Result<Request<Full<Bytes>>, Outcome> {
        let kind = Kind::Action("slack".into());
        build(&Event { id: "e1".into(), kind, plugin: "p".into(), node: "n".into(), time: Timestamp(1_500_000_000), data })
    }

    #[test]
    fn golden() {
        let data =
            json!({"url": "https://hooks.slack.com/services/x", "pretext": "Server error", "text": "GET /a: 500", "color": "#ff0000"});
        assert_eq!(
            body(data),
            json!({"attachments": [{
                "fallback": "Server error",
                "pretext": "Server error",
                "text": "GET /a: 500",
                "color": "#ff0000",
                "fields": [{"title": "Timestamp", "value": "1970-01-01T00:00:01.500000000Z", "short": true}],
                "ts": 1,
            }]})
        );
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        let data = json!({"url": "https://h/services/x", "text": "é".repeat(TEXT_CHARS_MAX + 1)});
        let body = body(data);
        let text = body["attachments"][0]["text"].as_str().unwrap();
        assert_eq!((text.chars().count(), text.ends_with("é…")), (TEXT_CHARS_MAX, true));
        assert_eq!(cut("ab", 2), "ab");
    }

    #[test]
    fn empty_messages_are_misconfigured() {
        assert!(matches!(event_request(json!({"url": "https://h/"})), Err(Outcome::Misconfigured(_))));
        assert!(matches!(event_request(json!({"text": "t"})), Err(Outcome::Misconfigured(_))));
    }
}
