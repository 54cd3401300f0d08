//! RADIUS over UDP: authentication (RFC 2865), accounting (RFC 2866), dynamic authorization (RFC 5176), Status-Server (RFC 5997).
//!
//! Usual ports 1812, 1813, 3799, and 1645, 1646 of old; packets with sound attributes are recognised on any port. A response is matched by
//! the identifier (RFC 2865 §3); a repeated request is told by its authenticator and counted on the one before. What hides a password is
//! not shown, not even encrypted. Not read: RADIUS over TLS or TCP, the inside of EAP messages and of vendors' attributes.
//!
//! Limits: packets of 4,096 bytes (RFC 2865 §3); the attributes that fit into one.

mod attribute;
mod message;

use crate::{
    Close, Context, Dissector, Flow, Half, Outcome, Probe, Session, Transport, Verdict,
    exchange::{Pairing, Part},
    macros::protocol_versions,
};
use hookline_item::Sender;
use message::Packet;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "radius",
    doc: "RADIUS authentication, accounting and dynamic authorization over UDP",
    protocols: &[&RADIUS],
    transports: &[Transport::Udp],
    ports: &[1812, 1813, 3799, 1645, 1646],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |_: &Flow, _| Box::new(Packets::default()),
    request: message::PACKET_FIELDS,
    response: message::PACKET_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "radius", "udp", ["1812", "1813", "3799", "1645", "1646"];
    RADIUS = "", "RADIUS", "Remote Authentication Dial In User Service", "https://www.rfc-editor.org/rfc/rfc2865";
}

/// A packet whose attributes end where it ends. On other ports than the usual ones it must have some.
fn probe(probe: &Probe<'_>) -> Verdict {
    match Packet::parse(probe.bytes) {
        Some(packet) if packet.is_sound() && (packet.has_attributes() || probe.flow.uses_port(DISSECTOR.ports)) => {
            Verdict::Yes(if packet.is_request() { Sender::Client } else { Sender::Server })
        }
        _ => Verdict::No,
    }
}

/// The packets between two sockets.
#[derive(Default)]
struct Packets {
    exchanges: Pairing<u8, Packet, Packet>,
}

impl Session for Packets {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let Some(packet) = Packet::parse(bytes) else { return Outcome::NotMine };
        let mut part = Part::new(packet, Half { first: cx.first, last: cx.last, size: bytes.len() as u64, ..Half::default() });
        if !part.what.is_sound() {
            part.anomalies.push(anomaly::MALFORMED);
        }
        let id = part.what.id();
        if !part.what.is_request() {
            self.exchanges.response(cx, &RADIUS, id, part);
        } else if let Some(waiting) = self.exchanges.waiting(&id).filter(|w| w.what.authenticator() == part.what.authenticator()) {
            waiting.half.size = waiting.half.size.saturating_add(part.half.size);
            if waiting.anomalies.is_empty() {
                waiting.anomalies.push(anomaly::REPEATED);
            }
        } else {
            self.exchanges.request(cx, &RADIUS, id, part);
        }
        Outcome::Items(bytes.len())
    }

    fn gap(&mut self, _: &mut Context<'_>, _: &[u8], _: u64) {}
    fn fin(&mut self, _: &mut Context<'_>, _: &[u8]) {}

    fn close(&mut self, cx: &mut Context<'_>, _: [&[u8]; 2], why: Close) {
        self.exchanges.close(cx, why);
    }
}

/// The oddities that RADIUS items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        MALFORMED = "attributes-malformed", "A packet whose attributes do not end where it ends; those before are there";
        REPEATED = "request-repeated", "The client has sent this request more than once before the response came";
    }
}
