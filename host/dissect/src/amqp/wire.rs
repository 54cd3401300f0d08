//! Frames (AMQP 0-9-1 §4.2.3) and what arguments are made of (§4.2.5).

use super::method::{self, Method};
use crate::made::{Made, hex};
use nom::{
    IResult, Parser as _,
    bytes::complete::take,
    combinator::map,
    error::{Error, ErrorKind},
    multi::length_data,
    number::complete::{be_f32, be_f64, be_i8, be_i16, be_i32, be_i64, be_u8, be_u16, be_u32, be_u64},
};

/// What a client says first: the name, and version 0-9-1.
pub(super) const HEADER: &[u8; 8] = b"AMQP\0\0\x09\x01";

/// Type, channel, size.
pub(super) const FRAME_HEADER_LEN: usize = 7;
/// What ends every frame.
const FRAME_END: u8 = 0xce;
/// The longest frame that is believed: RabbitMQ's `frame_max` is 128 KiB.
const FRAME_MAX: u32 = 64 << 20;

/// Types of frames.
pub(super) mod frame {
    pub(crate) const METHOD: u8 = 1;
    pub(crate) const HEADER: u8 = 2;
    pub(crate) const BODY: u8 = 3;
    pub(crate) const HEARTBEAT: u8 = 8;
}

/// How deep tables may stand in each other, and entries shown of one.
const DEPTH_MAX: usize = 8;
const ENTRIES_MAX: usize = 256;

