//! Each link type, each header, each way in which they can be cut or wrong.

use super::{CLIENT, SERVER, ethernet, ipv4, ipv6, udp};
use crate::{Packet, Payload, Reason, decode};
use hookline_item::{Frame, LinkType, Seen};

fn frame(link: LinkType, bytes: &[u8], wire_len: usize) -> Frame<'_> {
    Frame { seen: Seen::default(), interface: 0, link, wire_len: u32::try_from(wire_len).unwrap(), vlan: None, bytes }
}

fn read(link: LinkType, bytes: &[u8]) -> Result<Packet<'_>, Reason> {
    decode(&frame(link, bytes, bytes.len()))
}

/// Captured payload and how much is missing, of a UDP datagram.
fn datagram<'a>(packet: &Packet<'a>) -> (&'a [u8], usize) {
    match packet.payload {
        Payload::Udp(d) => (d.data.bytes, d.data.missing),
        other => panic!("{other:?}"),
    }
}

fn reason(result: Result<Packet<'_>, Reason>) -> Reason {
    match result {
        Err(reason) | Ok(Packet { payload: Payload::Unusable(reason, _), .. }) => reason,
        Ok(other) => panic!("{other:?}"),
    }
}

fn hello4() -> Vec<u8> {
    ipv4(17, CLIENT.0, SERVER.0, &udp(1, 2, b"hello"))
}

#[test]
fn link_types() {
    let (v4, v6) = (hello4(), ipv6(17, &udp(1, 2, b"hello")));
    let cases: [(&str, LinkType, &[u8], &[u8]); 17] = [
        ("null, little-endian", LinkType::NULL, &[2, 0, 0, 0], &v4),
        ("null, big-endian", LinkType::NULL, &[0, 0, 0, 2], &v4),
        ("null, IPv6 of macOS", LinkType::NULL, &[30, 0, 0, 0], &v6),
        ("null, HDLC", LinkType::NULL, &[15, 0, 8, 0], &v4),
        ("loop", LinkType::LOOP, &[0, 0, 0, 24], &v6),
        ("raw", LinkType::RAW, &[], &v4),
        ("raw, DLT", LinkType::DLT_RAW, &[], &v6),
        ("IPv4", LinkType::IPV4, &[], &v4),
        ("IPv6", LinkType::IPV6, &[], &v6),
        ("SLL", LinkType::LINUX_SLL, &[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0], &v4),
        ("SLL2", LinkType::LINUX_SLL2, &[0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0], &v6),
        ("802.3 with SNAP", LinkType::ETHERNET, &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0, 41, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &v4),
        ("PPP", LinkType(9), &[0, 0x21], &v4),
        ("PPP with address and control", LinkType(9), &[0xff, 3, 0, 0x57], &v6),
        ("PPPoE", LinkType::ETHERNET, &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0x88, 0x64, 0x11, 0, 0, 1, 0, 35, 0, 0x21], &v4),
        ("MPLS", LinkType::ETHERNET, &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64], &v6),
        ("priority tag", LinkType::ETHERNET, &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0x81, 0, 0xe0, 0, 8, 0], &v4),
    ];
    for (name, link, header, ip) in cases {
        let bytes = [header, ip].concat();
        let packet = read(link, &bytes).unwrap_or_else(|reason| panic!("{name}: {reason:?}"));
        assert_eq!(datagram(&packet), (&b"hello"[..], 0), "{name}");
        assert_eq!(packet.vlan, None, "{name}");
        for cut in 0..header.len() {
            let reason = reason(read(link, &bytes[..cut]));
            // Without its SNAP header, an 802.3 frame is nothing that we know.
            assert!(reason == Reason::TruncatedLink || (name.starts_with("802.3") && reason == Reason::NotIp), "{name} cut at {cut}");
        }
    }
}

