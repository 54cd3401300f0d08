//! The part of BER that LDAP uses (X.690; RFC 4511 §5.1: definite lengths, primitive strings).

use nom::{
    IResult, Parser as _,
    bytes::complete::take,
    combinator::verify,
    error::{Error, ErrorKind},
    number::complete::be_u8,
};

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a context-specific element, primitive or constructed.
pub(super) const fn context(number: u8, constructed: bool) -> u8 {
    0x80 | number | if constructed { 0x20 } else { 0 }
}

/// A tag and how many bytes follow. Tags of LDAP are one byte, lengths at most four after their first (RFC 4511 §5.1 leaves it open).
pub(super) fn header(i: &[u8]) -> IResult<&[u8], (u8, usize)> {
    let (i, tag) = be_u8(i)?;
    let (i, first) = be_u8(i)?;
    if first < 0x80 {
        return Ok((i, (tag, first.into())));
    }
    let (i, octets) = verify(take(first & 0x7f), |o: &[u8]| (1..=4).contains(&o.len())).parse(i)?;
    Ok((i, (tag, octets.iter().fold(0, |n, b| n << 8 | usize::from(*b)))))
}

/// The next element: its tag and its contents.
pub(super) fn any(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, (tag, len)) = header(i)?;
    let (i, contents) = take(len)(i)?;
    Ok((i, (tag, contents)))
}

/// The contents of the next element, which must have this tag.
pub(super) fn element(tag: u8) -> impl Fn(&[u8]) -> IResult<&[u8], &[u8]> {
    move |i| match any(i)? {
        (rest, (t, contents)) if t == tag => Ok((rest, contents)),
        _ => Err(nom::Err::Error(Error::new(i, ErrorKind::Tag))),
    }
}

/// A string of any kind: primitive, whatever its tag.
pub(super) fn string(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, (_, contents)) = any(i)?;
    Ok((i, contents))
}

/// Text, with U+FFFD where it is not UTF-8.
pub(super) fn text(i: &[u8]) -> IResult<&[u8], String> {
    let (i, contents) = string(i)?;
    Ok((i, String::from_utf8_lossy(contents).into_owned()))
}

/// A number that is not negative; 0 beyond 64 bits.
pub(super) fn unsigned(contents: &[u8]) -> u64 {
    if contents.len() > 9 { 0 } else { contents.iter().fold(0, |n, b| n << 8 | u64::from(*b)) }
}

/// The elements that `bytes` are made of, up to one that is not whole.
pub(super) fn each(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (rest, element) = any(bytes).ok()?;
        bytes = rest;
        Some(element)
    })
}

/// The elements as texts.
pub(super) fn texts(bytes: &[u8]) -> Vec<String> {
    each(bytes).map(|(_, contents)| String::from_utf8_lossy(contents).into_owned()).collect()
}
