//! What must hold for all inputs.

use super::{Bench, CLIENT, Event, SERVER, Segment, ethernet, ipv4, ipv6, text, udp};
use crate::{Limits, Payload, TcpFlags, decode};
use etherparse::{LaxSlicedPacket, TransportSlice};
use hookline_item::{Frame, LinkType, Seen, Sender::Client};
use proptest::prelude::*;
use std::net::IpAddr;

const LINK_TYPES: [u32; 15] = [0, 1, 9, 12, 14, 50, 101, 107, 108, 113, 228, 229, 239, 276, 147];

fn frame(link: u32, bytes: &[u8], wire_len: u32) -> Frame<'_> {
    Frame { seen: Seen::default(), interface: 0, link: LinkType(link), wire_len, vlan: None, bytes }
}

/// A frame of a stream: where it starts, how long it is, when it is sent.
fn pieces(len: usize) -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0..len, 1..40usize, 0..12usize), 0..60)
}

/// Packets with many of the headers that there are, to be changed and cut.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let tcp = Segment { from: Client, seq: 7, ack: Some(9), flags: TcpFlags::PSH, data: b"some payload" }.tcp();
    let sctp = [&[1, 2, 3, 4][..], &[0; 8], &[0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 46, b'd', b'a', b't', b'a']].concat();
    let vxlan =
        udp(9, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &ethernet(0x0800, &ipv4(17, CLIENT.0, SERVER.0, &udp(1, 2, b"in")))].concat());
    let gre = [&[0x30, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &ipv4(17, CLIENT.0, SERVER.0, &udp(1, 2, b"in"))].concat();
    let transports = [
        (17, udp(53, 5353, b"payload")),
        (6, tcp),
        (1, vec![8, 0, 0, 0, 0, 1, 0, 2, 3]),
        (58, vec![128, 0, 0, 0, 0, 1, 0, 2, 3]),
        (132, sctp),
        (17, vxlan),
        (47, gre),
    ];
    let mut frames = Vec::new();
    for (protocol, body) in &transports {
        let v4 = ipv4(*protocol, CLIENT.0, SERVER.0, body);
        let v6 = ipv6(*protocol, body);
        let authenticated = ipv4(51, CLIENT.0, SERVER.0, &[&[*protocol, 4][..], &[0; 22], body].concat());
        let extended = ipv6(0, &[&[60, 0, 1, 4, 0, 0, 0, 0, *protocol, 0, 1, 4, 0, 0, 0, 0][..], body].concat());
        let fragment = ipv6(44, &[&[*protocol, 0, 0, 1, 0, 0, 0, 1][..], body].concat());
        frames.extend([
            ethernet(0x0800, &v4),
            ethernet(0x0800, &authenticated),
            ethernet(0x86dd, &v6),
            ethernet(0x86dd, &extended),
            ethernet(0x86dd, &fragment),
        ]);
        frames.push(ethernet(0x88a8, &[&[0, 5, 0x81, 0, 0, 6, 8, 0], &v4[..]].concat()));
    }
    (prop::sample::select(frames), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3), any::<prop::sample::Index>())
        .prop_map(|(mut bytes, changes, cut)| {
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            // Mostly whole.
            let cut = cut.index(bytes.len() * 3);
            bytes.truncate(cut.max(1));
            bytes
        })
}

/// The ICMP message in a packet.
fn message<'a>(packet: &crate::Packet<'a>) -> Option<&'a [u8]> {
    match packet.payload {
        Payload::Icmp(message) => Some(message.bytes),
        _ => None,
    }
}

