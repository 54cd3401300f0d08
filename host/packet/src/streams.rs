//! The way of a frame: decode, find its flow, reassemble, hand to the sink.

use crate::{
    Close, FlowStart, Limits, Packet, Payload, Reason, Sink, Stats, TcpFlags, Transport,
    association::{Association, Taken},
    clock::Clock,
    decode::{Chunk, Fragment, SctpPacket, Span, TcpSegment, decode, decode_inner, decode_reassembled},
    fragments::Fragments,
    key::{Key, tunnel_key},
    table::{Class, Table},
    tcp::{Conn, Out},
};
use hookline_item::{Frame, Seen, Sender, SideTotals, Timestamp, Totals, Tunnel};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::{IpAddr, SocketAddr},
};

/// How often flows are looked at that may have expired: a flow that gets a packet is checked exactly, the others may wait.
const EXPIRY_TICK_NANOS: u64 = 100_000_000;
/// Timers for holes kept per flow that the table may hold: two sides, each with one for an acknowledged hole and one for others.
const TIMERS_PER_FLOW_MAX: usize = 4;

/// What was seen of one frame, whether it was used or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The innermost VLAN identifier.
    pub vlan: Option<u16>,
    /// IP source and destination, inside all tunnels, with ports, port 0 where there are none; absent if this is not IP.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// IP protocol number, behind extension headers.
    pub protocol: Option<u8>,
    /// Control bits of a TCP segment.
    pub tcp_flags: Option<TcpFlags>,
    /// Length on the wire, in bytes, of what the transport header is followed by; of the IP payload where there is no such header.
    pub payload_len: usize,
    /// Whether the end of the payload was not captured.
    pub truncated: bool,
    /// Whether this is a fragment of an IP packet.
    pub fragment: bool,
    /// Why the frame is in no stream.
    pub dropped: Option<Reason>,
    /// The number of the stream that it is in; absent for a fragment that does not complete its packet.
    pub stream: Option<u64>,
}

impl Summary {
    fn new(packet: Result<&Packet<'_>, Reason>) -> Self {
        let nothing = Self {
            vlan: None,
            addresses: None,
            protocol: None,
            tcp_flags: None,
            payload_len: 0,
            truncated: false,
            fragment: false,
            dropped: None,
            stream: None,
        };
        let packet = match packet {
            Ok(packet) => packet,
            Err(reason) => return Self { dropped: Some(reason), ..nothing },
        };
        let (ports, flags, span, dropped) = match &packet.payload {
            Payload::Tcp(s) => ((s.src_port, s.dst_port), Some(s.flags), s.data, None),
            Payload::Udp(d) => ((d.src_port, d.dst_port), None, d.data, None),
            Payload::Sctp(p) => ((p.src_port, p.dst_port), None, p.chunks, None),
            Payload::Icmp(message) => ((0, 0), None, *message, None),
            Payload::Fragment(f) => ((0, 0), None, f.bytes, None),
            Payload::Unusable(reason, span) => ((0, 0), None, *span, Some(*reason)),
        };
        Self {
            vlan: packet.vlan,
            addresses: Some((SocketAddr::new(packet.src, ports.0), SocketAddr::new(packet.dst, ports.1))),
            protocol: Some(packet.protocol),
            tcp_flags: flags,
            payload_len: span.wire_len(),
            truncated: span.missing > 0,
            fragment: matches!(packet.payload, Payload::Fragment(_)),
            dropped,
            stream: None,
        }
    }
}

/// One flow in the table.
struct Flow<F> {
    stream: u64,
    /// Whether the low side of the key is the client.
    low_is_client: bool,
    /// The sink's; `None` when the flow is closed and only remembered.
    state: Option<F>,
    carrier: Carrier,
    totals: Totals,
}

/// What puts the flow's bytes together.
enum Carrier {
    Tcp(Conn),
    Sctp(Box<Association>),
    /// Nothing: each packet is a message.
    None,
}

impl<F> Flow<F> {
    fn sender(&self, from_low: bool) -> Sender {
        if from_low == self.low_is_client { Sender::Client } else { Sender::Server }
    }

