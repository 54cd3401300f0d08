//! The pcapng format (draft-ietf-opsawg-pcapng).

use super::{
    FRAME_LEN_MAX, Record,
    input::{Fault, Input, Order},
};
use hookline_item::{Frame, LinkType, Seen, Timestamp};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET_OBSOLETE: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Type, length, and the length again at the end.
const BLOCK_LEN_MIN: u32 = 12;
/// Blocks that are read as a whole: a frame with its options.
const BLOCK_LEN_MAX: usize = FRAME_LEN_MAX + (1 << 20);
/// Interfaces of one section: the obsolete packet block has 16 bits for them, and no machine has so many.
const INTERFACES_MAX: usize = 1 << 16;

const OPTION_END: u16 = 0;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

/// How an interface counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// A tick is so many nanoseconds.
    Nanos(u64),
    /// So many ticks are a nanosecond.
    PerNano(u64),
    /// 2 to the power of this many ticks are a second.
    PowerOfTwo(u32),
}

impl Resolution {
    /// The meaning of the option `if_tsresol`.
    fn new(value: u8) -> Self {
        let exponent = u32::from(value & 0x7f);
        if value & 0x80 != 0 {
            Self::PowerOfTwo(exponent)
        } else if exponent <= 9 {
            Self::Nanos(10u64.pow(9 - exponent))
        } else {
            Self::PerNano(10u64.checked_pow(exponent - 9).unwrap_or(u64::MAX))
        }
    }

    fn nanos(self, ticks: u64) -> u64 {
        match self {
            Self::Nanos(n) => ticks.saturating_mul(n),
            Self::PerNano(n) => ticks / n,
            Self::PowerOfTwo(n) => {
                let scaled = u128::from(ticks) * 1_000_000_000;
                u64::try_from(scaled.checked_shr(n).unwrap_or(0)).unwrap_or(u64::MAX)
            }
        }
    }
}

#[derive(Debug)]
struct Interface {
    link: LinkType,
    snap_len: u32,
    resolution: Resolution,
    /// Seconds to add to all times.
    offset: i64,
    /// Frames lost, as the last statistics block has it.
    dropped: u64,
}

/// The state of reading a pcapng file: the section's byte order and interfaces.
#[derive(Default)]
pub(super) struct PcapNg {
    order: Order,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before, and frames that these lost.
    interfaces_before: u32,
    dropped_before: u64,
    section: bool,
}