proptest! {
    #[test]
    fn any_bytes_decode(link in prop::sample::select(&LINK_TYPES[..]), bytes in prop::collection::vec(any::<u8>(), 0..200), more in 0u32..100) {
        let wire_len = bytes.len() as u32 + more;
        if let Ok(packet) = decode(&frame(link, &bytes, wire_len)) {
            let span = match packet.payload {
                Payload::Unusable(_, span) => span,
                Payload::Fragment(fragment) => fragment.bytes,
                Payload::Tcp(segment) => segment.data,
                Payload::Udp(datagram) => datagram.data,
                Payload::Sctp(packet) => packet.chunks,
                Payload::Icmp(message) => message,
            };
            prop_assert!(span.wire_len() <= wire_len as usize);
        }
    }

    #[test]
    fn any_frames_pass_the_flow_table(frames in prop::collection::vec((packets(), 0u64..3_000_000_000), 0..60)) {
        let mut bench = Bench::new(Limits { flows_max: 4, ..Limits::default() });
        for (bytes, nanos) in frames {
            bench.now.0 += nanos;
            bench.bytes(&bytes, bytes.len());
        }
        bench.finish();
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_cut_and_mixed(
        stream in prop::collection::vec(b'a'..=b'z', 1..400), extra in pieces(400), order in prop::collection::vec(0..12usize, 400), start: u32, size in 1..50usize,
    ) {
        let mut bench = Bench::new(Limits::default());
        bench.handshake(start, 500);
        // Each byte is sent at least once; segments are sent up to 12 places late.
        let base = stream.chunks(size).enumerate().map(|(i, c)| (i * size, c.len(), order[i]));
        let mut sent: Vec<_> = base.chain(extra.into_iter().filter(|e| e.0 < stream.len())).enumerate().map(|(i, (at, len, late))| (i + late, at, len)).collect();
        sent.sort();
        for (_, at, len) in sent {
            let data = &stream[at..(at + len).min(stream.len())];
            bench.send(Segment { from: Client, seq: start.wrapping_add(at as u32), ack: None, flags: TcpFlags::default(), data });
        }
        bench.send(Segment { from: Client, seq: start.wrapping_add(stream.len() as u32), ack: None, flags: TcpFlags::FIN, data: b"" });
        prop_assert_eq!(text(&bench.finish(), Client), String::from_utf8(stream).unwrap() + "$");
    }

    #[test]
    fn what_is_delivered_and_what_is_missing_make_the_whole(sent in pieces(2000), start: u32, cap in 1..2000usize, acks in prop::collection::vec(0..2100u32, 60), waits in prop::collection::vec(0..900u64, 60)) {
        let mut bench = Bench::new(Limits { held_bytes_per_side_max: cap, ..Limits::default() });
        bench.handshake(start, 500);
        let highest = sent.iter().map(|(at, len, _)| at + len).max().unwrap_or(0) as u64;
        for (i, (at, len, _)) in sent.iter().enumerate() {
            let data: Vec<u8> = (*at..at + len).map(|i| i as u8).collect();
            bench.send(Segment { from: Client, seq: start.wrapping_add(*at as u32), ack: None, flags: TcpFlags::default(), data: &data });
            bench.send(Segment { from: hookline_item::Sender::Server, seq: 500, ack: Some(start.wrapping_add(acks[i])), flags: TcpFlags::default(), data: b"" });
            bench.wait(waits[i]);
        }
        let mut at = 0u64;
        for event in bench.finish() {
            match event {
                Event::Bytes(_, _, _, bytes) => {
                    prop_assert!(bytes.iter().enumerate().all(|(i, b)| *b == (at as usize + i) as u8), "bytes at their place");
                    at += bytes.len() as u64;
                }
                Event::Gap(_, _, missing) => at += missing,
                _ => {}
            }
        }
        prop_assert_eq!(at, highest);
    }

    /// What a lane makes of a flow does not depend on how often it is told the time by other flows' frames.
    #[test]
    fn being_told_the_time_changes_nothing(segments in prop::collection::vec((any::<bool>(), 0..400u32, 1..60usize, 0..400u32, 0..9000u64), 1..40), ticks in prop::collection::vec(0..9u64, 40)) {
        let run = |ticks: &[u64]| {
            let mut bench = Bench::new(Limits { tcp_idle_timeout: std::time::Duration::from_secs(5), ..Limits::default() });
            bench.handshake(1000, 1000);
            for ((from_client, at, len, ack, wait), ticks) in segments.iter().zip(ticks) {
                let from = if *from_client { Client } else { hookline_item::Sender::Server };
                let start = bench.now;
                for tick in 1..=*ticks {
                    bench.now.0 = start.0 + wait * 1_000_000 * tick / (ticks + 1);
                    bench.streams.advance(bench.now, &mut bench.sink);
                }
                bench.now.0 = start.0 + wait * 1_000_000;
                bench.send(Segment { from, seq: 1000 + at, ack: Some(1000 + ack), flags: TcpFlags::default(), data: &[b'x'; 60][..*len] });
            }
            bench.finish()
        };
        prop_assert_eq!(run(&[0; 40]), run(&ticks));
    }

    #[test]
    fn etherparse_agrees(bytes in packets()) {
        let Ok(theirs) = LaxSlicedPacket::from_ethernet(&bytes) else { return Ok(()) };
        // What it could not read to the end, and UDP lengths that contradict the IP length, are matters of taste.
        if theirs.stop_err.is_some() {
            return Ok(());
        }
        let ours = decode(&frame(1, &bytes, bytes.len() as u32));
        let expected = match (&theirs.net, &theirs.transport) {
            (Some(net), Some(transport)) => (net, transport),
            _ => return Ok(()),
        };
        let addresses = match expected.0 {
            // A total length below the header's is read as "all there is" by etherparse; receivers drop such packets (RFC 1812 §5.2.2).
            etherparse::LaxNetSlice::Ipv4(ip) if (1..ip.header().slice().len()).contains(&ip.header().total_len().into()) => {
                prop_assert!(matches!(ours, Err(crate::Reason::BadIp)));
                return Ok(());
            }
            etherparse::LaxNetSlice::Ipv4(ip) => (IpAddr::V4(ip.header().source_addr()), IpAddr::V4(ip.header().destination_addr())),
            etherparse::LaxNetSlice::Ipv6(ip) => (IpAddr::V6(ip.header().source_addr()), IpAddr::V6(ip.header().destination_addr())),
            etherparse::LaxNetSlice::Arp(_) => return Ok(()),
        };
        match (expected.1, ours) {
            (TransportSlice::Tcp(tcp), Ok(packet)) => {
                prop_assert_eq!((packet.src, packet.dst), addresses);
                let Payload::Tcp(s) = packet.payload else { return Err(TestCaseError::fail(format!("{packet:?}"))) };
                prop_assert_eq!((s.src_port, s.dst_port, s.seq, s.ack), (tcp.source_port(), tcp.destination_port(), tcp.sequence_number(), tcp.acknowledgment_number()));
                prop_assert_eq!(s.data.bytes, tcp.payload());
                prop_assert_eq!(s.flags.has(TcpFlags::SYN), tcp.syn());
            }
            // The same for a length below the UDP header's.
            (TransportSlice::Udp(udp), Ok(packet)) if (1..8).contains(&udp.length()) => {
                prop_assert!(matches!(packet.payload, Payload::Unusable(crate::Reason::BadTransport, _)));
            }
            (TransportSlice::Udp(udp), Ok(packet)) => {
                prop_assert_eq!((packet.src, packet.dst), addresses);
                let Payload::Udp(d) = packet.payload else { return Err(TestCaseError::fail(format!("{packet:?}"))) };
                prop_assert_eq!((d.src_port, d.dst_port, d.data.bytes), (udp.source_port(), udp.destination_port(), udp.payload()));
            }
            (TransportSlice::Icmpv4(icmp), Ok(packet)) => prop_assert_eq!(message(&packet), Some(icmp.slice())),
            (TransportSlice::Icmpv6(icmp), Ok(packet)) => prop_assert_eq!(message(&packet), Some(icmp.slice())),
            (TransportSlice::Igmp(_), Ok(packet)) => prop_assert!(matches!(packet.payload, Payload::Unusable(..))),
            (_, Err(reason)) => return Err(TestCaseError::fail(format!("{reason:?}"))),
        }
    }
}
