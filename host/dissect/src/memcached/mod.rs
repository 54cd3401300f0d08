//! memcached: the text protocol with its meta commands (doc/protocol.txt), the binary protocol (doc/protocol-binary.txt), over TCP and UDP.
//!
//! Usual port 11211; binary packets and storage commands are recognised on any port. Responses come in the order of the commands, binary
//! ones also name them (opaque), and over UDP the frame header does. Commands that ask for silence (`noreply`, quiet ones) have no response
//! unless one comes. Values are counted, not shown. Not read: memcached over TLS, the old ASCII SASL dialect.
//!
//! Limits: lines of 8 KiB, 256 keys and values shown; a UDP message of 1,024 datagrams and [`crate::Limits`] `message_max` bytes, 16 at once.

mod binary;
mod message;
mod session;
mod text;
mod udp;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "memcached",
    doc: "memcached's text and binary protocols over TCP and UDP",
    protocols: &[&TEXT, &BINARY],
    transports: &[Transport::Tcp, Transport::Udp],
    ports: &[11211],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| match flow.transport {
        Transport::Udp => Box::new(udp::Datagrams::default()),
        _ => Box::new(Framed::new(session::Memcached::default(), flow)),
    },
    request: message::REQUEST_FIELDS,
    response: message::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "memcached", "tcp", ["11211"];
    TEXT = "text", "MEMCACHED", "memcached text protocol", "https://github.com/memcached/memcached/blob/master/doc/protocol.txt";
    BINARY = "binary", "MEMCACHED", "memcached binary protocol", "https://docs.memcached.org/protocols/binary/";
}

/// Over UDP only on the usual port, where a frame header and a command stand before each other.
fn probe(probe: &Probe<'_>) -> Verdict {
    let usual = probe.flow.uses_port(DISSECTOR.ports);
    if probe.flow.transport == Transport::Udp {
        let inner = udp::payload(probe.bytes).filter(|_| usual).unwrap_or_default();
        return match speaker(inner, probe.from, true) {
            Verdict::Maybe => Verdict::No,
            verdict => verdict,
        };
    }
    speaker(probe.bytes, probe.from, usual)
}

/// Who says `bytes`, if they are memcached's.
fn speaker(bytes: &[u8], from: Sender, usual: bool) -> Verdict {
    match binary::start(bytes) {
        Some(Some(sender)) => return Verdict::Yes(sender),
        None if !bytes.is_empty() => return Verdict::Maybe,
        _ => {}
    }
    match text::line(bytes) {
        // Storage commands and values have numbers in their places.
        Some(line) if text::stores(line) => Verdict::Yes(Sender::Client),
        Some(line) if text::is_value(line) => Verdict::Yes(Sender::Server),
        Some(line) if usual && text::is_command(line) => Verdict::Yes(Sender::Client),
        Some(line) if usual && from == Sender::Server && text::is_reply(line) => Verdict::Yes(Sender::Server),
        Some(_) => Verdict::No,
        None if text::could_begin(bytes) => Verdict::Maybe,
        None => Verdict::No,
    }
}

/// The oddities that memcached items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "message-incomplete", "The command or response is longer than what is kept, or breaks off";
    }
}
