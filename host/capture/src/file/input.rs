//! Buffered, decompressed input that hands out whole records.

use crate::{CaptureError, Position};
use flate2::read::MultiGzDecoder;
use std::{
    collections::VecDeque,
    io::{self, Cursor, Read},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes read at once: larger reads gain nothing, mapped files are slower (page faults).
const BUFFER_LEN: usize = 256 << 10;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a record cannot be read; without the file's name, which [`Fault::into_error`] adds.
pub(super) enum Fault {
    Empty,
    NotACapture(String),
    Unsupported(String),
    Damaged(String),
    Read(io::Error),
}

impl Fault {
    pub(super) fn into_error(self, path: String, input: &Input, frames: u64) -> CaptureError {
        match self {
            Self::Empty => CaptureError::Empty { path },
            Self::NotACapture(start) => CaptureError::NotACapture { path, start },
            Self::Unsupported(what) => CaptureError::UnsupportedFile { path, what },
            Self::Damaged(what) => {
                CaptureError::Damaged { path, offset: input.offset, decompressed: input.compression.is_some(), frames, what }
            }
            Self::Read(source) => CaptureError::Read { path, source },
        }
    }
}

/// What was read at once. Whoever holds one keeps its bytes as they are.
#[derive(Clone, Default)]
pub(super) struct Block(Arc<Vec<u8>>);

impl Block {
    #[inline]
    pub(super) fn get(&self, range: Range<usize>) -> Option<&[u8]> {
        self.0.get(range)
    }

    /// Whether it is the same one.
    #[inline]
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// How far the input has been read; every copy knows.
#[derive(Clone)]
pub(super) struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn position(&self) -> Position {
        Position { read: self.read.load(Ordering::Relaxed), total: self.total }
    }
}

/// The input, after decompression.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    compression: Option<&'static str>,
    progress: Progress,
    block: Block,
    /// Earlier blocks that somebody held, in their order; used again when nobody does.
    lent: VecDeque<Block>,
    /// `block[start..end]` is read and not consumed.
    start: usize,
    end: usize,
    /// Offset of `start` in the decompressed data.
    offset: u64,
}

