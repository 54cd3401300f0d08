//! The fixed header (MQTT 3.1.1 §2.2) and what MQTT's fields are made of (MQTT 5.0 §1.5).

use super::codes::{self, packet};
use crate::Verdict;
use hookline_item::Sender;
use nom::{
    IResult, Parser as _,
    combinator::map,
    multi::length_data,
    number::complete::{be_u8, be_u16},
};
use std::borrow::Cow;

/// Type and flags, and how many bytes follow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// Bytes of the fixed header.
    pub(super) header_len: usize,
    pub(super) remaining: u32,
}

impl Header {
    /// Bytes of the packet.
    pub(super) fn whole(self) -> u64 {
        self.header_len as u64 + u64::from(self.remaining)
    }
}

/// The fixed header that `bytes` begin with; `None` if it is not there yet.
pub(super) fn header(bytes: &[u8]) -> Option<Result<Header, &'static str>> {
    let first = *bytes.first()?;
    let (kind, flags) = (first >> 4, first & 15);
    if !codes::flags_are_sound(kind, flags) {
        return Some(Err("no MQTT packet where one should begin"));
    }
    let mut remaining = 0;
    for (n, byte) in bytes.iter().skip(1).take(4).enumerate() {
        remaining |= u32::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            let (min, max) = codes::remaining(kind);
            let header = Header { kind, flags, header_len: n + 2, remaining };
            return Some(if (min..=max).contains(&remaining) { Ok(header) } else { Err("an MQTT packet of an impossible length") });
        }
    }
    if bytes.len() < 5 { None } else { Some(Err("a remaining length of more than four bytes")) }
}

/// A number of one to four bytes (MQTT 5.0 §1.5.5).
pub(super) fn variable(i: &[u8]) -> IResult<&[u8], u32> {
    let (mut rest, mut n) = (i, 0);
    for shift in [0, 7, 14, 21] {
        let (after, byte) = be_u8(rest)?;
        n |= u32::from(byte & 0x7f) << shift;
        rest = after;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok((rest, n))
}

/// Bytes with their length before them.
pub(super) fn binary(i: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u16).parse(i)
}

/// A string; what is not UTF-8 in it reads U+FFFD.
pub(super) fn string(i: &[u8]) -> IResult<&[u8], Cow<'_, str>> {
    map(binary, String::from_utf8_lossy).parse(i)
}

/// Whether `bytes` begin a CONNECT; `None` if that cannot be said yet.
pub(super) fn is_connect(bytes: &[u8]) -> Option<bool> {
    let header = match header(bytes) {
        None if bytes.first().is_none_or(|b| *b >> 4 == packet::CONNECT) => return None,
        Some(Ok(header)) if header.kind == packet::CONNECT => header,
        _ => return Some(false),
    };
    let body = bytes.get(header.header_len..).unwrap_or_default();
    let name = |n: &[u8]| body.iter().zip(n).all(|(a, b)| a == b).then_some(body.len() >= n.len());
    match (name(b"\0\x04MQTT"), name(b"\0\x06MQIsdp")) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (None, None) => Some(false),
        _ => None,
    }
}

/// The protocol level of a CONNECT.
pub(super) fn level(packet: &[u8]) -> Option<u8> {
    if is_connect(packet) != Some(true) {
        return None;
    }
    let body = packet.get(header(packet)?.ok()?.header_len..)?;
    let (rest, _) = binary(body).ok()?;
    // Bridges set the highest bit (Mosquitto).
    rest.first().map(|level| level & 0x7f)
}

/// Whether `bytes` are whole packets and nothing else.
pub(super) fn fill(mut bytes: &[u8]) -> bool {
    let mut any = false;
    while let Some(Ok(header)) = header(bytes) {
        let Some(rest) = usize::try_from(header.whole()).ok().and_then(|n| bytes.get(n..)) else { return false };
        if header.kind == packet::PUBLISH && !publishes(bytes.get(header.header_len..).unwrap_or_default()) {
            return false;
        }
        (bytes, any) = (rest, true);
    }
    any && bytes.is_empty()
}

/// Whether a PUBLISH's body begins with a topic as publishers name them.
fn publishes(body: &[u8]) -> bool {
    let topic: IResult<&[u8], &[u8]> = binary(body);
    topic.is_ok_and(|(_, t)| std::str::from_utf8(t).is_ok_and(|t| !t.contains(['#', '+', '\0'])))
}

/// Who sends such a packet.
pub(super) fn sender(bytes: &[u8], from: Sender) -> Verdict {
    match bytes.first().map_or(0, |b| b >> 4) {
        packet::CONNECT | packet::SUBSCRIBE | packet::UNSUBSCRIBE | packet::PINGREQ => Verdict::Yes(Sender::Client),
        packet::CONNACK | packet::SUBACK | packet::UNSUBACK | packet::PINGRESP => Verdict::Yes(Sender::Server),
        _ => Verdict::Yes(from),
    }
}