/// What bytes begin with.
pub(super) enum Start {
    /// The protocol header.
    Header,
    /// The frame of a method, with its end.
    Method(&'static Method),
    /// Another frame, with its end.
    Content,
    Need,
    None,
}

/// What `bytes` begin with: frames are believed with the byte that ends them.
pub(super) fn start(bytes: &[u8]) -> Start {
    if HEADER.iter().zip(bytes).all(|(a, b)| a == b) {
        return if bytes.len() >= HEADER.len() { Start::Header } else { Start::Need };
    }
    let kind = match bytes.first() {
        Some(&kind @ (frame::METHOD..=frame::BODY | frame::HEARTBEAT)) => kind,
        _ => return Start::None,
    };
    let Some(len) = len(bytes) else { return Start::Need };
    let known = method::find(bytes.get(FRAME_HEADER_LEN..).unwrap_or_default());
    let end = usize::try_from(len).ok().and_then(|len| bytes.get(len.saturating_sub(1)));
    match (kind, known, end) {
        _ if len > u64::from(FRAME_MAX) => Start::None,
        (frame::METHOD, None, _) if bytes.len() >= FRAME_HEADER_LEN + 4 => Start::None,
        (frame::HEARTBEAT, ..) if len != FRAME_HEADER_LEN as u64 + 1 => Start::None,
        (_, _, None) => Start::Need,
        (frame::METHOD, Some(method), Some(&FRAME_END)) => Start::Method(method),
        (frame::METHOD, ..) => Start::None,
        (_, _, Some(&FRAME_END)) => Start::Content,
        _ => Start::None,
    }
}

/// Bytes of the frame whose header `bytes` begin with, its end included.
pub(super) fn len(bytes: &[u8]) -> Option<u64> {
    let &[_, _, _, a, b, c, d] = bytes.first_chunk::<FRAME_HEADER_LEN>()?;
    Some(FRAME_HEADER_LEN as u64 + u64::from(u32::from_be_bytes([a, b, c, d])) + 1)
}

/// A frame's type, channel and payload, as far as that is there.
pub(super) fn parts(bytes: &[u8]) -> Option<(u8, u16, &[u8])> {
    let &[kind, high, low, ..] = bytes.first_chunk::<FRAME_HEADER_LEN>()?;
    let payload = bytes.get(FRAME_HEADER_LEN..)?;
    let whole = len(bytes) == Some(bytes.len() as u64);
    Some((kind, u16::from_be_bytes([high, low]), if whole { payload.strip_suffix(&[FRAME_END]).unwrap_or(payload) } else { payload }))
}

/// A string of up to 255 bytes.
pub(super) fn short_string(i: &[u8]) -> IResult<&[u8], Made> {
    map(length_data(be_u8), Made::lossy).parse(i)
}

/// A string of any length.
pub(super) fn long_string(i: &[u8]) -> IResult<&[u8], Made> {
    map(length_data(be_u32), Made::lossy).parse(i)
}

/// A field table.
pub(super) fn table(i: &[u8]) -> IResult<&[u8], Made> {
    nested_table(i, 0)
}

fn nested_table(i: &[u8], depth: usize) -> IResult<&[u8], Made> {
    let (after, mut i) = length_data(be_u32).parse(i)?;
    let mut entries = Vec::new();
    while !i.is_empty() && entries.len() < ENTRIES_MAX {
        let (rest, name) = length_data(be_u8).parse(i)?;
        let (rest, value) = value(rest, depth)?;
        entries.push((String::from_utf8_lossy(name).into_owned(), value));
        i = rest;
    }
    Ok((after, Made::Map(entries)))
}

/// A value with its type before it, in the letters that RabbitMQ and Qpid agree on.
fn value(i: &[u8], depth: usize) -> IResult<&[u8], Made> {
    let (i, kind) = be_u8(i)?;
    match kind {
        b'F' | b'A' if depth >= DEPTH_MAX => map(length_data(be_u32), |_| Made::Null).parse(i),
        b't' => map(be_u8, |b| Made::Bool(b != 0)).parse(i),
        b'b' => map(be_i8, Made::from).parse(i),
        b'B' => map(be_u8, Made::from).parse(i),
        b's' => map(be_i16, Made::from).parse(i),
        b'u' => map(be_u16, Made::from).parse(i),
        b'I' => map(be_i32, Made::from).parse(i),
        b'i' => map(be_u32, Made::from).parse(i),
        b'l' | b'L' => map(be_i64, Made::from).parse(i),
        b'f' => map(be_f32, Made::from).parse(i),
        b'd' => map(be_f64, Made::from).parse(i),
        b'T' => map(be_u64, Made::from).parse(i),
        b'D' => map((be_u8, be_i32), |(scale, n)| Made::Float(f64::from(n) / 10f64.powi(scale.into()))).parse(i),
        b'S' => long_string(i),
        b'x' => map(length_data(be_u32), |b: &[u8]| Made::Text(hex(b))).parse(i),
        b'V' => Ok((i, Made::Null)),
        b'F' => nested_table(i, depth + 1),
        b'A' => {
            let (after, mut i) = length_data(be_u32).parse(i)?;
            let mut list = Vec::new();
            while !i.is_empty() && list.len() < ENTRIES_MAX {
                let (rest, one) = value(i, depth + 1)?;
                list.push(one);
                i = rest;
            }
            Ok((after, Made::List(list)))
        }
        _ => Err(nom::Err::Error(Error::new(i, ErrorKind::Tag))),
    }
}

/// Content properties by the bits that announce them (§4.2.6.1).
const PROPERTIES: [&str; 14] = [
    "contentType",
    "contentEncoding",
    "headers",
    "deliveryMode",
    "priority",
    "correlationId",
    "replyTo",
    "expiration",
    "messageId",
    "timestamp",
    "type",
    "userId",
    "appId",
    "clusterId",
];

/// The size of the body that a content header announces.
pub(super) fn body_size(header: &[u8]) -> Option<u64> {
    header.get(4..)?.first_chunk::<8>().map(|b| u64::from_be_bytes(*b))
}

/// The properties of a content header.
pub(super) fn properties(i: &[u8]) -> IResult<&[u8], Vec<(&'static str, Made)>> {
    let (i, _class_weight_size) = take(12usize)(i)?;
    let (mut i, flags) = be_u16(i)?;
    let mut all = Vec::new();
    for (at, name) in PROPERTIES.iter().enumerate().filter(|(at, _)| flags & (0x8000 >> at) != 0) {
        let (rest, value) = match at {
            2 => table(i)?,
            3 | 4 => map(be_u8, Made::from).parse(i)?,
            9 => map(be_u64, Made::from).parse(i)?,
            _ => short_string(i)?,
        };
        all.push((*name, value));
        i = rest;
    }
    Ok((i, all))
}
