//! Capture files: pcap and pcapng, plain or compressed with gzip or zstd (told by their first bytes, not by their names).

mod divide;
mod input;
mod pcap;
mod pcapng;

use crate::{CaptureError, Drained, PacketSource, Position, SourceStats};
pub use divide::{Part, divide};
use hookline_item::Frame;
use input::{Block, Fault, Input};
use pcap::Pcap;
use pcapng::PcapNg;
use std::{fs::File, io::Read, ops::Range, path::Path};

/// The largest frame that is believed: Linux makes GSO packets of up to 512 KiB, USB captures hold some MiB. A length beyond is damage,
/// and is found before memory is asked for.
pub const FRAME_LEN_MAX: usize = 16 << 20;

/// A capture file, or standard input.
pub struct FileSource {
    path: String,
    input: Input,
    format: Format,
    stats: SourceStats,
    failed: Option<CaptureError>,
    ended: bool,
}

enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

/// One frame's place in the input buffer, and what its record says of it.
struct Record {
    frame: Frame<'static>,
    /// Where its bytes are in the record.
    bytes: Range<usize>,
    /// Length of the record.
    len: usize,
}

impl FileSource {
    const BACKEND: &str = "file";

    /// Opens the file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// [`CaptureError::Open`] and those of [`Self::from_reader`].
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        if name == "-" {
            return Self::from_reader("-", Box::new(std::io::stdin()), None);
        }
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|source| CaptureError::Open { path: name.clone(), source })?;
        if metadata.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(CaptureError::Open { path: name, source });
        }
        Self::from_reader(&name, Box::new(file), metadata.is_file().then_some(metadata.len()))
    }

    /// Reads a capture from `reader`. `path` is its name in messages, `total` its size in bytes if that is known.
    ///
    /// # Errors
    /// [`CaptureError::Empty`], [`CaptureError::NotACapture`], [`CaptureError::UnsupportedFile`]; [`CaptureError::Damaged`] if it ends
    /// inside the file header; [`CaptureError::Read`].
    pub fn from_reader(path: &str, reader: Box<dyn Read + Send>, total: Option<u64>) -> Result<Self, CaptureError> {
        let path = path.to_owned();
        let mut input = match Input::new(reader, total) {
            Ok(input) => input,
            Err(source) => return Err(CaptureError::Read { path, source }),
        };
        match Format::detect(&mut input) {
            Ok(format) => Ok(Self { path, input, format, stats: SourceStats::default(), failed: None, ended: false }),
            Err(fault) => Err(fault.into_error(path, &input, 0)),
        }
    }

    /// The next frame, without its bytes, and where these are in [`Self::block`]; `None` at the end.
    fn record(&mut self) -> Result<Option<(Frame<'static>, Range<usize>)>, CaptureError> {
        let record = match &mut self.format {
            Format::Pcap(format) => format.next(&mut self.input),
            Format::PcapNg(format) => format.next(&mut self.input),
        };
        let record = record.map_err(|fault| fault.into_error(self.path.clone(), &self.input, self.stats.received))?;
        let Some(Record { mut frame, bytes, len }) = record else { return Ok(None) };
        let start = self.input.consume(len);
        frame.seen.frame = self.stats.received + 1;
        let bytes = start + bytes.start..start + bytes.end;
        self.stats.add(&Frame { bytes: self.input.block().get(bytes.clone()).unwrap_or_default(), ..frame });
        Ok(Some((frame, bytes)))
    }

    /// Where the bytes of the last frame are.
    fn block(&self) -> &Block {
        self.input.block()
    }
}

impl Format {
    fn detect(input: &mut Input) -> Result<Self, Fault> {
        let start = input.peek(4)?;
        if start.is_empty() {
            return Err(Fault::Empty);
        }
        match *start {
            [0x0a, 0x0d, 0x0d, 0x0a] => Ok(Self::PcapNg(PcapNg::default())),
            [a, b, c, d] if let Some(pcap) = Pcap::from_magic([a, b, c, d]) => Ok(Self::Pcap(pcap.read_header(input)?)),
            _ => {
                let start = input.peek(8)?;
                Err(Fault::NotACapture(start.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")))
            }
        }
    }
}

impl PacketSource for FileSource {
    fn backend(&self) -> &'static str {
        Self::BACKEND
    }

    fn source(&self) -> &str {
        &self.path
    }

    fn drain(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> Result<Drained, CaptureError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut count = 0;
        while count < max && !self.ended {
            match self.record() {
                Ok(Some((frame, bytes))) => {
                    f(Frame { bytes: self.input.block().get(bytes).unwrap_or_default(), ..frame });
                    count += 1;
                }
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    if count == 0 {
                        return Err(error);
                    }
                    self.failed = Some(error);
                }
            }
        }
        Ok(if count > 0 { Drained::Some(count) } else { Drained::End })
    }

    fn stats(&mut self) -> SourceStats {
        let dropped = match &self.format {
            Format::Pcap(_) => 0,
            Format::PcapNg(format) => format.dropped(),
        };
        SourceStats { dropped, ..self.stats }
    }

    fn position(&self) -> Option<Position> {
        Some(self.input.progress().position())
    }
}
