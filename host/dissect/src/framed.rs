//! Protocols whose messages tell their length: finding where each begins and ends, over losses and limits.

use crate::{Close, Context, Flow, Half, Next, Outcome, Session};
use hookline_item::{Sender, Timestamp};

/// A protocol of such messages. [`Framed`] makes a [`Session`] of it.
pub(crate) trait Framing: Send {
    /// How long the message is that `bytes` begin with, its header included. `bytes` are never empty.
    fn measure(&self, from: Sender, bytes: &[u8]) -> Measure;

    /// Whether `bytes`, the start of a segment after a loss, begin a message beyond reasonable doubt.
    fn begins(&self, from: Sender, bytes: &[u8]) -> bool;

    /// A message of `cx.from`. `bytes` are the first [`crate::Limits::message_max`] of it, or fewer where some were lost; `half` says
    /// when it came, how long it is on the wire, and what is not in `bytes`.
    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After;

    /// Bytes of `cx.from` were lost, whole messages perhaps among them.
    fn lost(&mut self, cx: &mut Context<'_>);

    /// One side has sent its last byte.
    fn fin(&mut self, _cx: &mut Context<'_>) {}

    /// The flow is over: what waits is emitted as it is.
    fn close(&mut self, cx: &mut Context<'_>, why: Close);

    /// Packet time has moved to `now`.
    fn advance(&mut self, _cx: &mut Context<'_>, _now: Timestamp) {}
}

/// What can be said of a message by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// It has so many bytes; at least 1.
    Len(u64),
    /// That takes so many bytes, those given included.
    Need(usize),
    /// These bytes begin no message.
    Broken(&'static str),
}

/// What follows a message.
#[derive(Debug)]
pub(crate) enum After {
    /// Another.
    Message,
    /// Something else.
    Switched(Next),
}

/// A [`Session`] for a [`Framing`].
pub(crate) struct Framed<F> {
    framing: F,
    sides: [Side; 2],
}

struct Side {
    /// The message that is coming, where it is longer than what is kept or bytes of it were lost.
    open: Option<Open>,
    /// Where the next message begins is not known.
    lost: bool,
}

struct Open {
    kept: Vec<u8>,
    half: Half,
    /// Bytes that are still to come.
    left: u64,
}

impl<F: Framing> Framed<F> {
    /// For a flow that was picked up in its middle, where the first messages begin is still to be found.
    pub(crate) fn new(framing: F, flow: &Flow) -> Self {
        let side = || Side { open: None, lost: flow.mid_stream };
        Self { framing, sides: [side(), side()] }
    }

    /// For a protocol whose first messages begin where another one has just ended.
    pub(crate) fn at_boundary(framing: F) -> Self {
        let side = || Side { open: None, lost: false };
        Self { framing, sides: [side(), side()] }
    }

    fn side(&mut self, from: Sender) -> &mut Side {
        let [client, server] = &mut self.sides;
        match from {
            Sender::Client => client,
            Sender::Server => server,
        }
    }

    /// The message that was coming is over, as far as it goes.
    fn end(&mut self, cx: &mut Context<'_>, used: usize) -> Outcome {
        match self.side(cx.from).open.take() {
            Some(open) => after(self.framing.message(cx, &open.kept, open.half), used),
            None => Outcome::Items(used),
        }
    }

    /// More of the message that is coming.
    fn more(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let last = cx.last;
        let Some(open) = &mut self.side(cx.from).open else { return Outcome::Items(bytes.len()) };
        let n = usize::try_from(open.left).unwrap_or(usize::MAX).min(bytes.len());
        open.left -= n as u64;
        open.half.cut = open.half.cut.saturating_add(n as u64);
        open.half.last = last;
        if open.left == 0 { self.end(cx, n) } else { Outcome::Items(n) }
    }

    /// Begins a message of `len` bytes of which only the first `kept` are looked at.
    fn begin_long(&mut self, cx: &Context<'_>, bytes: &[u8], len: u64) -> Outcome {
        let half = Half { first: cx.first, last: cx.last, size: len, ..Half::default() };
        self.side(cx.from).open = Some(Open { kept: bytes.to_vec(), half, left: len.saturating_sub(bytes.len() as u64) });
        Outcome::Items(bytes.len())
    }

    /// What was left unread begins a message whose end will not come as it should.
    fn open_rest(&mut self, cx: &Context<'_>, rest: &[u8]) {
        if self.side(cx.from).open.is_none()
            && !self.side(cx.from).lost
            && !rest.is_empty()
            && let Measure::Len(len) = self.framing.measure(cx.from, rest)
        {
            self.begin_long(cx, rest, len);
        }
    }

    /// A message that ends before its end: `rest` is all that came of it.
    fn broken_off(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        self.open_rest(cx, rest);
        if let Some(open) = &mut self.side(cx.from).open {
            open.half.missing = open.half.missing.saturating_add(open.left);
            open.half.size = open.half.size.saturating_sub(open.left);
            self.end(cx, 0);
        }
    }
}

fn after(after: After, used: usize) -> Outcome {
    match after {
        After::Message => Outcome::Items(used),
        After::Switched(next) => Outcome::Switched(used, next),
    }
}

impl<F: Framing> Session for Framed<F> {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        if self.side(cx.from).open.is_some() {
            return self.more(cx, bytes);
        }
        if bytes.is_empty() {
            return Outcome::Items(0);
        }
        if self.side(cx.from).lost {
            if !self.framing.begins(cx.from, bytes) {
                return Outcome::Items(bytes.len());
            }
            self.side(cx.from).lost = false;
        }
        let len = match self.framing.measure(cx.from, bytes) {
            Measure::Len(len) => len.max(1),
            Measure::Need(need) => return Outcome::Need(need),
            Measure::Broken(what) => return Outcome::Broken { offset: 0, what },
        };
        let kept = usize::try_from(len).unwrap_or(usize::MAX).min(cx.limits.message_max);
        let Some(message) = bytes.get(..kept) else {
            // A datagram is whole: more will not come.
            if cx.flow.transport.has_messages() {
                self.broken_off(cx, bytes);
                return Outcome::Items(bytes.len());
            }
            return Outcome::Need(kept);
        };
        if kept as u64 == len {
            let half = Half { first: cx.first, last: cx.last, size: len, ..Half::default() };
            return after(self.framing.message(cx, message, half), kept);
        }
        self.begin_long(cx, message, len)
    }

    fn gap(&mut self, cx: &mut Context<'_>, rest: &[u8], missing: u64) {
        self.open_rest(cx, rest);
        if let Some(open) = &mut self.side(cx.from).open {
            open.half.gaps = open.half.gaps.saturating_add(1);
            if missing < open.left {
                open.left -= missing;
                open.half.missing = open.half.missing.saturating_add(missing);
                open.half.size = open.half.size.saturating_sub(missing);
                return;
            }
        }
        self.broken_off(cx, &[]);
        self.side(cx.from).lost = true;
        self.framing.lost(cx);
    }

    fn fin(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        self.broken_off(cx, rest);
        self.framing.fin(cx);
    }

    fn close(&mut self, cx: &mut Context<'_>, rests: [&[u8]; 2], why: Close) {
        for (from, rest) in [Sender::Client, Sender::Server].into_iter().zip(rests) {
            cx.from = from;
            self.broken_off(cx, rest);
        }
        self.framing.close(cx, why);
    }

    fn advance(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        self.framing.advance(cx, now);
    }
}
