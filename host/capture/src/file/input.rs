//! Buffered, decompressed input that hands out whole records.

use crate::{CaptureError, Position};
use flate2::read::MultiGzDecoder;
use std::{
    io::{self, Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes read at once: larger reads gain nothing, mapped files are slower (page faults).
const BUFFER_LEN: usize = 1 << 20;

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

/// The input, after decompression.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    compression: Option<&'static str>,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    buffer: Vec<u8>,
    /// `buffer[start..end]` is read and not consumed.
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
            (Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(BUFFER_LEN / 8, whole))), Some("gzip"))
        } else if zstd {
            (Box::new(zstd::stream::read::Decoder::new(whole)?), Some("zstd"))
        } else {
            (Box::new(whole), None)
        };
        Ok(Self { reader, compression, read, total, buffer: vec![0; BUFFER_LEN], start: 0, end: 0, offset: 0 })
    }

    pub(super) fn position(&self) -> Position {
        Position { read: self.read.load(Ordering::Relaxed), total: self.total }
    }

    /// What is read and not consumed.
    pub(super) fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The next `len` bytes, or as many as there are before the end.
    #[inline]
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8], Fault> {
        if self.end - self.start < len {
            self.fill(len)?;
        }
        let end = self.end.min(self.start + len);
        Ok(self.buffer.get(self.start..end).unwrap_or_default())
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

    /// Goes on behind the next `len` bytes, which must have been peeked at.
    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
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
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        while self.end < len {
            match self.reader.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
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
