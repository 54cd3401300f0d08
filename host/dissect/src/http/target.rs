//! Request targets (RFC 9112 §3.2) and what stands in their query.

use memchr::memchr;
use std::borrow::Cow;

/// A target's parts, as they stand on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Host and port of absolute and authority form.
    pub(super) authority: &'a [u8],
    /// With its leading slash; `*` in asterisk form, empty in authority form.
    pub(super) path: &'a [u8],
    /// Without the question mark.
    pub(super) query: &'a [u8],
}

/// The parts of a request's target; `connect` says that it is in authority form.
pub(super) fn split(target: &[u8], connect: bool) -> Target<'_> {
    if connect {
        return Target { authority: target, ..Target::default() };
    }
    let (authority, rest) = match scheme_len(target) {
        Some(skip) => {
            let rest = target.get(skip..).unwrap_or_default();
            let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
            rest.split_at_checked(end).unwrap_or_default()
        }
        None => (&[][..], target),
    };
    let rest = memchr(b'#', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
    match memchr(b'?', rest).and_then(|at| rest.split_at_checked(at)) {
        Some((path, query)) => Target { authority, path, query: query.get(1..).unwrap_or_default() },
        None => Target { authority, path: rest, query: &[] },
    }
}

/// The length of `scheme://`, if the target begins with one.
fn scheme_len(target: &[u8]) -> Option<usize> {
    let colon = target.iter().position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'+' | b'-' | b'.'))?;
    (colon > 0 && target.get(colon..)?.starts_with(b"://")).then_some(colon + 3)
}

/// A host without its port: `a.b:80` is `a.b`, `[::1]:80` is `::1`.
pub(super) fn host_only(authority: &[u8]) -> &[u8] {
    let authority = authority.rsplit(|b| *b == b'@').next().unwrap_or_default();
    if let Some(inner) = authority.strip_prefix(b"[") {
        return memchr(b']', inner).and_then(|end| inner.get(..end)).unwrap_or(inner);
    }
    memchr(b':', authority).and_then(|end| authority.get(..end)).unwrap_or(authority)
}

/// `name=value` pairs joined by `&` (URL standard, application/x-www-form-urlencoded), decoded; at most [`PAIRS_MAX`].
pub(super) fn pairs(query: &[u8]) -> impl Iterator<Item = (String, String)> {
    query.split(|b| *b == b'&').filter(|p| !p.is_empty()).take(PAIRS_MAX).map(|pair| {
        let (name, value) = memchr(b'=', pair).and_then(|at| pair.split_at_checked(at)).unwrap_or((pair, &[]));
        (unescape(name), unescape(value.get(1..).unwrap_or_default()))
    })
}

/// A form's percent-decoding, with `+` for a space (URL standard, "urlencoded parsing").
fn unescape(text: &[u8]) -> String {
    if !text.contains(&b'+') {
        return percent_decoded(text);
    }
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decoded(&spaced)
}

/// Percent-decoding (RFC 3986 §2.1); what is not UTF-8 then shows as U+FFFD.
pub(super) fn percent_decoded(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, beyond @ ..]) => match (hex(*high), hex(*low)) {
                (Some(h), Some(l)) => {
                    out.push(h << 4 | l);
                    rest = beyond;
                }
                _ => out.push(first),
            },
            _ => out.push(first),
        }
    }
    match String::from_utf8_lossy(&out) {
        Cow::Owned(text) => text,
        Cow::Borrowed(text) => text.to_owned(),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Pairs read of one query or form: PHP and Go servers stop at 1000 too.
const PAIRS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_all_four_forms() {
        let table: [(&str, [&str; 3]); 8] = [
            ("/a/b?x=1#f", ["", "/a/b", "x=1"]),
            ("http://h:80/a?b", ["h:80", "/a", "b"]),
            ("http://h", ["h", "", ""]),
            ("https://h?q", ["h", "", "q"]),
            ("*", ["", "*", ""]),
            ("/a?b=http://x/", ["", "/a", "b=http://x/"]),
            ("noslash", ["", "noslash", ""]),
            ("", ["", "", ""]),
        ];
        for (text, [authority, path, query]) in table {
            let want = Target { authority: authority.as_bytes(), path: path.as_bytes(), query: query.as_bytes() };
            assert_eq!(split(text.as_bytes(), false), want, "{text}");
        }
        assert_eq!(split(b"h:443", true).authority, b"h:443");
    }

    #[test]
    fn strips_ports() {
        for (text, want) in [("a:80", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("u@a:1", "a"), ("", "")] {
            assert_eq!(host_only(text.as_bytes()), want.as_bytes());
        }
    }

    #[test]
    fn decodes_pairs() {
        let got: Vec<_> = pairs(b"a=1&b=%20+%zz&c&&=d&a=%E4%BD").collect();
        let want = [("a", "1"), ("b", "  %zz"), ("c", ""), ("", "d"), ("a", "\u{fffd}")];
        assert_eq!(got, want.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }
}
