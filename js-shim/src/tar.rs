//! `file.tar`: the files of a directory in one (POSIX ustar, IEEE 1003.1), gzipped without compression (RFC 1952, RFC 1951 §3.2.4): what is
//! large in it, captures, is compressed where it is sent to.

use crate::bindings::hookline::hooks::{files, types::Error};

const BLOCK: usize = 512;
/// Bytes of a stored block of deflate.
const STORED_MAX: usize = 65_535;

/// Packs every file below `dir` into `to`, with names relative to it.
pub(crate) fn tar(dir: &str, to: &str, time: u64) -> Result<(), Error> {
    let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
    let mut archive = Vec::new();
    for entry in files::find(&prefix)? {
        let (Some(name), Some(contents)) = (entry.name.strip_prefix(&prefix), files::read(&entry.name)?) else { continue };
        archive.extend(header(name, contents.len(), time)?);
        archive.extend(&contents);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end it.
    archive.resize(archive.len() + 2 * BLOCK, 0);
    files::write(to, &gzip(&archive))
}

fn header(name: &str, size: usize, time: u64) -> Result<[u8; BLOCK], Error> {
    let mut header = [0; BLOCK];
    if name.len() > 100 {
        return Err(Error::Invalid(format!("{name:?} is longer than the 100 bytes that an archive holds")));
    }
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, &format!("{time:011o}\0"));
    // The checksum counts itself as blanks.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    // No time, no name, from an unknown system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(STORED_MAX).peekable();
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32(bytes).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// CRC-32 as gzip has it (RFC 1952 §8).
fn crc32(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|n| (0..8).fold(n as u32, |c, _| if c & 1 == 1 { 0xedb8_8320 ^ c >> 1 } else { c >> 1 }));
    !bytes.iter().fold(!0, |crc: u32, byte| table[(crc as u8 ^ byte) as usize] ^ crc >> 8)
}
