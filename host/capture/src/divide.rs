//! One source, read by several threads together: each gets its part of the frames.
//!
//! There is no thread that only reads: whoever runs low reads the next piece of the source, for all. A frame is looked at once to see whose
//! it is, and copied once, beside the others of its part. Parts are handed over by the piece, some [`PIECE_LEN`] bytes, not by the frame.
//!
//! Invariants: each frame comes out of one part, once, in the source's order within it; no part waits for another but for one that has
//! [`QUEUED_MAX`] bytes to do, so that memory is bounded; a part that is dropped holds nobody up.

use crate::{CaptureError, Drained, PacketSource, Position, SourceStats};
use hookline_item::{Frame, Timestamp};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// Bytes of frames that are read at once: few enough to stay in the processor's cache until they are dissected.
const PIECE_LEN: usize = 256 << 10;
/// Frames taken from the source at once; only between these is it seen whether a piece is full.
const STEP: usize = 8;
/// A part with fewer batches than this before it reads ahead when nobody else does, so that it need not wait later.
const AHEAD: usize = 3;
/// Bytes that may wait for one part. One that works more slowly than the others makes them wait then.
const QUEUED_MAX: usize = 4 << 20;

/// What one part gets of a piece.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

enum Entry {
    /// A frame, and where its bytes are.
    Frame(Frame<'static>, Range<usize>),
    /// Other parts' frames say that it is this late.
    Time(Timestamp),
}

impl Batch {
    fn push(&mut self, frame: &Frame<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame.bytes);
        self.entries.push(Entry::Frame(Frame { bytes: &[], ..*frame }, start..self.bytes.len()));
    }

    /// Bytes that it takes.
    fn len(&self) -> usize {
        self.bytes.len() + size_of_val(self.entries.as_slice())
    }

    /// Makes it empty, and keeps its memory unless that is unusually much.
    fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.bytes.shrink_to(2 * PIECE_LEN);
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
struct Queue {
    batches: VecDeque<Batch>,
    bytes: usize,
    /// Whether the part is there to take it.
    open: bool,
}

/// What the parts have of the source so far.
struct State {
    queues: Vec<Queue>,
    /// The part that reads now.
    reading: Option<usize>,
    ended: bool,
    failed: Option<CaptureError>,
    /// Batches to be used again.
    spent: Vec<Batch>,
}

struct Shared<S, F> {
    state: Mutex<State>,
    /// Told whenever something was read or taken.
    changed: Condvar,
    /// Taken by the part that reads.
    source: Mutex<(S, Times)>,
    part_of: F,
}

/// A part of a source: itself a source, for one thread.
pub struct Part<S, F> {
    shared: Arc<Shared<S, F>>,
    index: usize,
    backend: &'static str,
    name: String,
    batch: Batch,
    /// Entries of `batch` that were handed out.
    done: usize,
    stats: SourceStats,
}

/// Divides `source` into `parts`, of which `part_of` says for each frame which one it falls into (numbers beyond fall into the last).
///
/// # Panics
/// Never; of no parts there is one.
pub fn divide<S: PacketSource, F: Fn(&Frame<'_>) -> usize>(source: S, parts: usize, part_of: F) -> Vec<Part<S, F>> {
    let parts = parts.max(1);
    let (backend, name) = (source.backend(), source.source().to_owned());
    let queue = |_| Queue { batches: VecDeque::new(), bytes: 0, open: true };
    let state = State { queues: (0..parts).map(queue).collect(), reading: None, ended: false, failed: None, spent: Vec::new() };
    let times = Times { top: Timestamp(0), told: vec![Timestamp(0); parts], begun: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), source: Mutex::new((source, times)), part_of });
    let part = |index| Part {
        shared: Arc::clone(&shared),
        index,
        backend,
        name: name.clone(),
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
    /// Whether this part is to read the next piece: it has little before it, no part has too much, and none
    /// reads.
    fn is_reader(&self, part: usize) -> bool {
        let runs_low = self.queues.get(part).is_some_and(|queue| queue.batches.len() < AHEAD);
        runs_low && self.reading.is_none() && !self.ended && self.queues.iter().all(|queue| queue.bytes < QUEUED_MAX)
    }

    fn pop(&mut self, part: usize) -> Option<Batch> {
        let queue = self.queues.get_mut(part)?;
        let batch = queue.batches.pop_front()?;
        queue.bytes -= batch.len();
        Some(batch)
    }

    fn push(&mut self, part: usize, batch: Batch) {
        if let Some(queue) = self.queues.get_mut(part).filter(|queue| queue.open && !batch.entries.is_empty()) {
            queue.bytes += batch.len();
            queue.batches.push_back(batch);
        }
    }

    fn give_back(&mut self, mut batch: Batch) {
        if self.spent.len() < self.queues.len() * AHEAD {
            batch.clear();
            self.spent.push(batch);
        }
    }
}

