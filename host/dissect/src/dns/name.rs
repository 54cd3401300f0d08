//! Domain names (RFC 1035 §3.1, §4.1.4): labels, and pointers to where the rest of a name stands.
//!
//! Limits: a name is read up to [`NAME_MAX`] bytes and over at most [`HOPS_MAX`] pointers, so that no loop is followed for long.

use std::fmt::Write as _;

/// What follows after a name could not be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameError {
    /// It goes beyond the end of the message.
    Truncated,
    /// A label type that is not defined.
    Label,
}

/// A name's labels, and then how the walk ended.
struct Labels<'a> {
    message: &'a [u8],
    at: usize,
    hops: u32,
    bytes: usize,
    /// Whether the name ended as it should.
    ended: bool,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let first = *self.message.get(self.at)?;
            match first >> 6 {
                0 if first == 0 => {
                    self.ended = true;
                    return None;
                }
                0 => {
                    let end = self.at + 1 + usize::from(first);
                    let label = self.message.get(self.at + 1..end)?;
                    self.bytes += 1 + label.len();
                    self.at = end;
                    return (self.bytes < NAME_MAX).then_some(label);
                }
                3 if self.hops < HOPS_MAX => {
                    self.hops += 1;
                    self.at = usize::from(first & 0x3f) << 8 | usize::from(*self.message.get(self.at + 1)?);
                }
                _ => return None,
            }
        }
    }
}

fn labels(message: &[u8], at: usize) -> Labels<'_> {
    Labels { message, at, hops: 0, bytes: 0, ended: false }
}

/// Where what follows the name at `at` begins.
pub(super) fn skip(message: &[u8], mut at: usize) -> Result<usize, NameError> {
    loop {
        let first = *message.get(at).ok_or(NameError::Truncated)?;
        at += match first >> 6 {
            0 if first == 0 => return Ok(at + 1),
            0 => 1 + usize::from(first),
            3 if at + 1 < message.len() => return Ok(at + 2),
            3 => return Err(NameError::Truncated),
            _ => return Err(NameError::Label),
        };
    }
}

/// Whether the name at `at` is whole: no loop, nothing outside the message, not too long.
pub(super) fn is_whole(message: &[u8], at: usize) -> bool {
    let mut labels = labels(message, at);
    labels.by_ref().for_each(drop);
    labels.ended
}

/// Whether the name at `at` looks like one that somebody chose: letters, digits and what is usual besides.
pub(super) fn is_usual(message: &[u8], at: usize) -> bool {
    let mut labels = labels(message, at);
    labels.by_ref().all(|l| l.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*' | b'/'))) && labels.ended
}

/// The name at `at` as Wireshark prints it: no final dot, control characters as in C (`\t`, or three octal digits), bytes that are not UTF-8 as U+FFFD. The root is `.`.
///
/// A name that is not whole is given as far as it goes.
pub(super) fn text(message: &[u8], at: usize) -> String {
    let mut out = String::with_capacity(32);
    for label in labels(message, at) {
        if !out.is_empty() {
            out.push('.');
        }
        for c in String::from_utf8_lossy(label).chars() {
            match c {
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                // Writing to a String cannot fail.
                c if c.is_control() => drop(write!(out, "\\{:03o}", u32::from(c))),
                c => out.push(c),
            }
        }
    }
    if out.is_empty() {
        out.push('.');
    }
    out
}

/// RFC 1035 §2.3.4.
const NAME_MAX: usize = 255;
/// A name of 255 bytes has at most 127 labels, and nobody needs two pointers for one.
const HOPS_MAX: u32 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        let message = b"\x01a\x02bc\x00\x01x\xc0\x00\x00\x03a\x1a\xff\x00";
        assert_eq!((text(message, 0).as_str(), skip(message, 0)), ("a.bc", Ok(6)));
        assert_eq!((text(message, 6).as_str(), skip(message, 6)), ("x.a.bc", Ok(10)));
        assert_eq!((text(message, 10).as_str(), skip(message, 10)), (".", Ok(11)));
        assert_eq!(text(message, 11), "a\\032\u{fffd}");
    }

    #[test]
    fn loops_and_ends_are_found() {
        assert!(!is_whole(b"\xc0\x00", 0));
        assert!(!is_whole(b"\x01a\xc0\x00", 0));
        assert!(!is_whole(b"\x05a", 0));
        assert!(!is_whole(&[b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(5), 0));
        assert_eq!(skip(b"\x05a", 0), Err(NameError::Truncated));
        assert_eq!(skip(b"\x40a", 0), Err(NameError::Label));
        assert_eq!(skip(b"\xc0", 0), Err(NameError::Truncated));
        assert!(text(b"\x01a\xc0\x00", 0).len() <= 255);
    }
}
