//! Which packets are one flow, who is client, and when flows end.

use super::{Bench, CLIENT, Event, SERVER, Segment, ethernet, ipv4, text, udp};
use crate::{Close, Limits, Reason, TcpFlags};
use hookline_item::Sender::{self, Client, Server};

fn segment(from: Sender, seq: u32, ack: Option<u32>, flags: TcpFlags, data: &[u8]) -> Segment<'_> {
    Segment { from, seq, ack, flags, data }
}

fn datagram(src: ([u8; 4], u16), dst: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(17, src.0, dst.0, &udp(src.1, dst.1, payload)))
}

fn opened(first: Segment<'_>) -> Event {
    let mut bench = Bench::new(Limits::default());
    bench.send(first);
    bench.sink.0.swap_remove(0)
}

#[test]
fn roles() {
    let sure = Event::Open { client: 40_000, server: 80, guessed: false, mid_stream: false };
    let guess = Event::Open { client: 40_000, server: 80, guessed: true, mid_stream: true };
    assert_eq!(opened(segment(Client, 1, None, TcpFlags::SYN, b"")), sure);
    assert_eq!(opened(segment(Server, 1, Some(5), TcpFlags::SYN, b"")), sure);
    assert_eq!(opened(segment(Client, 1, Some(5), TcpFlags::PSH, b"x")), guess);
    assert_eq!(opened(segment(Server, 1, Some(5), TcpFlags::PSH, b"x")), guess);
    // A client on a low port is believed if it sends the SYN.
    let upside_down = Event::Open { client: 80, server: 40_000, guessed: false, mid_stream: false };
    assert_eq!(opened(segment(Server, 1, None, TcpFlags::SYN, b"")), upside_down);
}

#[test]
fn a_syn_ack_tells_where_the_client_starts() {
    let mut bench = Bench::new(Limits::default());
    bench.send(segment(Server, 99, Some(10), TcpFlags::SYN, b""));
    bench.send(segment(Client, 13, Some(100), TcpFlags::PSH, b"def"));
    bench.send(segment(Client, 10, Some(100), TcpFlags::PSH, b"abc"));
    assert_eq!(text(&bench.finish(), Client), "abcdef");
}

#[test]
fn a_missing_syn_ack_does_no_harm() {
    let mut bench = Bench::new(Limits::default());
    bench.send(segment(Client, 9, None, TcpFlags::SYN, b""));
    bench.send(segment(Client, 10, Some(100), TcpFlags::default(), b""));
    bench.send(segment(Server, 103, Some(10), TcpFlags::PSH, b"def"));
    bench.send(segment(Server, 100, Some(10), TcpFlags::PSH, b"abc"));
    assert_eq!(text(&bench.finish(), Server), "abcdef");
}

#[test]
fn a_late_syn_belongs_to_the_data_before_it() {
    let mut bench = Bench::new(Limits::default());
    bench.send(segment(Client, 10, Some(100), TcpFlags::PSH, b"abc"));
    bench.send(segment(Client, 9, None, TcpFlags::SYN, b""));
    bench.send(segment(Server, 99, Some(10), TcpFlags::SYN, b""));
    bench.send(segment(Client, 13, Some(100), TcpFlags::PSH, b"def"));
    let events = bench.finish();
    assert_eq!(text(&events, Client), "abcdef");
    assert_eq!(events.iter().filter(|e| matches!(e, Event::Open { .. })).count(), 1);
}

#[test]
fn ports_are_used_again() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(10, 100);
    bench.send(segment(Client, 10, Some(100), TcpFlags::PSH, b"old"));
    bench.send(segment(Client, 9, None, TcpFlags::SYN, b""));
    bench.handshake(7_000_000, 8_000_000);
    bench.send(segment(Client, 7_000_000, Some(8_000_000), TcpFlags::FIN, b"new"));
    bench.send(segment(Server, 8_000_000, Some(7_000_004), TcpFlags::FIN, b""));
    bench.handshake(20, 200);
    bench.send(segment(Client, 20, Some(200), TcpFlags::PSH, b"newest"));
    let events = bench.finish();
    assert_eq!(text(&events, Client), "oldnew$newest");
    let closes: Vec<_> = events.iter().filter(|e| matches!(e, Event::Close(..))).collect();
    assert_eq!(closes, [&Event::Close(1, Close::PortReused), &Event::Close(6, Close::Fin), &Event::Close(11, Close::End)]);
}

#[test]
fn idle_flows_end_at_packet_time() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(10, 100);
    let query = datagram(CLIENT, ([10, 0, 0, 9], 53), b"?");
    bench.bytes(&query, query.len());
    bench.wait(59_000);
    bench.bytes(&query, query.len());
    bench.wait(61_500);
    bench.streams.advance(bench.now, &mut bench.sink);
    assert_eq!(bench.sink.0.last(), Some(&Event::Close(4, Close::Idle)));
    bench.wait(900_000);
    bench.send(segment(Client, 10, Some(100), TcpFlags::PSH, b"late"));
    assert_eq!(bench.streams.stats().closed(Close::Idle), 2);
    assert_eq!(bench.sink.0.last(), Some(&Event::Bytes(6, Client, 6, b"late".to_vec())), "a packet after the time-out begins a flow");
}