impl Input {
    /// Looks at the first bytes to see whether they must be decompressed.
    pub(super) fn new(reader: Box<dyn Read + Send>, total: Option<u64>) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut counted = Counted { reader, read: Arc::clone(&read) };
        let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
        counted.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
        let (gzip, zstd) = (magic.starts_with(&GZIP_MAGIC), magic.starts_with(&ZSTD_MAGIC));
        let whole = Cursor::new(magic).chain(counted);
        let (reader, compression): (Box<dyn Read + Send>, _) = if gzip {
            (Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(BUFFER_LEN / 2, whole))), Some("gzip"))
        } else if zstd {
            (Box::new(zstd::stream::read::Decoder::new(whole)?), Some("zstd"))
        } else {
            (Box::new(whole), None)
        };
        let progress = Progress { read, total };
        Ok(Self { reader, compression, progress, block: Block::default(), lent: VecDeque::new(), start: 0, end: 0, offset: 0 })
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(super) fn block(&self) -> &Block {
        &self.block
    }

    /// The next `len` bytes, or as many as there are before the end.
    #[inline]
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8], Fault> {
        if self.end - self.start < len {
            self.fill(len)?;
        }
        let end = self.end.min(self.start + len);
        Ok(self.block.get(self.start..end).unwrap_or_default())
    }

    /// The next `N` bytes; `None` at the end of input.
    #[inline]
    pub(super) fn header<const N: usize>(&mut self, what: &str) -> Result<Option<[u8; N]>, Fault> {
        let bytes = self.peek(N)?;
        match bytes.first_chunk() {
            Some(header) => Ok(Some(*header)),
            None if bytes.is_empty() => Ok(None),
            None => Err(Fault::Damaged(format!("the file ends inside {what}"))),
        }
    }

    /// The next `len` bytes; an error if the input ends before.
    #[inline]
    pub(super) fn whole(&mut self, len: usize, what: &str) -> Result<&[u8], Fault> {
        let bytes = self.peek(len)?;
        if bytes.len() < len {
            return Err(Fault::Damaged(format!("the file ends inside {what}: {} of {len} bytes are there", bytes.len())));
        }
        Ok(bytes)
    }

    /// Goes on behind the next `len` bytes, which must have been peeked at. Returns where in the block they start.
    #[inline]
    pub(super) fn consume(&mut self, len: usize) -> usize {
        let start = self.start;
        let len = len.min(self.end - start);
        self.start += len;
        self.offset += len as u64;
        start
    }

    /// Goes on behind the next `len` bytes without keeping them.
    pub(super) fn skip(&mut self, len: u64, what: &str) -> Result<(), Fault> {
        let at = self.offset;
        let mut left = len;
        while left > 0 {
            let step = self.peek(usize::try_from(left).unwrap_or(BUFFER_LEN).min(BUFFER_LEN))?.len();
            if step == 0 {
                self.offset = at;
                return Err(Fault::Damaged(format!("the file ends inside {what}")));
            }
            self.consume(step);
            left -= step as u64;
        }
        Ok(())
    }

    #[cold]
    fn fill(&mut self, len: usize) -> Result<(), Fault> {
        let mut block = self.take_block(len.max(BUFFER_LEN));
        let bytes = Arc::get_mut(&mut block.0).map(Vec::as_mut_slice).unwrap_or_default();
        let filled = self.read_on(bytes, len);
        self.block = block;
        filled
    }

    /// A block that nobody holds, at least so long, which begins with what is read and not consumed.
    fn take_block(&mut self, len: usize) -> Block {
        let left = self.start..self.end;
        (self.start, self.end) = (0, left.len());
        let mut old = std::mem::take(&mut self.block);
        if let Some(bytes) = Arc::get_mut(&mut old.0) {
            bytes.copy_within(left, 0);
            bytes.resize(len.max(bytes.len()), 0);
            return old;
        }
        let free = self.lent.front_mut().is_some_and(|block| Arc::get_mut(&mut block.0).is_some());
        let mut block = if free { self.lent.pop_front() } else { None }.unwrap_or_default();
        if let (Some(bytes), Some(left)) = (Arc::get_mut(&mut block.0), old.get(left)) {
            bytes.resize(len.max(bytes.len()), 0);
            bytes.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        }
        self.lent.push_back(old);
        block
    }

    /// Reads until there are `len` bytes.
    fn read_on(&mut self, bytes: &mut [u8], len: usize) -> Result<(), Fault> {
        while self.end < len {
            match self.reader.read(bytes.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_fault(error)),
            }
        }
        Ok(())
    }

    /// An error of the decompressor is damage; others are the system's.
    fn read_fault(&self, error: io::Error) -> Fault {
        match self.compression {
            Some(name) if error.raw_os_error().is_none() => Fault::Damaged(format!("the {name} data cannot be decompressed: {error}")),
            _ => Fault::Read(error),
        }
    }
}

/// Counts what is read through it.
struct Counted {
    reader: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Byte order of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    #[inline]
    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The 16-bit number at `at`; 0 beyond the end.
    #[inline]
    pub(super) fn u16_at(self, bytes: &[u8], at: usize) -> u16 {
        bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| self.u16(*b))
    }

    /// The 32-bit number at `at`; 0 beyond the end.
    #[inline]
    pub(super) fn u32_at(self, bytes: &[u8], at: usize) -> u32 {
        bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| self.u32(*b))
    }

    /// The 64-bit number at `at`; 0 beyond the end.
    pub(super) fn u64_at(self, bytes: &[u8], at: usize) -> u64 {
        let (first, second) = (u64::from(self.u32_at(bytes, at)), u64::from(self.u32_at(bytes, at + 4)));
        match self {
            Self::Little => second << 32 | first,
            Self::Big => first << 32 | second,
        }
    }
}
