//! Frames made by hand, and a sink that writes down what it gets.

mod decoding;
mod flows;
mod fragments;
mod properties;
mod reassembly;
mod sctp;
mod tunnels;

use crate::{Close, FlowStart, Limits, Sink, Streams, Summary, TcpFlags, Transport};
use hookline_item::{Frame, LinkType, Seen, Sender, Timestamp, Totals, Tunnel};

pub(super) const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
pub(super) const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 80);

/// An Ethernet frame around `ip`.
pub(super) fn ethernet(ethertype: u16, ip: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ethertype.to_be_bytes()[..], ip].concat()
}

/// An IPv4 packet without options.
pub(super) fn ipv4(protocol: u8, src: [u8; 4], dst: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    [&[0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, protocol, 0, 0], &src[..], &dst, payload].concat()
}

/// An IPv6 packet from 2001:db8::1 to 2001:db8::2.
pub(super) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let address = |last| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&[0x60, 0, 0, 0, len[0], len[1], next_header, 64], &address(1)[..], &address(2), payload].concat()
}

pub(super) fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    [&src_port.to_be_bytes()[..], &dst_port.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload].concat()
}

/// A TCP segment in the test connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) from: Sender,
    pub(super) seq: u32,
    pub(super) ack: Option<u32>,
    pub(super) flags: TcpFlags,
    pub(super) data: &'a [u8],
}

impl Segment<'_> {
    pub(super) fn tcp(&self) -> Vec<u8> {
        let (src, dst) = if self.from == Sender::Client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let flags = self.flags.0 | if self.ack.is_some() { TcpFlags::ACK.0 } else { 0 };
        let ports = [src.1.to_be_bytes(), dst.1.to_be_bytes()].concat();
        let numbers = [self.seq.to_be_bytes(), self.ack.unwrap_or_default().to_be_bytes()].concat();
        [&ports, &numbers, &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0][..], self.data].concat()
    }

    pub(super) fn frame(&self) -> Vec<u8> {
        let (src, dst) = if self.from == Sender::Client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        ethernet(0x0800, &ipv4(6, src.0, dst.0, &self.tcp()))
    }
}

/// What a sink was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Open {
        client: u16,
        server: u16,
        guessed: bool,
        mid_stream: bool,
    },
    /// Flow, side, frame, bytes. Bytes of one frame that come in pieces are joined.
    Bytes(u64, Sender, u64, Vec<u8>),
    Gap(u64, Sender, u64),
    Fin(u64, Sender),
    Close(u64, Close),
}

#[derive(Default)]
pub(super) struct Recorder(pub(super) Vec<Event>, pub(super) Vec<(u64, Totals)>, pub(super) Vec<Vec<Tunnel>>);

impl Sink for Recorder {
    type Flow = u64;

    fn open(&mut self, start: &FlowStart<'_>) -> u64 {
        self.2.push(start.tunnels.to_vec());
        let (client, server) = (start.client.port(), start.server.port());
        self.0.push(Event::Open { client, server, guessed: start.roles_guessed, mid_stream: start.mid_stream });
        start.stream
    }
    fn bytes(&mut self, flow: &mut u64, from: Sender, seen: Seen, bytes: &[u8]) {
        self.0.push(Event::Bytes(*flow, from, seen.frame, bytes.to_vec()));
    }
    fn gap(&mut self, flow: &mut u64, from: Sender, _: Seen, missing: u64) {
        self.0.push(Event::Gap(*flow, from, missing));
    }
    fn fin(&mut self, flow: &mut u64, from: Sender, _: Seen) {
        self.0.push(Event::Fin(*flow, from));
    }
    fn close(&mut self, flow: u64, why: Close, totals: &Totals) {
        self.0.push(Event::Close(flow, why));
        self.1.push((flow, *totals));
    }
}

/// A flow table with a clock of its own: frames are numbered from 1 and a millisecond apart.
pub(super) struct Bench {
    pub(super) streams: Streams<Recorder>,
    pub(super) sink: Recorder,
    pub(super) number: u64,
    pub(super) now: Timestamp,
}

impl Bench {
    pub(super) fn new(limits: Limits) -> Self {
        Self { streams: Streams::new(limits, 1), sink: Recorder::default(), number: 0, now: Timestamp::new(1_000_000, 0) }
    }

    pub(super) fn wait(&mut self, millis: u64) {
        self.now.0 += millis * 1_000_000;
    }

    pub(super) fn bytes(&mut self, bytes: &[u8], wire_len: usize) -> Summary {
        self.number += 1;
        self.wait(1);
        let seen = Seen { at: self.now, frame: self.number };
        let wire_len = u32::try_from(wire_len).unwrap();
        self.streams.frame(&Frame { seen, interface: 0, link: LinkType::ETHERNET, wire_len, vlan: None, bytes }, &mut self.sink)
    }

    pub(super) fn send(&mut self, segment: Segment<'_>) -> Summary {
        let frame = segment.frame();
        self.bytes(&frame, frame.len())
    }

    /// SYN, SYN-ACK, ACK: the client's bytes start at `client`, the server's at `server`. Frames 1 to 3.
    pub(super) fn handshake(&mut self, client: u32, server: u32) {
        use Sender::{Client, Server};
        let (c, s) = (client.wrapping_sub(1), server.wrapping_sub(1));
        self.send(Segment { from: Client, seq: c, ack: None, flags: TcpFlags::SYN, data: b"" });
        self.send(Segment { from: Server, seq: s, ack: Some(client), flags: TcpFlags::SYN, data: b"" });
        self.send(Segment { from: Client, seq: client, ack: Some(server), flags: TcpFlags::default(), data: b"" });
    }

    /// Ends the capture; checks the counters and returns all events.
    pub(super) fn finish(mut self) -> Vec<Event> {
        self.streams.finish(&mut self.sink);
        let stats = self.streams.stats();
        assert_eq!(stats.frames, stats.decoded + stats.dropped_sum());
        assert_eq!(stats.flows_opened, Close::ALL.iter().map(|why| stats.closed(*why)).sum::<u64>());
        assert_eq!((stats.flows_open, stats.held_bytes, self.streams.flows()), (0, 0, 0));
        self.sink.0
    }
}

/// The bytes of one side of all flows; a gap shows as `<n>`.
pub(super) fn text(events: &[Event], side: Sender) -> String {
    events
        .iter()
        .map(|event| match event {
            Event::Bytes(_, from, _, bytes) if *from == side => String::from_utf8_lossy(bytes).into_owned(),
            Event::Gap(_, from, missing) if *from == side => format!("<{missing}>"),
            Event::Fin(_, from) if *from == side => "$".into(),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = crate::Reason::ALL.iter().map(|r| r.name()).collect();
    names.extend(Close::ALL.iter().map(|c| c.name()));
    names.extend(Transport::ALL.map(Transport::name));
    names.extend(crate::Unassembled::ALL.map(crate::Unassembled::name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
