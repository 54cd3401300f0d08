//! How long a message's body is (RFC 9112 §6.3), and its bytes as they come.

use super::{anomaly, frame::Head};
use memchr::memchr;

/// How a body's end is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// `Transfer-Encoding: chunked` (RFC 9112 §7.1).
    Chunked(Chunk),
    /// Everything until the connection closes.
    UntilClose,
}

/// Where in the chunked coding a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// At a line with a chunk's size.
    Size,
    /// So many bytes of the chunk are still to come.
    Data(u64),
    /// At the line end after a chunk's data.
    End,
}

/// A body: what was kept of it, and what is known of the rest.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Kept bytes, up to the limit.
    pub(super) bytes: Vec<u8>,
    /// Bytes seen, without transfer coding.
    pub(super) size: u64,
    /// Bytes seen and not kept because there was no room.
    pub(super) cut: u64,
    /// How many of `bytes` come before the first hole.
    pub(super) whole: Option<usize>,
}

impl Body {
    /// Appends bytes, as far as `max` allows; `coming` more are expected.
    pub(super) fn push(&mut self, bytes: &[u8], coming: u64, max: usize) {
        let room = max.saturating_sub(self.bytes.len());
        let (keep, cut) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        if self.bytes.capacity() == 0 {
            let expected = usize::try_from(coming).unwrap_or(usize::MAX).saturating_add(bytes.len());
            self.bytes.reserve_exact(expected.min(max).min(keep.len().max(RESERVE_MAX)));
        }
        self.bytes.extend_from_slice(keep);
        self.size += bytes.len() as u64;
        self.cut += cut.len() as u64;
    }

    /// Counts bytes that nobody reads.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
    }

    /// Notes that bytes are missing here.
    pub(super) fn hole(&mut self) {
        self.whole.get_or_insert(self.bytes.len());
    }

    /// The kept bytes up to the first hole: what can be decoded.
    pub(super) fn decodable(&self) -> &[u8] {
        self.whole.and_then(|n| self.bytes.get(..n)).unwrap_or(&self.bytes)
    }
}

/// What decides a response's framing besides its own head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request.
    Request,
    /// A response that may have a body.
    Response,
    /// A response that has none whatever its fields say: to HEAD, 1xx, 204, 304, 2xx to CONNECT.
    Bodiless,
}

/// The framing of the body after `head`; `None` where there is no body. Oddities go to `odd`.
pub(super) fn framing(head: &Head, kind: Kind, odd: &mut dyn FnMut(&'static str)) -> Option<Framing> {
    let (mut length, mut coding) = (None, None);
    for (name, value) in head.fields() {
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => content_length(value, &mut length, odd),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => coding = Some(value),
            _ => {}
        }
    }
    if coding.is_some() && length.is_some() {
        odd(anomaly::LENGTH_AND_CODING);
    }
    if kind == Kind::Bodiless {
        return None;
    }
    match (coding, length) {
        (Some(coding), _) if last_coding(coding).eq_ignore_ascii_case(b"chunked") => Some(Framing::Chunked(Chunk::Size)),
        (Some(coding), None) if !last_coding(coding).eq_ignore_ascii_case(b"identity") => {
            odd(anomaly::CODING_UNKNOWN);
            Some(Framing::UntilClose)
        }
        (_, Some(0)) => None,
        (_, Some(n)) => Some(Framing::Length(n)),
        (_, None) if kind == Kind::Request => None,
        (_, None) => Some(Framing::UntilClose),
    }
}

/// RFC 9112 §6.3 rules 4 and 5: a list of equal lengths is one length; of different ones the first is taken and the conflict named.
fn content_length(value: &[u8], length: &mut Option<u64>, odd: &mut dyn FnMut(&'static str)) {
    for part in value.split(|b| *b == b',') {
        let part = part.trim_ascii();
        let digits = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        let parsed = std::str::from_utf8(part).ok().filter(|_| digits).and_then(|t| t.parse::<u64>().ok());
        match (parsed, *length) {
            (None, _) => odd(anomaly::LENGTH_INVALID),
            (Some(n), None) => *length = Some(n),
            (Some(n), Some(before)) if n != before => odd(anomaly::LENGTH_CONFLICT),
            (Some(_), Some(_)) => {}
        }
    }
}

fn last_coding(value: &[u8]) -> &[u8] {
    value.rsplit(|b| *b == b',').next().unwrap_or_default().trim_ascii()
}

/// What reading a line of the chunked coding came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The chunk's size, and the line's length with its end.
    Size(u64, usize),
    /// The line is not whole.
    Need,
    /// Not a chunk size.
    Bad,
}

