//! QUIC versions 1 (RFC 9000, 9001) and 2 (RFC 9369), drafts 23 to 34, over UDP: the handshake, as far as everybody can read it.
//!
//! Usual port 443; recognised by the long headers of its first packets on any port. Initial packets are decrypted with the keys that follow
//! from the connection id (RFC 9001 §5.2): the hellos with SNI, ALPN, JA4, and CONNECTION_CLOSE. One item per handshake, when the client
//! goes on with short headers or the flow ends. Not read: everything after (its keys are secret), connections picked up after their
//! Initials, Google's QUIC before the IETF's, multipath and migration to other addresses.
//!
//! Limits: 64 Initials decrypted and 16 KiB of CRYPTO frames in 64 pieces kept per side of a handshake.

mod crypto;
mod frame;
mod message;
mod packet;
mod session;

use crate::{Dissector, Probe, Transport, Verdict, macros::protocol_versions};
use hookline_item::{Protocol, Sender};
use packet::{Kind, Packet};

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "quic",
    doc: "QUIC handshakes over UDP: what the Initial packets say, with SNI, ALPN and JA4",
    protocols: &[&V1, &V2, &DRAFT],
    transports: &[Transport::Udp],
    ports: &[443],
    begins_late: true,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |_, _| Box::new(session::Quic::default()),
    request: &[],
    response: &[],
    data: message::HANDSHAKE_FIELDS,
    anomalies: anomaly::ALL,
};

protocol_versions! { "quic", "udp", ["443"];
    V1 = "1", "QUIC", "QUIC version 1", "https://www.rfc-editor.org/rfc/rfc9000";
    V2 = "2", "QUIC", "QUIC version 2", "https://www.rfc-editor.org/rfc/rfc9369";
    DRAFT = "draft", "QUIC", "QUIC before its first version", "https://datatracker.ietf.org/doc/draft-ietf-quic-transport/";
}

/// The protocol of a version on the wire.
fn protocol(version: u32) -> &'static Protocol {
    match version {
        packet::V1 => &V1,
        packet::V2 => &V2,
        _ => &DRAFT,
    }
}

/// A long header of a version that is known, whose length fits. An Initial that its own connection id opens is a client's first.
fn probe(probe: &Probe<'_>) -> Verdict {
    match Packet::parse(probe.bytes) {
        Some((packet, _)) if packet.kind == Kind::Initial && crypto::opens(&packet) => Verdict::Yes(Sender::Client),
        Some((packet, _)) if packet.kind != Kind::VersionNegotiation && packet.has_fixed_bit() => Verdict::Yes(probe.from),
        _ => Verdict::No,
    }
}

#[cfg(test)]
pub(crate) use crypto::seal;

/// The oddities that QUIC items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "packet-incomplete", "An Initial packet that goes on beyond what was captured of its datagram";
        SEALED = "initial-undecryptable", "An Initial packet that its keys do not open: the connection began before the capture, or the packet is damaged";
        HELLO = "hello-malformed", "A hello, or what should be one, that cannot be read to its end";
        FRAME = "frame-malformed", "An Initial packet with a frame that may not be in one, or is not whole";
    }
}
