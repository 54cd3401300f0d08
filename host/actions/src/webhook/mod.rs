//! `webhook`: sends the HTTP request that a plugin describes.
//!
//! Arguments: `url`; `method` (POST); `body`, a string; `headers`, an object of strings. 2xx is delivered; 429, 503, 408, other 5xx and
//! network failures are tried again; other statuses are final. Every attempt carries the event's id as `Idempotency-Key`.

mod request;

use crate::{
    Alert, Setup,
    http::{Answer, HttpAction},
};
use serde_json::{Map, Value, json};

/// The webhook action, which sends through the client of `setup`.
pub(crate) fn action(setup: &Setup) -> HttpAction {
    HttpAction::new("webhook", setup, request::build, Answer::outcome)
}

/// A POST of the alert, as events are published.
pub(crate) fn of_alert(alert: &Alert<'_>) -> Map<String, Value> {
    let headers = json!({ "Content-Type": "application/cloudevents+json" });
    let body = alert.to_cloud_event().to_string();
    Map::from_iter([("method".to_owned(), "POST".into()), ("headers".to_owned(), headers), ("body".to_owned(), body.into())])
}