#[test]
fn wireless_links() {
    let ip = hello4();
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let plain = |kind: u8, flags: u8, more: usize| [&[kind, flags][..], &vec![0; 22 + more], &snap, &ip].concat();
    let frames = [plain(0x08, 0x01, 0), plain(0x88, 0x02, 2), plain(0x88, 0x83, 12), plain(0x08, 0x03, 6)];
    for frame in &frames {
        let radiotap = [&[0, 0, 10, 0, 0, 0, 0, 0, 0, 0][..], frame].concat();
        let ppi = [&[0, 0, 8, 0, 105, 0, 0, 0][..], frame].concat();
        for (link, bytes) in [(105, frame), (127, &radiotap), (192, &ppi)] {
            assert_eq!(datagram(&read(LinkType(link), bytes).unwrap()), (&b"hello"[..], 0), "{link}");
            for cut in 0..bytes.len() - ip.len() {
                assert_eq!(reason(read(LinkType(link), &bytes[..cut])), Reason::TruncatedLink, "{link} cut at {cut}");
            }
        }
    }
    // A beacon, a frame without data, an encrypted one.
    for (kind, flags) in [(0x80, 0), (0x48, 1), (0x08, 0x41)] {
        assert_eq!(reason(read(LinkType(105), &plain(kind, flags, 0))), Reason::NotIp);
    }
    assert_eq!(reason(read(LinkType(192), &[0, 0, 8, 0, 77, 0, 0, 0, 1])), Reason::UnknownLink);
}

#[test]
fn vlan_tags() {
    let ip = hello4();
    let tagged = |tags: &[u8]| [&[0; 12][..], tags, &[8, 0], &ip].concat();
    let q_in_q = tagged(&[0x88, 0xa8, 0x20, 100, 0x81, 0, 0, 200]);
    assert_eq!(read(LinkType::ETHERNET, &q_in_q).unwrap().vlan, Some(200));
    let priority_inside = tagged(&[0x91, 0, 0, 100, 0x81, 0, 0xa0, 0]);
    assert_eq!(read(LinkType::ETHERNET, &priority_inside).unwrap().vlan, Some(100));
    let untagged = tagged(&[]);
    let kernel_took_it = Frame { vlan: Some(7), ..frame(LinkType::ETHERNET, &untagged, untagged.len()) };
    assert_eq!(decode(&kernel_took_it).unwrap().vlan, Some(7));
    let one_left = Frame { vlan: Some(7), ..frame(LinkType::ETHERNET, &q_in_q, q_in_q.len()) };
    assert_eq!(decode(&one_left).unwrap().vlan, Some(200));
    assert_eq!(reason(read(LinkType::ETHERNET, &tagged(&[0x81, 0, 0, 1].repeat(100)))), Reason::NotIp);
}

#[test]
fn reasons() {
    let ip = hello4();
    let with = |at: usize, value: u8| {
        let mut changed = ip.clone();
        changed[at] = value;
        changed
    };
    let cases = [
        (Reason::UnknownLink, LinkType(147), ip.clone()),
        (Reason::NotIp, LinkType::ETHERNET, ethernet(0x0806, &[0; 28])),
        (Reason::NotIp, LinkType::NULL, [&[7, 0, 0, 0][..], &ip].concat()),
        (Reason::TruncatedIp, LinkType::RAW, vec![]),
        (Reason::TruncatedIp, LinkType::RAW, ip[..19].to_vec()),
        (Reason::BadIp, LinkType::RAW, with(0, 0x55)),
        (Reason::BadIp, LinkType::RAW, with(0, 0x44)),
        (Reason::BadIp, LinkType::RAW, with(3, 19)),
        (Reason::BadIp, LinkType::IPV6, ip.clone()),
        (Reason::OtherTransport, LinkType::RAW, with(9, 2)),
        (Reason::TruncatedTransport, LinkType::RAW, ip[..27].to_vec()),
        (Reason::TruncatedTransport, LinkType::RAW, with(9, 6)),
        (Reason::BadTransport, LinkType::RAW, with(25, 7)),
        (Reason::BadTransport, LinkType::RAW, ipv4(6, [1; 4], [2; 4], &[0; 20])),
        (Reason::TruncatedIp, LinkType::RAW, ipv6(0, &[17, 1, 0, 0, 0, 0, 0, 0])),
        (Reason::BadIp, LinkType::RAW, ipv6(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(20))),
        (Reason::OtherTransport, LinkType::RAW, ipv6(59, &[])),
    ];
    for (expected, link, bytes) in cases {
        assert_eq!(reason(read(link, &bytes)), expected, "{bytes:02x?}");
    }
}

