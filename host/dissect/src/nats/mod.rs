//! NATS, the protocol of its clients (docs.nats.io, "Client Protocol"), with headers (NATS 2.2), over TCP.
//!
//! Usual port 4222; INFO and CONNECT are recognised on any port, the rest only there. Each operation is the `request` of who sends it.
//! Its `response` is what answers it: a PONG, the `+OK` of a verbose connection, or the message on its reply subject, where both pass
//! through this connection. Not read: NATS over TLS and WebSocket, the protocols between servers (routes, gateways, leaf nodes).
//!
//! Limits: lines of 64 KiB; longer messages are kept as far as [`crate::Limits`] `message_max`.

mod message;
mod session;
mod wire;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;
use wire::{Line, Op};

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "nats",
    doc: "NATS client protocol over TCP",
    protocols: &[&NATS],
    transports: &[Transport::Tcp],
    ports: &[4222],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Nats::default(), flow)),
    request: message::OPERATION_FIELDS,
    response: message::OPERATION_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "nats", "tcp", ["4222"]; NATS = "", "NATS", "NATS client protocol", "https://docs.nats.io/reference/reference-protocols/nats-protocol"; }

/// What the server says first, and what the client does; other operations are words of other protocols too.
fn probe(probe: &Probe<'_>) -> Verdict {
    for (start, sender) in [(&b"INFO {"[..], Sender::Server), (b"CONNECT {", Sender::Client)] {
        let same = probe.bytes.iter().zip(start).all(|(a, b)| a.eq_ignore_ascii_case(b));
        if same && probe.bytes.len() >= start.len() {
            return Verdict::Yes(sender);
        } else if same {
            return Verdict::Maybe;
        }
    }
    if !probe.flow.uses_port(DISSECTOR.ports) {
        return Verdict::No;
    }
    match wire::line(probe.bytes) {
        Some(line) => match Line::parse(line) {
            Some(line) => Verdict::Yes(line.op.sender().unwrap_or(probe.from)),
            None => Verdict::No,
        },
        None if Op::could_begin(probe.bytes) => Verdict::Maybe,
        None => Verdict::No,
    }
}

/// The oddities that NATS items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        UNKNOWN = "operation-unknown", "A line that is no operation of this protocol, or has not the arguments of one";
        CUT = "message-incomplete", "The message is longer than what is kept, or breaks off";
    }
}
