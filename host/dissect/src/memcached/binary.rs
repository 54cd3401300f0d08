//! The binary protocol: packets of a header, extras, a key and a value.

use crate::names::Names;
use hookline_item::Sender;
use nom::{
    IResult, Parser as _,
    bytes::complete::take,
    combinator::rest,
    number::complete::{be_u8, be_u16, be_u32, be_u64},
};

pub(super) const HEADER_LEN: usize = 24;
/// What a packet begins with.
const REQUEST: u8 = 0x80;
const RESPONSE: u8 = 0x81;
/// The longest body that is believed: a value of 1 GiB, a key, and extras.
const BODY_MAX: u32 = (1 << 30) + 512;

/// A packet, taken apart; `value` is what is there of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) is_request: bool,
    pub(super) opcode: u8,
    /// Of a response; a request has its bucket there.
    pub(super) status: u16,
    pub(super) opaque: u32,
    pub(super) cas: u64,
    pub(super) extras: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) value_len: u32,
}

/// Who sends the packet that `bytes` begin with; `Some(None)` if they begin none, `None` if that cannot be said yet.
pub(super) fn start(bytes: &[u8]) -> Option<Option<Sender>> {
    let sender = match *bytes.first()? {
        REQUEST => Sender::Client,
        RESPONSE => Sender::Server,
        _ => return Some(None),
    };
    let [_, opcode, key_high, key_low, extras, data_type, _, _, a, b, c, d] = *bytes.first_chunk::<12>()?;
    let (key, body) = (u16::from_be_bytes([key_high, key_low]), u32::from_be_bytes([a, b, c, d]));
    let sound = crate::names::known_name(OPCODES, opcode.into()).is_some()
        && data_type == 0
        && key <= 250
        && extras <= 20
        && (u32::from(key) + u32::from(extras)..=BODY_MAX).contains(&body);
    Some(sound.then_some(sender))
}

/// Bytes of the packet whose header `bytes` begin with.
pub(super) fn len(bytes: &[u8]) -> Option<u64> {
    let [_, _, _, _, _, _, _, _, a, b, c, d] = *bytes.first_chunk::<12>()?;
    Some(HEADER_LEN as u64 + u64::from(u32::from_be_bytes([a, b, c, d])))
}

impl<'a> Packet<'a> {
    /// Reads a packet as far as it is there.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        packet(bytes).ok().map(|(_, p)| p)
    }

    /// Whether the client wants no response where there is nothing to tell (the commands whose names end with Q).
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.opcode, 0x09 | 0x0d | 0x11..=0x1a | 0x1e | 0x24 | 0x32 | 0x34 | 0x36 | 0x38 | 0x3a | 0x3c)
    }

    /// The expiry in the extras of a request.
    pub(super) fn expiry(&self) -> Option<u32> {
        let at = match self.opcode {
            0x01..=0x03 | 0x11..=0x13 => 4,
            0x05 | 0x06 | 0x15 | 0x16 => 16,
            0x1c..=0x1e | 0x08 | 0x18 => 0,
            _ => return None,
        };
        self.extra(at)
    }

    /// The flags in the extras, of a request that stores or a response with a value.
    pub(super) fn flags(&self) -> Option<u32> {
        let has = if self.is_request { matches!(self.opcode, 0x01..=0x03 | 0x11..=0x13) } else { self.extras.len() == 4 };
        if has { self.extra(0) } else { None }
    }

    fn extra(&self, at: usize) -> Option<u32> {
        self.extras.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b))
    }
}

fn packet(i: &[u8]) -> IResult<&[u8], Packet<'_>> {
    let (i, magic) = be_u8(i)?;
    let (i, opcode) = be_u8(i)?;
    let (i, key_len) = be_u16(i)?;
    let (i, extras_len) = be_u8(i)?;
    let (i, _data_type) = be_u8(i)?;
    let (i, status) = be_u16(i)?;
    let (i, body_len) = be_u32(i)?;
    let (i, opaque) = be_u32(i)?;
    let (i, cas) = be_u64(i)?;
    let (i, extras) = take(extras_len)(i)?;
    let (i, key) = take(key_len)(i)?;
    let (i, value) = rest.parse(i)?;
    let value_len = body_len.saturating_sub(u32::from(key_len) + u32::from(extras_len));
    Ok((i, Packet { is_request: magic == REQUEST, opcode, status, opaque, cas, extras, key, value, value_len }))
}

#[rustfmt::skip]
pub(super) const OPCODES: &Names = &[
    (0x00, "Get"), (0x01, "Set"), (0x02, "Add"), (0x03, "Replace"), (0x04, "Delete"), (0x05, "Increment"), (0x06, "Decrement"), (0x07, "Quit"),
    (0x08, "Flush"), (0x09, "GetQ"), (0x0a, "No-op"), (0x0b, "Version"), (0x0c, "GetK"), (0x0d, "GetKQ"), (0x0e, "Append"),
    (0x0f, "Prepend"), (0x10, "Stat"), (0x11, "SetQ"), (0x12, "AddQ"), (0x13, "ReplaceQ"), (0x14, "DeleteQ"), (0x15, "IncrementQ"),
    (0x16, "DecrementQ"), (0x17, "QuitQ"), (0x18, "FlushQ"), (0x19, "AppendQ"), (0x1a, "PrependQ"), (0x1b, "Verbosity"), (0x1c, "Touch"),
    (0x1d, "GAT"), (0x1e, "GATQ"), (0x20, "SASL list mechs"), (0x21, "SASL Auth"), (0x22, "SASL Step"), (0x23, "GATK"), (0x24, "GATKQ"),
    (0x30, "RGet"), (0x31, "RSet"), (0x32, "RSetQ"), (0x33, "RAppend"), (0x34, "RAppendQ"), (0x35, "RPrepend"), (0x36, "RPrependQ"),
    (0x37, "RDelete"), (0x38, "RDeleteQ"), (0x39, "RIncr"), (0x3a, "RIncrQ"), (0x3b, "RDecr"), (0x3c, "RDecrQ"), (0x3d, "Set VBucket"),
    (0x3e, "Get VBucket"), (0x3f, "Del VBucket"), (0x40, "TAP Connect"), (0x41, "TAP Mutation"), (0x42, "TAP Delete"), (0x43, "TAP Flush"),
    (0x44, "TAP Opaque"), (0x45, "TAP VBucket Set"), (0x46, "TAP Checkpoint Start"), (0x47, "TAP Checkpoint End"),
];

pub(super) const STATUSES: &Names = &[
    (0x00, "No error"),
    (0x01, "Key not found"),
    (0x02, "Key exists"),
    (0x03, "Value too large"),
    (0x04, "Invalid arguments"),
    (0x05, "Item not stored"),
    (0x06, "Incr/Decr on non-numeric value"),
    (0x07, "The vbucket belongs to another server"),
    (0x08, "Authentication error"),
    (0x09, "Authentication continue"),
    (0x20, "Authentication required"),
    (0x21, "Further authentication steps required"),
    (0x81, "Unknown command"),
    (0x82, "Out of memory"),
    (0x83, "Not supported"),
    (0x84, "Internal error"),
    (0x85, "Busy"),
    (0x86, "Temporary failure"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for names in [OPCODES, STATUSES] {
            assert!(names.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
