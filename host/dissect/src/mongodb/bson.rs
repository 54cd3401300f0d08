//! BSON (bsonspec.org) as relaxed extended JSON (MongoDB, "Extended JSON (v2)").
//!
//! Read by our own walker: the crate `bson` makes whole documents of what is cut, or none, and keeps secrets.

use crate::made::{Made, REDACTED, hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookline_item::Timestamp;
use nom::{
    IResult, Parser as _,
    bytes::complete::{take, take_till},
    combinator::map,
    error::{Error, ErrorKind},
    number::complete::{le_f64, le_i32, le_i64, le_u8, le_u32, le_u128},
};

/// How deep documents may stand in each other: servers allow 100, people do not read so deep.
const DEPTH_MAX: usize = 32;
/// Elements shown of all of a message, and bytes that these may take.
const ELEMENTS_MAX: usize = 1000;
const BYTES_MAX: usize = 64 << 10;

/// Elements that prove who the client is: SCRAM's and PLAIN's payloads, new passwords, keys of old.
const SECRETS: [&str; 4] = ["payload", "pwd", "key", "digestPassword"];

/// What a walk may still show, and what went wrong.
#[derive(Debug)]
pub(super) struct Walk {
    elements: usize,
    bytes: usize,
    /// Whether secrets may stand in the document: in commands that log in or make users.
    pub(super) secrets: bool,
}

impl Walk {
    pub(super) fn new(secrets: bool) -> Self {
        Self { elements: ELEMENTS_MAX, bytes: BYTES_MAX, secrets }
    }
}

/// The document that `bytes` begin with, with its length; what is there of it.
pub(super) fn one(bytes: &[u8]) -> &[u8] {
    let len = bytes.first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b)) as usize;
    bytes.get(..len).unwrap_or(bytes)
}

/// The documents that stand one after the other in `bytes`.
pub(super) fn each(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let document = Some(one(bytes)).filter(|d| d.len() > 4)?;
        bytes = bytes.get(document.len()..).unwrap_or_default();
        Some(document)
    })
}

/// The elements of a document: type, name, and what follows, the value first.
fn elements(document: &[u8]) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
    let mut rest = document.get(4..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, i) = rest.split_first().filter(|(kind, _)| **kind != 0)?;
        let (i, name) = cstring(i).ok()?;
        rest = i.get(value_len(*kind, i)?..)?;
        Some((*kind, name, i))
    })
}

/// The type of the element called `name`, and the bytes from its value on.
pub(super) fn get<'a>(document: &'a [u8], name: &str) -> Option<(u8, &'a [u8])> {
    elements(document).find(|(_, n, _)| *n == name.as_bytes()).map(|(kind, _, value)| (kind, value))
}

/// The name of the first element, and its value where that is a string.
pub(super) fn first(document: &[u8]) -> Option<(String, Option<String>)> {
    let (kind, name, value) = elements(document).next()?;
    Some((String::from_utf8_lossy(name).into_owned(), text(kind, value)))
}

/// A value that is a string.
pub(super) fn text(kind: u8, value: &[u8]) -> Option<String> {
    if kind == 2 { string(value).ok().map(|(_, s)| String::from_utf8_lossy(s).into_owned()) } else { None }
}

/// A value that is a number of any type.
pub(super) fn number(kind: u8, value: &[u8]) -> Option<f64> {
    type E<'a> = Error<&'a [u8]>;
    match kind {
        1 => le_f64::<_, E<'_>>(value).ok().map(|(_, n)| n),
        8 => value.first().map(|b| f64::from(*b)),
        16 => le_i32::<_, E<'_>>(value).ok().map(|(_, n)| f64::from(n)),
        18 => le_i64::<_, E<'_>>(value).ok().map(|(_, n)| n as f64),
        _ => None,
    }
}

/// Elements of an array.
pub(super) fn count(array: &[u8]) -> usize {
    elements(one(array)).count()
}

