//! What packets and flows cost in memory, counted by the allocator.
//!
//! One test: the allocator's counts are of the whole process.

use dhat::{Alloc, HeapStats, Profiler};
use hookline_benches::{Dissection, segment};
use hookline_item::{Frame, LinkType, Seen, Sender, Timestamp};
use hookline_packet::{Limits, Streams};

#[global_allocator]
static ALLOC: Alloc = Alloc;

const SYN: u8 = 2;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;

/// Flows that are open and say nothing; their number is small for the sake of the test's time, the cost of each is the same.
const FLOWS: u32 = 20_000;
/// What an idle TCP connection may cost, table entries included: a million then takes less than 1 GiB.
const FLOW_MAX: usize = 600;

struct Wire {
    streams: Streams<Dissection>,
    sink: Dissection,
    number: u64,
}

impl Wire {
    fn new() -> Self {
        Self { streams: Streams::new(Limits::default(), 1), sink: Dissection::default(), number: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.number += 1;
        let seen = Seen { at: Timestamp(1_000_000_000 + self.number * 1_000), frame: self.number };
        let wire_len = u32::try_from(bytes.len()).unwrap();
        self.streams.frame(&Frame { seen, interface: 0, link: LinkType::ETHERNET, wire_len, vlan: None, bytes }, &mut self.sink);
    }

    /// A handshake.
    fn open(&mut self, flow: u32) {
        self.take(&segment(flow, Sender::Client, SYN, [99, 0], b""));
        self.take(&segment(flow, Sender::Server, SYN_ACK, [499, 100], b""));
        self.take(&segment(flow, Sender::Client, ACK, [100, 500], b""));
    }
}

/// Allocations while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = HeapStats::get().total_blocks;
    work();
    HeapStats::get().total_blocks - before
}

/// A response's body in segments of 1,000 bytes, all of them after what is kept of a body.
fn body(wire: &mut Wire) -> u64 {
    wire.open(1);
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    wire.take(&segment(1, Sender::Client, ACK, [100, 500], request));
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n";
    wire.take(&segment(1, Sender::Server, ACK, [500, 100], head));
    let mut sequence = 500 + u32::try_from(head.len()).unwrap();
    let mut segments = |count| {
        let made: Vec<_> = (0..count).map(|n| segment(1, Sender::Server, ACK, [sequence + n * 1000, 100], &[b'x'; 1000])).collect();
        sequence += count * 1000;
        made
    };
    let (first, then) = (segments(1_200), segments(1_000));
    first.iter().for_each(|s| wire.take(s));
    allocations(|| then.iter().for_each(|s| wire.take(s)))
}

/// Bytes of a protocol that nobody knows, after it was given up; and acknowledgments of them.
fn opaque(wire: &mut Wire) -> u64 {
    wire.open(2);
    let made: Vec<_> = (0..1_200)
        .flat_map(|n| {
            let data = segment(2, Sender::Client, ACK, [100 + n * 100, 500], &[0xee; 100]);
            [data, segment(2, Sender::Server, ACK, [500, 200 + n * 100], b"")]
        })
        .collect();
    let (first, then) = made.split_at(400);
    first.iter().for_each(|s| wire.take(s));
    allocations(|| then.iter().for_each(|s| wire.take(s)))
}

#[test]
fn packets_cost_no_allocation_and_idle_flows_few_bytes() {
    let _profiler = Profiler::builder().testing().build();
    let mut wire = Wire::new();
    assert_eq!(body(&mut wire), 0, "allocations for 1,000 segments of a body beyond its limit");
    assert_eq!(opaque(&mut wire), 0, "allocations for 2,000 packets of an unknown protocol");

    let before = HeapStats::get().curr_bytes;
    let mut wire = Wire::new();
    (0..FLOWS).for_each(|flow| wire.open(flow));
    let each = (HeapStats::get().curr_bytes - before) / FLOWS as usize;
    eprintln!("{each} bytes per idle TCP flow");
    assert!(each <= FLOW_MAX, "{each} bytes per idle TCP flow, of {FLOW_MAX}");
    assert_eq!(wire.streams.stats().flows_open, u64::from(FLOWS));
}