#[test]
fn ipv4_lengths() {
    let ip = hello4();
    let padded = ethernet(0x0800, &[&ip[..], &[0; 13]].concat());
    assert_eq!(datagram(&read(LinkType::ETHERNET, &padded).unwrap()), (&b"hello"[..], 0));
    // Options: header of 24 bytes.
    let mut options = [&ip[..20], &[1, 1, 1, 0], &ip[20..]].concat();
    (options[0], options[3]) = (0x46, options[3] + 4);
    assert_eq!(datagram(&read(LinkType::RAW, &options).unwrap()), (&b"hello"[..], 0));
    // GSO: lengths 0 mean all there is.
    let mut gso = [&ip[..], b" and more"].concat();
    (gso[2], gso[3], gso[24], gso[25]) = (0, 0, 0, 0);
    assert_eq!(datagram(&read(LinkType::RAW, &gso).unwrap()), (&b"hello and more"[..], 0));
    // Cut by the snap length: what is missing is known.
    assert_eq!(datagram(&decode(&frame(LinkType::RAW, &ip[..30], 33)).unwrap()), (&b"he"[..], 3));
    // The header says more than was on the wire: only the wire is believed.
    assert_eq!(datagram(&read(LinkType::RAW, &ip[..30]).unwrap()), (&b"he"[..], 0));
}

#[test]
fn ipv6_extension_headers() {
    let datagram_bytes = udp(1, 2, b"hello");
    let chain = [
        &[60, 0, 1, 4, 0, 0, 0, 0][..],                                             // hop-by-hop, then
        &[43, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],                         // destination options (16 bytes), then
        &[44, 0, 0, 0, 0, 0, 0, 0],                                                 // routing, then
        &[51, 0, 0, 0, 1, 2, 3, 4],                                                 // an atomic fragment, then
        &[17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], // authentication (24 bytes)
        &datagram_bytes,
    ]
    .concat();
    let whole = ipv6(0, &chain);
    let packet = read(LinkType::RAW, &whole).unwrap();
    assert_eq!((packet.protocol, datagram(&packet)), (17, (&b"hello"[..], 0)));
    let mut jumbo = whole.clone();
    (jumbo[4], jumbo[5]) = (0, 0);
    assert_eq!(datagram(&read(LinkType::RAW, &jumbo).unwrap()).0, b"hello");
}

#[test]
fn fragments_are_told_and_not_read() {
    let mut first = hello4();
    (first[4], first[5], first[6]) = (0xab, 0xcd, 0x20);
    let Payload::Fragment(f) = read(LinkType::RAW, &first).unwrap().payload else { panic!("not a fragment") };
    assert_eq!((f.id, f.offset, f.more, f.bytes.wire_len()), (0xabcd, 0, true, 13));
    (first[6], first[7]) = (0, 3);
    let Payload::Fragment(f) = read(LinkType::RAW, &first).unwrap().payload else { panic!("not a fragment") };
    assert_eq!((f.offset, f.more), (24, false));
    let v6 = ipv6(44, &[&[17, 0, 0, 0x11, 0, 0, 0xab, 0xcd][..], b"abcdefgh"].concat());
    let packet = read(LinkType::RAW, &v6).unwrap();
    let Payload::Fragment(f) = packet.payload else { panic!("not a fragment") };
    assert_eq!((packet.protocol, f.id, f.offset, f.more, f.bytes.bytes), (17, 0xabcd, 16, true, &b"abcdefgh"[..]));
}

#[test]
fn tcp_options_may_be_cut_off() {
    let tcp = [&[0, 80, 0, 81, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x18, 1, 0, 0, 0, 0, 0][..], &[1; 12], b"data"].concat();
    let ip = ipv4(6, CLIENT.0, SERVER.0, &tcp);
    let segment = |bytes: &[u8]| match decode(&frame(LinkType::RAW, bytes, ip.len())).unwrap().payload {
        Payload::Tcp(s) => (s.seq, s.ack, s.window, s.data.bytes.len(), s.data.missing),
        other => panic!("{other:?}"),
    };
    assert_eq!(segment(&ip), (1, 2, 256, 4, 0));
    assert_eq!(segment(&ip[..54]), (1, 2, 256, 2, 2));
    assert_eq!(segment(&ip[..45]), (1, 2, 256, 0, 4));
}
