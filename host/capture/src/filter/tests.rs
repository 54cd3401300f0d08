use super::*;
use crate::{Drained, PacketSource as _, file::FileSource};
use hookline_item::{Frame, LinkType};
use hookline_packet::{FlowStart, Limits, Sink, Streams, TUNNEL_PORTS};
use std::{fs, net::SocketAddr, path::Path};

const PCAPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/pcaps");

/// The kernel's filter machine, for the instructions that there are: what it says of `frame`.
fn run(program: &[Instruction], frame: &[u8], tag: Option<u16>) -> u32 {
    let (mut a, mut x, mut m, mut pc) = (0_u32, 0_u32, [None; 16], 0);
    let load = |at: u32, len: usize| {
        let bytes = frame.get(at as usize..)?.get(..len)?;
        Some(bytes.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)))
    };
    loop {
        let Instruction { code, jt, jf, k } = program[pc];
        pc += 1;
        let loaded = match code {
            LD_WORD_ABS => Some(match k {
                TAG => tag.unwrap_or(0).into(),
                TAG_PRESENT => tag.is_some().into(),
                other => panic!("no such extension: {other}"),
            }),
            LD_WORD_IND => load(x + k, 4),
            LD_HALF_IND => load(x + k, 2),
            LD_BYTE_IND => load(x + k, 1),
            LD_IMM => Some(k),
            LD_MEM => Some(m[k as usize].expect("the kernel refuses reads of what was not written")),
            ADD => Some(a + k),
            ADD_X => Some(a + x),
            AND => Some(a & k),
            LSH => Some(a << k),
            RSH => Some(a >> k),
            TXA => Some(x),
            LDX_IMM | LDX_MEM | ST | TAX | JA | JEQ | JSET | RET => Some(a),
            other => panic!("unknown instruction {other:#x}"),
        };
        // Beyond the frame's end the kernel ends the program, and drops.
        let Some(loaded) = loaded else { return 0 };
        a = loaded;
        match code {
            LDX_IMM => x = k,
            LDX_MEM => x = m[k as usize].expect("written before"),
            ST => m[k as usize] = Some(a),
            TAX => x = a,
            JA => pc += k as usize,
            JEQ => pc += usize::from(if a == k { jt } else { jf }),
            JSET => pc += usize::from(if a & k != 0 { jt } else { jf }),
            RET => return k,
            _ => {}
        }
    }
}

/// What flows are told apart by.
#[derive(Clone, Copy, Debug)]
struct Between {
    vlan: Option<u16>,
    client: SocketAddr,
    server: SocketAddr,
}

/// Flows with the bytes of each.
#[derive(Default)]
struct Flows(Vec<(Between, u64)>);

impl Sink for Flows {
    type Flow = usize;

    fn open(&mut self, start: &FlowStart<'_>) -> usize {
        self.0.push((Between { vlan: start.vlan, client: start.client, server: start.server }, 0));
        self.0.len() - 1
    }

    fn bytes(&mut self, flow: &mut usize, _: hookline_item::Sender, _: hookline_item::Seen, bytes: &[u8]) {
        self.0[*flow].1 += bytes.len() as u64;
    }

    fn gap(&mut self, _: &mut usize, _: hookline_item::Sender, _: hookline_item::Seen, _: u64) {}
    fn fin(&mut self, _: &mut usize, _: hookline_item::Sender, _: hookline_item::Seen) {}
    fn close(&mut self, _: usize, _: hookline_packet::Close, _: &hookline_packet::Totals) {}
}

impl Flows {
    /// The bytes between two endpoints: a flow may be cut in two where the times of other frames say that it was idle.
    fn bytes_of(&self, wanted: Between) -> u64 {
        let same = |flow: &&(Between, u64)| {
            let (client, server) = (flow.0.client, flow.0.server);
            flow.0.vlan == wanted.vlan
                && ([client, server] == [wanted.client, wanted.server] || [server, client] == [wanted.client, wanted.server])
        };
        self.0.iter().filter(same).map(|flow| flow.1).sum()
    }
}

/// The capture's flows, as far as `program` lets their frames through.
fn flows(file: &Path, program: Option<&dyn Fn(&Frame<'_>) -> bool>) -> Flows {
    let mut flows = Flows::default();
    let mut streams = Streams::new(Limits::default(), 0);
    // Some are there to be refused.
    let Ok(mut source) = FileSource::open(file) else { return flows };
    let mut take = |frame: Frame<'_>| {
        if program.is_none_or(|passes| passes(&frame)) {
            streams.frame(&frame, &mut flows);
        }
    };
    while let Ok(Drained::Some(_) | Drained::Time(_)) = source.drain(64, &mut take) {}
    streams.finish(&mut flows);
    flows
}

fn captures(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            captures(&entry, found);
        } else if entry.to_str().is_some_and(|name| name.contains(".pcap") || name.ends_with(".cap")) {
            found.push(entry);
        }
    }
}

