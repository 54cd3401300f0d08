//! What frames are worth capturing, and a program of the kernel's packet filter (classic BPF, Documentation/networking/filter.rst) that says
//! so before a frame is copied.
//!
//! The program only leaves out what certainly is not wanted. What it does not look into is let through: tunnels, fragments, IPv6 packets with
//! extension headers, MPLS, PPPoE, more than [`TAGS_MAX`] VLAN tags, every transport without ports.

use std::{collections::BTreeSet, net::IpAddr};

/// VLAN tags that the program goes past, beside the one that the kernel takes off.
const TAGS_MAX: u32 = 2;

/// Values looked for of each kind: a program may have 4,096 instructions (BPF_MAXINSNS), an IPv6 address takes 12.
const VALUES_MAX: usize = 100;

/// 802.1Q, 802.1ad, and two numbers that were used for outer tags before 802.1ad.
const ETHERTYPES_VLAN: [u32; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
const ETHERTYPE_IPV4: u32 = 0x0800;
const ETHERTYPE_IPV6: u32 = 0x86dd;
/// TCP, UDP, SCTP: their ports are the first two fields.
const WITH_PORTS: [u32; 3] = [6, 17, 132];
/// More fragments, and the offset.
const IPV4_FRAGMENTED: u32 = 0x3fff;
const VLAN_ID: u32 = 0x0fff;

/// What a frame must be about to be captured: each that is given must hold, of either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketFilter {
    /// Ports, one of which is the sender's or the receiver's.
    pub ports: Option<BTreeSet<u16>>,
    /// Addresses, one of which is the sender's or the receiver's.
    pub addresses: Option<BTreeSet<IpAddr>>,
    /// VLAN identifiers: the innermost that is not 0.
    pub vlans: Option<BTreeSet<u16>>,
    /// UDP ports that tell tunnels, whose frames are let through.
    pub tunnel_ports: &'static [u16],
}

/// One instruction, as `struct sock_filter` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Class, mode and size.
    pub code: u16,
    /// Instructions skipped if a condition holds.
    pub jt: u8,
    /// Instructions skipped if it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

