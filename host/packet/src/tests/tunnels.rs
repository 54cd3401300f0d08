//! Tunnels.

use super::{Bench, CLIENT, Event, SERVER, ethernet, ipv4, ipv6, udp};
use crate::Limits;
use hookline_item::Sender;

const OUTER: ([u8; 4], [u8; 4]) = ([192, 0, 2, 1], [192, 0, 2, 2]);

/// What is inside: a datagram over IPv4.
fn inner() -> Vec<u8> {
    ipv4(17, CLIENT.0, SERVER.0, &udp(CLIENT.1, 53, b"inside"))
}

fn inner_frame() -> Vec<u8> {
    ethernet(0x0800, &inner())
}

fn in_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(17, OUTER.0, OUTER.1, &udp(50_000, port, payload)))
}

fn in_ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(protocol, OUTER.0, OUTER.1, payload))
}

/// Kinds and identifiers of the tunnels around the only flow, whose datagram must be the one inside.
fn opened(frame: &[u8]) -> Vec<(&'static str, Option<u32>)> {
    let mut bench = Bench::new(Limits::default());
    bench.bytes(frame, frame.len());
    bench.streams.finish(&mut bench.sink);
    assert!(bench.sink.0.contains(&Event::Bytes(1, Sender::Client, 1, b"inside".to_vec())), "{:?}", bench.sink.0);
    assert_eq!(bench.sink.2.len(), 1, "the tunnel itself is no flow");
    bench.sink.2[0].iter().map(|t| (t.kind.name(), t.id)).collect()
}

#[test]
fn each_kind_is_opened() {
    let vxlan = [&[8, 0, 0, 0, 0, 1, 2, 0][..], &inner_frame()].concat();
    assert_eq!(opened(&in_udp(4789, &vxlan)), [("vxlan", Some(0x102))]);
    let gpe = [&[0x0c, 0, 0, 1, 0, 0, 9, 0][..], &inner()].concat();
    assert_eq!(opened(&in_udp(4790, &gpe)), [("vxlan", Some(9))]);
    let geneve = [&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 0, 0, 0, 0][..], &inner_frame()].concat();
    assert_eq!(opened(&in_udp(6081, &geneve)), [("geneve", Some(7))]);
    assert_eq!(opened(&in_ip(47, &[&[0, 0, 8, 0][..], &inner()].concat())), [("gre", None)]);
    let keyed = [&[0x30, 0, 0x65, 0x58, 0, 0, 0, 5, 0, 0, 0, 1][..], &inner_frame()].concat();
    assert_eq!(opened(&in_ip(47, &keyed)), [("gre", Some(5))]);
    let erspan = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0x2a, 0, 0, 0, 0][..], &inner_frame()].concat();
    assert_eq!(opened(&in_ip(47, &erspan)), [("erspan", Some(42))]);
    assert_eq!(opened(&in_ip(4, &inner())), [("ipip", None)]);
    let gtp = [&[0x32, 255, 0, 0, 0, 0, 0, 6, 0, 1, 0, 0][..], &inner()].concat();
    assert_eq!(opened(&in_udp(2152, &gtp)), [("gtpu", Some(6))]);
    let extended = [&[0x34, 255, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0x85, 1, 9, 9, 0][..], &inner()].concat();
    assert_eq!(opened(&in_udp(2152, &extended)), [("gtpu", Some(6))]);
}

#[test]
fn ipv6_is_opened_in_ipv4_and_teredo() {
    let six = ipv6(17, &udp(CLIENT.1, 53, b"inside"));
    assert_eq!(opened(&in_ip(41, &six)), [("6in4", None)]);
    let teredo = [&[0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6][..], &six].concat();
    assert_eq!(opened(&in_udp(3544, &teredo)), [("teredo", None)]);
    let fragmented = in_ip(41, &ipv6(44, &[&[17, 0, 0, 0, 0, 0, 0, 1][..], &udp(CLIENT.1, 53, b"inside")].concat()));
    assert_eq!(opened(&fragmented), [("6in4", None)]);
}

#[test]
fn tunnels_in_tunnels_are_opened_to_a_depth() {
    let mut packet = inner();
    for _ in 0..3 {
        packet = ipv4(4, OUTER.0, OUTER.1, &packet);
    }
    assert_eq!(opened(&ethernet(0x0800, &packet)).len(), 3);
    for _ in 0..20 {
        packet = ipv4(4, OUTER.0, OUTER.1, &packet);
    }
    let mut bench = Bench::new(Limits::default());
    let frame = ethernet(0x0800, &packet);
    bench.bytes(&frame, frame.len());
    assert_eq!(bench.streams.stats().tunnels_too_deep, 1);
    assert!(bench.finish().is_empty());
}

#[test]
fn who_shares_addresses_is_told_apart_by_the_network_identifier() {
    let mut bench = Bench::new(Limits::default());
    for id in [1, 2, 1] {
        let frame = in_udp(4789, &[&[8, 0, 0, 0, 0, 0, id, 0][..], &inner_frame()].concat());
        bench.bytes(&frame, frame.len());
    }
    bench.streams.finish(&mut bench.sink);
    assert_eq!(bench.sink.2.len(), 2);
}

#[test]
fn what_is_no_tunnel_stays_what_it_is() {
    for payload in [&b"no header"[..], &[8, 0, 0, 0, 0, 0, 1, 0, 1, 2, 3]] {
        let mut bench = Bench::new(Limits::default());
        let frame = in_udp(4789, payload);
        bench.bytes(&frame, frame.len());
        let events = bench.finish();
        assert!(events.contains(&Event::Bytes(1, Sender::Client, 1, payload.to_vec())), "{events:?}");
    }
}
