//! `webhook`: sends the HTTP request that a plugin describes.
//!
//! Arguments: `url`; `method` (POST); `body`, a string; `headers`, an object of strings. 2xx is delivered; 429, 503, 408, other 5xx and
//! network failures are tried again; other statuses are final. Every attempt carries the event's id as `Idempotency-Key`.

mod request;

use crate::{
    Action, Handling,
    http::{Answer, Client},
};
use hookline_bus::Event;

/// The webhook action.
pub struct Webhook {
    client: Client,
}

impl Webhook {
    /// Sends through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Action for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn handle<'a>(&'a self, event: &'a Event) -> Handling<'a> {
        Box::pin(self.client.deliver(request::build(event), Answer::outcome))
    }
}
