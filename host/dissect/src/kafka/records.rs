//! Record batches (protocol guide, "Record Batch" and "Message sets"): magic 2, and the message sets of magic 0 and 1 before it.

use super::schema::varint;
use crate::{
    cursor::Cursor,
    decode,
    made::{Made, text_or_base64},
};

/// Records shown of one field.
pub(super) const RECORDS_MAX: usize = 500;
/// Bytes that one batch may decompress to.
const DECODED_MAX: usize = 1 << 20;
/// A compressed message of magic 0 or 1 has a set of messages in it, which are not compressed again.
const DEPTH_MAX: u32 = 1;

/// The batches of a field, and their records. The last batch may break off: a broker cuts what it sends where it must.
pub(super) fn read(bytes: &[u8]) -> (Vec<Made>, Vec<Made>) {
    let mut set = Set { batches: Vec::new(), records: Vec::new(), depth: DEPTH_MAX };
    set.read(bytes);
    (set.batches, set.records)
}

struct Set {
    batches: Vec<Made>,
    records: Vec<Made>,
    depth: u32,
}

const COMPRESSIONS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// Bits of the attributes that say how a batch is compressed.
const COMPRESSION_MASK: i16 = 7;
/// Where the magic stands, after the offset and the length: behind a batch's leader epoch, or a message's checksum.
const MAGIC_AT: usize = 4;

impl Set {
    fn read(&mut self, bytes: &[u8]) {
        let mut cursor = Cursor::new(bytes);
        while !cursor.is_empty() && self.records.len() < RECORDS_MAX {
            let Some((offset, len)) = cursor.i64_be().zip(cursor.i32_be()) else { return };
            let Some(len) = usize::try_from(len).ok().filter(|len| *len > MAGIC_AT) else { return };
            let whole = len <= cursor.rest.len();
            let Some(batch) = cursor.take(len.min(cursor.rest.len())) else { return };
            let read = match batch.get(MAGIC_AT) {
                Some(2) => self.batch(offset, batch),
                Some(0 | 1) => self.message(offset, batch),
                _ => None,
            };
            if read.is_none() || !whole {
                return;
            }
        }
    }

    fn batch(&mut self, offset: i64, batch: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(batch);
        let (epoch, _magic, _checksum) = (cursor.i32_be()?, cursor.u8()?, cursor.u32_be()?);
        let (attributes, _last_delta) = (cursor.i16_be()?, cursor.i32_be()?);
        let (base_time, max_time) = (cursor.i64_be()?, cursor.i64_be()?);
        let (producer, producer_epoch, sequence) = (cursor.i64_be()?, cursor.i16_be()?, cursor.i32_be()?);
        let count = cursor.i32_be()?;
        self.batches.push(Made::Fields(vec![
            ("baseOffset", offset.into()),
            ("magic", 2u8.into()),
            ("compression", compression(attributes).into()),
            ("recordCount", count.into()),
            ("size", (batch.len() as u64).into()),
            ("partitionLeaderEpoch", epoch.into()),
            ("maxTimestamp", max_time.into()),
            ("producerId", producer.into()),
            ("producerEpoch", producer_epoch.into()),
            ("baseSequence", sequence.into()),
            ("transactional", (attributes & 0x10 != 0).into()),
            ("control", (attributes & 0x20 != 0).into()),
        ]));
        let plain = decompress(attributes, cursor.rest)?;
        let mut cursor = Cursor::new(&plain);
        for _ in 0..count {
            if self.records.len() >= RECORDS_MAX {
                break;
            }
            let Some(record) = record(&mut cursor, offset, base_time) else { break };
            self.records.push(record);
        }
        Some(())
    }

    /// A message of magic 0 or 1; a compressed one holds others.
    fn message(&mut self, offset: i64, message: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(message);
        let (_checksum, magic, attributes) = (cursor.u32_be()?, cursor.u8()?, i16::from(cursor.u8()?));
        let time = if magic == 1 { Some(cursor.i64_be()?) } else { None };
        let (key, value) = (bytes(&mut cursor)?, bytes(&mut cursor)?);
        if attributes & COMPRESSION_MASK == 0 {
            self.records.push(shown(offset, time, key, value, None));
            return Some(());
        }
        self.batches.push(Made::Fields(vec![
            ("baseOffset", offset.into()),
            ("magic", magic.into()),
            ("compression", compression(attributes).into()),
            ("size", (message.len() as u64).into()),
        ]));
        self.depth = self.depth.checked_sub(1)?;
        let plain = decompress(attributes, value.unwrap_or_default());
        plain.iter().for_each(|plain| self.read(plain));
        self.depth += 1;
        plain.map(drop)
    }
}

/// A record of magic 2: everything relative to its batch.
fn record(cursor: &mut Cursor<'_>, base_offset: i64, base_time: i64) -> Option<Made> {
    let len = usize::try_from(signed(cursor)?).ok()?;
    let mut record = Cursor::new(cursor.take(len)?);
    let (_attributes, time, offset) = (record.u8()?, signed(&mut record)?, signed(&mut record)?);
    let (key, value) = (short(&mut record)?, short(&mut record)?);
    let mut headers = Vec::new();
    for _ in 0..signed(&mut record)? {
        let (name, value) = (short(&mut record)??, short(&mut record)?);
        headers.push((String::from_utf8_lossy(name).into_owned(), text(value)));
    }
    Some(shown(base_offset.saturating_add(offset), Some(base_time.saturating_add(time)), key, value, Some(headers)))
}

