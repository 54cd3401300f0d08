//! The pcap format (draft-ietf-opsawg-pcap).

use super::{
    FRAME_LEN_MAX, Record,
    input::{Fault, Input, Order},
};
use hookline_item::{Frame, LinkType, Seen, Timestamp};

const FILE_HEADER_LEN: usize = 24;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetsov's patched libpcap of 1999: record headers have interface, protocol and packet type behind the lengths.
const MODIFIED: u32 = 0xa1b2_cd34;
/// The field's other bits say how long the frame check sequence is, which the IP length cuts off anyway.
const LINK_TYPE_MASK: u32 = 0x03ff_ffff;

/// The state of reading a pcap file: what its header says.
pub(super) struct Pcap {
    order: Order,
    nanos_per_tick: u32,
    record_header_len: usize,
    link: LinkType,
    lengths: Lengths,
}

/// In which order records have captured and original length: it was changed in version 2.3, where some programs kept the old one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    CapturedIsLess,
}

impl Pcap {
    /// The format that a file with this magic number has.
    pub(super) fn from_magic(magic: [u8; 4]) -> Option<Self> {
        [Order::Little, Order::Big].into_iter().find_map(|order| {
            let (nanos_per_tick, record_header_len) = match order.u32(magic) {
                MICROSECONDS => (1000, 16),
                NANOSECONDS => (1, 16),
                MODIFIED => (1000, 24),
                _ => return None,
            };
            Some(Self { order, nanos_per_tick, record_header_len, link: LinkType::ETHERNET, lengths: Lengths::CapturedFirst })
        })
    }

    /// `magic, major (2), minor (2), reserved, reserved, snapshot length, link type`, 4 bytes each otherwise.
    pub(super) fn read_header(mut self, input: &mut Input) -> Result<Self, Fault> {
        let header: [u8; FILE_HEADER_LEN] = input.header("the file header")?.ok_or(Fault::Empty)?;
        let (major, minor) = (self.order.u16_at(&header, 4), self.order.u16_at(&header, 6));
        if major != 2 {
            return Err(Fault::Unsupported(format!("pcap version {major}.{minor} is not known, only version 2")));
        }
        self.lengths = match minor {
            0..=2 => Lengths::OriginalFirst,
            3 => Lengths::CapturedIsLess,
            _ => Lengths::CapturedFirst,
        };
        self.link = LinkType(self.order.u32_at(&header, 20) & LINK_TYPE_MASK);
        input.consume(FILE_HEADER_LEN);
        Ok(self)
    }

    /// The next record: `seconds, fraction, captured length, original length`, then the frame.
    #[inline]
    pub(super) fn next(&self, input: &mut Input) -> Result<Option<Record>, Fault> {
        let Some(header) = input.header::<16>("a record header")? else { return Ok(None) };
        let field = |at| self.order.u32_at(&header, at);
        let (mut captured, mut original) = (field(8), field(12));
        let swapped = self.lengths == Lengths::OriginalFirst || (self.lengths == Lengths::CapturedIsLess && captured > original);
        if swapped {
            (captured, original) = (original, captured);
        }
        if captured as usize > FRAME_LEN_MAX {
            return Err(Fault::Damaged(format!("a frame of {captured} bytes, which is more than {FRAME_LEN_MAX}")));
        }
        let len = self.record_header_len + captured as usize;
        input.whole(len, "a frame")?;
        let nanos = u64::from(field(4)) * u64::from(self.nanos_per_tick);
        let at = Timestamp(u64::from(field(0)) * 1_000_000_000 + nanos);
        let frame =
            Frame { seen: Seen { at, frame: 0 }, interface: 0, link: self.link, wire_len: original.max(captured), vlan: None, bytes: &[] };
        Ok(Some(Record { frame, bytes: self.record_header_len..len, len }))
    }
}
