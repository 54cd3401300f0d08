//! DNS over UDP and TCP: RFC 1035, with EDNS (RFC 6891), mDNS (RFC 6762), LLMNR (RFC 4795), updates (RFC 2136) and notifications (RFC 1996).
//!
//! What goes to port 53 is taken for it whenever there is a whole header; on ports 5353 (mDNS) and 5355 (LLMNR), or from port 53, a sensible
//! header or one whole question is needed; on other ports a message must be plausible in every detail. Over TCP each message has its length before it (RFC 1035 §4.2.2); a segment may hold several.
//! Not read: NetBIOS names (port 137), DNS inside TLS, HTTPS or QUIC.
//!
//! Limits: [`crate::Limits`] `queries_max` and `query_timeout`; names, see [`name`].

mod codes;
mod frame;
mod message;
mod name;
mod pair;
mod rdata;
mod value;

use crate::{Anomaly, Dissector, Flow, Probe, Transport, Verdict};
use frame::Header;
use hookline_item::{Protocol, Sender};

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "dns",
    doc: "DNS (RFC 1035) over UDP and TCP, with EDNS, mDNS (RFC 6762) and LLMNR (RFC 4795)",
    protocols: &[&DNS, &MDNS, &LLMNR],
    transports: &[Transport::Udp, Transport::Tcp],
    ports: &[DNS_PORT, MDNS_PORT, LLMNR_PORT],
    probe,
    new_session: |flow, _| Box::new(pair::Dns::new(flow)),
    request: message::QUERY_FIELDS,
    response: message::REPLY_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

const DNS_PORT: u16 = 53;
const MDNS_PORT: u16 = 5353;
const LLMNR_PORT: u16 = 5355;
/// NetBIOS name service: the same header, another meaning (RFC 1002 §4.2).
const NETBIOS_PORTS: [u16; 2] = [137, 138];

macro_rules! kind {
    ($name:ident, $abbr:literal, $long:literal, $port:literal, $reference:literal) => {
        static $name: Protocol = Protocol {
            name: "dns",
            version: "",
            abbr: $abbr,
            long_name: $long,
            macro_name: "dns",
            layer3: "ip",
            layer4: "udp",
            ports: &[$port],
            reference: $reference,
        };
    };
}
kind!(DNS, "DNS", "Domain Name System", "53", "https://www.rfc-editor.org/rfc/rfc1035");
kind!(MDNS, "mDNS", "Multicast DNS", "5353", "https://www.rfc-editor.org/rfc/rfc6762");
kind!(LLMNR, "LLMNR", "Link-Local Multicast Name Resolution", "5355", "https://www.rfc-editor.org/rfc/rfc4795");

/// Which of the three a flow speaks, by its ports.
fn protocol(flow: &Flow) -> &'static Protocol {
    match () {
        () if flow.uses_port(&[MDNS_PORT]) => &MDNS,
        () if flow.uses_port(&[LLMNR_PORT]) => &LLMNR,
        () => &DNS,
    }
}

fn probe(probe: &Probe<'_>) -> Verdict {
    if probe.flow.uses_port(&NETBIOS_PORTS) {
        return Verdict::No;
    }
    let usual = probe.flow.uses_port(DISSECTOR.ports);
    match probe.flow.transport {
        Transport::Udp => probe_message(probe, probe.bytes, usual),
        Transport::Tcp => probe_framed(probe, usual),
    }
}

/// One whole message.
fn probe_message(probe: &Probe<'_>, message: &[u8], usual: bool) -> Verdict {
    match Header::parse(message) {
        Some(header) if probe.flow.server.port() == DNS_PORT || usual && frame::is_likely(message) || frame::is_plausible(message) => {
            role(probe, header)
        }
        _ => Verdict::No,
    }
}

/// A length and a message. On a usual port the header decides, elsewhere the whole message.
fn probe_framed(probe: &Probe<'_>, usual: bool) -> Verdict {
    let [high, low, message @ ..] = probe.bytes else { return Verdict::Maybe };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    match Header::parse(message) {
        _ if len < frame::HEADER_LEN => Verdict::No,
        None => Verdict::Maybe,
        Some(header) if !header.is_plausible(len) => Verdict::No,
        Some(header) if usual => role(probe, header),
        Some(_) => match message.get(..len) {
            Some(whole) => probe_message(probe, whole, false),
            None => Verdict::Maybe,
        },
    }
}

/// Whoever sends a response is the server; in mDNS and LLMNR everybody is both.
fn role(probe: &Probe<'_>, header: Header) -> Verdict {
    Verdict::Yes(match header.is_response() {
        _ if probe.flow.uses_port(&[MDNS_PORT, LLMNR_PORT]) => probe.from,
        true => Sender::Server,
        false => Sender::Client,
    })
}

/// The oddities that DNS items name.
mod anomaly {
    use super::Anomaly;

    pub(super) const TRUNCATED: &str = "message-truncated";
    pub(super) const LABEL: &str = "label-invalid";
    pub(super) const NAME: &str = "name-invalid";
    pub(super) const TRAILING: &str = "trailing-bytes";
    pub(super) const RETRANSMITTED: &str = "query-retransmitted";
    pub(super) const Z: &str = "reserved-flag-set";

    pub(super) const ALL: &[Anomaly] = &[
        Anomaly { name: TRUNCATED, doc: "The message ends before the records that its header counts" },
        Anomaly { name: LABEL, doc: "A label type that is not defined (RFC 6891 §5); what follows is not read" },
        Anomaly { name: NAME, doc: "A name whose pointers loop or leave the message, or that is over 255 bytes (RFC 1035 §2.3.4)" },
        Anomaly { name: TRAILING, doc: "Bytes after the last record" },
        Anomaly { name: RETRANSMITTED, doc: "The same query, id included, was already waiting for its answer" },
        Anomaly { name: Z, doc: "The reserved Z bit of the header is set (RFC 1035 §4.1.1)" },
    ];
}
