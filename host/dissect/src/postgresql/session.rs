//! Who answers what, in one connection.

use super::{
    POSTGRESQL, anomaly,
    message::{Command, Copied, Kind, Statement},
    response::Answer,
    wire::{self, HEADER_LEN},
};
use crate::{
    Close, Context, Half, Next,
    cursor::Cursor,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
    remembered::Remembered,
};
use hookline_item::Sender;
use std::sync::Arc;

/// One connection.
#[derive(Default)]
pub(super) struct Postgres {
    waiting: Pairing<(), Command, Answer>,
    /// What the server is saying.
    answer: Option<Part<Answer>>,
    statements: Remembered<Box<[u8]>, Arc<Statement>>,
    portals: Remembered<Box<[u8]>, Arc<Statement>>,
    /// SSLRequest or GSSENCRequest: its answer has no form but one byte.
    negotiating: Option<Kind>,
    /// Code of the last Authentication message.
    authentication: u32,
    /// A step of the batch failed: the server passes over everything up to Sync.
    failed: bool,
    /// CopyBoth: what either side sends until the server is ready again is a replication stream.
    replicates: bool,
}

impl Framing for Postgres {
    fn measure(&self, from: Sender, bytes: &[u8]) -> Measure {
        if from == Sender::Server && self.negotiating.is_some() && matches!(bytes.first(), Some(b'S' | b'N' | b'G')) {
            return Measure::Len(1);
        }
        wire::measure(from, bytes)
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        wire::is_chain(from, bytes) || (from == Sender::Client && wire::startup(bytes) == Some(true))
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        match cx.from {
            Sender::Client => {
                self.asked(cx, bytes, half);
                After::Message
            }
            Sender::Server => self.said(cx, bytes, half),
        }
    }

    fn lost(&mut self, cx: &mut Context<'_>) {
        self.flush(cx);
        self.waiting.give_up_all(cx);
        (self.negotiating, self.failed) = (None, false);
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.flush(cx);
        self.waiting.close(cx, why);
    }
}

impl Postgres {
    fn asked(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) {
        let kind = Kind::of(bytes, self.authentication);
        if matches!(kind, Kind::CopyData | Kind::CopyDone | Kind::CopyFail) && (self.replicates || self.copied(kind, half)) {
            return;
        }
        let statement = self.statement(kind, bytes.get(HEADER_LEN..).unwrap_or_default());
        let anomalies = if half.is_whole() { Vec::new() } else { vec![anomaly::CUT] };
        let mut request = Part { what: Command { kind, bytes: bytes.into(), statement, copied: None }, half, anomalies };
        match kind {
            Kind::CancelRequest | Kind::Flush | Kind::Terminate | Kind::CopyData | Kind::CopyDone | Kind::CopyFail => {
                return Pairing::<(), Command, Answer>::one_way(cx, &POSTGRESQL, request);
            }
            _ if self.failed && kind.is_step() => {
                request.anomalies.push(anomaly::SKIPPED);
                return Pairing::<(), Command, Answer>::one_way(cx, &POSTGRESQL, request);
            }
            Kind::SSLRequest | Kind::GSSENCRequest => self.negotiating = Some(kind),
            _ => self.failed = false,
        }
        self.waiting.request(cx, &POSTGRESQL, (), request);
    }

    /// COPY's data belongs to the query that waits.
    fn copied(&mut self, kind: Kind, half: Half) -> bool {
        let Some(query) = self.waiting.waiting(&()).filter(|q| matches!(q.what.kind, Kind::Query | Kind::Execute)) else { return false };
        let copied = query.what.copied.get_or_insert(Copied { direction: "in", messages: 0, bytes: 0 });
        if kind == Kind::CopyData {
            copied.messages = copied.messages.saturating_add(1);
            copied.bytes = copied.bytes.saturating_add(half.size.saturating_sub(HEADER_LEN as u64));
        }
        // Why it failed is said by the client; the server repeats it in its error.
        true
    }

