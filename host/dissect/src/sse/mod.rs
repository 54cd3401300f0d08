//! Server-sent events (WHATWG HTML §9.2) in HTTP responses of type `text/event-stream`: one item per event, as `data`, when it has come.
//!
//! The HTTP exchange has an item of its own when the response ends, which may take hours. Events in HTTP/1.1 and HTTP/2; of a response with a
//! content coding, only that item shows them. An event that has no data, or that the end of the response breaks off, is none (§9.2.6).
//!
//! Limits: [`crate::Limits`] `message_max` bytes are kept of one event.

mod events;

use crate::{Dissector, Transport, Verdict, http, macros::protocol_versions};
pub(crate) use events::Events;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "sse",
    doc: "Server-sent events (WHATWG HTML §9.2) in HTTP responses",
    protocols: &[&SSE],
    transports: &[Transport::Tcp],
    ports: &[],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe: |_| Verdict::No,
    // Bytes of a flow are never this protocol's: HTTP finds the events.
    new_session: http::DISSECTOR.new_session,
    request: &[],
    response: &[],
    data: events::EVENT_FIELDS,
    anomalies: anomaly::ALL,
};

protocol_versions! { "sse", "tcp", ["80", "443"]; SSE = "", "SSE", "Server-sent events", "https://html.spec.whatwg.org/multipage/server-sent-events.html"; }

/// The oddities that server-sent events name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "event-incomplete", "The event is longer than what is kept";
    }
}
