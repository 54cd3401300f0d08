//! `webhook`: sends the HTTP request that a plugin describes.
//!
//! Arguments: `url`; `method` (POST); `body`, a string; `headers`, an object of strings. 2xx is delivered; 429, 503, 408, other 5xx and
//! network failures are tried again; other statuses are final. Every attempt carries the event's id as `Idempotency-Key`.

mod request;

use crate::http::{Answer, Client, HttpAction};

/// The webhook action, which sends through `client`.
pub(crate) fn action(client: Client) -> HttpAction {
    HttpAction { name: "webhook", client, build: request::build, sort: Answer::outcome }
}
