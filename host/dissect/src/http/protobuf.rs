//! Protocol Buffers without a schema (protobuf.dev, "Encoding"): field numbers and what their values can be taken for.

use crate::made::{Made, text_or_base64};

/// A message's fields by their numbers, repeated ones as lists; `None` if `bytes` are no message, or it is empty.
///
/// A value with a length is text where it is printable, else a message where it can be one, else text or base64. Varints are unsigned, as
/// sign and zigzag are the schema's; fixed ones are their bits.
pub(super) fn fields(bytes: &[u8]) -> Option<Made> {
    let mut budget = VALUES_MAX;
    message(bytes, DEPTH_MAX, &mut budget)
}

fn message(mut bytes: &[u8], depth: u32, budget: &mut u32) -> Option<Made> {
    let mut fields: Vec<(String, Made)> = Vec::new();
    while !bytes.is_empty() {
        *budget = budget.checked_sub(1)?;
        let (tag, rest) = varint(bytes)?;
        let number = u32::try_from(tag >> 3).ok().filter(|n| (1..=NUMBER_MAX).contains(n))?;
        let (value, rest) = match tag & 7 {
            0 => varint(rest).map(|(n, rest)| (Made::Number(n), rest))?,
            1 => rest.split_first_chunk().map(|(n, rest)| (Made::Number(u64::from_le_bytes(*n)), rest))?,
            5 => rest.split_first_chunk().map(|(n, rest)| (Made::Number(u32::from_le_bytes(*n).into()), rest))?,
            2 => {
                let (len, rest) = varint(rest)?;
                let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
                (delimited(value, depth, budget), rest)
            }
            _ => return None,
        };
        add(&mut fields, number.to_string(), value);
        bytes = rest;
    }
    (!fields.is_empty()).then_some(Made::Map(fields))
}

/// A value with a length.
fn delimited(value: &[u8], depth: u32, budget: &mut u32) -> Made {
    let printable = std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(char::is_control));
    let nested = if printable || depth == 0 { None } else { message(value, depth - 1, budget) };
    nested.unwrap_or_else(|| Made::Text(text_or_base64(value).0))
}

fn add(fields: &mut Vec<(String, Made)>, name: String, value: Made) {
    match fields.iter_mut().find(|(n, _)| *n == name) {
        Some((_, Made::List(list))) => list.push(value),
        Some((_, first)) => *first = Made::List(vec![std::mem::take(first), value]),
        None => fields.push((name, value)),
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(at).ok()? * 7)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

/// The highest field number there is (2^29 - 1).
const NUMBER_MAX: u32 = (1 << 29) - 1;
/// Messages in messages that are looked into.
const DEPTH_MAX: u32 = 16;
/// Values that one message may have, nested ones and tries included: what is longer is shown as bytes.
const VALUES_MAX: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_can_be_taken_for() {
        let inner = [&[0x0a, 3][..], b"abc", &[0x10, 0x96, 1]].concat();
        let outer =
            [&[0x08, 5, 0x08, 6, 0x1a, 8][..], &inner, &[0x22, 2, 0xff, 0xfe], &[0x2d, 1, 0, 0, 0], &[0x31, 2, 0, 0, 0, 0, 0, 0, 0]]
                .concat();
        let Some(Made::Map(fields)) = fields(&outer) else { panic!() };
        let inner = Made::Map(vec![("1".into(), Made::Text("abc".into())), ("2".into(), Made::Number(150))]);
        let want = [
            ("1".to_owned(), Made::List(vec![Made::Number(5), Made::Number(6)])),
            ("3".into(), inner),
            ("4".into(), Made::Text("//4=".into())),
            ("5".into(), Made::Number(1)),
            ("6".into(), Made::Number(2)),
        ];
        assert_eq!(fields, want);
    }

    #[test]
    fn what_is_no_message_is_none() {
        for bytes in [&b""[..], b"\0", b"\x0a\x05ab", b"\x0b", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(fields(bytes), None, "{bytes:?}");
        }
        // A message in a message in a message, further than anybody looks.
        let deep = (0..200).fold(vec![0x08, 1], |inner: Vec<u8>, _| [&[0x0a, u8::try_from(inner.len()).unwrap_or(0)][..], &inner].concat());
        fields(&deep);
    }
}