    /// Counts a packet.
    #[inline]
    fn count(&mut self, from: Sender, seen: Seen, bytes: usize) {
        self.totals.last = seen;
        let side = match from {
            Sender::Client => &mut self.totals.client,
            Sender::Server => &mut self.totals.server,
        };
        *side = SideTotals { packets: side.packets.saturating_add(1), bytes: side.bytes.saturating_add(bytes as u64), ..*side };
    }
}

/// A hole to be looked at: when, of which stream, in which slot, on which side.
type Timer = Reverse<(u64, u64, u32, bool)>;

/// The frame that is being looked at.
#[derive(Clone, Copy)]
struct Moment {
    interface: u32,
    seen: Seen,
    /// Elapsed nanoseconds.
    now: u64,
}

/// A packet that is part of a flow: what the flow functions need of it.
struct Arrival<'f> {
    packet: &'f Packet<'f>,
    transport: Transport,
    /// Source and destination.
    ports: (u16, u16),
    key: Key,
    from_low: bool,
    moment: Moment,
}

/// The flow table with its reassembly. One for each lane: nothing in it is shared.
pub struct Streams<S: Sink> {
    limits: Limits,
    table: Table<Flow<S::Flow>>,
    timers: BinaryHeap<Timer>,
    clock: Clock,
    /// When timers or expiry must be looked at, in elapsed nanoseconds.
    wake: u64,
    running_number: u64,
    lane: u32,
    lanes: u32,
    fragments: Fragments,
    /// The tunnels around the packet that is being looked at.
    tunnels: Vec<Tunnel>,
    stats: Stats,
}

impl<S: Sink> Streams<S> {
    /// An empty table. `seed` should be random and secret, so that nobody can send flows that collide; it has no effect on results.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        let table = Table::new(&limits, seed);
        Self {
            limits,
            table,
            timers: BinaryHeap::new(),
            clock: Clock::default(),
            wake: 0,
            running_number: 0,
            lane: 0,
            lanes: 1,
            fragments: Fragments::new(seed),
            tunnels: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// The same for the lane with the number `lane`, from 0, of so many: no other one gives its streams the same numbers.
    #[must_use]
    pub fn in_lane(self, lane: u32, lanes: u32) -> Self {
        Self { lane, lanes, ..self }
    }

    /// The same with streams of unnumbered frames that are counted from here, so that those of several runs have names of their own.
    #[must_use]
    pub fn numbered_from(self, first: u64) -> Self {
        Self { running_number: first, ..self }
    }

    /// Takes one frame and gives what it completes to `sink`. Returns what the frame is.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut S) -> Summary {
        let now = self.clock.at(frame.seen.at);
        if now >= self.wake {
            self.wake_up(now, sink);
        }
        let decoded = decode(frame);
        self.stats.frames += 1;
        self.stats.bytes += frame.bytes.len() as u64;
        self.tunnels.clear();
        let moment = Moment { interface: frame.interface, seen: frame.seen, now };
        let summary = match decoded {
            Ok(packet) => self.packet(&packet, moment, sink),
            Err(reason) => Summary::new(Err(reason)),
        };
        match summary.dropped {
            Some(reason) => self.stats.drop_frame(reason),
            None => self.stats.decoded += 1,
        }
        summary
    }

