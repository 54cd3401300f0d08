//! The contract between a conversation and a protocol's dissector.

use crate::{Close, Flow, Limits, Transport};
use hookline_item::{Completeness, Endpoint, Field, Item, ItemError, Message, Protocol, Seen, Sender, Timestamp};
use std::fmt;

/// A protocol: how to recognise it, how to read it, what its items have.
#[derive(Debug)]
pub struct Dissector {
    /// The name that filters compare; also its folder's.
    pub name: &'static str,
    /// One sentence: standards, and what is not supported.
    pub doc: &'static str,
    /// One per version that items may carry.
    pub protocols: &'static [&'static Protocol],
    /// Where it is looked for.
    pub transports: &'static [Transport],
    /// Usual ports: a hint for probes, never proof.
    pub ports: &'static [u16],
    /// Whether it often begins in the middle of another protocol's stream (STARTTLS), and is certain enough to be looked for there.
    pub begins_late: bool,
    /// What may begin in its flows by agreement.
    pub follow: Follow,
    /// Whether bytes are this protocol. Asked with all bytes of one side so far, again with more after [`Verdict::Maybe`].
    pub probe: fn(&Probe<'_>) -> Verdict,
    /// A dissector for one flow.
    pub new_session: fn(&Flow, &Limits) -> Box<dyn Session>,
    /// Fields of `request`.
    pub request: &'static [Field],
    /// Fields of `response`.
    pub response: &'static [Field],
    /// Fields of `data`.
    pub data: &'static [Field],
    /// The oddities it may name on items.
    pub anomalies: &'static [Anomaly],
}

/// What may follow a protocol in its own flows. It tells how much of them must be read when nobody wants its own items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Nothing that could be known again: the flow need not be read.
    Nothing,
    /// Other protocols, by an upgrade or a STARTTLS: the flow must be read, and bodies too if one of these is wanted, whose items come in them.
    Others {
        /// Names of protocols.
        in_bodies: &'static [&'static str],
    },
}

/// A survivable oddity: data for the user, not an error of the dissector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What stands in the item's `anomalies`.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What a probe sees.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Who sent the bytes.
    pub from: Sender,
    /// A side's first bytes, or one datagram; or the start of a segment in a flow picked up in its middle.
    pub bytes: &'a [u8],
}

/// A probe's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is this protocol, and whoever sent these bytes has this role in it.
    Yes(Sender),
    /// More bytes are needed.
    Maybe,
    /// It is not, whatever comes.
    No,
}

/// What a session made of the bytes it was given.
#[derive(Debug)]
pub enum Outcome {
    /// So many bytes are done with (and their items are out, where they completed some). Never 0 unless there were none.
    Items(usize),
    /// Nothing more can be done before there are so many bytes, those given included.
    Need(usize),
    /// So many bytes are done with, and from there on the stream carries something else.
    Switched(usize, Next),
    /// This is not the protocol that the probe took it for.
    NotMine,
    /// The bytes do not follow the protocol, and no later boundary can be proven.
    Broken {
        /// Where in the bytes given.
        offset: usize,
        /// What is wrong, in a few words.
        what: &'static str,
    },
}

/// What a stream carries after a protocol has ended in it.
pub enum Next {
    /// Nothing that can be read: encrypted bytes.
    Opaque,
    /// Anything: it is probed anew.
    Unknown,
    /// The protocol that both sides have agreed on, with what they have agreed on.
    Agreed(Box<dyn Session>),
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opaque => "Opaque",
            Self::Unknown => "Unknown",
            Self::Agreed(_) => "Agreed",
        })
    }
}

/// A dissector's state in one flow.
pub trait Session: Send {
    /// The next bytes of one side: what it left of the last call, then what came since. Or one datagram, which is not kept for a next call.
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome;

