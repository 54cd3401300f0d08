//! ICMP (RFC 792) and ICMPv6 (RFC 4443, neighbour discovery RFC 4861): one item per message, one per echo and its reply.
//!
//! An error's quoted packet is shown as far as its addresses and ports: what it was about. Not read: the bodies of router
//! advertisements and other discovery messages beyond their target address, RFC 4884 extensions.
//!
//! Limits: [`crate::Limits`] `queries_max` echoes wait for `query_timeout`.

mod codes;
mod message;

use crate::{
    Close, Context, Dissector, Half, Outcome, Probe, Session, Transport, Verdict, exchange,
    exchange::{Pairing, Part},
    macros::protocol_versions,
};
use hookline_item::Protocol;
use message::Icmp;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "icmp",
    doc: "ICMP (RFC 792) and ICMPv6 (RFC 4443): one item per message, one per echo and its reply",
    protocols: &[&V4, &V6],
    transports: &[Transport::Icmp],
    ports: &[],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe: |probe: &Probe<'_>| Verdict::Yes(probe.from),
    new_session: |flow, _| Box::new(Messages { v6: flow.client.is_ipv6(), echoes: Pairing::default() }),
    request: message::ICMP_FIELDS,
    response: message::ICMP_FIELDS,
    data: message::ICMP_FIELDS,
    anomalies: &[],
};

protocol_versions! { "icmp", "icmp", []; V4 = "4", "ICMP", "Internet Control Message Protocol", "https://www.rfc-editor.org/rfc/rfc792"; }
protocol_versions! { "icmp", "icmp", []; V6 = "6", "ICMPv6", "Internet Control Message Protocol for IPv6", "https://www.rfc-editor.org/rfc/rfc4443"; }

/// The messages of two hosts.
struct Messages {
    v6: bool,
    /// By identifier and sequence number.
    echoes: Pairing<(u16, u16), Icmp, Icmp>,
}

impl Messages {
    fn protocol(&self) -> &'static Protocol {
        if self.v6 { &V6 } else { &V4 }
    }
}

impl Session for Messages {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let Some(icmp) = Icmp::parse(self.v6, bytes) else { return Outcome::Items(bytes.len()) };
        let half = Half { first: cx.first, last: cx.last, size: bytes.len() as u64, ..Half::default() };
        let protocol = self.protocol();
        match icmp.echo() {
            Some((key, false)) => self.echoes.request(cx, protocol, key, Part::new(icmp, half)),
            Some((key, true)) => self.echoes.response(cx, protocol, key, Part::new(icmp, half)),
            None => exchange::single(cx, protocol, Part::new(icmp, half)),
        }
        Outcome::Items(bytes.len())
    }

    fn gap(&mut self, _: &mut Context<'_>, _: &[u8], _: u64) {}
    fn fin(&mut self, _: &mut Context<'_>, _: &[u8]) {}

    fn close(&mut self, cx: &mut Context<'_>, _: [&[u8]; 2], why: Close) {
        self.echoes.close(cx, why);
    }
}
