//! A capture file, read by several threads together: each gets its part of the frames.
//!
//! There is no thread that only reads: whoever runs low reads the next piece of the file, for all. A frame is looked at once to see whose
//! it is, and never copied: the parts hold the block that it was read into. They are told of frames by the piece, a block's worth.
//!
//! Invariants: each frame comes out of one part, once, in the file's order within it, and every part is told the time that the frames
//! before it in the file have told, so that timeouts are the same as in one thread; no part waits for another but for one that has
//! [`QUEUED_MAX`] pieces to do, so that memory is bounded; a part that is dropped holds nobody up.

use super::{
    FileSource,
    input::{Block, Progress},
};
use crate::{CaptureError, Drained, PacketSource, Position, SourceStats};
use hookline_item::{Frame, LinkType, Seen, Timestamp};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// A part with fewer pieces than this before it reads ahead when nobody else does, so that it need not wait later.
const AHEAD: usize = 3;
/// Pieces that may wait for one part, each of which holds a block. One that works more slowly than the others makes them wait then.
const QUEUED_MAX: usize = 16;

/// What one part gets of a piece.
#[derive(Default)]
struct Batch {
    /// Where the frames' bytes are.
    block: Block,
    entries: Vec<Entry>,
}

enum Entry {
    Frame(Kept),
    /// Other parts' frames say that it is this late.
    Time(Timestamp),
}

/// A [`Frame`], and where in the block its bytes are.
struct Kept {
    seen: Seen,
    interface: u32,
    link: LinkType,
    wire_len: u32,
    vlan: Option<u16>,
    start: u32,
    len: u32,
}

impl Kept {
    fn new(frame: &Frame<'_>, bytes: &Range<usize>) -> Self {
        let Frame { seen, interface, link, wire_len, vlan, .. } = *frame;
        // Blocks are far shorter than what 32 bits count: `FRAME_LEN_MAX` and a header at most.
        let [start, len] = [bytes.start, bytes.len()].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        Self { seen, interface, link, wire_len, vlan, start, len }
    }

    #[inline]
    fn frame<'a>(&self, block: &'a Block) -> Frame<'a> {
        let Self { seen, interface, link, wire_len, vlan, start, len } = *self;
        let bytes = block.get(start as usize..start as usize + len as usize).unwrap_or_default();
        Frame { seen, interface, link, wire_len, vlan, bytes }
    }
}

/// The latest time of all frames, and what each part was told of it.
struct Times {
    top: Timestamp,
    told: Vec<Timestamp>,
    begun: bool,
}

impl Times {
    /// Takes note of a frame that is for `part`; before it the part must know of the frames before.
    #[inline]
    fn frame(&mut self, at: Timestamp, part: usize, batches: &mut [Batch]) {
        if !self.begun || at.steps_back_from(self.top) {
            self.tell(batches);
            self.begun = true;
            self.top = at;
            batches.iter_mut().for_each(|batch| batch.entries.push(Entry::Time(at)));
            self.told.fill(at);
        }
        if let (Some(told), Some(batch)) = (self.told.get_mut(part), batches.get_mut(part)) {
            if *told < self.top && at < self.top {
                batch.entries.push(Entry::Time(self.top));
            }
            self.top = self.top.max(at);
            *told = self.top;
        }
    }

    /// Tells each part the time.
    fn tell(&mut self, batches: &mut [Batch]) {
        for (told, batch) in self.told.iter_mut().zip(batches) {
            if *told < self.top {
                batch.entries.push(Entry::Time(self.top));
                *told = self.top;
            }
        }
    }
}

/// What waits for one part.
#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    /// Whether the part does not take it any more.
    closed: bool,
}

/// What the parts have of the file so far.
struct State {
    queues: Vec<Queue>,
    /// The part that reads now.
    reading: Option<usize>,
    ended: bool,
    failed: Option<CaptureError>,
    /// Lists of entries to be used again.
    spent: Vec<Vec<Entry>>,
}

/// The file, and what was read of it and not handed over yet.
struct Reader {
    file: FileSource,
    times: Times,
    /// The frame that is the next piece's first.
    first: Option<(Frame<'static>, Range<usize>)>,
}

struct Shared<F> {
    state: Mutex<State>,
    /// Told whenever something was read or taken.
    changed: Condvar,
    /// Taken by the part that reads.
    reader: Mutex<Reader>,
    part_of: F,
}

/// A part of a capture file: itself a source, for one thread.
pub struct Part<F> {
    shared: Arc<Shared<F>>,
    index: usize,
    name: String,
    progress: Progress,
    batch: Batch,
    /// Entries of `batch` that were handed out.
    done: usize,
    stats: SourceStats,
}

/// Divides `file` into `parts`, at least one, of which `part_of` says for each frame which one it falls into (numbers beyond fall into the
/// last).
pub fn divide<F: Fn(&Frame<'_>) -> usize>(file: FileSource, parts: usize, part_of: F) -> Vec<Part<F>> {
    let parts = parts.max(1);
    let (name, progress) = (file.source().to_owned(), file.input.progress().clone());
    let queues = (0..parts).map(|_| Queue::default()).collect();
    let state = State { queues, reading: None, ended: false, failed: None, spent: Vec::new() };
    let times = Times { top: Timestamp(0), told: vec![Timestamp(0); parts], begun: false };
    let reader = Reader { file, times, first: None };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), reader: Mutex::new(reader), part_of });
    let part = |index| Part {
        shared: Arc::clone(&shared),
        index,
        name: name.clone(),
        progress: progress.clone(),
        batch: Batch::default(),
        done: 0,
        stats: SourceStats::default(),
    };
    (0..parts).map(part).collect()
}

