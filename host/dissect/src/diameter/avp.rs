//! Attribute-value pairs (RFC 6733 §4).

use super::dictionary::{self, Form};
use crate::made::{Made, REDACTED, hex};
use hookline_item::Timestamp;
use nom::{
    IResult, Parser as _,
    bytes::complete::take,
    combinator::verify,
    number::complete::{be_u8, be_u24, be_u32},
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Code, flags and length.
const HEADER_LEN: usize = 8;
/// How deep grouped AVPs may stand in each other: what is below is shown as bytes.
const DEPTH_MAX: usize = 8;

const FLAG_VENDOR: u8 = 0x80;
const FLAGS_RESERVED: u8 = 0x1f;

/// One pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avp<'a> {
    pub(super) code: u32,
    /// 0 for those of the IETF.
    pub(super) vendor: u32,
    len: usize,
    pub(super) value: &'a [u8],
}

/// Whether `bytes` begin a pair that fits into `room` bytes; `None` if its header is not there yet.
pub(super) fn is_start(bytes: &[u8], room: usize) -> Option<bool> {
    let flags = bytes.get(4)?;
    let (_, (_, _, len)) = head(bytes).ok()?;
    let min = if flags & FLAG_VENDOR == 0 { HEADER_LEN } else { HEADER_LEN + 4 };
    Some(flags & FLAGS_RESERVED == 0 && (min..=room).contains(&len))
}

fn head(i: &[u8]) -> IResult<&[u8], (u32, u8, usize)> {
    let (i, code) = be_u32(i)?;
    let (i, flags) = be_u8(i)?;
    let (i, len) = be_u24(i)?;
    Ok((i, (code, flags, len as usize)))
}

fn one(i: &[u8]) -> IResult<&[u8], Avp<'_>> {
    let (i, (code, flags, len)) = verify(head, |(_, _, len)| *len >= HEADER_LEN).parse(i)?;
    let (rest, value) = take(len.saturating_sub(HEADER_LEN))(i)?;
    let (value, vendor) = if flags & FLAG_VENDOR != 0 { be_u32(value)? } else { (value, 0) };
    Ok((rest, Avp { code, vendor, len, value }))
}

/// The pairs that `bytes` begin with, up to one that is not whole.
pub(super) fn each(mut bytes: &[u8]) -> impl Iterator<Item = Avp<'_>> {
    std::iter::from_fn(move || {
        let (rest, avp) = one(bytes).ok()?;
        // The last one's padding may be missing.
        let padding = avp.padded_len() - avp.len;
        bytes = rest.get(padding..).unwrap_or_default();
        Some(avp)
    })
}

impl<'a> Avp<'a> {
    /// Bytes on the wire.
    pub(super) fn padded_len(self) -> usize {
        self.len.next_multiple_of(4)
    }

    pub(super) fn number(self) -> Option<u32> {
        <[u8; 4]>::try_from(self.value).ok().map(u32::from_be_bytes)
    }

    /// What stands in a grouped one.
    pub(super) fn below(self) -> impl Iterator<Item = Avp<'a>> {
        each(self.value)
    }

    /// As items show it, `depth` groups deep.
    pub(super) fn made(self, depth: usize) -> Made {
        let (name, form) = dictionary::of(self.vendor, self.code);
        let mut fields = vec![("code", Made::from(self.code)), ("name", Made::Text(name.into_owned()))];
        if self.vendor != 0 {
            fields.push(("vendorId", self.vendor.into()));
        }
        fields.push(("value", self.shown(form, depth)));
        Made::Fields(fields)
    }

    fn shown(self, form: Form, depth: usize) -> Made {
        match (form, self.value) {
            (Form::Secret, _) => REDACTED.into(),
            (Form::Text, value) => Made::lossy(value),
            (Form::U32, [a, b, c, d]) => u32::from_be_bytes([*a, *b, *c, *d]).into(),
            (Form::I32, [a, b, c, d]) => i32::from_be_bytes([*a, *b, *c, *d]).into(),
            // RFC 6733 §4.3.1: seconds of NTP, since 1900.
            (Form::Time, [a, b, c, d]) => Made::Text(time(u32::from_be_bytes([*a, *b, *c, *d]))),
            (Form::Address, [0, 1, a, b, c, d]) => Made::Text(Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            (Form::Address, [0, 2, v6 @ ..]) if let Ok(v6) = <[u8; 16]>::try_from(v6) => Made::Text(Ipv6Addr::from(v6).to_string()),
            (Form::U64, value) if let Ok(n) = <[u8; 8]>::try_from(value) => u64::from_be_bytes(n).into(),
            (Form::I64, value) if let Ok(n) = <[u8; 8]>::try_from(value) => i64::from_be_bytes(n).into(),
            (Form::Grouped, _) if depth < DEPTH_MAX => Made::List(self.below().map(|a| a.made(depth + 1)).collect()),
            (_, value) => Made::Text(hex(value)),
        }
    }
}

/// Seconds between 1900 and 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

fn time(ntp: u32) -> String {
    let unix = u64::from(ntp).checked_sub(NTP_TO_UNIX).unwrap_or_else(|| u64::from(ntp) + (1 << 32) - NTP_TO_UNIX);
    Timestamp(unix.saturating_mul(1_000_000_000)).to_string()
}