/// The first element of an array, where that is a document.
pub(super) fn first_document(array: &[u8]) -> Option<&[u8]> {
    elements(one(array)).next().filter(|(kind, ..)| *kind == 3).map(|(_, _, value)| one(value))
}

/// Whether a document's elements and those below fill it; nothing is made of them.
pub(super) fn is_sound(document: &[u8]) -> bool {
    fills(document, 0)
}

fn fills(document: &[u8], depth: usize) -> bool {
    let mut used = 4;
    for (kind, name, value) in elements(document) {
        used += 2 + name.len() + value_len(kind, value).unwrap_or(0);
        if matches!(kind, 3 | 4) && depth < DEPTH_MAX && !fills(one(value), depth + 1) {
            return false;
        }
    }
    used + 1 == document.len() && document.last() == Some(&0)
}

/// A document as JSON, as far as it can be read.
pub(super) fn json(document: &[u8], walk: &mut Walk) -> Made {
    object(document, walk, 0)
}

fn object(document: &[u8], walk: &mut Walk, depth: usize) -> Made {
    let mut entries = Vec::new();
    for (kind, name, value) in elements(document) {
        let len = value_len(kind, value).unwrap_or(0);
        if walk.elements == 0 || walk.bytes < name.len() + len && !matches!(kind, 3 | 4) {
            continue;
        }
        walk.elements -= 1;
        walk.bytes = walk.bytes.saturating_sub(name.len() + if matches!(kind, 3 | 4) { 0 } else { len });
        let name = String::from_utf8_lossy(name).into_owned();
        if walk.secrets && SECRETS.contains(&name.as_str()) {
            entries.push((name, REDACTED.into()));
            continue;
        }
        let made = match (kind, depth < DEPTH_MAX) {
            (3, true) => object(one(value), walk, depth + 1),
            (4, true) => list(object(one(value), walk, depth + 1)),
            (3 | 4, false) => Made::Null,
            _ => scalar(kind, value).map_or(Made::Null, |(_, made)| made),
        };
        entries.push((name, made));
    }
    Made::Map(entries)
}

/// Arrays are documents whose names are numbers.
fn list(made: Made) -> Made {
    match made {
        Made::Map(entries) => Made::List(entries.into_iter().map(|(_, value)| value).collect()),
        made => made,
    }
}

/// Bytes of a value of this type.
fn value_len(kind: u8, value: &[u8]) -> Option<usize> {
    let prefixed = |extra: usize| usize::try_from(le_i32::<_, Error<&[u8]>>(value).ok()?.1).ok().map(|n| n.saturating_add(extra));
    let len = match kind {
        6 | 10 | 0x7f | 0xff => 0,
        8 => 1,
        16 => 4,
        1 | 9 | 17 | 18 => 8,
        7 => 12,
        19 => 16,
        2 | 13 | 14 => prefixed(4)?,
        3 | 4 | 15 => prefixed(0)?.max(5),
        5 => prefixed(5)?,
        12 => prefixed(4 + 12)?,
        11 => {
            let (i, _) = cstring(value).ok()?;
            let (i, _) = cstring(i).ok()?;
            value.len() - i.len()
        }
        _ => return None,
    };
    // A cut document's last value may not be there to its end.
    (len <= value.len()).then_some(len)
}

fn cstring(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, text) = take_till(|b| b == 0)(i)?;
    let (i, _) = take(1usize)(i)?;
    Ok((i, text))
}

/// A string without the NUL that ends it.
fn string(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, len) = le_i32(i)?;
    let (i, text) = take(usize::try_from(len).unwrap_or(0))(i)?;
    Ok((i, text.strip_suffix(b"\0").unwrap_or(text)))
}

fn tagged(name: &'static str, value: Made) -> Made {
    Made::Fields(vec![(name, value)])
}