    /// `missing` bytes of one side are lost; `rest` was left of the last call and will not be given again.
    fn gap(&mut self, cx: &mut Context<'_>, rest: &[u8], missing: u64);

    /// One side has sent its last byte; `rest` was left of the last call.
    fn fin(&mut self, cx: &mut Context<'_>, rest: &[u8]);

    /// The flow is over: what waits is emitted as it is. `rests` are both sides' unread bytes, the client's first.
    fn close(&mut self, cx: &mut Context<'_>, rests: [&[u8]; 2], why: Close);

    /// Packet time has moved to `now`.
    fn advance(&mut self, _cx: &mut Context<'_>, _now: Timestamp) {}
}

/// What a session may know and use during a call.
pub struct Context<'a> {
    /// The flow, its roles settled.
    pub flow: &'a Flow,
    /// What it may cost.
    pub limits: &'a Limits,
    /// Whose bytes these are.
    pub from: Sender,
    /// When the first of the bytes given was seen.
    pub first: Seen,
    /// When the last of them was seen.
    pub last: Seen,
    pub(crate) index: &'a mut u64,
    pub(crate) out: &'a mut Vec<Item>,
}

/// How one side of an exchange was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Half {
    /// Its first byte.
    pub first: Seen,
    /// Its last byte.
    pub last: Seen,
    /// Bytes seen on the wire.
    pub size: u64,
    /// Holes in it.
    pub gaps: u32,
    /// Bytes that are missing, in holes or because the end never came.
    pub missing: u64,
    /// Body bytes seen and not kept.
    pub cut: u64,
}

impl Half {
    /// Whether all of it is there and kept.
    pub(crate) const fn is_whole(&self) -> bool {
        self.missing == 0 && self.cut == 0
    }

    /// Adds what came after it and belongs to it.
    pub(crate) const fn extend(&mut self, next: Self) {
        self.last = next.last;
        self.size = self.size.saturating_add(next.size);
        self.gaps = self.gaps.saturating_add(next.gaps);
        self.missing = self.missing.saturating_add(next.missing);
        self.cut = self.cut.saturating_add(next.cut);
    }
}

/// An item as a dissector knows it: the rest comes from the flow.
#[derive(Debug)]
pub struct Draft {
    /// The protocol in its version.
    pub protocol: &'static Protocol,
    /// The request, if it was seen.
    pub request: Option<Half>,
    /// The response (or the single message of a protocol without pairs), if it was seen.
    pub response: Option<Half>,
    /// Whether the flow's server is the client of this exchange.
    pub reversed: bool,
    /// What the client calls the server, or empty.
    pub server_name: String,
    /// Why one half is missing.
    pub error: Option<ItemError>,
    /// Oddities.
    pub anomalies: Vec<&'static str>,
    /// Whether it cannot be known if the message is whole, the flow having been picked up in its middle.
    pub unsure: bool,
    /// What the protocol says.
    pub message: Box<dyn Message>,
}

impl Context<'_> {
    /// Makes `draft` an item and sends it out, if somebody wants it. Returns it.
    pub fn emit(&mut self, draft: Draft) -> Option<&mut Item> {
        let halves = || draft.request.iter().chain(&draft.response);
        let completeness = Completeness {
            gaps: halves().map(|h| h.gaps).fold(0, u32::saturating_add),
            missing_bytes: halves().map(|h| h.missing).fold(0, u64::saturating_add),
            cut_bytes: halves().map(|h| h.cut).fold(0, u64::saturating_add),
            mid_stream: draft.unsure,
        };
        let start = halves().map(|h| h.first.at).min().unwrap_or(self.last.at);
        let elapsed = draft.request.zip(draft.response).map(|(q, r)| r.first.at.since(q.last.at));
        let index = *self.index;
        *self.index = index.wrapping_add(1);
        if self.limits.wanted.as_ref().is_some_and(|wanted| !wanted.has(draft.protocol)) {
            return None;
        }
        let flow = self.flow;
        let (client, server) = if draft.reversed { (flow.server, flow.client) } else { (flow.client, flow.server) };
        let mut dst = Endpoint::new(server.ip(), server.port());
        dst.name = draft.server_name;
        self.out.push(Item {
            index,
            stream: flow.stream,
            protocol: draft.protocol,
            tls: flow.tls,
            src: Endpoint::new(client.ip(), client.port()),
            dst,
            start,
            elapsed,
            request_size: draft.request.map_or(0, |h| h.size),
            response_size: draft.response.map_or(0, |h| h.size),
            error: draft.error,
            anomalies: draft.anomalies,
            completeness,
            origin: flow.origin.clone(),
            request_frames: draft.request.and_then(frames),
            response_frames: draft.response.and_then(frames),
            message: draft.message,
        });
        self.out.last_mut()
    }
}

fn frames(half: Half) -> Option<(u64, u64)> {
    (half.first.frame != 0).then_some((half.first.frame, half.last.frame))
}