fn shown(offset: i64, time: Option<i64>, key: Option<&[u8]>, value: Option<&[u8]>, headers: Option<Vec<(String, Made)>>) -> Made {
    let mut fields = vec![("offset", offset.into())];
    fields.extend(time.map(|time| ("timestamp", time.into())));
    for (name, encoding, bytes) in [("key", "keyEncoding", key), ("value", "encoding", value)] {
        fields.push((name, text(bytes)));
        if bytes.is_some_and(|bytes| std::str::from_utf8(bytes).is_err()) {
            fields.push((encoding, "base64".into()));
        }
    }
    fields.extend(headers.map(|headers| ("headers", Made::Map(headers))));
    Made::Fields(fields)
}

fn text(bytes: Option<&[u8]>) -> Made {
    bytes.map_or(Made::Null, |bytes| Made::Text(text_or_base64(bytes).0))
}

/// Bytes with a length of four bytes; `None` inside for null.
#[allow(clippy::option_option)]
fn bytes<'a>(cursor: &mut Cursor<'a>) -> Option<Option<&'a [u8]>> {
    match usize::try_from(cursor.i32_be()?) {
        Ok(len) => cursor.take(len).map(Some),
        Err(_) => Some(None),
    }
}

/// Bytes with a variable length; `None` inside for null.
#[allow(clippy::option_option)]
fn short<'a>(cursor: &mut Cursor<'a>) -> Option<Option<&'a [u8]>> {
    match usize::try_from(signed(cursor)?) {
        Ok(len) => cursor.take(len).map(Some),
        Err(_) => Some(None),
    }
}

/// A signed variable integer in zigzag.
#[allow(clippy::cast_possible_wrap)]
fn signed(cursor: &mut Cursor<'_>) -> Option<i64> {
    let value = varint(cursor)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

fn compression(attributes: i16) -> &'static str {
    usize::try_from(attributes & COMPRESSION_MASK).ok().and_then(|code| COMPRESSIONS.get(code)).copied().unwrap_or("unknown")
}

/// The records of a batch without their compression, at most [`DECODED_MAX`] bytes.
fn decompress(attributes: i16, bytes: &[u8]) -> Option<Vec<u8>> {
    match compression(attributes) {
        "none" => Some(bytes.to_vec()),
        "snappy" => snappy(bytes),
        "lz4" => lz4(bytes),
        coding @ ("gzip" | "zstd") => decode::decode(bytes, coding.as_bytes(), DECODED_MAX).map(|decoded| decoded.bytes.into_owned()),
        _ => None,
    }
}

/// Snappy, bare or in the blocks of snappy-java, which most clients write.
fn snappy(bytes: &[u8]) -> Option<Vec<u8>> {
    let one = |bytes: &[u8], room: usize| {
        snap::raw::decompress_len(bytes).ok().filter(|len| *len <= room)?;
        snap::raw::Decoder::new().decompress_vec(bytes).ok()
    };
    let Some(blocks) = bytes.strip_prefix(b"\x82SNAPPY\0").and_then(|rest| rest.get(8..)) else { return one(bytes, DECODED_MAX) };
    let (mut cursor, mut out) = (Cursor::new(blocks), Vec::new());
    while let Some(len) = cursor.u32_be() {
        let Some(block) = cursor.take(usize::try_from(len).ok()?) else { break };
        out.extend(one(block, DECODED_MAX - out.len())?);
    }
    Some(out)
}

/// An LZ4 frame (LZ4 Frame Format 1.6.1). Checksums are not looked at: that of the header is wrong in old clients' message sets (KAFKA-3160).
fn lz4(bytes: &[u8]) -> Option<Vec<u8>> {
    const MAGIC: u32 = 0x184d_2204;
    let mut cursor = Cursor::new(bytes);
    let (flags, descriptor) = (cursor.u32_le().filter(|magic| *magic == MAGIC).and_then(|_| cursor.u8())?, cursor.u8()?);
    // Block sizes of 64 KiB, 256 KiB, 1 MiB, 4 MiB.
    let block_max = 1usize << (8 + 2 * u32::from(descriptor >> 4 & 7));
    let has = |bit: u8| flags & bit != 0;
    cursor.take(if has(0x08) { 8 } else { 0 } + if has(0x01) { 4 } else { 0 } + 1)?;
    let (mut out, mut plain) = (Vec::new(), vec![0; block_max.min(DECODED_MAX)]);
    while let Some(size @ 1..) = cursor.u32_le() {
        let Some(block) = cursor.take(usize::try_from(size & 0x7fff_ffff).ok()?) else { break };
        if size >> 31 == 1 {
            out.extend_from_slice(block);
        } else {
            // Blocks that are not independent refer to those before.
            let before = if has(0x20) { &[][..] } else { out.get(out.len().saturating_sub(64 << 10)..)? };
            let len = lz4_flex::block::decompress_into_with_dict(block, &mut plain, before).ok()?;
            out.extend_from_slice(plain.get(..len)?);
        }
        if out.len() > DECODED_MAX {
            out.truncate(DECODED_MAX);
            break;
        }
        cursor.take(if has(0x10) { 4 } else { 0 })?;
    }
    Some(out)
}
