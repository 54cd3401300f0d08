//! TLS over TCP (SSL 3.0 to TLS 1.3: RFC 6101, 2246, 4346, 5246, 8446) and DTLS over UDP (RFC 4347, 6347): the handshake, as far as it
//! is in plaintext. One item per ClientHello and its answer.
//!
//! Usual port 443; recognised by its hellos on any port, also after HTTP's CONNECT. Read: hellos in any number of records or fragments,
//! HelloRetryRequest and HelloVerifyRequest (each ends an item; the next ClientHello begins another), certificates before TLS 1.3,
//! alerts before encryption. Not read: what is encrypted, hellos in SSL 2.0's format, connections picked up after their hellos.
//!
//! Limits: handshake messages of 128 KiB, 16 certificates, 8 alerts; see [`record`] and [`session`].

mod certificate;
mod codes;
mod fingerprint;
mod hello;
mod message;
mod record;
mod session;

pub(crate) use codes::alert;
pub(crate) use fingerprint::Carrier;
pub(crate) use hello::{ClientHello, ServerHello};
pub(crate) use message::{HANDSHAKE_FIELDS, Handshake, Server};
pub(crate) use record::{Messages, handshake};

use crate::{Dissector, Probe, Transport, Verdict, macros::protocol_versions};
use hookline_item::{Protocol, Sender};
use record::{DATAGRAM_HEADER_LEN, HEADER_LEN, Header, kind};

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "tls",
    doc: "TLS handshakes (SSL 3.0 to TLS 1.3) over TCP and DTLS handshakes over UDP, with JA3, JA4 and certificates",
    protocols: &[&TLS_13, &TLS_12, &TLS_11, &TLS_10, &SSL_30, &DTLS_13, &DTLS_12, &DTLS_10],
    transports: &[Transport::Tcp, Transport::Udp],
    ports: &[443],
    begins_late: true,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| {
        Box::new(session::Tls::new(match flow.transport {
            Transport::Udp => Carrier::Dtls,
            _ => Carrier::Tcp,
        }))
    },
    request: &[],
    response: &[],
    data: HANDSHAKE_FIELDS,
    anomalies: anomaly::ALL,
};

/// A handshake record that begins with a hello: six bytes that agree with each other.
fn probe(probe: &Probe<'_>) -> Verdict {
    let (header_len, message_header_len, header) = match probe.flow.transport {
        Transport::Udp => (DATAGRAM_HEADER_LEN, 12, Header::of_datagram(probe.bytes).filter(|h| h.epoch == 0)),
        _ => (HEADER_LEN, 4, Header::of_stream(probe.bytes)),
    };
    let payload = probe.bytes.get(header_len..).unwrap_or_default();
    let could_be = probe.bytes.first() == Some(&kind::HANDSHAKE) && probe.bytes.get(1).is_none_or(|major| *major == 3);
    match header {
        None if could_be && probe.bytes.len() < HEADER_LEN => Verdict::Maybe,
        Some(header) if header.kind == kind::HANDSHAKE => match record::hello(payload, message_header_len) {
            Some(handshake::CLIENT_HELLO) => Verdict::Yes(Sender::Client),
            Some(_) => Verdict::Yes(Sender::Server),
            None if payload.len() < message_header_len => Verdict::Maybe,
            None => Verdict::No,
        },
        _ => Verdict::No,
    }
}

protocol_versions! { "tls", "tcp", ["443"];
    TLS_13 = "1.3", "TLS", "Transport Layer Security 1.3", "https://www.rfc-editor.org/rfc/rfc8446";
    TLS_12 = "1.2", "TLS", "Transport Layer Security 1.2", "https://www.rfc-editor.org/rfc/rfc5246";
    TLS_11 = "1.1", "TLS", "Transport Layer Security 1.1", "https://www.rfc-editor.org/rfc/rfc4346";
    TLS_10 = "1.0", "TLS", "Transport Layer Security 1.0", "https://www.rfc-editor.org/rfc/rfc2246";
    SSL_30 = "3.0", "SSL", "Secure Sockets Layer 3.0", "https://www.rfc-editor.org/rfc/rfc6101";
}
protocol_versions! { "tls", "udp", ["443"];
    DTLS_13 = "1.3", "DTLS", "Datagram Transport Layer Security 1.3", "https://www.rfc-editor.org/rfc/rfc9147";
    DTLS_12 = "1.2", "DTLS", "Datagram Transport Layer Security 1.2", "https://www.rfc-editor.org/rfc/rfc6347";
    DTLS_10 = "1.0", "DTLS", "Datagram Transport Layer Security 1.0", "https://www.rfc-editor.org/rfc/rfc4347";
}

/// Versions by their numbers on the wire.
static PROTOCOLS: [(u16, &Protocol); 8] = [
    (0x0300, &SSL_30),
    (0x0301, &TLS_10),
    (0x0302, &TLS_11),
    (0x0303, &TLS_12),
    (0x0304, &TLS_13),
    (0xfefc, &DTLS_13),
    (0xfefd, &DTLS_12),
    (0xfeff, &DTLS_10),
];

/// The oddities that TLS items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        HELLO = "hello-malformed", "A hello whose fixed part cannot be read";
        EXTENSION = "extension-malformed", "A hello with an extension whose lengths do not agree; what could be read is there";
        MESSAGE = "handshake-message-malformed", "A handshake message over 128 KiB, or one whose lengths do not agree; the side is not read further";
    }
}
