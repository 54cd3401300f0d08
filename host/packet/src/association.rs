//! An SCTP association (RFC 9260): user messages out of DATA chunks, each once.

use crate::decode::Data;
use hookline_item::Sender;

/// Bytes kept of user messages that are not whole, a side: what DIAMETER and signalling send fits many times.
const HELD_BYTES_MAX: usize = 256 << 10;
/// Parts kept of such messages.
const HELD_PARTS_MAX: usize = 512;
/// How far a chunk's number may lie behind the newest and still be told from a repetition.
const WINDOW: u32 = 64;

/// Both sides' state.
#[derive(Debug, Default)]
pub(crate) struct Association {
    sides: [Side; 2],
}

#[derive(Debug, Default)]
struct Side {
    /// The newest chunk's number, if there was one.
    newest: Option<u32>,
    /// Which of those before it were seen: bit n is the number `newest - n`.
    seen: u64,
    /// Parts of messages that are not whole, by their numbers.
    parts: Vec<Part>,
    bytes: usize,
}

#[derive(Debug)]
struct Part {
    tsn: u32,
    begins: bool,
    ends: bool,
    data: Box<[u8]>,
    missing: usize,
}

/// What became of a chunk.
pub(crate) enum Taken {
    /// It is a whole message.
    Message,
    /// It completes this message, of which so many bytes were not captured.
    Completes(Vec<u8>, usize),
    /// It was seen before.
    Repetition,
    /// Its message is not whole yet.
    Waits,
}

impl Association {
    /// Takes a chunk of `from`.
    pub(crate) fn data(&mut self, from: Sender, chunk: &Data<'_>) -> Taken {
        let [client, server] = &mut self.sides;
        let side = if from == Sender::Client { client } else { server };
        if !side.is_new(chunk.tsn) {
            return Taken::Repetition;
        }
        if chunk.begins && chunk.ends {
            return Taken::Message;
        }
        side.part(chunk)
    }
}

impl Side {
    fn is_new(&mut self, tsn: u32) -> bool {
        let Some(newest) = self.newest else {
            (self.newest, self.seen) = (Some(tsn), 1);
            return true;
        };
        let ahead = tsn.wrapping_sub(newest);
        if ahead == 0 {
            return false;
        }
        if ahead < 1 << 31 {
            self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.newest = Some(tsn);
            return true;
        }
        let behind = newest.wrapping_sub(tsn);
        let new = behind < WINDOW && self.seen >> behind & 1 == 0;
        if new {
            self.seen |= 1 << behind;
        }
        new
    }

    /// Keeps a part, and puts its message together if it is whole.
    fn part(&mut self, chunk: &Data<'_>) -> Taken {
        while self.parts.len() >= HELD_PARTS_MAX || self.bytes + chunk.data.bytes.len() > HELD_BYTES_MAX {
            if self.parts.is_empty() {
                break;
            }
            self.bytes -= self.parts.remove(0).data.len();
        }
        let Data { tsn, begins, ends, data, .. } = *chunk;
        let at = self.parts.partition_point(|p| p.tsn.wrapping_sub(tsn) >= 1 << 31);
        self.parts.insert(at, Part { tsn, begins, ends, data: data.bytes.into(), missing: data.missing });
        self.bytes += data.bytes.len();
        let follows = |pair: &[Part]| matches!(pair, [a, b] if a.tsn.wrapping_add(1) == b.tsn && !a.ends && !b.begins);
        let (mut first, mut last) = (at, at);
        while first > 0 && self.parts.get(first - 1..=first).is_some_and(follows) {
            first -= 1;
        }
        while self.parts.get(last..last + 2).is_some_and(follows) {
            last += 1;
        }
        let whole = self.parts.get(first).is_some_and(|p| p.begins) && self.parts.get(last).is_some_and(|p| p.ends);
        if !whole {
            return Taken::Waits;
        }
        let parts: Vec<Part> = self.parts.drain(first..=last).collect();
        self.bytes -= parts.iter().map(|p| p.data.len()).sum::<usize>();
        let missing = parts.iter().map(|p| p.missing).sum();
        Taken::Completes(parts.iter().flat_map(|p| p.data.iter().copied()).collect(), missing)
    }
}
