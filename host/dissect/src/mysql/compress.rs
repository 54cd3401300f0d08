//! Compressed connections (page_protocol_basic_compression): packets with a header of their own, whose contents are a stream of packets.

use super::wire;
use crate::framed::Measure;
use std::io::Read;

/// Bytes of a compressed packet before its contents: length, sequence number, length before compression (0: not compressed).
const HEADER_LEN: usize = 7;
/// What begins a zstd frame (RFC 8878 §3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

pub(super) fn measure(bytes: &[u8]) -> Measure {
    match wire::header(bytes).filter(|_| bytes.len() >= HEADER_LEN) {
        Some((len, _)) => Measure::Len(len + HEADER_LEN as u64),
        None => Measure::Need(HEADER_LEN),
    }
}

/// Whether `bytes` begin a compressed packet beyond reasonable doubt.
pub(super) fn begins(bytes: &[u8]) -> bool {
    let contents = bytes.get(HEADER_LEN..).unwrap_or_default();
    match bytes.get(4..HEADER_LEN) {
        Some([0, 0, 0]) => wire::is_command(contents, true) || wire::is_response(contents, true),
        Some(_) => contents.starts_with(&[0x78]) || contents.starts_with(&ZSTD_MAGIC),
        None => false,
    }
}

/// The contents of a compressed packet, at most as many bytes as it says; `None` if they are not readable.
pub(super) fn contents(packet: &[u8]) -> Option<Vec<u8>> {
    let contents = packet.get(HEADER_LEN..)?;
    let ([a, b, c], _) = packet.get(4..)?.split_first_chunk()?;
    let len = u32::from_le_bytes([*a, *b, *c, 0]);
    if len == 0 {
        return Some(contents.to_vec());
    }
    let mut all = Vec::new();
    let read = if contents.starts_with(&ZSTD_MAGIC) {
        zstd::stream::read::Decoder::with_buffer(contents).ok()?.take(len.into()).read_to_end(&mut all)
    } else {
        flate2::read::ZlibDecoder::new(contents).take(len.into()).read_to_end(&mut all)
    };
    read.ok().filter(|n| *n == len as usize).map(|_| all)
}

/// The packets in the contents of one side, which may begin in one compressed packet and end in another.
#[derive(Debug, Default)]
pub(super) struct Packets {
    pending: Vec<u8>,
    /// Bytes of a packet beyond what is kept, still to come.
    skip: u64,
}

impl Packets {
    pub(super) fn add(&mut self, contents: &[u8]) {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(contents.len());
        self.skip -= skipped as u64;
        self.pending.extend_from_slice(contents.get(skipped..).unwrap_or_default());
    }

    /// The next packet, of which at most `max` bytes are kept, with the number of those that are not.
    pub(super) fn next(&mut self, max: usize) -> Option<(Vec<u8>, u64)> {
        let (len, _) = wire::header(&self.pending)?;
        let len = usize::try_from(len).ok()? + wire::HEADER_LEN;
        if self.pending.len() >= len {
            let rest = self.pending.split_off(len);
            let mut packet = std::mem::replace(&mut self.pending, rest);
            packet.truncate(max);
            let cut = (len - packet.len()) as u64;
            return Some((packet, cut));
        }
        if self.pending.len() < max {
            return None;
        }
        let mut packet = std::mem::take(&mut self.pending);
        self.skip = (len - packet.len()) as u64;
        packet.truncate(max);
        let cut = (len - packet.len()) as u64;
        Some((packet, cut))
    }
}
