//! IP fragments.

use super::{Bench, CLIENT, Event, SERVER, ethernet, ipv6, udp};
use crate::{Limits, Unassembled};
use hookline_item::Sender;
use proptest::prelude::*;

const TEXT: &[u8] = b"a datagram that is longer than the link takes at once";

/// The IPv4 fragment of `payload` from `start` to `end`.
fn part(id: u16, payload: &[u8], start: usize, end: usize) -> Vec<u8> {
    let flags = u16::try_from(start / 8).unwrap() | if end < payload.len() { 0x2000 } else { 0 };
    let len = u16::try_from(20 + end - start).unwrap().to_be_bytes();
    let [f, i] = [flags.to_be_bytes(), id.to_be_bytes()];
    let header = [0x45, 0, len[0], len[1], i[0], i[1], f[0], f[1], 64, 17, 0, 0];
    ethernet(0x0800, &[&header[..], &CLIENT.0, &SERVER.0, &payload[start..end]].concat())
}

fn send(bench: &mut Bench, frame: &[u8]) {
    bench.bytes(frame, frame.len());
}

fn received(events: &[Event]) -> Vec<&[u8]> {
    events.iter().filter_map(|e| if let Event::Bytes(_, Sender::Client, _, bytes) = e { Some(&bytes[..]) } else { None }).collect()
}

#[test]
fn parts_in_any_order_make_the_datagram_once() {
    let datagram = udp(40_000, 9, TEXT);
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let mut bench = Bench::new(Limits::default());
        for n in order {
            let end = [16, 32, datagram.len()][n];
            send(&mut bench, &part(7, &datagram, [0, 16, 32][n], end));
        }
        let (fragments, whole) = (bench.streams.stats().fragments, bench.streams.stats().reassembled);
        assert_eq!((fragments, whole), (3, 1));
        assert_eq!(received(&bench.finish()), [TEXT]);
    }
}

#[test]
fn ipv6_parts_make_the_datagram_with_what_stands_before_it() {
    let whole = [&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(40_000, 9, TEXT)].concat();
    let part = |start: usize, end: usize| {
        let field = u16::try_from(start).unwrap() | u16::from(end < whole.len());
        let [a, b] = field.to_be_bytes();
        ethernet(0x86dd, &ipv6(44, &[&[60, 0, a, b, 0, 0, 0, 9][..], &whole[start..end]].concat()))
    };
    let mut bench = Bench::new(Limits::default());
    send(&mut bench, &part(24, whole.len()));
    send(&mut bench, &part(0, 24));
    assert_eq!(received(&bench.finish()), [TEXT]);
}

#[test]
fn overlaps_condemn_the_packet_and_repetitions_do_not() {
    let datagram = udp(40_000, 9, TEXT);
    let mut bench = Bench::new(Limits::default());
    send(&mut bench, &part(1, &datagram, 0, 16));
    send(&mut bench, &part(1, &datagram, 0, 16));
    send(&mut bench, &part(1, &datagram, 16, datagram.len()));
    send(&mut bench, &part(2, &datagram, 0, 24));
    send(&mut bench, &part(2, &datagram, 16, datagram.len()));
    send(&mut bench, &part(2, &datagram, 24, datagram.len()));
    let stats = bench.streams.stats();
    assert_eq!((stats.repeated_fragments, stats.reassembled, stats.fragments_dropped(Unassembled::Contradiction)), (1, 1, 3));
    assert_eq!(received(&bench.finish()).len(), 1);
}

#[test]
fn memory_is_bounded_and_old_parts_are_given_up() {
    let datagram = udp(40_000, 9, TEXT);
    let mut bench = Bench::new(Limits { fragmented_packets_max: 4, ..Limits::default() });
    for id in 0..100 {
        send(&mut bench, &part(id, &datagram, 0, 16));
    }
    assert_eq!(bench.streams.stats().fragments_dropped(Unassembled::Evicted), 96);
    bench.wait(31_000);
    send(&mut bench, &part(99, &datagram, 16, datagram.len()));
    assert_eq!(bench.streams.stats().fragments_dropped(Unassembled::Incomplete), 4);
    assert!(received(&bench.finish()).is_empty());
}

proptest! {
    /// `fragments = parts of what was put together + repetitions + dropped`: nothing is lost silently.
    #[test]
    fn every_fragment_is_accounted_for(parts in proptest::collection::vec((0u16..4, 0usize..12, 1usize..8, any::<bool>()), 0..60)) {
        let payload = [7; 160];
        let mut bench = Bench::new(Limits { fragmented_packets_max: 2, ..Limits::default() });
        let mut used = 0;
        for (id, start, len, last) in parts {
            let (start, end) = (start * 8, start * 8 + len * 8);
            let whole = if last { &payload[..end] } else { &payload[..] };
            let before = (bench.streams.stats().reassembled, bench.streams.stats().fragments);
            send(&mut bench, &part(id, whole, start, end));
            used += bench.streams.stats().reassembled - before.0;
        }
        bench.streams.finish(&mut bench.sink);
        let stats = bench.streams.stats();
        let dropped: u64 = Unassembled::ALL.iter().map(|w| stats.fragments_dropped(*w)).sum();
        prop_assert!(stats.fragments >= dropped + stats.repeated_fragments + used);
        prop_assert_eq!(used == 0, stats.fragments == dropped + stats.repeated_fragments);
    }
}