/// Every flow of every capture of the project, filtered for by what is known of it, is there as it was; and fewer frames are.
#[test]
fn a_flow_that_is_asked_for_is_captured_whole() {
    let mut files = Vec::new();
    captures(Path::new(PCAPS), &mut files);
    let (mut asked, mut passed, mut seen) = (0, 0_u64, 0_u64);
    for file in &files {
        let all = flows(file, None);
        for (between, _) in all.0.iter().copied().step_by(7).take(8) {
            // ICMP has no ports.
            let by_port = (between.server.port() != 0)
                .then(|| PacketFilter { ports: Some([between.server.port()].into()), ..PacketFilter::default() });
            let by_address = Some(PacketFilter { addresses: Some([between.client.ip()].into()), ..PacketFilter::default() });
            let by_vlan = between.vlan.map(|id| PacketFilter { vlans: Some([id].into()), ..by_port.clone().unwrap_or_default() });
            for filter in [by_port.clone(), by_address, by_vlan].into_iter().flatten() {
                let filter = PacketFilter { tunnel_ports: TUNNEL_PORTS, ..filter };
                let counted = std::cell::Cell::new((0, 0));
                let passes = |frame: &Frame<'_>| {
                    let ethernet = match frame.link {
                        LinkType::ETHERNET => true,
                        LinkType::RAW => false,
                        _ => return true,
                    };
                    let passes = run(&filter.program(ethernet, 1), frame.bytes, frame.vlan) == 1;
                    counted.set((counted.get().0 + u64::from(passes), counted.get().1 + 1));
                    passes
                };
                let found = flows(file, Some(&passes));
                let bytes = [&all, &found].map(|flows| flows.bytes_of(between));
                assert!(bytes[0] == bytes[1], "{}: {between:?}: {bytes:?} bytes by {filter:?}", file.display());
                (asked, passed, seen) = (asked + 1, passed + counted.get().0, seen + counted.get().1);
            }
        }
    }
    assert!(asked > 300 && passed < seen, "{asked} filters let {passed} of {seen} frames through");
}

#[test]
fn what_is_not_asked_for_is_left_out() {
    let filter = PacketFilter {
        ports: Some([80].into()),
        addresses: Some(["10.0.0.1".parse().unwrap()].into()),
        vlans: None,
        tunnel_ports: &[4789],
    };
    let program = filter.program(true, 99);
    // Ethernet, IPv4 with TCP, and the ports.
    let frame = |protocol: u8, src: [u8; 4], ports: [u16; 2]| {
        let ip = [&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0][..], &src, &[10, 9, 9, 9]].concat();
        [&[0; 12][..], &[8, 0], &ip, &ports[0].to_be_bytes(), &ports[1].to_be_bytes(), &[0; 16]].concat()
    };
    let wanted = [10, 0, 0, 1];
    assert_eq!(run(&program, &frame(6, wanted, [80, 5]), None), 99);
    assert_eq!(run(&program, &frame(6, wanted, [5, 80]), None), 99);
    assert_eq!(run(&program, &frame(6, wanted, [5, 81]), None), 0);
    assert_eq!(run(&program, &frame(6, [10, 0, 0, 2], [5, 80]), None), 0);
    // A tunnel, and a transport without ports.
    assert_eq!(run(&program, &frame(17, [10, 0, 0, 2], [5, 4789]), None), 99);
    assert_eq!(run(&program, &frame(47, [10, 0, 0, 2], [5, 81]), None), 99);
    // Cut off before its ports.
    assert_eq!(run(&program, &frame(6, wanted, [5, 80])[..34], None), 0);
    assert_eq!(
        PacketFilter::default().program(true, 99),
        [Instruction { code: RET, jt: 0, jf: 0, k: 99 }, Instruction { code: RET, jt: 0, jf: 0, k: 0 }]
    );
}

#[test]
fn vlans_are_told_by_the_innermost_tag() {
    let filter = PacketFilter { vlans: Some([7].into()), ..PacketFilter::default() };
    let program = filter.program(true, 1);
    let ip = [&[8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0][..], &[10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 6, 0, 8, 0, 0]].concat();
    let plain = [&[0; 12][..], &ip].concat();
    let tagged = |id: u8| [&[0; 12][..], &[0x81, 0, 0xa0, id], &ip].concat();
    assert_eq!([run(&program, &plain, Some(7)), run(&program, &plain, Some(8)), run(&program, &plain, None)], [1, 0, 0]);
    assert_eq!([run(&program, &tagged(7), Some(8)), run(&program, &tagged(8), Some(7)), run(&program, &tagged(0), Some(7))], [1, 0, 1]);
}

/// The longest program has fewer instructions than the kernel allows.
#[test]
fn programs_are_bounded() {
    let ports: BTreeSet<u16> = (1..=100).collect();
    let addresses: BTreeSet<IpAddr> = (0..100_u128).map(|n| IpAddr::V6(n.into())).collect();
    let filter = PacketFilter { ports: Some(ports.clone()), addresses: Some(addresses), vlans: Some(ports), tunnel_ports: TUNNEL_PORTS };
    let len = filter.clone().bounded().program(true, 1).len();
    assert!(filter.clone().bounded() == filter && len < 4096, "{len}");
    let more = PacketFilter { ports: Some((1..=101).collect()), ..filter };
    assert!(more.bounded().ports.is_none());
}