    /// Takes a packet, or what it wraps.
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, moment: Moment, sink: &mut S) -> Summary {
        if let Some((tunnel, inner)) = decode_inner(packet) {
            return self.tunnelled(packet, (tunnel, inner), moment, sink);
        }
        self.innermost(packet, moment, sink)
    }

    #[cold]
    fn tunnelled(&mut self, outer: &Packet<'_>, (tunnel, inner): (Tunnel, Packet<'_>), moment: Moment, sink: &mut S) -> Summary {
        if self.tunnels.len() >= self.limits.tunnels_max {
            self.stats.tunnels_too_deep += 1;
            return self.innermost(outer, moment, sink);
        }
        self.stats.tunnelled += u64::from(self.tunnels.is_empty());
        self.tunnels.push(tunnel);
        self.packet(&inner, moment, sink)
    }

    #[inline]
    fn innermost(&mut self, packet: &Packet<'_>, moment: Moment, sink: &mut S) -> Summary {
        let stream = match &packet.payload {
            Payload::Tcp(s) => self.tcp(&self.arrival(packet, moment, Transport::Tcp, (s.src_port, s.dst_port)), s, sink),
            Payload::Udp(d) => self.message(&self.arrival(packet, moment, Transport::Udp, (d.src_port, d.dst_port)), d.data, sink),
            Payload::Icmp(m) => self.message(&self.arrival(packet, moment, Transport::Icmp, (0, 0)), *m, sink),
            Payload::Sctp(p) => self.sctp(&self.arrival(packet, moment, Transport::Sctp, (p.src_port, p.dst_port)), p, sink),
            Payload::Fragment(fragment) => return self.fragment(packet, fragment, moment, sink),
            Payload::Unusable(..) => None,
        };
        Summary { stream, ..Summary::new(Ok(packet)) }
    }

    #[inline]
    fn arrival<'f>(&self, packet: &'f Packet<'f>, moment: Moment, transport: Transport, ports: (u16, u16)) -> Arrival<'f> {
        let vlan = packet.vlan.filter(|_| self.limits.separate_vlans);
        let (key, from_low) = Key::new(packet, transport, ports, vlan, tunnel_key(&self.tunnels));
        Arrival { packet, transport, ports, key, from_low, moment }
    }

    /// Takes a fragment; the packet, if it is whole now, goes on like any other.
    #[cold]
    fn fragment(&mut self, packet: &Packet<'_>, fragment: &Fragment<'_>, moment: Moment, sink: &mut S) -> Summary {
        let tunnel = tunnel_key(&self.tunnels);
        let whole = self.fragments.add(packet, fragment, tunnel, moment.now, (&self.limits, &mut self.stats));
        let Some(whole) = whole else { return Summary::new(Ok(packet)) };
        let body = Span::new(&whole.bytes, whole.bytes.len());
        let (protocol, payload) = decode_reassembled(packet.src.is_ipv6(), whole.protocol, body);
        // A fragment inside of what was put together is nobody's honest work.
        let payload = if matches!(payload, Payload::Fragment(_)) { Payload::Unusable(Reason::BadIp, body) } else { payload };
        Summary { fragment: true, ..self.packet(&Packet { protocol, payload, ..*packet }, moment, sink) }
    }

    /// Lets time pass without a frame: gives up holes and ends idle flows. `now` is on the same clock as the frames' times.
    pub fn advance(&mut self, now: Timestamp, sink: &mut S) {
        let now = self.clock.at(now);
        self.wake_up(now, sink);
    }

    /// The capture is over: delivers what still waits and closes all flows, in the order in which they began.
    pub fn finish(&mut self, sink: &mut S) {
        let now = self.clock.now();
        // Whoever has been idle for long enough by now was so before the end, whenever timers were last looked at.
        self.wake_up(now, sink);
        let mut flows = self.table.drain();
        flows.sort_by_key(|flow| flow.stream);
        self.timers.clear();
        self.fragments.finish(&mut self.stats);
        for mut flow in flows {
            self.close(&mut flow, Close::End, now, sink);
        }
    }

    /// What was counted so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Entries in the flow table: open flows, and closed ones that are still remembered.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.table.len()
    }

    /// A datagram, or an ICMP message. Returns its stream, as those for other packets do.
    fn message(&mut self, arrival: &Arrival<'_>, data: Span<'_>, sink: &mut S) -> Option<u64> {
        let at = self.find(arrival, sink).or_else(|| self.open_message(arrival, sink))?;
        let flow = self.table.entry(at)?;
        let stream = flow.stream;
        let from = flow.sender(arrival.from_low);
        flow.count(from, arrival.moment.seen, data.wire_len());
        if let Some(state) = &mut flow.state {
            deliver(state, from, arrival.moment.seen, data, &mut self.stats, sink);
        }
        self.table.touch(at, Class::Datagrams, arrival.moment.now);
        Some(stream)
    }

    fn sctp(&mut self, arrival: &Arrival<'_>, packet: &SctpPacket<'_>, sink: &mut S) -> Option<u64> {
        let at = self.find(arrival, sink).or_else(|| self.open_sctp(arrival, packet, sink))?;
        let flow = self.table.entry(at)?;
        let stream = flow.stream;
        let (from, seen) = (flow.sender(arrival.from_low), arrival.moment.seen);
        flow.count(from, seen, packet.chunks.wire_len());
        let (Some(state), Carrier::Sctp(association)) = (&mut flow.state, &mut flow.carrier) else { return Some(stream) };
        let mut over = None;
        for chunk in packet.chunks() {
            match chunk {
                Chunk::Data(data) => match association.data(from, &data) {
                    Taken::Message => deliver(state, from, seen, data.data, &mut self.stats, sink),
                    Taken::Completes(bytes, missing) => {
                        deliver(state, from, seen, Span { bytes: &bytes, missing }, &mut self.stats, sink);
                    }
                    Taken::Repetition => self.stats.repeated_chunks += 1,
                    Taken::Waits => {}
                },
                Chunk::Abort => over = Some(Close::Reset),
                Chunk::ShutdownComplete => over = Some(Close::Fin),
                Chunk::Init | Chunk::Other => {}
            }
        }
        match over {
            Some(why) => self.close_and_remember(at, why, arrival.moment.now, sink),
            None => self.table.touch(at, Class::Association, arrival.moment.now),
        }
        Some(stream)
    }

    fn tcp(&mut self, arrival: &Arrival<'_>, segment: &TcpSegment<'_>, sink: &mut S) -> Option<u64> {
        let found = self.find(arrival, sink).filter(|at| !self.succeeded(*at, arrival, segment, sink));
        let at = found.or_else(|| self.open_tcp(arrival, segment, sink))?;
        let flow = self.table.entry(at)?;
        let (from, stream) = (flow.sender(arrival.from_low), flow.stream);
        let Moment { seen, now, .. } = arrival.moment;
        if flow.state.is_some() {
            flow.count(from, seen, segment.data.wire_len());
        }
        let (Some(state), Carrier::Tcp(conn)) = (&mut flow.state, &mut flow.carrier) else {
            self.stats.after_close_bytes += segment.data.wire_len() as u64;
            return Some(stream);
        };
        let mut out = Out { sink, flow: state, stats: &mut self.stats, limits: &self.limits, totals: &mut flow.totals, now };
        let over = conn.segment(from, segment, seen, &mut out);
        let class = if conn.is_open() { Class::Open } else { Class::Opening };
        if over.is_none() {
            for side in [Sender::Client, Sender::Server] {
                if let Some(deadline) = conn.halves(side).0.new_timer(&self.limits)
                    && self.timers.len() < self.limits.flows_max.saturating_mul(TIMERS_PER_FLOW_MAX)
                {
                    self.timers.push(Reverse((deadline, stream, at, side == Sender::Server)));
                    self.wake = self.wake.min(deadline);
                }
            }
            self.table.touch(at, class, now);
        } else if let Some(why) = over {
            self.close_and_remember(at, why, now, sink);
        }
        Some(stream)
    }

    /// The flow of a frame, if its time is not over.
    #[inline]
    fn find(&mut self, arrival: &Arrival<'_>, sink: &mut S) -> Option<u32> {
        let at = self.table.find(&arrival.key)?;
        if self.table.is_idle(at, arrival.moment.now) {
            self.remove(at, Close::Idle, arrival.moment.now, sink);
            return None;
        }
        Some(at)
    }

    /// Whether a segment begins a new connection in the place of the flow in slot `at`, which is removed then.
    #[inline]
    fn succeeded(&mut self, at: u32, arrival: &Arrival<'_>, segment: &TcpSegment<'_>, sink: &mut S) -> bool {
        if !segment.flags.has(TcpFlags::SYN) {
            return false;
        }
        let Some(flow) = self.table.entry(at) else { return false };
        let (from, closed) = (flow.sender(arrival.from_low), flow.state.is_none());
        let Carrier::Tcp(conn) = &mut flow.carrier else { return false };
        let succeeded = conn.is_succeeded_by(from, segment, closed);
        if succeeded {
            self.remove(at, Close::PortReused, arrival.moment.now, sink);
        }
        succeeded
    }

    fn open_message(&mut self, arrival: &Arrival<'_>, sink: &mut S) -> Option<u32> {
        // Who speaks first asks, unless it speaks from a well-known port to one that is not.
        let (src, dst) = arrival.ports;
        let answers = src < WELL_KNOWN_PORTS && dst >= WELL_KNOWN_PORTS;
        let roles = Roles { from_client: !answers, guessed: answers, mid_stream: false };
        self.open(arrival, roles, (Class::Datagrams, Carrier::None), sink)
    }

    fn open_sctp(&mut self, arrival: &Arrival<'_>, packet: &SctpPacket<'_>, sink: &mut S) -> Option<u32> {
        let begins = packet.chunks().any(|c| c == Chunk::Init);
        let from_client = begins || arrival.ports.0 >= arrival.ports.1;
        let roles = Roles { from_client, guessed: !begins, mid_stream: !begins };
        self.open(arrival, roles, (Class::Association, Carrier::Sctp(Box::default())), sink)
    }

    fn open_tcp(&mut self, arrival: &Arrival<'_>, segment: &TcpSegment<'_>, sink: &mut S) -> Option<u32> {
        let (syn, ack) = (segment.flags.has(TcpFlags::SYN), segment.flags.has(TcpFlags::ACK));
        if segment.flags.has(TcpFlags::RST) {
            self.stats.stray_resets += 1;
            return None;
        }
        // Between two unregistered ports the higher is more likely the one that the system chose.
        let from_client = if syn { !ack } else { segment.src_port >= segment.dst_port };
        let roles = Roles { from_client, guessed: !syn, mid_stream: !syn };
        self.open(arrival, roles, (Class::Opening, Carrier::Tcp(Conn::new())), sink)
    }

    fn open(&mut self, arrival: &Arrival<'_>, roles: Roles, (class, carrier): (Class, Carrier), sink: &mut S) -> Option<u32> {
        let Moment { interface, seen, now } = arrival.moment;
        while self.table.len() >= self.limits.flows_max.max(1) {
            let oldest = self.table.oldest()?;
            self.remove(oldest, Close::Evicted, now, sink);
        }
        // Where frames have no numbers.
        self.running_number += u64::from(self.lanes);
        let stream = if seen.frame == 0 { self.running_number + u64::from(self.lane) } else { seen.frame };
        let (src, dst) = (socket(arrival.packet.src, arrival.ports.0), socket(arrival.packet.dst, arrival.ports.1));
        let (client, server) = if roles.from_client { (src, dst) } else { (dst, src) };
        let state = sink.open(&FlowStart {
            stream,
            transport: arrival.transport,
            client,
            server,
            roles_guessed: roles.guessed,
            mid_stream: roles.mid_stream,
            vlan: arrival.packet.vlan,
            tunnels: &self.tunnels,
            interface,
            seen,
        });
        self.stats.flows_opened += 1;
        self.stats.flows_open += 1;
        let low_is_client = arrival.from_low == roles.from_client;
        let totals = Totals { first: seen, last: seen, ..Totals::default() };
        self.table.insert(arrival.key, class, now, Flow { stream, low_is_client, state: Some(state), carrier, totals })
    }

    fn remove(&mut self, at: u32, why: Close, now: u64, sink: &mut S) {
        if let Some(mut flow) = self.table.remove(at) {
            self.close(&mut flow, why, now, sink);
        }
    }

    /// Closes the flow in slot `at` and keeps its place in the table.
    fn close_and_remember(&mut self, at: u32, why: Close, now: u64, sink: &mut S) {
        self.table.touch(at, Class::Lingering, now);
        let Self { table, stats, limits, .. } = self;
        if let Some(flow) = table.entry(at) {
            close(flow, why, now, limits, stats, sink);
        }
    }

    fn close(&mut self, flow: &mut Flow<S::Flow>, why: Close, now: u64, sink: &mut S) {
        close(flow, why, now, &self.limits, &mut self.stats, sink);
    }

    /// Looks at the holes and flows whose time may be over.
    #[cold]
    fn wake_up(&mut self, now: u64, sink: &mut S) {
        // Only whole ticks count: who is idle depends on the time then, and not on which frames a lane was shown around it.
        let tick = now - now % EXPIRY_TICK_NANOS;
        loop {
            let idle = self.table.expired(tick).map(|(due, at)| (due.next_multiple_of(EXPIRY_TICK_NANOS), at));
            let timer = self.timers.peek().map(|Reverse(timer)| *timer).filter(|(deadline, ..)| *deadline <= now);
            match (timer, idle) {
                (Some((deadline, stream, at, server)), idle) if idle.is_none_or(|(due, _)| deadline <= due) => {
                    self.timers.pop();
                    let side = if server { Sender::Server } else { Sender::Client };
                    self.expire_hole(deadline, (stream, at, side), sink);
                }
                (_, Some((_, at))) => self.remove(at, Close::Idle, now, sink),
                _ => break,
            }
        }
        let next_timer = self.timers.peek().map_or(u64::MAX, |Reverse((deadline, ..))| *deadline);
        self.wake = tick.saturating_add(EXPIRY_TICK_NANOS).min(next_timer);
    }

    /// A timer went off; the flow that it was set for may be gone, and its hole filled. The time is that of the timer, however late it is
    /// seen to be over: timers of both sides then go off in one order.
    fn expire_hole(&mut self, now: u64, (stream, at, side): (u64, u32, Sender), sink: &mut S) {
        let Some(flow) = self.table.entry(at).filter(|flow| flow.stream == stream) else { return };
        let (Some(state), Carrier::Tcp(conn)) = (&mut flow.state, &mut flow.carrier) else { return };
        let mut out = Out { sink, flow: state, stats: &mut self.stats, limits: &self.limits, totals: &mut flow.totals, now };
        let (half, _) = conn.halves(side);
        half.clear_timer(now);
        half.expire_hole(&mut out);
        if let Some(next) = half.new_timer(&self.limits) {
            // Later, or now for the next hole: that one has waited as long.
            self.timers.push(Reverse((next, stream, at, side == Sender::Server)));
        }
        if conn.is_finished() {
            self.close_and_remember(at, Close::Fin, now, sink);
        }
    }
}

