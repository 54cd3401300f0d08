use super::*;
use hookline_packet::{Limits, Payload, Streams, decode};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
};

/// Captures on the loopback device, or says why that is not tried.
fn loopback() -> Option<AfPacket> {
    let options = AfPacketOptions { ring_bytes: 8 << 20, ..AfPacketOptions::default() };
    match AfPacket::open("lo", &options) {
        Ok(source) => Some(source),
        Err(error @ CaptureError::NotPermitted { .. }) => {
            eprintln!("SKIPPED: {error}; {}", error.hint().unwrap_or_default());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Calls `f` with frames until it is satisfied, or a hundred times nothing came.
fn drain_until(source: &mut AfPacket, mut f: impl FnMut(Frame<'_>) -> bool) -> bool {
    let (mut done, mut idle) = (false, 0);
    while !done && idle < 100 {
        match source.drain(64, &mut |frame| done |= f(frame)).unwrap() {
            Drained::Idle => idle += 1,
            Drained::Some(n) => assert!((1..=64).contains(&n)),
            Drained::Time(_) | Drained::End => panic!("a live source is whole and has no end"),
        }
    }
    done
}

#[test]
fn datagrams_on_loopback_come_once_each() {
    let Some(mut source) = loopback() else { return };
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let port = b.local_addr().unwrap().port();
    for i in 0..200u8 {
        a.send_to(&vec![i; usize::from(i) * 7], b.local_addr().unwrap()).unwrap();
    }
    let mut got = Vec::new();
    let done = drain_until(&mut source, |frame| {
        assert_eq!(frame.link, LinkType::ETHERNET);
        if let Ok(packet) = decode(&frame)
            && let Payload::Udp(datagram) = packet.payload
            && datagram.dst_port == port
        {
            got.push(datagram.data.bytes.to_vec());
        }
        got.len() >= 200
    });
    assert!(done, "{} of 200 came", got.len());
    assert!(got.iter().zip(0..).all(|(bytes, i)| *bytes == vec![i; usize::from(i) * 7]));
    assert!(source.stats().received >= 200);
    assert_eq!(source.stats().dropped, 0);
}

#[derive(Default)]
struct Bytes {
    port: u16,
    sides: [Vec<u8>; 2],
    gaps: u64,
    closed: bool,
}

impl hookline_packet::Sink for Bytes {
    type Flow = bool;
    fn open(&mut self, start: &hookline_packet::FlowStart<'_>) -> bool {
        start.server.port() == self.port
    }
    fn bytes(&mut self, ours: &mut bool, from: hookline_item::Sender, _: Seen, bytes: &[u8]) {
        if *ours {
            self.sides[from.index()].extend_from_slice(bytes);
        }
    }
    fn gap(&mut self, ours: &mut bool, _: hookline_item::Sender, _: Seen, missing: u64) {
        self.gaps += if *ours { missing } else { 0 };
    }
    fn fin(&mut self, _: &mut bool, _: hookline_item::Sender, _: Seen) {}
    fn close(&mut self, ours: bool, _: hookline_packet::Close, _: &hookline_packet::Totals) {
        self.closed |= ours;
    }
}

#[test]
fn a_tcp_connection_on_loopback_gives_the_bytes_sent() {
    let Some(mut source) = loopback() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (request, response) = (vec![b'q'; 100_000], (0..=255).cycle().take(1_000_000).collect::<Vec<u8>>());
    let sent = (request.clone(), response.clone());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = vec![0; request.len()];
        stream.read_exact(&mut got).unwrap();
        stream.write_all(&response).unwrap();
    });
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&sent.0).unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert_eq!(got, sent.1);
        sent
    });
    let mut sink = Bytes { port, ..Bytes::default() };
    let mut streams = Streams::new(Limits::default(), 0);
    let done = drain_until(&mut source, |frame| {
        streams.frame(&frame, &mut sink);
        sink.closed
    });
    server.join().unwrap();
    let sent = client.join().unwrap();
    assert!(done, "the connection's end was not seen");
    assert_eq!((sink.gaps, source.stats().dropped), (0, 0));
    assert!(sink.sides[0] == sent.0 && sink.sides[1] == sent.1);
}

