//! The conversation item: one for each flow, when it is over: who spoke how much, how well the network carried it, and what was spoken.
//!
//! There are three protocols, `tcp` (RFC 9293), `udp` (RFC 768) and `sctp` (RFC 9260); a flow has the one that carried it. They are never
//! probed for: [`crate::Conversation::close`] makes the item.

use crate::{Close, Context, Dissector, Draft, Half, Verdict, macros::protocol_versions};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookline_item::{Message, Object, Protocol, RoundTrips, SideTotals, Totals, Transport, Value, object};
use std::borrow::Cow;

macro_rules! carrier {
    ($name:ident, $protocol:ident, $text:literal, $doc:literal) => {
        pub(crate) static $name: Dissector = Dissector {
            name: $text,
            doc: $doc,
            protocols: &[&$protocol],
            transports: &[],
            ports: &[],
            begins_late: false,
            follow: crate::Follow::Nothing,
            probe: |_| Verdict::No,
            new_session: |_, _| Box::new(Nothing),
            request: &[],
            response: &[],
            data: CONVERSATION_FIELDS,
            anomalies: &[],
        };
    };
}
carrier!(TCP, TCP_PROTOCOL, "tcp", "TCP connections (RFC 9293), one item when each is over");
carrier!(UDP, UDP_PROTOCOL, "udp", "UDP conversations (RFC 768), one item when each is over");
carrier!(SCTP, SCTP_PROTOCOL, "sctp", "SCTP associations (RFC 9260), one item when each is over");

protocol_versions! { "tcp", "tcp", []; TCP_PROTOCOL = "", "TCP", "Transmission Control Protocol", "https://www.rfc-editor.org/rfc/rfc9293"; }
protocol_versions! { "udp", "udp", []; UDP_PROTOCOL = "", "UDP", "User Datagram Protocol", "https://www.rfc-editor.org/rfc/rfc768"; }
protocol_versions! { "sctp", "sctp", []; SCTP_PROTOCOL = "", "SCTP", "Stream Control Transmission Protocol", "https://www.rfc-editor.org/rfc/rfc9260"; }

/// Bytes kept of what each side says first, where nobody knows the protocol: enough to tell a magic number or a greeting.
pub(crate) const FIRST_BYTES: usize = 64;

/// The protocol of the item that sums up a flow of this transport.
pub(crate) fn protocol(transport: Transport) -> Option<&'static Protocol> {
    match transport {
        Transport::Tcp => Some(&TCP_PROTOCOL),
        Transport::Udp => Some(&UDP_PROTOCOL),
        Transport::Sctp => Some(&SCTP_PROTOCOL),
        // Each message is an item of its own.
        Transport::Icmp => None,
    }
}

/// Emits the item of a flow that is over. `l7` is what was spoken, or empty; then `first` are both sides' first bytes.
pub(crate) fn emit(cx: &mut Context<'_>, why: Close, totals: &Totals, l7: &'static str, first: [Box<[u8]>; 2]) {
    let Some(protocol) = protocol(cx.flow.transport) else { return };
    let seen = |size| Half { first: totals.first, last: totals.last, size, ..Half::default() };
    let holes = totals.client.gaps.saturating_add(totals.server.gaps);
    let missing = totals.client.gap_bytes.saturating_add(totals.server.gap_bytes);
    let item = cx.emit(Draft {
        protocol,
        request: Some(Half { gaps: holes, missing, ..seen(totals.client.bytes) }),
        response: None,
        reversed: false,
        server_name: String::new(),
        error: None,
        anomalies: Vec::new(),
        unsure: cx.flow.mid_stream,
        message: Box::new(Conversation { transport: cx.flow.transport, why, totals: *totals, l7, first }),
    });
    if let Some(item) = item {
        item.response_size = totals.server.bytes;
    }
}

/// What is said of a flow.
#[derive(Debug)]
struct Conversation {
    transport: Transport,
    why: Close,
    totals: Totals,
    l7: &'static str,
    first: [Box<[u8]>; 2],
}

impl Conversation {
    /// How the flow ended; a connection that was never answered, or whose opening was not seen, is told apart.
    fn state(&self) -> &'static str {
        let Totals { client, server, established, .. } = &self.totals;
        match self.why {
            _ if self.transport != Transport::Tcp && self.why == Close::End => "open",
            Close::Reset if server.resets > 0 && client.bytes == 0 && server.bytes == 0 && !established => "refused",
            _ if self.transport == Transport::Tcp && server.packets == 0 && client.bytes == 0 => "unanswered",
            Close::Fin => "closed",
            Close::Reset => "reset",
            Close::Idle => "timeout",
            Close::Evicted => "evicted",
            Close::PortReused => "replaced",
            Close::End => "open",
        }
    }

    /// A count that only TCP has.
    fn tcp<'a>(&self, of: impl FnOnce(&Totals) -> u64) -> Value<'a> {
        if self.transport == Transport::Tcp { Value::U64(of(&self.totals)) } else { Value::Absent }
    }

    fn seconds(&self) -> f64 {
        self.totals.last.at.since(self.totals.first.at).as_secs_f64()
    }
}

impl Message for Conversation {
    fn data(&self) -> Option<&dyn Object> {
        Some(self)
    }
    fn summary(&self) -> Cow<'_, str> {
        let (sent, received) = (self.totals.client.bytes, self.totals.server.bytes);
        let l7 = if self.l7.is_empty() { "unknown" } else { self.l7 };
        format!("{l7}, {sent} bytes there, {received} back").into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.state().into()
    }
    fn status(&self) -> Option<i64> {
        None
    }
}

