//! A lane: frames in, items out, on one thread. It owns its flow table and its dissectors; no lock, no clock.

use hookline_capture::SourceStats;
use hookline_dissect as dissect;
use hookline_hooks::{self as hooks, Packet};
use hookline_item::{Frame, Item, Node, Origin, Seen, Sender, Timestamp, Totals};
use hookline_packet::{Close, FlowStart, Limits, Sink, Stats, Streams};
use std::{collections::HashMap, sync::Arc};

/// What bounds a lane, and what the user wants of it.
#[derive(Clone, Default)]
pub(crate) struct LaneLimits {
    pub(crate) packet: Limits,
    pub(crate) dissect: Arc<dissect::Limits>,
}

/// Takes frames, gives items.
pub(crate) struct Lane {
    streams: Streams<Dissection>,
    dissection: Dissection,
}

/// The sink of the streams: a conversation per flow.
struct Dissection {
    limits: Arc<dissect::Limits>,
    origin: Arc<Origin>,
    /// The origins of flows inside VLANs, and outside of tunnels.
    origins: HashMap<u16, Arc<Origin>>,
    items: Vec<Item>,
    /// Flows that opened or closed, if anybody wants them.
    flows: Option<Vec<hooks::Flow>>,
}

impl Lane {
    /// A lane for frames of `source`, captured by `backend`.
    pub(crate) fn new(node: &str, backend: &'static str, source: &str, seed: u64, limits: LaneLimits) -> Self {
        let node = Arc::new(Node { ip: String::new(), name: node.to_owned() });
        let origin = Arc::new(Origin { node, backend, source: source.into(), vlan: None, tunnels: Vec::new() });
        let dissection = Dissection { limits: limits.dissect, origin, origins: HashMap::new(), items: Vec::new(), flows: None };
        Self { streams: Streams::new(limits.packet, seed), dissection }
    }

    /// The same as one of several lanes.
    pub(crate) fn in_lane(self, lane: u32, lanes: u32) -> Self {
        Self { streams: self.streams.in_lane(lane, lanes), ..self }
    }

    /// The same with streams numbered from here.
    pub(crate) fn numbered_from(self, first: u64) -> Self {
        Self { streams: self.streams.numbered_from(first), ..self }
    }

    /// Takes a frame. Items that it completes can be had from [`Lane::items`]. Returns what the packets hook sees of it.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>) -> Packet {
        let summary = self.streams.frame(frame, &mut self.dissection);
        Packet {
            at: frame.seen.at,
            length: frame.wire_len,
            capture_length: u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX),
            fragmented: summary.fragment,
            protocol: match summary.protocol {
                Some(6) => "tcp",
                Some(17) => "udp",
                Some(132) => "sctp",
                Some(1 | 58) => "icmp",
                _ => "",
            },
            addresses: summary.addresses,
            payload_length: u32::try_from(summary.payload_len).unwrap_or(u32::MAX),
            tcp_flags: summary.tcp_flags.map_or(0, |f| f.0),
            stream: summary.stream,
        }
    }

    /// Lets time pass while no frame comes.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.streams.advance(now, &mut self.dissection);
    }

    /// The capture is over: what waits comes out as it is.
    pub(crate) fn finish(&mut self) {
        self.streams.finish(&mut self.dissection);
    }

    /// The items completed since the last call.
    pub(crate) fn items(&mut self) -> std::vec::Drain<'_, Item> {
        self.dissection.items.drain(..)
    }

    /// Whether flows that open and close are to be noted.
    pub(crate) fn note_flows(&mut self, wanted: bool) {
        match wanted {
            true => drop(self.dissection.flows.get_or_insert_default()),
            false => self.dissection.flows = None,
        }
    }

    /// The flows that opened or closed since the last call, in order.
    pub(crate) fn flows(&mut self) -> impl Iterator<Item = hooks::Flow> + '_ {
        self.dissection.flows.iter_mut().flat_map(|flows| flows.drain(..))
    }

    /// Whether items wait.
    pub(crate) fn has_items(&self) -> bool {
        !self.dissection.items.is_empty()
    }

    /// What was counted.
    pub(crate) fn stats(&self) -> &Stats {
        self.streams.stats()
    }
}

impl Dissection {
    fn origin_of(&mut self, start: &FlowStart<'_>) -> Arc<Origin> {
        let (vlan, of_all) = (start.vlan, self.origin.as_ref());
        if !start.tunnels.is_empty() {
            return Arc::new(Origin { vlan, tunnels: start.tunnels.to_vec(), ..of_all.clone() });
        }
        let Some(id) = vlan else { return Arc::clone(&self.origin) };
        Arc::clone(self.origins.entry(id).or_insert_with(|| Arc::new(Origin { vlan, ..of_all.clone() })))
    }
}

impl Sink for Dissection {
    type Flow = dissect::Conversation;

    fn open(&mut self, start: &FlowStart<'_>) -> Self::Flow {
        let mut flow = dissect::Flow::new(start.stream, start.transport, start.client, start.server);
        flow.roles_guessed = start.roles_guessed;
        flow.mid_stream = start.mid_stream;
        flow.origin = self.origin_of(start);
        if let Some(flows) = &mut self.flows {
            flows.push(flow_of(&flow, start.seen.at, None));
        }
        dissect::Conversation::new(flow, Arc::clone(&self.limits))
    }

    fn bytes(&mut self, flow: &mut Self::Flow, from: Sender, seen: Seen, bytes: &[u8]) {
        flow.bytes(from, seen, bytes, &mut self.items);
    }

    fn gap(&mut self, flow: &mut Self::Flow, from: Sender, seen: Seen, missing: u64) {
        flow.gap(from, seen, missing, &mut self.items);
    }

    fn fin(&mut self, flow: &mut Self::Flow, from: Sender, seen: Seen) {
        flow.fin(from, seen, &mut self.items);
    }

    fn close(&mut self, mut flow: Self::Flow, why: Close, totals: &Totals) {
        if let Some(flows) = &mut self.flows {
            let (sent, received) = (&totals.client, &totals.server);
            let closed = hooks::Closed {
                reason: why.name(),
                duration: totals.last.at.since(totals.first.at),
                packets: [sent.packets.into(), received.packets.into()],
                bytes: [sent.bytes, received.bytes],
            };
            flows.push(flow_of(flow.flow(), totals.last.at, Some(closed)));
        }
        flow.close(why, totals.last, &mut self.items);
        flow.sum_up(why, totals, &mut self.items);
    }
}

fn flow_of(flow: &dissect::Flow, at: Timestamp, closed: Option<hooks::Closed>) -> hooks::Flow {
    hooks::Flow {
        at,
        stream: flow.stream,
        protocol: flow.transport.name(),
        client: flow.client,
        server: flow.server,
        mid_stream: flow.mid_stream,
        closed,
    }
}

/// What a run counted, stage by stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) source: SourceStats,
    pub(crate) streams: Stats,
    /// Items made.
    pub(crate) items: u64,
    /// Items that matched the filter.
    pub(crate) matched: u64,
}

impl Counted {
    /// Adds what another lane counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.source.received += other.source.received;
        self.source.bytes += other.source.bytes;
        self.source.dropped += other.source.dropped;
        self.source.truncated += other.source.truncated;
        self.streams.add(&other.streams);
        self.items += other.items;
        self.matched += other.matched;
    }
}