#[test]
fn the_snap_length_cuts_frames_and_keeps_their_length() {
    let options = AfPacketOptions { snap_len: 100, ring_bytes: 2 << 20, ..AfPacketOptions::default() };
    if loopback().is_none() {
        return;
    }
    let mut source = AfPacket::open("lo", &options).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    socket.send_to(&[7; 1000], to).unwrap();
    assert!(drain_until(&mut source, |frame| {
        let ours = matches!(decode(&frame).map(|p| p.payload), Ok(Payload::Udp(d)) if d.dst_port == to.port());
        assert!(!ours || (frame.bytes.len(), frame.wire_len) == (100, 14 + 20 + 8 + 1000));
        ours
    }));
    assert!(source.stats().truncated >= 1);
}

#[test]
fn an_unknown_interface_is_named_with_those_there_are() {
    let error = AfPacket::open("hookline-none", &AfPacketOptions::default()).err().unwrap();
    let CaptureError::NoSuchInterface { known, .. } = &error else { panic!("{error}") };
    assert!(known.iter().any(|name| name == "lo"), "{known:?}");
}

#[test]
fn frames_that_find_no_room_are_counted() {
    if loopback().is_none() {
        return;
    }
    let options = AfPacketOptions { ring_bytes: 2 << 20, ..AfPacketOptions::default() };
    let mut source = AfPacket::open("lo", &options).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    for _ in 0..4000 {
        socket.send_to(&[7; 1400], to).unwrap();
    }
    let mut got = 0;
    drain_until(&mut source, |frame| {
        got += u64::from(matches!(decode(&frame).map(|p| p.payload), Ok(Payload::Udp(d)) if d.dst_port == to.port()));
        false
    });
    let dropped = source.stats().dropped;
    assert!(got < 4000 && got + dropped >= 4000, "{got} came, {dropped} were dropped");
}

#[test]
fn the_vlan_tag_that_the_kernel_takes_off_is_kept() {
    let Some(mut source) = loopback() else { return };
    // To nobody, from nobody, VLAN 77 with priority 5, a protocol number for experiments (IEEE 802).
    let frame = [&[0; 12][..], &[0x81, 0, 0xa0, 77, 0x88, 0xb5], b"hookline vlan test", &[0; 40]].concat();
    socket::send_raw("lo", &frame);
    assert!(drain_until(&mut source, |f| {
        let ours = f.bytes.windows(18).any(|w| w == b"hookline vlan test");
        ours && f.vlan == Some(77)
    }));
}

/// The kernel checks programs when they are attached, and drops by them: of two sockets' datagrams only those come that are asked for.
#[test]
fn the_kernel_leaves_out_what_the_filter_does() {
    if loopback().is_none() {
        return;
    }
    let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [wanted, other] = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    let ports = || Some([wanted.port()].into());
    let addresses = || Some(["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()].into());
    let elsewhere = Some(["10.255.255.1".parse().unwrap(), "2001:db8::1".parse().unwrap()].into());
    let every_value = || Some((1..=100).collect());
    let table = [
        (PacketFilter { ports: ports(), tunnel_ports: &[4789], ..PacketFilter::default() }, true, false),
        (PacketFilter { ports: ports(), addresses: addresses(), ..PacketFilter::default() }, true, false),
        (PacketFilter { addresses: addresses(), ..PacketFilter::default() }, true, true),
        (PacketFilter { addresses: elsewhere, ..PacketFilter::default() }, false, false),
        (PacketFilter { ports: ports(), vlans: Some([0].into()), ..PacketFilter::default() }, true, false),
        (PacketFilter { ports: every_value(), addresses: addresses(), vlans: every_value(), tunnel_ports: &[4789, 8472] }, false, false),
    ];
    for (filter, expected, expected_of_other) in table {
        let options = AfPacketOptions { ring_bytes: 2 << 20, filter: filter.clone(), ..AfPacketOptions::default() };
        let mut source = AfPacket::open("lo", &options).unwrap();
        for (from, to) in [(&sockets[1], other), (&sockets[0], wanted)] {
            from.send_to(b"hookline filter test", to).unwrap();
        }
        let mut seen = [false; 2];
        drain_until(&mut source, |frame| {
            if let Ok(Payload::Udp(datagram)) = decode(&frame).map(|packet| packet.payload) {
                seen[0] |= datagram.dst_port == wanted.port();
                seen[1] |= datagram.dst_port == other.port();
            }
            seen == [expected, expected_of_other] && expected
        });
        assert_eq!(seen, [expected, expected_of_other], "{filter:?}");
    }
}