fn both(t: &Totals, of: impl Fn(&SideTotals) -> u64) -> u64 {
    of(&t.client).saturating_add(of(&t.server))
}

object! {
    Conversation as c, CONVERSATION_FIELDS {
        "state": Str, "How it ended: closed, reset, refused (reset instead of an answer), unanswered, timeout, replaced (its ports were used again), evicted; open at the end of the capture" => c.state();
        "established": Bool, "TCP: whether the handshake was seen whole" => (c.transport == Transport::Tcp).then_some(c.totals.established);
        "duration": U64, "Microseconds from its first packet to its last" => u64::try_from(c.totals.last.at.since(c.totals.first.at).as_micros()).unwrap_or(u64::MAX);
        "packets": U64, "Packets of both sides" => both(&c.totals, |s| s.packets.into());
        "bytes": U64, "Payload bytes of both sides, as often as they were sent" => both(&c.totals, |s| s.bytes);
        "client": Object(SIDE_FIELDS), "What the client sent" => Value::MadeObject(Box::new(Side { tcp: c.transport == Transport::Tcp, totals: c.totals.client }));
        "server": Object(SIDE_FIELDS), "What the server sent" => Value::MadeObject(Box::new(Side { tcp: c.transport == Transport::Tcp, totals: c.totals.server }));
        "retransmissions": U64, "TCP: segments that brought nothing new" => c.tcp(|t| both(t, |s| s.retransmissions.into()));
        "outOfOrder": U64, "TCP: segments before an earlier part of their stream" => c.tcp(|t| both(t, |s| s.out_of_order.into()));
        "gaps": U64, "TCP: holes that were never filled: lost by the capture, or by the network at its end" => c.tcp(|t| both(t, |s| s.gaps.into()));
        "zeroWindows": U64, "TCP: how often a side closed its receive window" => c.tcp(|t| both(t, |s| s.zero_windows.into()));
        "resets": U64, "TCP: resets" => c.tcp(|t| both(t, |s| s.resets.into()));
        "goodput": F64, "Payload bytes a second of both sides, repetitions not counted; absent where it lasted no time" => if c.seconds() > 0.0 { Value::F64((both(&c.totals, |s| s.bytes.saturating_sub(s.repeated_bytes)) as f64 / c.seconds()).round()) } else { Value::Absent };
        "rtt": Object(RTT_FIELDS), "TCP: round trips from segments to their acknowledgments, seen from the place of capture" => if c.totals.round_trips.count == 0 { Value::Absent } else { Value::MadeObject(Box::new(Rtt(c.totals.round_trips))) };
        "l7": Str, "The protocol that was spoken; empty if none was recognised" => c.l7;
        "firstBytes": Object(FIRST_BYTES_FIELDS), "What each side said first, where no protocol was recognised" => if c.l7.is_empty() { Value::MadeObject(Box::new(First(&c.first))) } else { Value::Absent };
    }
}

struct Side {
    tcp: bool,
    totals: SideTotals,
}

impl Side {
    fn tcp(&self, n: impl Into<u64>) -> Option<u64> {
        self.tcp.then_some(n.into())
    }
}

object! {
    Side as s, SIDE_FIELDS {
        "packets": U64, "Packets" => s.totals.packets;
        "bytes": U64, "Payload bytes, as often as they were sent" => s.totals.bytes;
        "repeatedBytes": U64, "TCP: bytes that had been seen before" => s.tcp(s.totals.repeated_bytes);
        "retransmissions": U64, "TCP: segments that brought nothing new" => s.tcp(s.totals.retransmissions);
        "outOfOrder": U64, "TCP: segments before an earlier part of their stream" => s.tcp(s.totals.out_of_order);
        "gaps": U64, "TCP: holes that were never filled" => s.tcp(s.totals.gaps);
        "gapBytes": U64, "TCP: bytes that these lost" => s.tcp(s.totals.gap_bytes);
        "zeroWindows": U64, "TCP: how often this side closed its receive window" => s.tcp(s.totals.zero_windows);
        "probes": U64, "TCP: keep-alives and probes of a closed window" => s.tcp(s.totals.probes);
        "resets": U64, "TCP: resets" => s.tcp(s.totals.resets);
    }
}

struct Rtt(RoundTrips);

object! {
    Rtt as r, RTT_FIELDS {
        "count": U64, "How many were measured" => r.0.count;
        "p50": U64, "Median in microseconds, within 10 %" => r.0.p50;
        "p90": U64, "90th percentile in microseconds" => r.0.p90;
        "p99": U64, "99th percentile in microseconds" => r.0.p99;
    }
}

struct First<'a>(&'a [Box<[u8]>; 2]);

object! {
    First<'_> as f, FIRST_BYTES_FIELDS {
        "client": Str, "Up to 64 bytes in base64" => STANDARD.encode(&f.0[0]);
        "server": Str, "Up to 64 bytes in base64" => STANDARD.encode(&f.0[1]);
        "encoding": Str, "base64" => "base64";
    }
}

/// Never made: these protocols are not probed for.
struct Nothing;

impl crate::Session for Nothing {
    fn bytes(&mut self, _: &mut Context<'_>, _: &[u8]) -> crate::Outcome {
        crate::Outcome::NotMine
    }
    fn gap(&mut self, _: &mut Context<'_>, _: &[u8], _: u64) {}
    fn fin(&mut self, _: &mut Context<'_>, _: &[u8]) {}
    fn close(&mut self, _: &mut Context<'_>, _: [&[u8]; 2], _: Close) {}
}