impl PacketFilter {
    /// The same without the demands that are too long for a program.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.ports = self.ports.filter(|set| set.len() <= VALUES_MAX);
        self.addresses = self.addresses.filter(|set| set.len() <= VALUES_MAX);
        self.vlans = self.vlans.filter(|set| set.len() <= VALUES_MAX);
        self
    }

    /// Whether it asks for nothing: every frame is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ports.is_none() && self.addresses.is_none() && self.vlans.is_none()
    }

    /// The program, whose result is `snap_len` for a frame to be captured and 0 for another. Frames begin with an Ethernet header, or else
    /// with the IP header.
    #[must_use]
    pub fn program(&self, ethernet: bool, snap_len: u32) -> Vec<Instruction> {
        let mut code = Assembler::default();
        if !self.is_empty() {
            self.conditions(ethernet, &mut code);
        }
        code.finish(snap_len)
    }

    fn conditions(&self, ethernet: bool, code: &mut Assembler) {
        if self.vlans.is_some() {
            code.tag_taken_off();
        }
        if ethernet {
            self.ethernet(code);
        } else {
            code.emit(LDX_IMM, 0);
            code.emit(LD_BYTE_IND, 0);
            code.emit(RSH, 4);
            code.jump_if(4, Label::Ipv4);
            code.jump_if(6, Label::Ipv6);
            code.jump(Label::Pass);
        }
        code.place(Label::Ipv4);
        code.emit(LD_BYTE_IND, 9);
        code.pass_unless_one_of(&WITH_PORTS);
        code.emit(LD_HALF_IND, 6);
        code.pass_if_any(IPV4_FRAGMENTED);
        // The header's length, in words of four bytes.
        code.emit(LD_BYTE_IND, 0);
        code.emit(AND, 0x0f);
        code.emit(LSH, 2);
        code.transport_after_header();
        self.addresses(code, &[12, 16], |address| match address {
            IpAddr::V4(v4) => Some(vec![v4.to_bits()]),
            IpAddr::V6(_) => None,
        });
        code.jump(Label::Transport);
        code.place(Label::Ipv6);
        code.emit(LD_BYTE_IND, 6);
        code.pass_unless_one_of(&WITH_PORTS);
        code.emit(LD_IMM, 40);
        code.transport_after_header();
        self.addresses(code, &[8, 24], |address| match address {
            IpAddr::V6(v6) => Some((0..4).rev().map(|word| (v6.to_bits() >> (32 * word)) as u32).collect()),
            IpAddr::V4(_) => None,
        });
        code.place(Label::Transport);
        self.transport(code);
        code.jump(Label::Pass);
    }

    /// Goes past VLAN tags to the IP header.
    fn ethernet(&self, code: &mut Assembler) {
        code.emit(LDX_IMM, 12);
        for tag in 0..=TAGS_MAX {
            code.emit(LD_HALF_IND, 0);
            for (kind, ip) in [(ETHERTYPE_IPV4, Label::Ethernet4), (ETHERTYPE_IPV6, Label::Ethernet6)] {
                code.jump_if(kind, ip);
            }
            if tag == TAGS_MAX {
                break;
            }
            code.pass_unless_one_of(&ETHERTYPES_VLAN);
            if self.vlans.is_some() {
                code.emit(LD_HALF_IND, 2);
                code.emit(AND, VLAN_ID);
                code.store_unless_zero(VLAN);
            }
            code.advance(4);
        }
        code.jump(Label::Pass);
        code.place(Label::Ethernet6);
        code.advance(2);
        code.jump(Label::Ipv6);
        code.place(Label::Ethernet4);
        code.advance(2);
    }

    /// Goes on behind itself with an address that is asked for, or if none is. Others are dropped, but not before it is known that they
    /// are no tunnel's: what is wanted may be inside.
    fn addresses(&self, code: &mut Assembler, sides: &[u32], words: impl Fn(&IpAddr) -> Option<Vec<u32>>) {
        let Some(addresses) = &self.addresses else { return };
        let wanted: Vec<_> = addresses.iter().filter_map(words).collect();
        for side in sides {
            for words in &wanted {
                code.jump_if_words(*side, words, Label::Transport);
            }
        }
        code.emit(LD_IMM, 1);
        code.emit(ST, UNWANTED);
    }

    /// Ports, VLAN, and what was found of addresses.
    fn transport(&self, code: &mut Assembler) {
        code.emit(LDX_MEM, TRANSPORT);
        let tunnels: Vec<u32> = self.tunnel_ports.iter().map(|port| u32::from(*port)).collect();
        for side in [0, 2] {
            code.emit(LD_HALF_IND, side);
            code.jump_if_one_of(&tunnels, Label::Pass);
        }
        if self.addresses.is_some() {
            code.emit(LD_MEM, UNWANTED);
            code.jump_if(1, Label::Drop);
        }
        if let Some(vlans) = &self.vlans {
            code.emit(LD_MEM, VLAN);
            let vlans: Vec<u32> = vlans.iter().map(|id| u32::from(*id)).collect();
            code.jump_if_one_of(&vlans, Label::Ports);
            code.jump(Label::Drop);
        }
        code.place(Label::Ports);
        if let Some(ports) = &self.ports {
            let ports: Vec<u32> = ports.iter().map(|port| u32::from(*port)).collect();
            for side in [0, 2] {
                code.emit(LD_HALF_IND, side);
                code.jump_if_one_of(&ports, Label::Pass);
            }
            code.jump(Label::Drop);
        }
    }
}

// Instructions: linux/bpf_common.h. `A` is the accumulator, `X` the index, `M` the scratch memory.
const LD_WORD_IND: u16 = 0x40;
const LD_HALF_IND: u16 = 0x48;
const LD_BYTE_IND: u16 = 0x50;
const LD_WORD_ABS: u16 = 0x20;
const LD_IMM: u16 = 0x00;
const LD_MEM: u16 = 0x60;
const LDX_IMM: u16 = 0x01;
const LDX_MEM: u16 = 0x61;
const ST: u16 = 0x02;
const ADD: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const AND: u16 = 0x54;
const LSH: u16 = 0x64;
const RSH: u16 = 0x74;
const TAX: u16 = 0x07;
const TXA: u16 = 0x87;
const JA: u16 = 0x05;
const JEQ: u16 = 0x15;
const JSET: u16 = 0x45;
const RET: u16 = 0x06;

