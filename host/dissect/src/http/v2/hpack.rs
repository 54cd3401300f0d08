//! Header blocks (RFC 7541): from bytes to names and values.
//!
//! Values of entries that were not seen being made are left out and counted, never guessed. A block that breaks the rules ends there, and
//! everything in the dynamic table is unseen from then on.

use super::{
    super::frame::{Head, HeadBuilder},
    huffman,
    table::{Entry, Found, Table},
};
use std::borrow::Cow;

/// One side's decoder.
#[derive(Debug)]
pub(super) struct Decoder {
    table: Table,
}

/// A decoded block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) head: Head,
    /// Fields that were left out because their entries were not seen being made.
    pub(super) unknown: u32,
    /// Whether the block breaks off against the rules.
    pub(super) broken: bool,
    /// Whether fields were left out because there were too many.
    pub(super) cut: bool,
}

/// What a block may come to when it is decoded: a byte of it can stand for a whole entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Max {
    pub(super) bytes: usize,
    pub(super) fields: usize,
}

impl Decoder {
    /// `unseen`: this side has spoken before.
    pub(super) fn new(unseen: bool) -> Self {
        Self { table: Table::new(unseen) }
    }

    /// A block was lost.
    pub(super) fn lose(&mut self) {
        self.table = Table::new(true);
    }

    /// Reads a whole block.
    pub(super) fn decode(&mut self, bytes: &[u8], max: Max) -> Block {
        let (mut head, mut unknown, mut cut) = (HeadBuilder::default(), 0, false);
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((after, field)) = self.field(rest) else {
                self.lose();
                return Block { head: head.build(), unknown, broken: true, cut };
            };
            rest = after;
            match field {
                Field::None => {}
                Field::Unknown => unknown += 1,
                Field::Known(name, value) if head.fields() < max.fields && head.len() + name.len() + value.len() <= max.bytes => {
                    head.field(&name, &value);
                }
                Field::Known(..) => cut = true,
            }
        }
        Block { head: head.build(), unknown, broken: false, cut }
    }

    /// RFC 7541 §6: the first bits say what it is.
    fn field<'a>(&mut self, bytes: &'a [u8]) -> Option<(&'a [u8], Field<'a>)> {
        let first = *bytes.first()?;
        match first {
            0x80.. => {
                let (rest, index) = integer(bytes, 7)?;
                let field = match self.table.get(index) {
                    Found::Static(name, value) => Field::Known(name.as_bytes().into(), value.as_bytes().into()),
                    Found::Dynamic((name, value)) => Field::Known(name.to_vec().into(), value.to_vec().into()),
                    Found::Unseen => Field::Unknown,
                    Found::Nothing => return None,
                };
                Some((rest, field))
            }
            0x40.. => {
                let (rest, name, value) = self.literal(bytes, 6)?;
                match &name {
                    Some(name) => self.table.insert(entry(name, &value)),
                    None => self.table.insert_unseen(),
                }
                Some((rest, Field::of(name, value)))
            }
            0x20.. => {
                let (rest, size) = integer(bytes, 5)?;
                self.table.resize(size);
                Some((rest, Field::None))
            }
            _ => {
                let (rest, name, value) = self.literal(bytes, 4)?;
                Some((rest, Field::of(name, value)))
            }
        }
    }

    /// A literal field; its name, if that is known, and its value.
    #[allow(clippy::type_complexity)]
    fn literal<'a>(&self, bytes: &'a [u8], prefix: u32) -> Option<(&'a [u8], Option<Cow<'a, [u8]>>, Cow<'a, [u8]>)> {
        let (rest, index) = integer(bytes, prefix)?;
        let (rest, name) = if index == 0 {
            let (rest, name) = string(rest)?;
            (rest, Some(name))
        } else {
            match self.table.get(index) {
                Found::Static(name, _) => (rest, Some(name.as_bytes().into())),
                Found::Dynamic((name, _)) => (rest, Some(name.to_vec().into())),
                Found::Unseen => (rest, None),
                Found::Nothing => return None,
            }
        };
        let (rest, value) = string(rest)?;
        Some((rest, name, value))
    }
}

