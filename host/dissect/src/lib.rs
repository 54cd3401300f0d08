//! Byte streams and datagrams in, typed items out.
//!
//! A [`Conversation`] takes the in-order bytes of one flow (or its datagrams), finds out which protocol they speak, and hands them to
//! that protocol's dissector, which pairs requests with responses and emits [`hookline_item::Item`]s. There is one folder per protocol
//! and one line for it in the registry; nothing else in this crate names a protocol.
//!
//! What it does not do: no I/O, no clock, no threads. Time comes in with the packets ([`hookline_item::Seen`]), so the same capture gives
//! the same items each time. It does not reassemble: bytes come in order, and what was lost comes as [`Conversation::gap`].
//!
//! Plaintext of TLS streams, taken from the processes that speak it, comes in here too: a [`Flow`] with `tls` set, and its bytes in order.
//!
//! Invariants:
//! * any bytes in any order of calls never panic;
//! * the same bytes give the same items however they were cut into calls;
//! * what a flow keeps is bounded by [`Limits`].
//!
//! ```
//! use hookline_dissect::{Close, Conversation, Flow, Limits, Transport};
//! use hookline_item::{Seen, Sender};
//! let flow = Flow::new(1, Transport::Tcp, "10.0.0.1:40000".parse()?, "10.0.0.2:80".parse()?);
//! let mut conversation = Conversation::new(flow, Limits::default().into());
//! let mut items = Vec::new();
//! conversation.bytes(Sender::Client, Seen::default(), b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", &mut items);
//! conversation.bytes(Sender::Server, Seen::default(), b"HTTP/1.1 204 No Content\r\n\r\n", &mut items);
//! conversation.close(Close::Fin, Seen::default(), &mut items);
//! assert_eq!(items[0].message.status(), Some(204));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod amqp;
mod conversation;
mod cursor;
mod decode;
mod diameter;
mod dissector;
mod dns;
mod exchange;
mod flow;
mod framed;
mod fuzz;
mod http;
mod icmp;
mod kafka;
mod ldap;
mod limits;
mod macros;
mod made;
mod map;
mod memcached;
mod mongodb;
mod mqtt;
mod mysql;
mod names;
mod nats;
mod postgresql;
mod quic;
mod radius;
mod redact;
mod redis;
mod registry;
mod remembered;
mod sse;
#[cfg(test)]
mod tests;
mod tls;
mod totals;
mod ws;

pub use conversation::Conversation;
pub use dissector::{Anomaly, Context, Dissector, Draft, Follow, Half, Next, Outcome, Probe, Session, Verdict};
pub use flow::Flow;
pub use fuzz::fuzz;
pub use hookline_item::{Close, Transport};
pub use limits::{Limits, Wanted};
pub use redact::{JsonPath, Redaction};
pub use registry::protocols;