impl<S: PacketSource, F: Fn(&Frame<'_>) -> usize> Shared<S, F> {
    /// The next batch of a part, for one that is done with; `None` at the end. A failure of the source is told to one part, the first
    /// that has nothing else to do.
    fn next(&self, part: usize, done: Batch) -> Result<Option<Batch>, CaptureError> {
        let mut state = lock(&self.state);
        state.give_back(done);
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
        let mut batches: Vec<Batch> = (0..state.queues.len()).map(|_| state.spent.pop().unwrap_or_default()).collect();
        drop(state);
        let ended = self.fill(&mut batches);
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

    /// Reads up to [`PIECE_LEN`] bytes. Returns whether the source is at its end.
    fn fill(&self, batches: &mut [Batch]) -> Result<bool, CaptureError> {
        let mut guard = lock(&self.source);
        let (source, times) = &mut *guard;
        let mut len = 0;
        let ended = loop {
            let drained = source.drain(STEP, &mut |frame| {
                let part = (self.part_of)(&frame).min(batches.len() - 1);
                times.frame(frame.seen.at, part, batches);
                if let Some(batch) = batches.get_mut(part) {
                    batch.push(&frame);
                }
                len += frame.bytes.len() + size_of::<Entry>();
            });
            match drained {
                Ok(Drained::Some(_)) if len < PIECE_LEN => {}
                Ok(drained) => break Ok(drained == Drained::End),
                Err(error) => break Err(error),
            }
        };
        times.tell(batches);
        ended
    }
}

impl<S: PacketSource, F: Fn(&Frame<'_>) -> usize + Send + Sync> PacketSource for Part<S, F> {
    fn backend(&self) -> &'static str {
        self.backend
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
            let (frame, range) = match entry {
                Entry::Frame(frame, range) => (frame, range.clone()),
                // First the frames before it.
                Entry::Time(_) if count > 0 => break,
                Entry::Time(at) => {
                    self.done += 1;
                    return Ok(Drained::Time(*at));
                }
            };
            let bytes = self.batch.bytes.get(range).unwrap_or_default();
            self.stats.bytes += bytes.len() as u64;
            self.stats.truncated += u64::from((frame.wire_len as usize) > bytes.len());
            f(Frame { bytes, ..*frame });
            count += 1;
        }
        self.stats.received += count as u64;
        self.done += count;
        Ok(Drained::Some(count))
    }

    /// The frames of this part; what the source lost is counted in the first.
    fn stats(&mut self) -> SourceStats {
        let dropped = if self.index == 0 { lock(&self.shared.source).0.stats().dropped } else { 0 };
        SourceStats { dropped, ..self.stats }
    }

    /// That of the whole source, told by the first part.
    fn position(&self) -> Option<Position> {
        // Whoever reads now will be done in a moment; the next call tells.
        let source = if self.index == 0 { self.shared.source.try_lock().ok()? } else { return None };
        source.0.position()
    }
}

