//! A capture played at its own pace, as if it happened now.

use hookline_capture::{CaptureError, Drained, PacketSource, SourceStats, file::FileSource};
use hookline_item::{Frame, LinkType, Seen, Timestamp};
use std::{io::Cursor, thread, time::Duration};

/// The longest sleep while the next frame is not due: how late a request to stop is noticed.
const NAP: Duration = Duration::from_millis(10);

struct Kept {
    /// Time since the capture's first frame.
    after: Duration,
    link: LinkType,
    wire_len: u32,
    bytes: Vec<u8>,
}

/// One showing of a capture.
pub(super) struct Paced {
    name: &'static str,
    frames: Vec<Kept>,
    next: usize,
    start: Timestamp,
    /// Frames shown before this showing, so that numbers go on.
    shown_before: u64,
    clock: fn() -> Timestamp,
    stats: SourceStats,
}

/// A whole capture as a source, read as fast as it can be.
pub(super) fn at_once(name: &str, bytes: &'static [u8]) -> Result<FileSource, CaptureError> {
    FileSource::from_reader(name, Box::new(Cursor::new(bytes)), Some(bytes.len() as u64))
}

impl Paced {
    /// Shows the capture from now on; `clock` is the wall clock.
    pub(super) fn new(name: &'static str, bytes: &'static [u8], shown_before: u64, clock: fn() -> Timestamp) -> Result<Self, CaptureError> {
        let mut source = at_once(name, bytes)?;
        let mut frames = Vec::new();
        let mut first = None;
        let mut keep = |f: Frame<'_>| {
            let first = *first.get_or_insert(f.seen.at);
            frames.push(Kept { after: f.seen.at.since(first), link: f.link, wire_len: f.wire_len, bytes: f.bytes.to_vec() });
        };
        while source.drain(usize::MAX, &mut keep)? != Drained::End {}
        Ok(Self { name, frames, next: 0, start: clock(), shown_before, clock, stats: SourceStats::default() })
    }

    /// Frames shown in all.
    pub(super) fn shown(&self) -> u64 {
        self.shown_before + self.next as u64
    }
}

impl PacketSource for Paced {
    fn backend(&self) -> &'static str {
        "file"
    }

    fn source(&self) -> &str {
        self.name
    }

    fn drain(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> Result<Drained, CaptureError> {
        let Some(next) = self.frames.get(self.next) else { return Ok(Drained::End) };
        let passed = (self.clock)().since(self.start);
        if next.after > passed {
            thread::sleep(NAP.min(next.after.saturating_sub(passed)));
            return Ok(Drained::Idle);
        }
        let before = self.next;
        for kept in self.frames.iter().skip(before).take(max).take_while(|k| k.after <= passed) {
            self.next += 1;
            self.stats.received += 1;
            self.stats.bytes += kept.bytes.len() as u64;
            let seen = Seen { at: self.start.plus(kept.after), frame: self.shown_before + self.next as u64 };
            f(Frame { seen, interface: 0, link: kept.link, wire_len: kept.wire_len, vlan: None, bytes: &kept.bytes });
        }
        Ok(Drained::Some(self.next - before))
    }

    fn stats(&mut self) -> SourceStats {
        self.stats
    }
}
