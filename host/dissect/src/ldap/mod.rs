//! LDAP version 3 (RFC 4511) over TCP, and connectionless LDAP over UDP as Active Directory's clients use it ([MS-ADTS] §6.3.3).
//!
//! Usual ports 389 and 3268; recognised on any port by its envelope. A response is matched by the message id; the entries and references
//! of a search belong to its response. After StartTLS the stream is TLS; after a SASL bind that signs (GSS-SPNEGO with NTLM, Kerberos) what
//! is only signed is read on, what is encrypted is not.
//!
//! Limits: filters 32 deep, 64 KiB and 100 entries kept of what a search found (all are counted); longer messages are kept as far as
//! [`crate::Limits`] `message_max`.

mod ber;
mod codes;
mod filter;
mod message;
mod session;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "ldap",
    doc: "LDAP version 3 over TCP and connectionless LDAP over UDP",
    protocols: &[&LDAP, &CLDAP],
    transports: &[Transport::Tcp, Transport::Udp],
    ports: &[389, 3268],
    begins_late: false,
    follow: crate::Follow::Others { in_bodies: &[] },
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Ldap::default(), flow)),
    request: message::REQUEST_FIELDS,
    response: message::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "ldap", "tcp", ["389", "3268"]; LDAP = "3", "LDAP", "Lightweight Directory Access Protocol", "https://www.rfc-editor.org/rfc/rfc4511"; }
protocol_versions! { "ldap", "udp", ["389"]; CLDAP = "3", "CLDAP", "Connectionless Lightweight Directory Access Protocol", "https://www.rfc-editor.org/rfc/rfc4511"; }

/// An envelope: a sequence, a message id, an operation. The operation says who speaks.
fn probe(probe: &Probe<'_>) -> Verdict {
    match message::start(probe.bytes) {
        Some(Some(operation)) if codes::is_request(operation) => Verdict::Yes(Sender::Client),
        Some(Some(_)) => Verdict::Yes(Sender::Server),
        Some(None) => Verdict::No,
        None => Verdict::Maybe,
    }
}

/// The oddities that LDAP items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "message-incomplete", "The message is longer than what is kept, or breaks off";
        MALFORMED = "message-malformed", "The message does not follow RFC 4511; what could be read is there";
    }
}