impl<S, F> Drop for Part<S, F> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        // Its thread panicked while it read: there will be no more.
        if state.reading == Some(self.index) {
            (state.reading, state.ended) = (None, true);
        }
        if let Some(queue) = state.queues.get_mut(self.index) {
            *queue = Queue { batches: VecDeque::new(), bytes: 0, open: false };
        }
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_item::{LinkType, Seen};

    /// So many frames that are numbered in their bytes too; then the end, or an error.
    struct Numbers {
        next: u64,
        last: u64,
        fails: bool,
    }

    impl PacketSource for Numbers {
        fn backend(&self) -> &'static str {
            "file"
        }

        fn source(&self) -> &str {
            "numbers"
        }

        fn drain(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> Result<Drained, CaptureError> {
            let count = max.min((self.last - self.next) as usize);
            for _ in 0..count {
                self.next += 1;
                let seen = Seen { at: Timestamp(self.next), frame: self.next };
                // Many more bytes than all queues hold together.
                let bytes = [&self.next.to_be_bytes()[..], &[0; 1000]].concat();
                f(Frame { seen, interface: 0, link: LinkType::ETHERNET, wire_len: 2000, vlan: None, bytes: &bytes });
            }
            match count {
                0 if self.fails => Err(CaptureError::Empty { path: "numbers".to_owned() }),
                0 => Ok(Drained::End),
                n => Ok(Drained::Some(n)),
            }
        }

        fn stats(&mut self) -> SourceStats {
            SourceStats { dropped: 7, ..SourceStats::default() }
        }
    }

    fn third(frame: &Frame<'_>) -> usize {
        (frame.seen.frame % 3) as usize
    }

    /// The frames' numbers up to the end, or `most`; whether an error was told.
    fn all(mut part: impl PacketSource, most: usize) -> (Vec<u64>, bool, SourceStats) {
        let mut numbers = Vec::new();
        let failed = loop {
            let drained = part.drain(100, &mut |frame| {
                assert_eq!(frame.bytes[..8], frame.seen.frame.to_be_bytes());
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
            let parts = divide(Numbers { next: 0, last: 40_000, fails }, 3, third);
            let threads: Vec<_> = parts.into_iter().map(|part| std::thread::spawn(move || all(part, usize::MAX))).collect();
            let done: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
            for (part, (numbers, _, stats)) in done.iter().enumerate() {
                assert_eq!(*numbers, (1..=40_000).filter(|n| n % 3 == part as u64).collect::<Vec<_>>());
                assert_eq!((stats.received, stats.truncated), (numbers.len() as u64, stats.received));
                assert_eq!(stats.dropped, if part == 0 { 7 } else { 0 });
            }
            assert_eq!(done.iter().filter(|(_, failed, _)| *failed).count(), usize::from(fails));
        }
    }

    #[test]
    fn a_part_that_is_dropped_holds_nobody_up() {
        let mut parts = divide(Numbers { next: 0, last: 40_000, fails: false }, 3, third);
        let (early, late) = (parts.pop().unwrap(), parts.pop().unwrap());
        let thread = std::thread::spawn(move || all(early, 100).0.len());
        assert!(thread.join().unwrap() >= 100);
        // Nobody ever takes the first part's, which goes when its queue is full and it is dropped.
        let first = parts.pop().unwrap();
        let thread = std::thread::spawn(move || all(late, usize::MAX).0.len());
        while lock(&first.shared.state).queues[0].bytes < QUEUED_MAX {
            std::thread::yield_now();
        }
        assert!(!thread.is_finished(), "who reads waits for the slow one: memory is bounded");
        drop(first);
        assert_eq!(thread.join().unwrap(), 13_334);
    }

    #[test]
    fn one_part_gets_everything() {
        let mut parts = divide(Numbers { next: 0, last: 1000, fails: false }, 1, third);
        assert_eq!(all(parts.pop().unwrap(), usize::MAX).0, (1..=1000).collect::<Vec<_>>());
    }
}