impl PcapNg {
    /// Frames that the file's statistics blocks say were lost.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped_before.saturating_add(self.interfaces.iter().map(|i| i.dropped).sum())
    }

    /// The next frame; blocks in between are read or skipped.
    #[inline]
    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Record>, Fault> {
        while let Some(header) = input.header::<8>("a block header")? {
            if let Some(record) = self.block(input, header)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Reads one block: `type, length, body, length`.
    #[inline]
    fn block(&mut self, input: &mut Input, header: [u8; 8]) -> Result<Option<Record>, Fault> {
        // The same in both byte orders.
        if header.starts_with(&SECTION_HEADER.to_be_bytes()) {
            self.order = byte_order(input)?;
        } else if !self.section {
            return Err(Fault::Damaged("a block before the first section header".into()));
        }
        let order = self.order;
        let (kind, len) = (order.u32_at(&header, 0), order.u32_at(&header, 4));
        if len < BLOCK_LEN_MIN || !len.is_multiple_of(4) {
            return Err(Fault::Damaged(format!("a block of type {kind:#x} with the impossible length {len}")));
        }
        if !matches!(
            kind,
            SECTION_HEADER | INTERFACE_DESCRIPTION | PACKET_OBSOLETE | SIMPLE_PACKET | INTERFACE_STATISTICS | ENHANCED_PACKET
        ) {
            input.skip(u64::from(len), "a block")?;
            return Ok(None);
        }
        let len = len as usize;
        if len > BLOCK_LEN_MAX {
            return Err(Fault::Damaged(format!("a block of type {kind:#x} with {len} bytes, which is more than {BLOCK_LEN_MAX}")));
        }
        let block = input.whole(len, "a block")?;
        let body = block.get(8..len - 4).unwrap_or_default();
        if order.u32_at(block, len - 4) as usize != len {
            return Err(Fault::Damaged(format!("a block whose two lengths differ: {len} and {}", order.u32_at(block, len - 4))));
        }
        let record = match kind {
            SECTION_HEADER => self.section_header(body).map(|()| None),
            INTERFACE_DESCRIPTION => self.interface_description(body).map(|()| None),
            INTERFACE_STATISTICS => {
                self.interface_statistics(body);
                Ok(None)
            }
            SIMPLE_PACKET => self.simple_packet(body, len).map(Some),
            _ => self.packet(kind, body, len).map(Some),
        }?;
        if record.is_none() {
            input.consume(len);
        }
        Ok(record)
    }

    /// `byte-order magic, major (2), minor (2), section length (8), options`.
    fn section_header(&mut self, body: &[u8]) -> Result<(), Fault> {
        let (major, minor) = (self.order.u16_at(body, 4), self.order.u16_at(body, 6));
        if major != 1 {
            return Err(Fault::Unsupported(format!("pcapng version {major}.{minor} is not known, only version 1")));
        }
        self.section = true;
        self.dropped_before = self.dropped();
        self.interfaces_before = self.interfaces_before.saturating_add(self.interfaces.len() as u32);
        self.interfaces.clear();
        Ok(())
    }

    /// `link type (2), reserved (2), snapshot length, options`.
    fn interface_description(&mut self, body: &[u8]) -> Result<(), Fault> {
        if body.len() < 8 {
            return Err(Fault::Damaged("an interface description of less than 8 bytes".into()));
        }
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(Fault::Damaged(format!("more than {INTERFACES_MAX} interfaces")));
        }
        let order = self.order;
        let mut interface = Interface {
            link: LinkType(order.u16_at(body, 0).into()),
            snap_len: order.u32_at(body, 4),
            resolution: Resolution::Nanos(1000),
            offset: 0,
            dropped: 0,
        };
        for (code, value) in options(order, body.get(8..).unwrap_or_default()) {
            match (code, value) {
                (IF_TSRESOL, [resolution, ..]) => interface.resolution = Resolution::new(*resolution),
                (IF_TSOFFSET, [_, _, _, _, _, _, _, _, ..]) => interface.offset = order.u64_at(value, 0) as i64,
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// `interface, time (8), options`. What was dropped is told as a total since the capture began.
    fn interface_statistics(&mut self, body: &[u8]) {
        let order = self.order;
        let Some(interface) = self.interfaces.get_mut(order.u32_at(body, 0) as usize) else { return };
        let dropped = options(order, body.get(12..).unwrap_or_default());
        let dropped = dropped.filter(|(code, value)| matches!(*code, ISB_IFDROP | ISB_OSDROP) && value.len() >= 8);
        interface.dropped = dropped.map(|(_, value)| order.u64_at(value, 0)).fold(0, u64::saturating_add);
    }

    /// Enhanced: `interface, time (8), captured length, original length, frame, options`. Obsolete: the interface has 2 bytes and
    /// the other 2 count drops.
    #[inline]
    fn packet(&self, kind: u32, body: &[u8], len: usize) -> Result<Record, Fault> {
        if body.len() < 20 {
            return Err(Fault::Damaged(format!("a packet block of {} bytes", body.len())));
        }
        let order = self.order;
        let index = if kind == ENHANCED_PACKET { order.u32_at(body, 0) } else { order.u16_at(body, 0).into() };
        let interface = self.interface(index)?;
        let ticks = u64::from(order.u32_at(body, 4)) << 32 | u64::from(order.u32_at(body, 8));
        let (captured, original) = (order.u32_at(body, 12), order.u32_at(body, 16));
        if captured as usize > (body.len() - 20).min(FRAME_LEN_MAX) {
            return Err(Fault::Damaged(format!("a frame of {captured} bytes in a block of {len}")));
        }
        let nanos = interface.resolution.nanos(ticks);
        let offset = interface.offset.saturating_mul(1_000_000_000);
        let at = Timestamp(nanos.saturating_add_signed(offset));
        Ok(self.record(index, at, (captured, original), 28, len))
    }

    /// `original length, frame`: of the first interface, without a time.
    fn simple_packet(&self, body: &[u8], len: usize) -> Result<Record, Fault> {
        let Some(room) = body.len().checked_sub(4) else { return Err(Fault::Damaged("a simple packet block of 0 bytes".into())) };
        let interface = self.interface(0)?;
        let original = self.order.u32_at(body, 0);
        let snap_len = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let captured = original.min(snap_len).min(u32::try_from(room).unwrap_or(u32::MAX));
        if captured as usize > FRAME_LEN_MAX {
            return Err(Fault::Damaged(format!("a frame of {captured} bytes, which is more than {FRAME_LEN_MAX}")));
        }
        Ok(self.record(0, Timestamp::default(), (captured, original), 12, len))
    }

    fn interface(&self, index: u32) -> Result<&Interface, Fault> {
        let count = self.interfaces.len();
        self.interfaces
            .get(index as usize)
            .ok_or_else(|| Fault::Damaged(format!("a frame of interface {index}, but {count} were described before it")))
    }

    fn record(&self, index: u32, at: Timestamp, (captured, original): (u32, u32), from: usize, len: usize) -> Record {
        let frame = Frame {
            seen: Seen { at, frame: 0 },
            interface: self.interfaces_before.saturating_add(index),
            link: self.interfaces.get(index as usize).map_or(LinkType::ETHERNET, |i| i.link),
            wire_len: original.max(captured),
            vlan: None,
            bytes: &[],
        };
        Record { frame, bytes: from..from + captured as usize, len }
    }
}

/// The byte order of the section that begins here. Its length cannot be read before.
fn byte_order(input: &mut Input) -> Result<Order, Fault> {
    let start = input.whole(12, "a section header")?;
    [Order::Little, Order::Big]
        .into_iter()
        .find(|order| order.u32_at(start, 8) == BYTE_ORDER_MAGIC)
        .ok_or_else(|| Fault::Damaged("a section header without the byte-order magic".into()))
}

/// Options: `code (2), length (2), value, padding to 4 bytes`, up to the end option or the end of the block.
fn options(order: Order, mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (header, rest) = bytes.split_first_chunk::<4>()?;
        let (code, len) = (order.u16_at(header, 0), usize::from(order.u16_at(header, 2)));
        let value = rest.get(..len).filter(|_| code != OPTION_END)?;
        bytes = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions() {
        assert_eq!(Resolution::new(6).nanos(1_500_000), 1_500_000_000);
        assert_eq!(Resolution::new(9).nanos(7), 7);
        assert_eq!(Resolution::new(0).nanos(2), 2_000_000_000);
        assert_eq!(Resolution::new(12).nanos(1_999), 1);
        assert_eq!(Resolution::new(127).nanos(u64::MAX), 1);
        assert_eq!(Resolution::new(0x80 | 10).nanos(1536), 1_500_000_000);
        assert_eq!(Resolution::new(0x80 | 64).nanos(u64::MAX), 999_999_999);
        assert_eq!(Resolution::new(0xff).nanos(u64::MAX), 0);
    }
}
