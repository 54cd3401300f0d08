//! A segment: a file of zstd frames, each a section of pcapng. What was torn off at its end is cut.

use super::{
    index::{Block, Contents},
    pcapng::{self, Kept},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// How segments' files end.
pub(super) const ENDING: &str = ".pcapng.zst";
/// The quickest level: packets are compressed while they come in.
const LEVEL: i32 = 1;
/// Bytes of a block before it is compressed, at most: what a lane gathers, and one packet more.
pub(super) const BLOCK_MAX: usize = (1 << 20) + (1 << 18) + 4096;

/// A segment that is being written.
pub(super) struct Segment {
    file: File,
    pub(super) path: PathBuf,
    pub(super) contents: Contents,
    /// Bytes before they were compressed.
    pub(super) raw: u64,
    end: u64,
}

impl Segment {
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        Ok(Self { file, path, contents: Contents::default(), raw: 0, end: 0 })
    }

    /// Appends a block. After an error the file is as it was.
    pub(super) fn append(&mut self, raw: &[u8], times: (u64, u64), packets: u64, streams: &[u64]) -> io::Result<()> {
        let frame = zstd::bulk::compress(raw, LEVEL)?;
        if let Err(error) = self.file.write_all(&frame) {
            // What was written of it would look like a torn end.
            let _ = self.file.set_len(self.end);
            return Err(error);
        }
        let block = Block { offset: self.end, length: frame.len() as u64, first: times.0, last: times.1 };
        self.contents.add(block, packets, streams.iter().copied());
        self.end += frame.len() as u64;
        self.raw += raw.len() as u64;
        Ok(())
    }
}

/// The name of a segment's file.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads a segment that is not indexed, block by block, and says how many bytes at its end are torn.
pub(super) fn each_block(path: &Path, f: &mut dyn FnMut(Block, Vec<Kept>)) -> io::Result<u64> {
    let bytes = fs::read(path)?;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Ok(length) = zstd::zstd_safe::find_frame_compressed_size(rest) else { break };
        let Some(raw) = rest.get(..length).and_then(|frame| decompress(frame).ok()) else { break };
        let packets: Vec<Kept> = pcapng::packets(&raw).collect();
        let times = packets.iter().map(|p| p.at.0);
        let block =
            Block { offset: at as u64, length: length as u64, first: times.clone().min().unwrap_or(0), last: times.max().unwrap_or(0) };
        f(block, packets);
        at += length;
    }
    Ok((bytes.len() - at) as u64)
}

/// The packets of a block.
pub(super) fn read(file: &mut File, block: &Block) -> io::Result<Vec<Kept>> {
    file.seek(SeekFrom::Start(block.offset))?;
    let mut frame = vec![0; usize::try_from(block.length).unwrap_or(usize::MAX).min(2 * BLOCK_MAX)];
    file.read_exact(&mut frame)?;
    Ok(pcapng::packets(&decompress(&frame)?).collect())
}

fn decompress(frame: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::decompress(frame, BLOCK_MAX)
}