    /// The statement that a message is about; new ones are remembered.
    fn statement(&mut self, kind: Kind, body: &[u8]) -> Option<Arc<Statement>> {
        let mut cursor = Cursor::new(body);
        match kind {
            Kind::Parse => {
                let (name, query, types) = wire::parse(&mut cursor)?;
                let statement = Arc::new(Statement { query: query.into(), types: types.into() });
                self.statements.insert(name.into(), statement.clone(), body.len());
                Some(statement)
            }
            Kind::Bind => {
                let (portal, name) = (cursor.cstr()?, cursor.cstr()?);
                let statement = self.statements.get(name)?.clone();
                // A portal keeps its statement, also when that is replaced.
                let cost = portal.len() + statement.query.len() + statement.types.len();
                self.portals.insert(portal.into(), statement.clone(), cost);
                Some(statement)
            }
            Kind::Execute => self.portals.get(cursor.cstr()?).cloned(),
            Kind::Describe | Kind::Close => {
                let target = cursor.u8()?;
                let (names, name) = (if target == b'S' { &mut self.statements } else { &mut self.portals }, cursor.cstr()?);
                let statement = names.get(name).cloned();
                if kind == Kind::Close {
                    names.remove(name);
                }
                statement
            }
            _ => None,
        }
    }

    fn said(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        if let Some(kind) = self.negotiating.take()
            && let [answer] = bytes
        {
            self.waiting.response(cx, &POSTGRESQL, (), Part::new(Answer::negotiated(*answer != b'N'), half));
            return match answer {
                b'N' => After::Message,
                _ if kind == Kind::SSLRequest => After::Switched(Next::Unknown),
                _ => After::Switched(Next::Opaque),
            };
        }
        let code = bytes.first().copied().unwrap_or_default();
        if self.replicates && matches!(code, b'd' | b'c' | b'C' | b'Z') {
            self.replicates = code != b'Z';
            return After::Message;
        }
        let asked = self.waiting.waiting(&()).map(|q| q.what.kind);
        let unasked = code == b'A' || (matches!(code, b'N' | b'S' | b'E') && asked.is_none() && self.answer.is_none());
        let begun = if unasked { None } else { self.answer.take() };
        let begun = begun.unwrap_or_else(|| Part::new(Answer::default(), Half { first: half.first, ..Half::default() }));
        let part = add(begun, bytes, half);
        if unasked {
            Pairing::<(), Command, Answer>::unasked(cx, &POSTGRESQL, part);
            return After::Message;
        }
        if code == b'R' {
            self.authentication = part.what.authentication_code().unwrap_or_default();
        }
        if code == b'Z' {
            // What it ends is asked by one of these; anything before has been left without an answer.
            self.waiting.pass_over(cx, Some(anomaly::UNFINISHED), |q| q.kind.is_step());
        }
        if !ends(asked, code, &part.what) {
            self.answer = Some(part);
            return After::Message;
        }
        let failed = code == b'E' && asked.is_some_and(Kind::is_step);
        self.waiting.response(cx, &POSTGRESQL, (), part);
        if failed {
            self.waiting.pass_over(cx, Some(anomaly::SKIPPED), |q| q.kind.is_step());
            self.failed = self.waiting.waiting(&()).is_none();
        }
        self.replicates |= code == b'W';
        After::Message
    }

    /// What was being said goes out as far as it came.
    fn flush(&mut self, cx: &mut Context<'_>) {
        if let Some(answer) = self.answer.take() {
            let from = std::mem::replace(&mut cx.from, Sender::Server);
            self.waiting.response(cx, &POSTGRESQL, (), answer);
            cx.from = from;
        }
    }
}

/// Adds a message to the response.
fn add(part: Part<Answer>, bytes: &[u8], half: Half) -> Part<Answer> {
    let mut part = part.noting(half.missing > 0, anomaly::CUT);
    // Rows and COPY's data are only counted: nothing of them is cut.
    let cut = if matches!(bytes.first(), Some(b'D' | b'd')) { 0 } else { half.cut };
    part.half.extend(Half { cut, ..half });
    part.what.add(bytes, half.size);
    part
}

/// Whether a message ends the response to what was asked.
fn ends(asked: Option<Kind>, code: u8, answer: &Answer) -> bool {
    match (asked, code) {
        (_, b'Z' | b'W' | b'1' | b'2' | b'3' | b'n') => true,
        // SASLFinal has its Ok behind it, and that what the server tells at login.
        (_, b'R') => !matches!(answer.authentication_code(), Some(0 | 12)),
        (Some(kind), b'E') => kind.is_login() || kind.is_step() || matches!(kind, Kind::SSLRequest | Kind::GSSENCRequest),
        (Some(Kind::Describe), b'T') => true,
        (Some(Kind::Execute), b'C' | b'I' | b's') => true,
        _ => false,
    }
}
