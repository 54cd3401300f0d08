//! One connection: what answers what.

use super::{
    NATS, anomaly,
    message::Operation,
    wire::{self, LINE_MAX, Line, Op},
};
use crate::{
    Close, Context, Half,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
};
use hookline_item::Sender;

/// What an answer is found by.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    /// A PING, by the PONG.
    Ping,
    /// Any operation of a verbose connection, by `+OK` or `-ERR`.
    Ok,
    /// A message that asks for a reply, by the subject of that.
    Reply(Box<[u8]>),
}

/// One connection.
#[derive(Default)]
pub(super) struct Nats {
    exchanges: Pairing<Key, Operation, Operation>,
    /// The client has asked for an answer to each operation (`verbose` in CONNECT).
    verbose: bool,
}

impl Framing for Nats {
    fn measure(&self, _: Sender, bytes: &[u8]) -> Measure {
        let Some(text) = wire::line(bytes) else {
            let room = Op::could_begin(bytes) && bytes.len() < LINE_MAX;
            return if room { Measure::Need(bytes.len() + 1) } else { Measure::Broken("no NATS operation where one should begin") };
        };
        match Line::parse(text) {
            Some(line) => Measure::Len(text.len() as u64 + 2 + line.payload.map_or(0, |n| n as u64 + 2)),
            // A client's mistake: the server says so, and may read on.
            None if text.iter().all(|b| b.is_ascii_graphic() || *b == b' ') => Measure::Len(text.len() as u64 + 2),
            None => Measure::Broken("no NATS operation where one should begin"),
        }
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        wire::line(bytes).and_then(Line::parse).is_some_and(|line| line.op.sender().is_none_or(|s| s == from))
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let line = wire::line(bytes).and_then(Line::parse).unwrap_or_default();
        let part =
            Part::new(Operation::new(bytes), half).noting(!half.is_whole(), anomaly::CUT).noting(line.op == Op::Unknown, anomaly::UNKNOWN);
        if line.op == Op::Connect {
            self.verbose = part.what.is_verbose();
        }
        self.operation(cx, line, part);
        After::Message
    }

    /// Of a verbose connection, answers may have been lost.
    fn lost(&mut self, cx: &mut Context<'_>) {
        if self.verbose {
            self.exchanges.give_up_all(cx);
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.exchanges.close(cx, why);
    }
}

impl Nats {
    fn operation(&mut self, cx: &mut Context<'_>, line: Line<'_>, part: Part<Operation>) {
        let answers = match line.op {
            Op::Pong => Some(Key::Ping),
            Op::Ok | Op::Err if self.verbose => Some(Key::Ok),
            Op::Err => return Pairing::<Key, Operation, _>::unasked(cx, &NATS, part),
            Op::Pub | Op::Hpub | Op::Msg | Op::Hmsg => {
                Some(Key::Reply(line.subject.into())).filter(|key| self.exchanges.waiting(key).is_some())
            }
            _ => None,
        };
        let asks = match line.op {
            Op::Ping => Some(Key::Ping),
            _ if self.verbose && cx.from == Sender::Client && line.op != Op::Pong => Some(Key::Ok),
            _ if !line.reply.is_empty() => Some(Key::Reply(line.reply.into())),
            _ => None,
        };
        match (answers, asks) {
            (Some(key), _) => self.exchanges.response(cx, &NATS, key, part),
            (None, Some(key)) => self.exchanges.request(cx, &NATS, key, part),
            (None, None) => Pairing::<Key, _, Operation>::one_way(cx, &NATS, part),
        }
    }
}