/// `chunk-size [chunk-ext] CRLF` (RFC 9112 §7.1). White space around the size and a bare LF are taken.
pub(super) fn chunk_line(bytes: &[u8]) -> Line {
    let Some(end) = memchr(b'\n', bytes) else {
        return if bytes.len() > CHUNK_LINE_MAX || !bytes.first().is_none_or(|b| b.is_ascii_hexdigit() || *b == b' ') {
            Line::Bad
        } else {
            Line::Need
        };
    };
    let line = bytes.get(..end).unwrap_or_default();
    let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Line::Bad;
    }
    match std::str::from_utf8(digits).ok().and_then(|t| u64::from_str_radix(t, 16).ok()) {
        Some(size) => Line::Size(size, end + 1),
        None => Line::Bad,
    }
}

/// Room made for a body at once: what a body of unknown size may cost before its bytes have come.
const RESERVE_MAX: usize = 16 << 10;
/// The longest chunk line: sizes have 16 digits, extensions are hardly used; Apache takes 8 KiB.
const CHUNK_LINE_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::super::frame::{Scan, Scanned};
    use super::*;

    fn of(fields: &str, kind: Kind) -> (Option<Framing>, Vec<&'static str>) {
        let text = format!("POST / HTTP/1.1\r\n{fields}\r\n");
        let mut scan = Scan::default();
        assert_eq!(scan.run(text.as_bytes(), 100), Scanned::Head(text.len()));
        let mut odd = Vec::new();
        let framing = framing(&scan.take(text.as_bytes(), &crate::Redaction::default()), kind, &mut |a| odd.push(a));
        (framing, odd)
    }

    #[test]
    fn follows_rfc9112_6_3() {
        let chunked = Some(Framing::Chunked(Chunk::Size));
        let table = [
            ("", Kind::Request, None, &[][..]),
            ("", Kind::Response, Some(Framing::UntilClose), &[]),
            ("Content-Length: 5\r\n", Kind::Bodiless, None, &[]),
            ("Content-Length: 5\r\n", Kind::Request, Some(Framing::Length(5)), &[]),
            ("content-length: 5, 5\r\n", Kind::Request, Some(Framing::Length(5)), &[]),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Kind::Request, Some(Framing::Length(5)), &[anomaly::LENGTH_CONFLICT]),
            ("Content-Length: -1\r\n", Kind::Request, None, &[anomaly::LENGTH_INVALID]),
            ("Content-Length: +5\r\n", Kind::Response, Some(Framing::UntilClose), &[anomaly::LENGTH_INVALID]),
            ("Transfer-Encoding: gzip, Chunked\r\n", Kind::Request, chunked, &[]),
            ("Transfer-Encoding: chunked\r\nContent-Length: 9\r\n", Kind::Response, chunked, &[anomaly::LENGTH_AND_CODING]),
            ("Transfer-Encoding: gzip\r\n", Kind::Response, Some(Framing::UntilClose), &[anomaly::CODING_UNKNOWN]),
            (
                "Transfer-Encoding: identity\r\nContent-Length: 9\r\n",
                Kind::Response,
                Some(Framing::Length(9)),
                &[anomaly::LENGTH_AND_CODING],
            ),
        ];
        for (fields, kind, want, odd) in table {
            assert_eq!(of(fields, kind), (want, odd.to_vec()), "{fields:?} {kind:?}");
        }
    }

    #[test]
    fn reads_chunk_lines() {
        assert_eq!(chunk_line(b"1a;x=\"y\"\r\nz"), Line::Size(26, 10));
        assert_eq!(chunk_line(b"0\n"), Line::Size(0, 2));
        assert_eq!(chunk_line(b"1a"), Line::Need);
        assert_eq!(chunk_line(b"\r\n"), Line::Bad);
        assert_eq!(chunk_line(b"x\r\n"), Line::Bad);
        assert_eq!(chunk_line(b"ffffffffffffffff0\r\n"), Line::Bad);
    }

    #[test]
    fn keeps_up_to_the_limit_and_counts_beyond() {
        let mut body = Body::default();
        body.push(b"abc", 3, 4);
        body.push(b"def", 0, 4);
        assert_eq!((body.bytes.as_slice(), body.size, body.cut), (&b"abcd"[..], 6, 2));
    }
}