/// Ports below are given out by IANA and need privileges on most systems (RFC 6335 §6).
const WELL_KNOWN_PORTS: u16 = 1024;

/// Who is who in a new flow.
struct Roles {
    from_client: bool,
    guessed: bool,
    mid_stream: bool,
}

fn socket(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

/// Gives a message to the sink.
fn deliver<S: Sink>(state: &mut S::Flow, from: Sender, seen: Seen, data: Span<'_>, stats: &mut Stats, sink: &mut S) {
    stats.datagram_bytes += data.bytes.len() as u64;
    sink.bytes(state, from, seen, data.bytes);
    if data.missing > 0 {
        stats.gaps += 1;
        stats.gap_bytes += data.missing as u64;
        sink.gap(state, from, seen, data.missing as u64);
    }
}

/// Delivers what waits and tells the sink, if the flow is not closed already.
fn close<S: Sink>(flow: &mut Flow<S::Flow>, why: Close, now: u64, limits: &Limits, stats: &mut Stats, sink: &mut S) {
    let Some(mut state) = flow.state.take() else { return };
    if let Carrier::Tcp(conn) = &mut flow.carrier {
        conn.flush(&mut Out { sink, flow: &mut state, stats, limits, totals: &mut flow.totals, now });
        (flow.totals.round_trips, flow.totals.established) = (conn.round_trips(), conn.is_established());
    }
    stats.close_flow(why);
    sink.close(state, why, &flow.totals);
}