#[test]
fn datagrams_find_their_flow_in_both_directions() {
    let mut bench = Bench::new(Limits::default());
    let (client, server) = (([10, 0, 0, 1], 5353), ([10, 0, 0, 2], 53));
    for (src, dst, payload) in [(client, server, &b"query"[..]), (server, client, b"answer"), (client, server, b"")] {
        let frame = datagram(src, dst, payload);
        assert_eq!(bench.bytes(&frame, frame.len()).payload_len, payload.len());
    }
    let events = bench.finish();
    assert_eq!((text(&events, Client), text(&events, Server)), ("query".into(), "answer".into()));
    assert_eq!(events.len(), 5, "the empty datagram is one, too");
    // The answer is seen first: the well-known port is the server.
    let mut bench = Bench::new(Limits::default());
    let frame = datagram(server, client, b"answer");
    bench.bytes(&frame, frame.len());
    assert_eq!(text(&bench.finish(), Server), "answer");
}

#[test]
fn the_flow_idle_for_longest_makes_room() {
    let mut bench = Bench::new(Limits { flows_max: 3, ..Limits::default() });
    for host in 1..=3 {
        let frame = datagram(([10, 0, 0, host], 1000), SERVER, b"x");
        bench.bytes(&frame, frame.len());
        bench.wait(2000);
    }
    let again = datagram(([10, 0, 0, 1], 1000), SERVER, b"x");
    bench.bytes(&again, again.len());
    let new = datagram(([10, 0, 0, 4], 1000), SERVER, b"x");
    bench.bytes(&new, new.len());
    assert_eq!(bench.sink.0.iter().filter(|e| matches!(e, Event::Close(2, Close::Evicted))).count(), 1);
    assert_eq!((bench.streams.flows(), bench.streams.stats().closed(Close::Evicted)), (3, 1));
    bench.finish();
}

#[test]
fn vlans_are_separate_only_where_wanted() {
    for (separate_vlans, flows) in [(false, 1), (true, 2)] {
        let mut bench = Bench::new(Limits { separate_vlans, ..Limits::default() });
        let ip = ipv4(17, CLIENT.0, SERVER.0, &udp(1, 2, b"x"));
        for vlan in [5, 6] {
            let frame = ethernet(0x8100, &[&[0, vlan, 8, 0], &ip[..]].concat());
            assert_eq!(bench.bytes(&frame, frame.len()).vlan, Some(vlan.into()));
        }
        assert_eq!(bench.streams.flows(), flows);
    }
}

#[test]
fn a_summary_tells_what_a_frame_is() {
    let mut bench = Bench::new(Limits::default());
    let summary = bench.send(segment(Client, 1, Some(2), TcpFlags::PSH, b"abc"));
    let (src, dst) = summary.addresses.unwrap();
    assert_eq!((src.to_string(), dst.to_string()), ("10.0.0.1:40000".into(), "10.0.0.2:80".into()));
    assert_eq!(format!("{:?}", summary.tcp_flags.unwrap()), "PSH|ACK");
    assert_eq!((summary.protocol, summary.payload_len, summary.dropped), (Some(6), 3, None));
    let ping = ethernet(0x0800, &ipv4(2, CLIENT.0, SERVER.0, &[8, 0, 0, 0]));
    let summary = bench.bytes(&ping, ping.len());
    assert_eq!((summary.protocol, summary.payload_len, summary.dropped), (Some(2), 4, Some(Reason::OtherTransport)));
    assert_eq!(bench.streams.stats().dropped(Reason::OtherTransport), 1);
}

/// What a conversation item says of a connection.
#[test]
fn totals_tell_what_happened() {
    use Sender::{Client, Server};
    let mut bench = Bench::new(Limits::default());
    bench.handshake(100, 500);
    let plain = |from, seq, ack, data| Segment { from, seq, ack: Some(ack), flags: TcpFlags::default(), data };
    bench.send(plain(Client, 100, 500, b"0123456789"));
    bench.send(plain(Client, 100, 500, b"0123456789"));
    bench.wait(20);
    bench.send(plain(Server, 500, 110, b"answer"));
    bench.send(plain(Client, 116, 506, b"behind"));
    bench.send(plain(Client, 110, 506, b"before"));
    bench.send(plain(Server, 505, 122, b""));
    bench.send(Segment { from: Client, seq: 122, ack: Some(506), flags: TcpFlags::RST, data: b"" });
    bench.streams.finish(&mut bench.sink);
    let (_, totals) = bench.sink.1[0];
    let (client, server) = (totals.client, totals.server);
    assert!(totals.established);
    assert_eq!((client.packets, client.bytes, client.retransmissions, client.out_of_order, client.resets), (7, 32, 1, 1, 1));
    assert_eq!((server.packets, server.bytes, server.probes, server.gaps), (3, 6, 1, 0));
    // SYN to SYN-ACK, SYN-ACK to ACK, the answer to its acknowledgment; the request was sent twice and is not measured.
    assert_eq!((totals.round_trips.count, totals.round_trips.p50.abs_diff(1000) < 130), (3, true));
    assert_eq!((totals.first.frame, totals.last.frame), (1, 10));
}
