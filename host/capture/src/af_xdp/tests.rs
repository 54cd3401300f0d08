use super::*;
use crate::testing::Cable;
use hookline_packet::{Payload, decode};
use std::{collections::BTreeSet, net::UdpSocket};

/// Captures at the end of the cable; `None` where the kernel has no AF_XDP for it.
fn open(cable: &Cable, lanes: u32, options: &AfXdpOptions) -> Vec<AfXdp> {
    cable.capture(|| AfXdp::open("vb", lanes, options)).unwrap()
}

/// Drains until nothing comes any more; calls `f` with the UDP payload of each frame.
fn drain(lanes: &mut [AfXdp], mut f: impl FnMut(usize, &Frame<'_>, &[u8])) {
    let mut idle = 0;
    while idle < 20 * lanes.len() {
        for (index, lane) in lanes.iter_mut().enumerate() {
            let drained = lane.drain(64, &mut |frame| {
                if let Ok(packet) = decode(&frame)
                    && let Payload::Udp(datagram) = packet.payload
                {
                    f(index, &frame, datagram.data.bytes);
                }
            });
            idle = if matches!(drained.unwrap(), Drained::Some(_)) { 0 } else { idle + 1 };
        }
    }
}

fn socket() -> UdpSocket {
    UdpSocket::bind("10.99.0.1:0").unwrap()
}

#[test]
fn datagrams_on_a_cable_come_once_each_with_their_times() {
    let Some(cable) = Cable::new(1500, 1) else { return };
    let mut lanes = open(&cable, 1, &AfXdpOptions::default());
    let now = || socket::clock(libc::CLOCK_REALTIME);
    let before = now();
    cable.send(|| {
        let socket = socket();
        for i in 0..200_u8 {
            socket.send_to(&vec![i; usize::from(i) * 7], "10.99.0.2:4000").unwrap();
        }
    });
    let after = now();
    let (mut got, mut times) = (Vec::new(), Vec::new());
    drain(&mut lanes, |_, frame, bytes| {
        assert_eq!((frame.link, frame.wire_len as usize), (LinkType::ETHERNET, frame.bytes.len()));
        times.push(frame.seen.at.0);
        got.push(bytes.to_vec());
    });
    assert_eq!(got.len(), 200);
    assert!(got.iter().zip(0..).all(|(bytes, i)| *bytes == vec![i; usize::from(i) * 7]));
    // The times are those of the kernel, not of the reader, who came later.
    assert!(times.is_sorted() && times[0] >= before && times[199] <= after, "{before} {} {} {after}", times[0], times[199]);
    let stats = lanes[0].stats();
    assert_eq!((stats.received, stats.dropped, stats.truncated), (200, 0, 0));
    assert!(!lanes[0].is_zero_copy(), "veth copies");
}

/// What a reader that was away too long did not get is counted: everything that was sent is somewhere.
#[test]
fn what_is_lost_is_counted() {
    let Some(cable) = Cable::new(1500, 1) else { return };
    let options = AfXdpOptions { memory_bytes: 512 << 10, ..AfXdpOptions::default() };
    let mut lanes = open(&cable, 1, &options);
    const SENT: u64 = 20_000;
    cable.send(|| {
        let socket = socket();
        (0..SENT).for_each(|n| _ = socket.send_to(&n.to_be_bytes(), "10.99.0.2:4000").unwrap());
    });
    let mut got = Vec::new();
    drain(&mut lanes, |_, _, bytes| got.push(u64::from_be_bytes(bytes.try_into().unwrap())));
    let stats = lanes[0].stats();
    assert!(got.is_sorted() && got.len() as u64 == stats.received);
    assert!(stats.dropped > 0, "{stats:?}");
    assert_eq!(stats.received + stats.dropped + cable.lost(), SENT, "{stats:?}, {} lost by the cable", cable.lost());
    // And all is well again.
    cable.send(|| socket().send_to(b"again", "10.99.0.2:4000").unwrap());
    let mut again = Vec::new();
    drain(&mut lanes, |_, _, bytes| again.push(bytes.to_vec()));
    assert_eq!(again, [b"again"]);
}

/// Frames of 9,000 bytes lie in several chunks, and are handed out whole.
#[test]
fn jumbo_frames_come_whole() {
    let Some(cable) = Cable::new(9000, 1) else { return };
    let mut lanes = open(&cable, 1, &AfXdpOptions::default());
    let sizes = [10, 3000, 4096, 5000, 8192, 8972];
    cable.send(|| {
        let socket = socket();
        sizes.iter().for_each(|size| _ = socket.send_to(&(0..*size).map(|n| n as u8).collect::<Vec<_>>(), "10.99.0.2:4000").unwrap());
    });
    let mut got = Vec::new();
    drain(&mut lanes, |_, _, bytes| {
        assert!(bytes.iter().enumerate().all(|(n, byte)| n as u8 == *byte));
        got.push(bytes.len());
    });
    assert_eq!(got, sizes);
}

/// The filter runs in the kernel: what it does not want is left to the machine, which has the address here.
#[test]
fn what_is_not_wanted_reaches_the_machine() {
    let Some(cable) = Cable::new(1500, 1) else { return };
    cable.ip(&["addr", "add", "10.99.0.2/24", "dev", "vb"]);
    let refused = cable.capture(|| AfXdp::open("vb", 1, &AfXdpOptions::default())).err().unwrap().to_string();
    assert!(refused.contains("the address 10.99.0.2") && refused.contains("--i-know-it-steals"), "{refused}");
    let filter = PacketFilter { ports: Some([4000].into()), ..PacketFilter::default() };
    let mut lanes = open(&cable, 1, &AfXdpOptions { steals: true, filter, ..AfXdpOptions::default() });
    let machine = cable.capture(|| ["10.99.0.2:4000", "10.99.0.2:4001"].map(|at| UdpSocket::bind(at).unwrap()));
    machine.iter().for_each(|socket| socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap());
    cable.send(|| {
        let socket = socket();
        for n in 0..100_u8 {
            socket.send_to(&[n], "10.99.0.2:4000").unwrap();
            socket.send_to(&[n], "10.99.0.2:4001").unwrap();
        }
    });
    let mut got = Vec::new();
    drain(&mut lanes, |_, _, bytes| got.push(bytes[0]));
    assert!(got.iter().copied().eq(0..100), "{got:?}");
    let mut buffer = [0; 8];
    assert!((0..100).all(|n| machine[1].recv(&mut buffer).is_ok_and(|len| (len, buffer[0]) == (1, n))));
    machine[0].set_nonblocking(true).unwrap();
    assert!(machine[0].recv(&mut buffer).is_err(), "what is captured does not reach the machine");
}

#[test]
fn the_default_route_is_not_taken_away() {
    let Some(cable) = Cable::new(1500, 1) else { return };
    cable.ip(&["addr", "add", "10.99.0.2/24", "dev", "vb"]);
    cable.ip(&["route", "add", "default", "via", "10.99.0.1"]);
    cable.ip(&["addr", "flush", "dev", "vb", "scope", "global"]);
    // Without an address there is no route either, here; a route over the interface alone remains.
    cable.ip(&["route", "add", "default", "dev", "vb"]);
    let refused = cable.capture(|| AfXdp::open("vb", 1, &AfXdpOptions::default())).err().unwrap().to_string();
    assert!(refused.contains("the default route"), "{refused}");
}

/// When the capture ends, the interface is as it was; another can begin at once, and two cannot at the same time.
#[test]
fn the_program_goes_with_the_capture() {
    let Some(cable) = Cable::new(1500, 1) else { return };
    let lanes = open(&cable, 1, &AfXdpOptions::default());
    assert!(cable.shown().contains("prog/xdp") && cable.shown().contains("promiscuity 1"), "{}", cable.shown());
    let second = cable.capture(|| AfXdp::open("vb", 1, &AfXdpOptions::default())).err().unwrap().to_string();
    assert_eq!(second, "cannot capture on vb: another program captures from it by AF_XDP");
    drop(lanes);
    assert!(!cable.shown().contains("prog/xdp") && cable.shown().contains("promiscuity 0"), "{}", cable.shown());
    drop(open(&cable, 1, &AfXdpOptions::default()));
}

/// Each queue is read by one lane; together they have everything, once.
#[test]
fn lanes_share_the_queues() {
    let Some(cable) = Cable::new(1500, 4) else { return };
    let queues = cable.capture(|| interface::receive_queues("vb"));
    let too_many = cable.capture(|| AfXdp::open("vb", queues + 1, &AfXdpOptions::default())).err().unwrap().to_string();
    assert!(too_many.contains(&format!("it has {queues} queues, fewer than the {} lanes", queues + 1)), "{too_many}");
    for lanes in 1..=queues {
        let mut sources = open(&cable, lanes, &AfXdpOptions::default());
        assert_eq!(sources.len(), lanes as usize);
        cable.send(|| {
            // Flows with ports of their own, which the kernel divides among queues.
            for n in 0..64_u8 {
                socket().send_to(&[n], "10.99.0.2:4000").unwrap();
            }
        });
        let mut got = Vec::new();
        drain(&mut sources, |_, _, bytes| got.push(bytes[0]));
        got.sort_unstable();
        assert!(got.iter().copied().eq(0..64), "{lanes} lanes: {got:?}");
    }
    eprintln!("{queues} queues");
}

/// The translated filter says of every frame of the test captures what the classic one says: asked of the kernel, on the cable.
#[test]
fn the_filter_in_the_kernel_says_what_the_classic_one_says() {
    let Some(cable) = Cable::new(1500, 1) else { return };
    let filter = PacketFilter {
        ports: Some([53, 4000, 4003].into()),
        addresses: Some(["10.99.0.2".parse().unwrap()].into()),
        vlans: None,
        tunnel_ports: &[4789],
    };
    let mut lanes = open(&cable, 1, &AfXdpOptions { filter, ..AfXdpOptions::default() });
    cable.ip(&["link", "set", "vb", "up"]);
    cable.send(|| {
        let socket = socket();
        for port in 3990..4010 {
            socket.send_to(&port.to_string().into_bytes(), ("10.99.0.2", port)).unwrap();
        }
        // A tunnel's packets are let through; another address's are not, whatever the port.
        socket.send_to(b"tunnel", "10.99.0.2:4789").unwrap();
    });
    let mut got = BTreeSet::new();
    drain(&mut lanes, |_, _, bytes| _ = got.insert(String::from_utf8_lossy(bytes).into_owned()));
    assert_eq!(got.iter().map(String::as_str).collect::<Vec<_>>(), ["4000", "4003", "tunnel"]);
}
