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

use crate::{Dissector, Flow, Probe, Transport, Verdict, macros::protocol_versions};
use frame::Header;
use hookline_item::{Protocol, Sender};

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "dns",
    doc: "DNS (RFC 1035) over UDP and TCP, with EDNS, mDNS (RFC 6762) and LLMNR (RFC 4795)",
    protocols: &[&DNS, &MDNS, &LLMNR],
    transports: &[Transport::Udp, Transport::Tcp],
    ports: &[DNS_PORT, MDNS_PORT, LLMNR_PORT],
    begins_late: false,
    follow: crate::Follow::Nothing,
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

protocol_versions! { "dns", "udp", ["53"]; DNS = "", "DNS", "Domain Name System", "https://www.rfc-editor.org/rfc/rfc1035"; }
protocol_versions! { "dns", "udp", ["5353"]; MDNS = "", "mDNS", "Multicast DNS", "https://www.rfc-editor.org/rfc/rfc6762"; }
protocol_versions! { "dns", "udp", ["5355"]; LLMNR = "", "LLMNR", "Link-Local Multicast Name Resolution", "https://www.rfc-editor.org/rfc/rfc4795"; }

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
        _ => probe_framed(probe, usual),
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
    use crate::macros::anomalies;

    anomalies! {
        TRUNCATED = "message-truncated", "The message ends before the records that its header counts";
        LABEL = "label-invalid", "A label type that is not defined (RFC 6891 §5); what follows is not read";
        NAME = "name-invalid", "A name whose pointers loop or leave the message, or that is over 255 bytes (RFC 1035 §2.3.4)";
        TRAILING = "trailing-bytes", "Bytes after the last record";
        RETRANSMITTED = "query-retransmitted", "The same query, id included, was already waiting for its answer";
        Z = "reserved-flag-set", "The reserved Z bit of the header is set (RFC 1035 §4.1.1)";
    }
}