/// A thread that panicked holding the lock has ended the program's work anyway; the others may finish theirs.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Whether this part is to read the next piece: it has little before it, no part has too much, and none reads.
    fn is_reader(&self, part: usize) -> bool {
        let runs_low = self.queues.get(part).is_some_and(|queue| queue.batches.len() < AHEAD);
        runs_low && self.reading.is_none() && !self.ended && self.queues.iter().all(|queue| queue.batches.len() < QUEUED_MAX)
    }

    fn pop(&mut self, part: usize) -> Option<Batch> {
        self.queues.get_mut(part)?.batches.pop_front()
    }

    fn push(&mut self, part: usize, batch: Batch) {
        if let Some(queue) = self.queues.get_mut(part).filter(|queue| !queue.closed && !batch.entries.is_empty()) {
            queue.batches.push_back(batch);
        }
    }

    fn give_back(&mut self, mut entries: Vec<Entry>) {
        if self.spent.len() < self.queues.len() * AHEAD {
            entries.clear();
            self.spent.push(entries);
        }
    }
}

impl Reader {
    /// Reads a piece: the frames of one block, each to its part. Returns whether the file is at its end.
    fn read(&mut self, batches: &mut [Batch], part_of: &impl Fn(&Frame<'_>) -> usize) -> Result<bool, CaptureError> {
        let last = batches.len() - 1;
        let mut block = self.file.block().clone();
        let ended = loop {
            let record = match self.first.take() {
                Some(first) => Ok(Some(first)),
                None => self.file.record(),
            };
            let (frame, range) = match record {
                Ok(Some(record)) => record,
                Ok(None) => break Ok(true),
                Err(error) => break Err(error),
            };
            if !self.file.block().is(&block) {
                if batches.iter().any(|batch| !batch.entries.is_empty()) {
                    self.first = Some((frame, range));
                    break Ok(false);
                }
                block = self.file.block().clone();
            }
            let kept = Kept::new(&frame, &range);
            let part = part_of(&kept.frame(&block)).min(last);
            self.times.frame(frame.seen.at, part, batches);
            if let Some(batch) = batches.get_mut(part) {
                batch.entries.push(Entry::Frame(kept));
            }
        };
        self.times.tell(batches);
        batches.iter_mut().for_each(|batch| batch.block = block.clone());
        ended
    }
}

impl<F: Fn(&Frame<'_>) -> usize> Shared<F> {
    /// The next batch of a part, for one that is done with; `None` at the end. A failure of the file is told to one part, the first
    /// that has nothing else to do.
    fn next(&self, part: usize, done: Batch) -> Result<Option<Batch>, CaptureError> {
        let Batch { block, entries } = done;
        drop(block);
        let mut state = lock(&self.state);
        state.give_back(entries);
        loop {
            if state.is_reader(part) {
                state = self.read(part, state);
            }
            if let Some(batch) = state.pop(part) {
                self.changed.notify_all();
                return Ok(Some(batch));
            }
            if state.ended && state.reading.is_none() {
                return state.failed.take().map_or(Ok(None), Err);
            }
            let idle = |state: &mut State| {
                let has_work = state.queues.get(part).is_some_and(|queue| !queue.batches.is_empty());
                !has_work && !state.is_reader(part) && (!state.ended || state.reading.is_some())
            };
            state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reads a piece, without the lock, and gives each part what is its own.
    fn read<'a>(&'a self, part: usize, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.reading = Some(part);
        let parts = state.queues.len();
        let mut empty = || Batch { block: Block::default(), entries: state.spent.pop().unwrap_or_default() };
        let mut batches: Vec<Batch> = (0..parts).map(|_| empty()).collect();
        drop(state);
        let ended = lock(&self.reader).read(&mut batches, &self.part_of);
        let mut state = lock(&self.state);
        state.reading = None;
        (state.ended, state.failed) = match ended {
            Ok(ended) => (ended, None),
            Err(error) => (true, Some(error)),
        };
        batches.into_iter().enumerate().for_each(|(part, batch)| state.push(part, batch));
        self.changed.notify_all();
        state
    }
}

impl<F: Fn(&Frame<'_>) -> usize + Send + Sync> PacketSource for Part<F> {
    fn backend(&self) -> &'static str {
        FileSource::BACKEND
    }

    fn source(&self) -> &str {
        &self.name
    }

    fn drain(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> Result<Drained, CaptureError> {
        if self.done == self.batch.entries.len() {
            self.done = 0;
            match self.shared.next(self.index, std::mem::take(&mut self.batch))? {
                Some(batch) => self.batch = batch,
                None => return Ok(Drained::End),
            }
        }
        let mut count = 0;
        for entry in self.batch.entries.iter().skip(self.done).take(max) {
            let kept = match entry {
                Entry::Frame(kept) => kept,
                // First the frames before it.
                Entry::Time(_) if count > 0 => break,
                Entry::Time(at) => {
                    self.done += 1;
                    return Ok(Drained::Time(*at));
                }
            };
            let frame = kept.frame(&self.batch.block);
            self.stats.add(&frame);
            f(frame);
            count += 1;
        }
        self.done += count;
        Ok(Drained::Some(count))
    }

    /// The frames of this part; what the capture lost is counted in the first.
    fn stats(&mut self) -> SourceStats {
        let dropped = if self.index == 0 { lock(&self.shared.reader).file.stats().dropped } else { 0 };
        SourceStats { dropped, ..self.stats }
    }

    /// That of the whole file, told by the first part.
    fn position(&self) -> Option<Position> {
        (self.index == 0).then(|| self.progress.position())
    }
}

impl<F> Drop for Part<F> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        // Its thread panicked while it read: there will be no more.
        if state.reading == Some(self.index) {
            (state.reading, state.ended) = (None, true);
        }
        if let Some(queue) = state.queues.get_mut(self.index) {
            *queue = Queue { batches: VecDeque::new(), closed: true };
        }
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A capture of so many frames that have their number in their bytes too, whole or cut short behind the last: many more bytes than may
    /// wait.
    fn numbers(last: u32, cut: bool) -> FileSource {
        let header = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
        let record = |n: u32| [[n, 0, 1008, 2000].map(u32::to_le_bytes).concat(), n.to_be_bytes().to_vec(), vec![0; 1004]].concat();
        let mut bytes = [header, (1..=last).flat_map(record).collect()].concat();
        if cut {
            bytes.extend([0; 7]);
        }
        FileSource::from_reader("numbers", Box::new(Cursor::new(bytes)), None).unwrap()
    }

    fn third(frame: &Frame<'_>) -> usize {
        (frame.seen.frame % 3) as usize
    }

    /// The frames' numbers up to the end, or `most`; whether an error was told.
    fn all(mut part: impl PacketSource, most: usize) -> (Vec<u64>, bool, SourceStats) {
        let mut numbers = Vec::new();
        let failed = loop {
            let drained = part.drain(100, &mut |frame| {
                assert_eq!(frame.bytes[..4], (frame.seen.frame as u32).to_be_bytes());
                numbers.push(frame.seen.frame);
            });
            match drained {
                Ok(Drained::End) => break false,
                Ok(_) if numbers.len() >= most => break false,
                Ok(_) => {}
                Err(_) => break true,
            }
        };
        (numbers, failed, part.stats())
    }

    #[test]
    fn each_frame_comes_once_and_in_order_and_an_error_once_and_last() {
        for fails in [false, true] {
            let parts = divide(numbers(40_000, fails), 3, third);
            let threads: Vec<_> = parts.into_iter().map(|part| std::thread::spawn(move || all(part, usize::MAX))).collect();
            let done: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
            for (part, (numbers, _, stats)) in done.iter().enumerate() {
                assert_eq!(*numbers, (1..=40_000).filter(|n| n % 3 == part as u64).collect::<Vec<_>>());
                assert_eq!((stats.received, stats.truncated), (numbers.len() as u64, stats.received));
            }
            assert_eq!(done.iter().filter(|(_, failed, _)| *failed).count(), usize::from(fails));
        }
    }

    #[test]
    fn a_part_that_is_dropped_holds_nobody_up() {
        let mut parts = divide(numbers(40_000, false), 3, third);
        let (early, late) = (parts.pop().unwrap(), parts.pop().unwrap());
        let thread = std::thread::spawn(move || all(early, 100).0.len());
        assert!(thread.join().unwrap() >= 100);
        // Nobody ever takes the first part's, which goes when its queue is full and it is dropped.
        let first = parts.pop().unwrap();
        let thread = std::thread::spawn(move || all(late, usize::MAX).0.len());
        while lock(&first.shared.state).queues[0].batches.len() < QUEUED_MAX {
            std::thread::yield_now();
        }
        assert!(!thread.is_finished(), "who reads waits for the slow one: memory is bounded");
        drop(first);
        assert_eq!(thread.join().unwrap(), 13_334);
    }

    #[test]
    fn one_part_gets_everything() {
        let mut parts = divide(numbers(1000, false), 1, third);
        assert!(parts[0].position().is_some_and(|p| p.read > 0 && p.total.is_none()));
        assert_eq!(all(parts.pop().unwrap(), usize::MAX).0, (1..=1000).collect::<Vec<_>>());
    }
}
