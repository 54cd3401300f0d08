//! What all sources have in common.

use crate::CaptureError;
use hookline_item::{Frame, Timestamp};

/// What one call of [`PacketSource::drain`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// So many frames, at least one.
    Some(usize),
    /// No frame here, but others' frames say that it is this late.
    Time(Timestamp),
    /// Nothing now; more may come.
    Idle,
    /// Nothing any more.
    End,
}

/// Counters of a source since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Frames handed out.
    pub received: u64,
    /// Captured bytes of these frames.
    pub bytes: u64,
    /// Frames that were lost before they got here: the kernel's ring was full, or a file says that its capture lost them.
    pub dropped: u64,
    /// Frames of which less was captured than was on the wire.
    pub truncated: u64,
}

impl SourceStats {
    /// Counts a frame.
    #[inline]
    pub(crate) fn add(&mut self, frame: &Frame<'_>) {
        self.received += 1;
        self.bytes += frame.bytes.len() as u64;
        self.truncated += u64::from((frame.wire_len as usize) > frame.bytes.len());
    }
}

/// How far a file has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes of the file read so far (compressed, if it is compressed).
    pub read: u64,
    /// Its size; absent for a pipe.
    pub total: Option<u64>,
}

/// Something that frames come from.
pub trait PacketSource: Send {
    /// `file` or `afpacket`: how frames are captured.
    fn backend(&self) -> &'static str;

    /// File or interface name.
    fn source(&self) -> &str;

    /// Calls `f` with up to `max` frames, in the order in which they were captured. Live sources wait a few milliseconds for the
    /// first, as they were told when they were opened.
    ///
    /// # Errors
    /// Any [`CaptureError`] of the environment or of the file's contents. Frames before a damaged place were handed out by then;
    /// after an error a file is at its end.
    fn drain(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> Result<Drained, CaptureError>;

    /// What was counted so far. Live sources ask the kernel.
    fn stats(&mut self) -> SourceStats;

    /// How far a file has been read; `None` for live sources.
    fn position(&self) -> Option<Position> {
        None
    }
}
