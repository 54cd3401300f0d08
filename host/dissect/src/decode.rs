//! Compressed bytes by the names of HTTP's content codings (RFC 9110 §8.4): gzip, deflate, br, zstd; undone never beyond a cap.

use std::{borrow::Cow, io::Read};

/// A body without its content codings.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    /// Up to the cap.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Its size; counts beyond the cap, as far as [`WORK_FACTOR`] allows.
    pub(crate) size: u64,
    /// How many bytes of that are beyond the cap.
    pub(crate) cut: u64,
}

/// Undoes `codings`, a list as in Content-Encoding, the last applied last. `None` if one is unknown or the bytes are not coded so.
///
/// A body that breaks off, or breaks in its middle, gives what comes before.
pub(crate) fn decode<'a>(body: &'a [u8], codings: &[u8], max: usize) -> Option<Decoded<'a>> {
    let mut decoded = Decoded { bytes: Cow::Borrowed(body), size: body.len() as u64, cut: 0 };
    let list: Vec<_> = codings.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|c| !c.is_empty()).collect();
    if list.len() > CODINGS_MAX {
        return None;
    }
    for coding in list.into_iter().rev() {
        if !coding.eq_ignore_ascii_case(b"identity") {
            decoded = one(&decoded.bytes, coding, max)?;
        }
    }
    Some(decoded)
}

fn one(body: &[u8], coding: &[u8], max: usize) -> Option<Decoded<'static>> {
    let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
    match () {
        () if body.is_empty() => Some(Decoded { bytes: Cow::Borrowed(&[]), size: 0, cut: 0 }),
        () if is("gzip") || is("x-gzip") => capped(flate2::read::MultiGzDecoder::new(body), max),
        () if is("deflate") && is_zlib(body) => capped(flate2::read::ZlibDecoder::new(body), max),
        () if is("deflate") => capped(flate2::read::DeflateDecoder::new(body), max),
        () if is("br") => capped(brotli_decompressor::Decompressor::new(body, BUFFER), max),
        () if is("zstd") => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).ok()?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).ok()?;
            capped(decoder, max)
        }
        () => None,
    }
}

/// RFC 1950 §2.2: method 8 in the low nibble, and the first two bytes a multiple of 31. Some servers send bare deflate instead.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [cmf, flg, ..] if cmf & 15 == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

/// Reads a decoder out, keeping `max` bytes, counting some more, and never going on after that.
fn capped(mut decoder: impl Read, max: usize) -> Option<Decoded<'static>> {
    let mut bytes = Vec::new();
    let kept = decoder.by_ref().take(max as u64).read_to_end(&mut bytes);
    if kept.is_err() && bytes.is_empty() {
        return None;
    }
    let beyond = (max as u64).saturating_mul(WORK_FACTOR);
    let cut = match kept {
        Ok(_) if bytes.len() == max => count(decoder.take(beyond)),
        _ => 0,
    };
    Some(Decoded { size: bytes.len() as u64 + cut, cut, bytes: Cow::Owned(bytes) })
}

/// How many bytes `reader` gives before it ends or fails.
fn count(mut reader: impl Read) -> u64 {
    let mut buffer = [0; BUFFER];
    let mut total = 0;
    while let Ok(n @ 1..) = reader.read(&mut buffer) {
        total += n as u64;
    }
    total
}

/// Codings in one list: more than two are not seen.
const CODINGS_MAX: usize = 4;
/// Decoded bytes counted beyond the cap, in caps: a bomb costs so much time and no memory.
const WORK_FACTOR: u64 = 4;
/// RFC 9659: zstd in HTTP uses windows of at most 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Bytes read at once.
const BUFFER: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        e.write_all(text).unwrap();
        e.finish().unwrap()
    }

    #[test]
    fn undoes_each_coding() {
        let text = b"hello hello hello hello".repeat(20);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(&text).unwrap();
        let zst = zstd::bulk::compress(&text, 3).unwrap();
        let br = [0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        for (coding, body) in [
            ("gzip", gzip(&text)),
            ("deflate", zlib.finish().unwrap()),
            ("Deflate", raw.finish().unwrap()),
            ("zstd", zst),
            ("gzip, X-Gzip", gzip(&gzip(&text))),
        ] {
            assert_eq!(decode(&body, coding.as_bytes(), 1 << 20).unwrap().bytes.as_ref(), text, "{coding}");
        }
        assert_eq!(decode(&br, b"br", 1 << 20).unwrap().bytes.as_ref(), b"hello");
        assert!(decode(b"abc", b"exotic", 10).is_none());
        assert!(decode(b"not gzip at all", b"gzip", 10).is_none());
        assert_eq!(decode(b"abc", b"", 10).unwrap().bytes.as_ref(), b"abc");
    }

    #[test]
    fn a_bomb_is_cut() {
        let bomb = gzip(&vec![0; 1 << 20]);
        let decoded = decode(&bomb, b"gzip", 1000).unwrap();
        assert_eq!((decoded.bytes.len(), decoded.size, decoded.cut), (1000, 5000, 4000));
    }

    #[test]
    fn a_body_that_breaks_off_gives_what_came() {
        let body = gzip(&(0..100_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        let decoded = decode(&body[..body.len() / 2], b"gzip", 1 << 20).unwrap();
        assert!(decoded.bytes.starts_with(&[0, 0, 0, 0, 1, 0, 0, 0]) && decoded.size > 1000);
    }
}
