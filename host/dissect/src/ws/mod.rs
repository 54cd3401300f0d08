//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692), in a connection that HTTP/1.1 upgraded.
//!
//! One item per frame, as `data`. The last frame of a message says the whole message: joined where it came in fragments, and inflated
//! where it was compressed, so that a hook which looks at frames with `fin` sees each message once. Not read: a connection whose upgrade
//! was not seen (unless the user maps its port), because nothing but the upgrade makes such frames certain; WebSocket over HTTP/2 (RFC 8441); other extensions.
//!
//! Limits: [`crate::Limits`] `message_max` bytes are kept of one frame, `body_max` of one message and `decoded_max` of an inflated one.
//! Inflating with context takes 48 KiB for a side, from its first compressed message on.

mod frame;
mod inflate;
mod message;
mod session;

use crate::{Dissector, Flow, Limits, Session, Transport, Verdict, framed::Framed, http, macros::protocol_versions};
use hookline_item::Sender;
use std::sync::Arc;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "ws",
    doc: "WebSocket (RFC 6455, RFC 7692) after an upgrade in HTTP/1.1",
    protocols: &[&WS],
    transports: &[Transport::Tcp],
    ports: &[],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe: |_| Verdict::No,
    new_session,
    request: &[],
    response: &[],
    data: message::FRAME_FIELDS,
    anomalies: anomaly::ALL,
};

/// For ports that the user says it is spoken on: connections are opened in HTTP, where that was seen.
fn new_session(flow: &Flow, limits: &Limits) -> Box<dyn Session> {
    if flow.mid_stream {
        return Box::new(Framed::new(session::WebSocket::new(Opening::default()), flow));
    }
    (http::DISSECTOR.new_session)(flow, limits)
}

protocol_versions! { "ws", "tcp", ["80", "443"]; WS = "13", "WS", "The WebSocket Protocol", "https://www.rfc-editor.org/rfc/rfc6455"; }

/// What both sides agreed on when the connection was opened (RFC 6455 §4).
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// The Host of the handshake.
    host: String,
    /// Its path.
    path: String,
    /// The subprotocol that the server chose.
    pub(crate) subprotocol: String,
    deflate: Option<Deflate>,
}

/// The parameters of permessage-deflate that matter to who listens (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Deflate {
    client_forgets: bool,
    server_forgets: bool,
}

impl Deflate {
    /// Whether `from` compresses each message on its own.
    fn forgets(self, from: Sender) -> bool {
        if from == Sender::Client { self.client_forgets } else { self.server_forgets }
    }
}

impl Opening {
    pub(crate) fn new(host: String, path: String) -> Self {
        Self { host, path, ..Self::default() }
    }

    /// Takes a value of the response's Sec-WebSocket-Extensions (RFC 6455 §9.1).
    pub(crate) fn extensions(&mut self, value: &[u8]) {
        for extension in value.split(|b| *b == b',') {
            let mut parts = extension.split(|b| *b == b';').map(<[u8]>::trim_ascii);
            if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"permessage-deflate")) {
                continue;
            }
            let deflate = self.deflate.insert(Deflate::default());
            for parameter in parts {
                deflate.client_forgets |= parameter.eq_ignore_ascii_case(b"client_no_context_takeover");
                deflate.server_forgets |= parameter.eq_ignore_ascii_case(b"server_no_context_takeover");
            }
        }
    }
}

/// The session of a connection that has just been opened.
pub(crate) fn opened(opening: Opening) -> Box<dyn Session> {
    Box::new(Framed::at_boundary(session::WebSocket::new(opening)))
}

/// What was agreed on, shared by the items of a connection.
type Agreed = Arc<Opening>;

/// The oddities that WebSocket items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "frame-incomplete", "The frame is longer than what is kept, or breaks off";
        MESSAGE_CUT = "message-incomplete", "Fragments of the message were lost, or it is longer than what is kept";
        MASKING = "masking-wrong", "A client's frame that is not masked, or a server's that is (RFC 6455 §5.1)";
        RESERVED = "reserved-bits", "Reserved bits or an opcode that no extension was agreed on for (RFC 6455 §5.2)";
        CONTEXT_LOST = "compression-context-lost", "The message refers to earlier ones that were lost or not seen: it is shown compressed";
        DEFLATE_INVALID = "compression-invalid", "The message is compressed and cannot be inflated";
        FRAGMENTS = "fragment-unexpected", "A continuation without a message, or a new message before the last one's end (RFC 6455 §5.4)";
    }
}