fn scalar(kind: u8, i: &[u8]) -> IResult<&[u8], Made> {
    match kind {
        1 => map(le_f64, Made::from).parse(i),
        2 => map(string, Made::lossy).parse(i),
        5 => {
            let (i, len) = le_i32(i)?;
            let (i, subtype) = le_u8(i)?;
            let (i, data) = take(usize::try_from(len).unwrap_or(0))(i)?;
            Ok((
                i,
                tagged(
                    "$binary",
                    Made::Fields(vec![("base64", STANDARD.encode(data).into()), ("subType", format!("{subtype:02x}").into())]),
                ),
            ))
        }
        6 => Ok((i, tagged("$undefined", true.into()))),
        7 => map(take(12usize), |id: &[u8]| tagged("$oid", Made::Text(hex(id)))).parse(i),
        8 => map(le_u8, |b| Made::Bool(b != 0)).parse(i),
        9 => map(le_i64, |ms| tagged("$date", date(ms))).parse(i),
        10 => Ok((i, Made::Null)),
        11 => {
            let (i, pattern) = cstring(i)?;
            let (i, options) = cstring(i)?;
            Ok((i, tagged("$regularExpression", Made::Fields(vec![("pattern", Made::lossy(pattern)), ("options", Made::lossy(options))]))))
        }
        12 => map((string, take(12usize)), |(of, id): (&[u8], &[u8])| {
            tagged("$dbPointer", Made::Fields(vec![("$ref", Made::lossy(of)), ("$id", tagged("$oid", Made::Text(hex(id))))]))
        })
        .parse(i),
        13 => map(string, |s| tagged("$code", Made::lossy(s))).parse(i),
        14 => map(string, |s| tagged("$symbol", Made::lossy(s))).parse(i),
        15 => map((take(4usize), string), |(_, s): (&[u8], &[u8])| tagged("$code", Made::lossy(s))).parse(i),
        16 => map(le_i32, Made::from).parse(i),
        17 => map((le_u32, le_u32), |(n, t)| tagged("$timestamp", Made::Fields(vec![("t", t.into()), ("i", n.into())]))).parse(i),
        18 => map(le_i64, Made::from).parse(i),
        19 => map(le_u128, |n| tagged("$numberDecimal", Made::Text(decimal(n)))).parse(i),
        0x7f => Ok((i, tagged("$maxKey", 1u8.into()))),
        0xff => Ok((i, tagged("$minKey", 1u8.into()))),
        _ => Err(nom::Err::Error(Error::new(i, ErrorKind::Tag))),
    }
}

/// Milliseconds since 1970: as text where relaxed JSON has it so, years 1970 to 9999.
fn date(ms: i64) -> Made {
    const YEAR_10000: i64 = 253_402_300_800_000;
    match u64::try_from(ms) {
        Ok(positive) if ms < YEAR_10000 => Made::Text(Timestamp(positive.saturating_mul(1_000_000)).to_string()),
        _ => tagged("$numberLong", Made::Text(ms.to_string())),
    }
}

/// An IEEE 754-2008 decimal (BSON Decimal128): coefficient and exponent.
fn decimal(n: u128) -> String {
    let sign = if n >> 127 == 1 { "-" } else { "" };
    match n >> 122 & 31 {
        30 => return format!("{sign}Infinity"),
        31 => return "NaN".to_owned(),
        _ => {}
    }
    let exponent = i32::try_from(n >> 113 & 0x3fff).unwrap_or(0) - 6176;
    let digits = (n & ((1 << 113) - 1)).to_string();
    let scale = usize::try_from(-exponent).unwrap_or(0);
    match exponent {
        0 => format!("{sign}{digits}"),
        _ if scale > 0 && scale < digits.len() => {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        _ => format!("{sign}{digits}E{exponent:+}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_people_do() {
        let bias = |exponent: i32| u128::try_from(exponent + 6176).unwrap() << 113;
        assert_eq!(
            (decimal(bias(0) | 12), decimal(bias(-1) | 12), decimal(1 << 127 | bias(3) | 7)),
            ("12".into(), "1.2".into(), "-7E+3".into())
        );
    }
}
