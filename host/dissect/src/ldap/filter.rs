//! Search filters (RFC 4511 §4.5.1.7) in their textual form (RFC 4515).

use super::ber::{self, any, each, string};
use std::fmt::Write as _;

/// How deep filters may stand in each other: servers refuse deeper ones far earlier than a stack ends.
const DEPTH_MAX: usize = 32;
/// Bytes of text that a filter may give; what is beyond is left out.
const TEXT_MAX: usize = 16 << 10;
/// What stands for what is left out.
const LEFT_OUT: &str = "(...)";

/// The text of the filter that these bytes are.
pub(super) fn text(filter: &[u8]) -> String {
    let mut out = String::new();
    write(&mut out, filter, 0);
    out
}

fn write(out: &mut String, filter: &[u8], depth: usize) {
    let Ok((_, (tag, contents))) = any(filter) else { return };
    if depth > DEPTH_MAX || out.len() > TEXT_MAX {
        if !out.ends_with(LEFT_OUT) {
            out.push_str(LEFT_OUT);
        }
        return;
    }
    out.push('(');
    match tag & 0x1f {
        n @ 0..=2 => {
            out.push(match n {
                0 => '&',
                1 => '|',
                _ => '!',
            });
            let mut rest = contents;
            while let Ok((after, _)) = any(rest) {
                write(out, rest, depth + 1);
                rest = after;
            }
        }
        3 => assertion(out, contents, "="),
        4 => substrings(out, contents),
        5 => assertion(out, contents, ">="),
        6 => assertion(out, contents, "<="),
        7 => {
            value(out, contents);
            out.push_str("=*");
        }
        8 => assertion(out, contents, "~="),
        9 => extensible(out, contents),
        _ => out.push('?'),
    }
    out.push(')');
}

/// `attribute OP value`
fn assertion(out: &mut String, i: &[u8], operator: &str) {
    let Ok((i, attribute)) = string(i) else { return };
    value(out, attribute);
    out.push_str(operator);
    value(out, string(i).map(|(_, v)| v).unwrap_or_default());
}

/// `attribute=initial*any*final`
fn substrings(out: &mut String, i: &[u8]) {
    let Ok((i, attribute)) = string(i) else { return };
    value(out, attribute);
    out.push('=');
    let mut open = false;
    for (tag, part) in each(string(i).map(|(_, v)| v).unwrap_or_default()) {
        if tag != ber::context(0, false) {
            out.push('*');
        }
        value(out, part);
        open = tag != ber::context(2, false);
    }
    if open {
        out.push('*');
    }
}

/// `attribute:dn:rule:=value`
fn extensible(out: &mut String, i: &[u8]) {
    let part = |number| each(i).find(|(tag, _)| tag & 0x1f == number).map(|(_, contents)| contents);
    value(out, part(2).unwrap_or_default());
    if part(4).is_some_and(|dn| dn != [0]) {
        out.push_str(":dn");
    }
    if let Some(rule) = part(1) {
        out.push(':');
        value(out, rule);
    }
    out.push_str(":=");
    value(out, part(3).unwrap_or_default());
}

/// A value with what has a meaning in filters, and what is no text, escaped (RFC 4515 §3).
fn value(out: &mut String, bytes: &[u8]) {
    let escaped = |bytes: &[u8], out: &mut String| {
        for b in bytes {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\{b:02x}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\0' | '(' | ')' | '*' | '\\' => escaped(&[c as u8], out),
                c => out.push(c),
            }
        }
        escaped(chunk.invalid(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        let len = u16::try_from(contents.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, len[0], len[1]], contents].concat()
    }

    #[test]
    fn filters_have_their_textual_form() {
        let pair = |tag, a: &str, v: &[u8]| tlv(tag, &[tlv(4, a.as_bytes()), tlv(4, v)].concat());
        let equal = pair(0xa3, "cn", b"a*(\xff");
        let parts = tlv(0x30, &[tlv(0x80, b"x"), tlv(0x81, b"y")].concat());
        let sub = tlv(0xa4, &[tlv(4, b"sn"), parts].concat());
        let rule = tlv(0xa9, &[tlv(0x81, b"1.2"), tlv(0x82, b"o"), tlv(0x83, b"2"), tlv(0x84, &[255])].concat());
        let not = tlv(0xa2, &tlv(0x87, b"mail"));
        let all = tlv(0xa0, &[equal, sub, rule, not, pair(0xa5, "n", b"1")].concat());
        assert_eq!(text(&all), r"(&(cn=a\2a\28\ff)(sn=x*y*)(o:dn:1.2:=2)(!(mail=*))(n>=1))");
    }

    #[test]
    fn deep_filters_are_cut() {
        let mut filter = tlv(0x87, b"a");
        for _ in 0..5000 {
            filter = tlv(0xa2, &filter);
        }
        assert!(text(&filter).len() < 200);
    }
}