/// What the kernel knows of a frame beside its bytes (SKF_AD_OFF and linux/filter.h).
const TAG: u32 = 0xffff_f000 + 44;
const TAG_PRESENT: u32 = 0xffff_f000 + 48;

// What stands where in the scratch memory; the kernel refuses a program that reads a cell before it was written.
const VLAN: u32 = 0;
const TRANSPORT: u32 = 1;
const UNWANTED: u32 = 2;

/// Places in the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Ethernet4,
    Ethernet6,
    Ipv4,
    Ipv6,
    Transport,
    Ports,
    Pass,
    Drop,
}

/// Conditions reach 255 instructions, so each is followed by a jump, which reaches everything.
#[derive(Default)]
struct Assembler {
    code: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    places: Vec<(Label, usize)>,
}

impl Assembler {
    fn emit(&mut self, code: u16, k: u32) {
        self.code.push(Instruction { code, jt: 0, jf: 0, k });
    }

    fn place(&mut self, label: Label) {
        self.places.push((label, self.code.len()));
    }

    fn jump(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.emit(JA, 0);
    }

    fn jump_if(&mut self, value: u32, label: Label) {
        self.code.push(Instruction { code: JEQ, jt: 0, jf: 1, k: value });
        self.jump(label);
    }

    fn jump_if_one_of(&mut self, values: &[u32], label: Label) {
        values.iter().for_each(|value| self.jump_if(*value, label));
    }

    fn pass_unless_one_of(&mut self, values: &[u32]) {
        for (value, left) in values.iter().zip((0..values.len() as u8).rev()) {
            // Past the others, and the jump.
            self.code.push(Instruction { code: JEQ, jt: left + 1, jf: 0, k: *value });
        }
        self.jump(Label::Pass);
    }

    fn pass_if_any(&mut self, bits: u32) {
        self.code.push(Instruction { code: JSET, jt: 0, jf: 1, k: bits });
        self.jump(Label::Pass);
    }

    /// Jumps if these words stand `at` bytes behind `X`.
    fn jump_if_words(&mut self, at: u32, words: &[u32], label: Label) {
        let places = (at..).step_by(4);
        for ((word, at), left) in words.iter().zip(places).zip((1..=words.len() as u8).rev()) {
            self.emit(LD_WORD_IND, at);
            // Past the other words, two instructions each, and the jump.
            self.code.push(Instruction { code: JEQ, jt: 0, jf: 2 * left - 1, k: *word });
        }
        self.jump(label);
    }

    /// `M[cell] = A`, unless `A` is 0.
    fn store_unless_zero(&mut self, cell: u32) {
        self.code.push(Instruction { code: JEQ, jt: 1, jf: 0, k: 0 });
        self.emit(ST, cell);
    }

    /// The VLAN of the tag that the kernel or the network card took off; 0 without one.
    fn tag_taken_off(&mut self) {
        self.emit(LD_WORD_ABS, TAG_PRESENT);
        self.code.push(Instruction { code: JEQ, jt: 2, jf: 0, k: 0 });
        self.emit(LD_WORD_ABS, TAG);
        self.emit(AND, VLAN_ID);
        self.emit(ST, VLAN);
    }

    /// `X += n`
    fn advance(&mut self, n: u32) {
        self.emit(TXA, 0);
        self.emit(ADD, n);
        self.emit(TAX, 0);
    }

    /// Keeps where the transport's header is: `A` bytes behind `X`; nothing is known against the frame yet.
    fn transport_after_header(&mut self) {
        self.emit(ADD_X, 0);
        self.emit(ST, TRANSPORT);
        self.emit(LD_IMM, 0);
        self.emit(ST, UNWANTED);
    }

    /// Ends the program with its two results, and says each jump where to.
    fn finish(mut self, snap_len: u32) -> Vec<Instruction> {
        self.place(Label::Pass);
        self.emit(RET, snap_len);
        self.place(Label::Drop);
        self.emit(RET, 0);
        for (at, label) in &self.jumps {
            let to = self.places.iter().find(|(placed, _)| placed == label).map_or(self.code.len(), |(_, to)| *to);
            if let Some(jump) = self.code.get_mut(*at) {
                jump.k = to.saturating_sub(at + 1) as u32;
            }
        }
        self.code
    }
}

#[cfg(test)]
mod tests;