enum Field<'a> {
    /// No field: a size update.
    None,
    Unknown,
    Known(Cow<'a, [u8]>, Cow<'a, [u8]>),
}

impl<'a> Field<'a> {
    fn of(name: Option<Cow<'a, [u8]>>, value: Cow<'a, [u8]>) -> Self {
        name.map_or(Self::Unknown, |name| Self::Known(name, value))
    }
}

fn entry(name: &[u8], value: &[u8]) -> Entry {
    (name.into(), value.into())
}

/// RFC 7541 §5.1: the low `prefix` bits of the first byte, or 7 bits in each of the next.
fn integer(bytes: &[u8], prefix: u32) -> Option<(&[u8], u64)> {
    let (first, mut rest) = bytes.split_first()?;
    let mask = (1u64 << prefix) - 1;
    let mut value = u64::from(*first) & mask;
    if value < mask {
        return Some((rest, value));
    }
    for shift in (0..INTEGER_BITS_MAX).step_by(7) {
        let (byte, after) = rest.split_first()?;
        rest = after;
        value = value.checked_add(u64::from(byte & 0x7f) << shift)?;
        if byte & 0x80 == 0 {
            return Some((rest, value));
        }
    }
    None
}

/// RFC 7541 §5.2.
fn string(bytes: &[u8]) -> Option<(&[u8], Cow<'_, [u8]>)> {
    let huffman = bytes.first()? & 0x80 != 0;
    let (rest, len) = integer(bytes, 7)?;
    let (text, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    let text = if huffman { huffman::decode(text)?.into() } else { text.into() };
    Some((rest, text))
}

/// Bits of an integer beyond its prefix: lengths and sizes have no more than 32.
const INTEGER_BITS_MAX: u32 = 35;

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Max = Max { bytes: 1 << 16, fields: 100 };

    fn shown(block: &Block) -> Vec<String> {
        block.head.fields().map(|(n, v)| format!("{}: {}", String::from_utf8_lossy(n), String::from_utf8_lossy(v))).collect()
    }

    /// RFC 7541 Appendix C.4 and C.3: three requests on one connection.
    #[test]
    fn decodes_the_requests_of_the_rfc() {
        let plain: [&[u8]; 3] = [
            b"\x82\x86\x84\x41\x0fwww.example.com",
            b"\x82\x86\x84\xbe\x58\x08no-cache",
            b"\x82\x87\x85\xbf\x40\x0acustom-key\x0ccustom-value",
        ];
        let coded: [&[u8]; 3] = [
            b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
            b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
            b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
        ];
        let want = [
            &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"][..],
            &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
            &[":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
        ];
        for blocks in [plain, coded] {
            let mut decoder = Decoder::new(false);
            for (block, want) in blocks.iter().zip(want) {
                assert_eq!(shown(&decoder.decode(block, MAX)), want);
            }
            let mut late = Decoder::new(true);
            let second = late.decode(blocks[1], MAX);
            assert_eq!((shown(&second).len(), second.unknown), (4, 1));
            assert_eq!(shown(&late.decode(b"\xbe", MAX)), ["cache-control: no-cache"]);
        }
    }

    #[test]
    fn integers_have_an_end() {
        assert_eq!(integer(b"\x0a", 5), Some((&b""[..], 10)));
        assert_eq!(integer(b"\x1f\x9a\x0a", 5), Some((&b""[..], 1337)));
        assert_eq!(integer(b"\x1f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 5), None);
        assert_eq!(integer(b"\x1f\x9a", 5), None);
    }

    #[test]
    fn a_bomb_and_a_broken_block_are_survived() {
        let mut decoder = Decoder::new(false);
        let bomb = [&b"\x40\x01a\x7f\x80\x18"[..], &[b'x'; 3199], &[0xbe; 5000]].concat();
        let block = decoder.decode(&bomb, Max { bytes: 10_000, fields: 100 });
        assert!(block.cut && !block.broken && block.head.fields().len() == 3, "{}", block.head.fields().len());
        let block = decoder.decode(b"\x82\xff\xff\xff\xff\xff\xff\xff", MAX);
        assert_eq!((shown(&block), block.broken), (vec![":method: GET".to_owned()], true));
        assert_eq!(decoder.decode(b"\xbe", MAX).unknown, 1);
    }
}
