//! Frames to exchanges: who waits for what on one connection (RFC 9112 §9.3: responses come in the order of the requests).

use super::{
    HTTP_09, HTTP_10, HTTP_11, anomaly,
    body::{self, Chunk, Framing, Kind},
    frame::{self, Opening, Scan, Scanned, StartLine, Version},
    message::{Exchange, Interim, Part, Request, Response},
};
use crate::{Close, Context, Draft, Outcome, Session};
use hookline_item::{ErrorKind, ItemError, Sender, Timestamp};
use std::{collections::VecDeque, time::Duration};

/// One connection.
#[derive(Default)]
pub(super) struct Http {
    sides: [Side; 2],
    /// In the order of the requests. At most one request is open (still coming), the last that has one;
    /// responses go to the first exchange whose response is not done.
    waiting: VecDeque<Waiting>,
    /// Bytes held by `waiting`.
    held: usize,
    /// Responses that will come for requests that were given up.
    given_up: u32,
}

#[derive(Default)]
struct Side {
    state: State,
    scan: Scan,
    /// Whether the next message is the first after bytes that could not be read.
    resynced: bool,
    /// Whether a whole message was read.
    spoke: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At or in a message's head.
    #[default]
    Head,
    Body(Framing),
    Trailers,
    /// Nothing is known until a segment begins with a start line.
    Lost,
}

/// An exchange that is not over.
#[derive(Default)]
struct Waiting {
    exchange: Box<Exchange>,
    interim: Vec<Interim>,
    anomalies: Vec<&'static str>,
    request_done: bool,
    response_done: bool,
    /// A response without a request that stays for a while: where the client's bytes had to wait for others, the request comes after it.
    held: bool,
}

impl Waiting {
    fn asking(part: Part) -> Self {
        Self { exchange: Box::new(Exchange { request: Some(Request { part }), response: None }), ..Self::default() }
    }

    fn answer(&mut self, part: Part) {
        self.exchange.response = Some(Response { part, interim: std::mem::take(&mut self.interim) });
    }

    /// Bytes that its request holds.
    fn cost(&self) -> usize {
        self.exchange.request.as_ref().map_or(0, |r| r.part.cost())
    }
}

/// How one step over the bytes ended.
enum Step {
    /// So many bytes are done with.
    Done(usize),
    Need(usize),
    Switched,
    /// No boundary can be found from here on.
    Broken,
}

impl Session for Http {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let step = match self.side(cx.from).state {
            State::Head => self.head(cx, bytes),
            State::Trailers => self.trailers(cx, bytes),
            State::Body(framing) => self.body(cx, framing, bytes),
            State::Lost => self.find(cx, bytes),
        };
        match step {
            Step::Done(n) => Outcome::Items(n),
            Step::Need(n) => Outcome::Need(n),
            Step::Switched => Outcome::Switched,
            Step::Broken if !self.sides.iter().any(|s| s.spoke) && self.waiting.is_empty() => Outcome::NotMine,
            Step::Broken => {
                self.lose(cx.from);
                Outcome::Items(bytes.len())
            }
        }
    }

    fn gap(&mut self, cx: &mut Context<'_>, rest: &[u8], missing: u64) {
        self.break_head(cx, rest);
        match self.side(cx.from).state {
            State::Body(Framing::Length(left)) if missing <= left => {
                self.hole(cx, missing);
                self.go_on(cx, Framing::Length(left - missing));
            }
            State::Body(Framing::UntilClose) => self.hole(cx, missing),
            State::Body(Framing::Chunked(Chunk::Data(left))) if missing <= left => {
                self.hole(cx, missing);
                self.go_on(cx, Framing::Chunked(if left == missing { Chunk::End } else { Chunk::Data(left - missing) }));
            }
            State::Body(framing) => {
                self.hole(cx, left(framing).min(missing));
                self.finish(cx, &[anomaly::BODY_CUT]);
                self.lose(cx.from);
            }
            State::Trailers => {
                self.finish(cx, &[]);
                self.lose(cx.from);
            }
            State::Head | State::Lost => self.lose(cx.from),
        }
    }

    fn fin(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        self.end_side(cx, rest);
    }

    fn close(&mut self, cx: &mut Context<'_>, [client, server]: [&[u8]; 2], why: Close) {
        for (from, rest) in [(Sender::Client, client), (Sender::Server, server)] {
            cx.from = from;
            self.end_side(cx, rest);
        }
        while let Some(waiting) = self.waiting.pop_front() {
            emit(cx, waiting, Some(why));
        }
        self.held = 0;
    }

    fn advance(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        let late = |w: &Waiting| w.exchange.response.as_ref().is_some_and(|r| now.since(r.part.last.at) > HOLD);
        if self.waiting.iter().any(|w| w.held && late(w)) {
            self.release(cx);
        }
    }
}

/// Bytes of a body that are still to come, as far as that is known.
fn left(framing: Framing) -> u64 {
    match framing {
        Framing::Length(n) | Framing::Chunked(Chunk::Data(n)) => n,
        Framing::Chunked(_) => 0,
        Framing::UntilClose => u64::MAX,
    }
}

// Reading: one step in each state.
impl Http {
    fn side(&mut self, from: Sender) -> &mut Side {
        let [client, server] = &mut self.sides;
        match from {
            Sender::Client => client,
            Sender::Server => server,
        }
    }

    fn head(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        if cx.from == Sender::Server
            && let Some(step) = self.simple_response(cx, bytes)
        {
            return step;
        }
        let (head_max, fields_max) = (cx.limits.head_max, cx.limits.fields_max);
        let side = self.side(cx.from);
        let len = match side.scan.run(bytes, fields_max) {
            Scanned::Head(len) => len,
            Scanned::Need if bytes.len() < head_max => return Step::Need(bytes.len() + 1),
            Scanned::Need => return Step::Broken,
            Scanned::Bad => return Step::Broken,
        };
        let odd = std::mem::take(&mut side.scan.odd_lines);
        let head = side.scan.take(bytes.get(..len).unwrap_or_default());
        side.spoke = true;
        let mut anomalies = Vec::new();
        if odd {
            anomalies.push(anomaly::HEADER_INVALID);
        }
        if std::mem::take(&mut side.resynced) {
            anomalies.push(anomaly::RESYNC);
        }
        let part = Part::new(head, len, cx.first, cx.last, cx.limits.decoded_max);
        match (cx.from, part.head.start) {
            (Sender::Client, Some(StartLine::Request { version, .. })) => self.request(cx, part, version, anomalies),
            (Sender::Server, Some(StartLine::Status { version, status, .. })) => {
                return self.response(cx, part, version, status, anomalies, len);
            }
            _ => return Step::Broken,
        }
        Step::Done(len)
    }

    fn request(&mut self, cx: &mut Context<'_>, part: Part, version: Version, mut anomalies: Vec<&'static str>) {
        let framing = if version == Version::V0_9 {
            None
        } else {
            check_version(&part, version, &mut anomalies);
            if version == Version::UNKNOWN {
                anomalies.push(anomaly::REQUEST_LINE);
            }
            if version > Version::V1_0 && part.head.value("host").is_none() {
                anomalies.push(anomaly::HOST_MISSING);
            }
            body::framing(&part.head, Kind::Request, &mut |a| anomalies.push(a))
        };
        self.make_room(cx);
        self.held += part.cost();
        self.enqueue(cx, part, anomalies);
        match framing {
            Some(framing) => self.side(cx.from).state = State::Body(framing),
            None => self.finish(cx, &[]),
        }
    }

    fn response(
        &mut self,
        cx: &mut Context<'_>,
        part: Part,
        version: Version,
        status: u16,
        mut anomalies: Vec<&'static str>,
        len: usize,
    ) -> Step {
        self.release(cx);
        check_version(&part, version, &mut anomalies);
        if (100..200).contains(&status) && status != 101 {
            self.interim(cx, part, anomalies);
            return Step::Done(len);
        }
        if anomalies.contains(&anomaly::RESYNC) {
            self.skip_unanswerable(cx);
        }
        let waiting = self.answered();
        if !waiting.request_done {
            anomalies.push(anomaly::EARLY);
        }
        let method = waiting.exchange.method();
        let tunnel = status == 101 || (method == b"CONNECT" && (200..300).contains(&status));
        let kind = if tunnel || matches!(status, 204 | 304) || method == b"HEAD" { Kind::Bodiless } else { Kind::Response };
        let framing = body::framing(&part.head, kind, &mut |a| anomalies.push(a));
        waiting.answer(part);
        waiting.anomalies.append(&mut anomalies);
        match framing {
            _ if tunnel => {
                waiting.request_done = true;
                self.finish(cx, &[]);
                self.close(cx, [&[], &[]], Close::Fin);
                return Step::Switched;
            }
            Some(framing) => self.side(cx.from).state = State::Body(framing),
            None => self.finish(cx, &[]),
        }
        Step::Done(len)
    }

    /// 1xx: belongs to the exchange and does not end it (RFC 9110 §15.2).
    fn interim(&mut self, cx: &mut Context<'_>, part: Part, mut anomalies: Vec<&'static str>) {
        let interim_max = cx.limits.interim_max;
        let waiting = self.answered();
        waiting.anomalies.append(&mut anomalies);
        if waiting.interim.len() < interim_max {
            waiting.interim.push(Interim(part));
        }
    }

    /// The answer to an HTTP/0.9 request: a body and nothing else (RFC 1945 §6).
    fn simple_response(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Step> {
        let open = self.waiting.iter().find(|w| !w.response_done)?;
        if open.exchange.version() != Some(Version::V0_9) {
            return None;
        }
        let prefix = b"HTTP/";
        match bytes.get(..prefix.len()) {
            Some(start) if start == prefix => return None,
            None if prefix.starts_with(bytes) => return Some(Step::Need(prefix.len())),
            _ => {}
        }
        let part = Part::new(frame::Head::default(), 0, cx.first, cx.last, cx.limits.decoded_max);
        self.answered().answer(part);
        self.side(cx.from).spoke = true;
        self.side(cx.from).state = State::Body(Framing::UntilClose);
        Some(self.body(cx, Framing::UntilClose, bytes))
    }

    fn body(&mut self, cx: &mut Context<'_>, framing: Framing, bytes: &[u8]) -> Step {
        match framing {
            Framing::Length(left) => {
                let n = self.take(cx, left, bytes);
                self.go_on(cx, Framing::Length(left - n as u64));
                Step::Done(n)
            }
            Framing::UntilClose => Step::Done(self.take(cx, u64::MAX, bytes)),
            Framing::Chunked(Chunk::Data(left)) => {
                let n = self.take(cx, left, bytes);
                let now = left - n as u64;
                self.go_on(cx, Framing::Chunked(if now == 0 { Chunk::End } else { Chunk::Data(now) }));
                Step::Done(n)
            }
            Framing::Chunked(Chunk::End) => self.chunk_end(cx, bytes),
            Framing::Chunked(_) => self.chunk_size(cx, bytes),
        }
    }

    /// Takes body bytes, at most `left`. How many they were.
    fn take(&mut self, cx: &Context<'_>, left: u64, bytes: &[u8]) -> usize {
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let Some(part) = self.open(cx.from) else { return n };
        let before = part.body.bytes.len();
        let coming = if left == u64::MAX { 0 } else { left - n as u64 };
        part.body.push(bytes.get(..n).unwrap_or_default(), coming, cx.limits.body_max);
        part.wire += n as u64;
        part.last = cx.last;
        let grown = part.body.bytes.len() - before;
        self.held += if cx.from == Sender::Client { grown } else { 0 };
        n
    }

    /// Counts bytes of framing.
    fn count(&mut self, cx: &Context<'_>, n: usize) {
        if let Some(part) = self.open(cx.from) {
            part.wire += n as u64;
            part.last = cx.last;
        }
    }

    fn chunk_end(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        let n = match bytes {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [b'\r'] => return Step::Need(2),
            _ => return self.chunk_bad(cx),
        };
        self.count(cx, n);
        self.side(cx.from).state = State::Body(Framing::Chunked(Chunk::Size));
        Step::Done(n)
    }

    fn chunk_size(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        let (size, n) = match body::chunk_line(bytes) {
            body::Line::Size(size, n) => (size, n),
            body::Line::Need => return Step::Need(bytes.len() + 1),
            body::Line::Bad => return self.chunk_bad(cx),
        };
        self.count(cx, n);
        let side = self.side(cx.from);
        if size == 0 {
            side.state = State::Trailers;
            side.scan = Scan::for_trailers();
        } else {
            side.state = State::Body(Framing::Chunked(Chunk::Data(size)));
        }
        Step::Done(n)
    }

    fn chunk_bad(&mut self, cx: &mut Context<'_>) -> Step {
        self.finish(cx, &[anomaly::CHUNK_INVALID]);
        Step::Broken
    }

    fn trailers(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        let (head_max, fields_max) = (cx.limits.head_max, cx.limits.fields_max);
        let side = self.side(cx.from);
        let len = match side.scan.run(bytes, fields_max) {
            Scanned::Head(len) => len,
            Scanned::Need if bytes.len() < head_max => return Step::Need(bytes.len() + 1),
            _ => {
                self.finish(cx, &[anomaly::CHUNK_INVALID]);
                return Step::Broken;
            }
        };
        let trailers = side.scan.take(bytes.get(..len).unwrap_or_default());
        self.count(cx, len);
        if !trailers.fields.is_empty()
            && let Some(part) = self.open(cx.from)
        {
            part.trailers = Some(Box::new(trailers));
        }
        self.finish(cx, &[]);
        Step::Done(len)
    }

    /// Looks for a start line at the start of a segment.
    fn find(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        let expected = match cx.from {
            Sender::Client => Opening::Request,
            Sender::Server => Opening::Response,
        };
        let opening = frame::opening(bytes);
        // A few bytes could be anything: keep-alive probes carry one.
        if opening == expected || (opening == Opening::Unsure && bytes.len() >= FIND_MIN) {
            let side = self.side(cx.from);
            (side.state, side.scan) = (State::Head, Scan::default());
            return self.head(cx, bytes);
        }
        Step::Done(bytes.len())
    }
}

// Pairing: what is open, done, lost.
impl Http {
    /// The exchange whose response comes next; one without a request, if nobody waits.
    fn answered(&mut self) -> &mut Waiting {
        let orphan = |held| Waiting { request_done: true, held, ..Waiting::default() };
        let under_way = self.waiting.front().is_some_and(|w| w.exchange.request.is_none() && !w.response_done);
        if self.given_up > 0 && !under_way {
            self.given_up -= 1;
            self.waiting.push_front(orphan(false));
        }
        let open = self.waiting.iter().position(|w| !w.response_done).unwrap_or_else(|| {
            self.waiting.push_back(orphan(true));
            self.waiting.len() - 1
        });
        // `open` is a position in `waiting`, which is not empty.
        #[allow(clippy::indexing_slicing)]
        &mut self.waiting[open]
    }

    /// The exchange whose request is coming.
    fn asking(&mut self) -> Option<&mut Waiting> {
        self.waiting.iter_mut().rev().find(|w| !w.request_done)
    }

    /// The exchange whose response is coming.
    fn answering(&mut self) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|w| !w.response_done)
    }

    /// The message that `from` is sending.
    fn open(&mut self, from: Sender) -> Option<&mut Part> {
        match from {
            Sender::Client => self.asking()?.exchange.request.as_mut().map(|r| &mut r.part),
            Sender::Server => self.answering()?.exchange.response.as_mut().map(|r| &mut r.part),
        }
    }

    /// The body goes on, or has ended.
    fn go_on(&mut self, cx: &mut Context<'_>, framing: Framing) {
        match framing {
            Framing::Length(0) => self.finish(cx, &[]),
            framing => self.side(cx.from).state = State::Body(framing),
        }
    }

    /// The message that `cx.from` was sending is over; whole exchanges go out.
    fn finish(&mut self, cx: &mut Context<'_>, anomalies: &[&'static str]) {
        let side = self.side(cx.from);
        (side.state, side.scan) = (State::Head, Scan::default());
        let open = match cx.from {
            Sender::Client => self.asking(),
            Sender::Server => self.answering(),
        };
        if let Some(waiting) = open {
            waiting.anomalies.extend_from_slice(anomalies);
            match cx.from {
                Sender::Client => waiting.request_done = true,
                Sender::Server => waiting.response_done = true,
            }
        }
        self.emit_done(cx);
    }

    /// Sends out exchanges that are over.
    fn emit_done(&mut self, cx: &mut Context<'_>) {
        while self.waiting.front().is_some_and(|w| w.request_done && w.response_done && !w.held) {
            self.emit_front(cx, None);
        }
    }

    /// Responses without a request stay alone from now on.
    fn release(&mut self, cx: &mut Context<'_>) {
        self.waiting.iter_mut().filter(|w| w.response_done).for_each(|w| w.held = false);
        self.emit_done(cx);
    }

    /// Puts a new request where its response waits, if one was sent after it; else at the end.
    fn enqueue(&mut self, cx: &mut Context<'_>, part: Part, mut anomalies: Vec<&'static str>) {
        let answered = |w: &&mut Waiting| w.held && w.exchange.response.as_ref().is_some_and(|r| part.first < r.part.first);
        if let Some(waiting) = self.waiting.back_mut().filter(answered) {
            waiting.exchange.request = Some(Request { part });
            waiting.anomalies.append(&mut anomalies);
            (waiting.request_done, waiting.held) = (false, false);
            return;
        }
        self.release(cx);
        self.waiting.push_back(Waiting { anomalies, ..Waiting::asking(part) });
    }

    fn emit_front(&mut self, cx: &mut Context<'_>, why: Option<Close>) {
        if let Some(waiting) = self.waiting.pop_front() {
            self.held = self.held.saturating_sub(waiting.cost());
            emit(cx, waiting, why);
        }
    }

    /// Gives up the oldest requests when too many wait.
    fn make_room(&mut self, cx: &mut Context<'_>) {
        while self.waiting.len() >= cx.limits.requests_max || (self.held > cx.limits.requests_bytes_max && !self.waiting.is_empty()) {
            let Some(front) = self.waiting.front() else { return };
            if front.exchange.response.is_none() {
                self.given_up = self.given_up.saturating_add(1);
            } else {
                self.lose(Sender::Server);
            }
            self.emit_front(cx, Some(Close::Evicted));
        }
    }

    /// After lost responses: a client that does not pipeline asks again only when it was answered, so only the last request can be answered now.
    fn skip_unanswerable(&mut self, cx: &mut Context<'_>) {
        while let (Some(first), Some(second)) = (self.waiting.front(), self.waiting.get(1)) {
            let asked_before = second.exchange.request.as_ref().is_some_and(|r| r.part.last.at <= cx.first.at);
            if first.exchange.response.is_some() || !asked_before {
                return;
            }
            self.emit_front(cx, Some(Close::Evicted));
        }
    }

    /// Notes lost bytes in the message that is being sent.
    fn hole(&mut self, cx: &Context<'_>, missing: u64) {
        if let Some(part) = self.open(cx.from) {
            part.body.hole();
            part.gaps += 1;
            part.missing = part.missing.saturating_add(missing);
        }
    }

    fn lose(&mut self, from: Sender) {
        *self.side(from) = Side { state: State::Lost, resynced: true, spoke: true, scan: Scan::default() };
    }

    /// A head that will not be whole: it is kept as far as it came, if its start line did.
    fn break_head(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        let side = self.side(cx.from);
        if side.state != State::Head || !side.scan.started() {
            return;
        }
        let mut part = Part::new(side.scan.take(rest), rest.len(), cx.first, cx.last, cx.limits.decoded_max);
        part.gaps += 1;
        match part.head.start {
            Some(StartLine::Request { .. }) if cx.from == Sender::Client => {
                self.enqueue(cx, part, Vec::new());
            }
            Some(StartLine::Status { status: 101 | 200.., .. }) if cx.from == Sender::Server => self.answered().answer(part),
            _ => return,
        }
        self.finish(cx, &[anomaly::HEAD_CUT]);
    }

    /// Nothing more comes from `cx.from`: a body until close is whole, any other is not.
    fn end_side(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        self.break_head(cx, rest);
        match self.side(cx.from).state {
            State::Body(Framing::UntilClose) => self.finish(cx, &[]),
            State::Body(framing) => {
                let missing = left(framing);
                if let Some(part) = self.open(cx.from) {
                    part.body.hole();
                    part.missing = part.missing.saturating_add(missing.max(1));
                }
                self.finish(cx, &[anomaly::BODY_CUT]);
            }
            State::Trailers => self.finish(cx, &[anomaly::BODY_CUT]),
            State::Head | State::Lost => {}
        }
        self.side(cx.from).state = State::Lost;
    }
}

fn check_version(part: &Part, version: Version, anomalies: &mut Vec<&'static str>) {
    if version <= Version::V1_0 && part.head.value("transfer-encoding").is_some() {
        anomalies.push(anomaly::CODING_IN_1_0);
    }
}

fn emit(cx: &mut Context<'_>, waiting: Waiting, why: Option<Close>) {
    let Waiting { exchange, mut anomalies, .. } = waiting;
    let (asked, answered) = (exchange.request.is_some(), exchange.response.is_some());
    let error = match (asked, answered, why) {
        (true, true, _) => None,
        (false, _, _) => Some(ItemError { kind: ErrorKind::PairNotFound, msg: "the request of this response was not seen".into() }),
        (true, false, Some(Close::Reset)) => {
            Some(ItemError { kind: ErrorKind::Connection, msg: "the connection was reset before a response came".into() })
        }
        (true, false, _) => Some(ItemError { kind: ErrorKind::Timeout, msg: "no response was seen".into() }),
    };
    anomalies.dedup();
    anomalies.truncate(cx.limits.anomalies_max);
    let protocol = match exchange.version() {
        Some(Version::V0_9) => &HTTP_09,
        Some(Version::V1_0) => &HTTP_10,
        _ => &HTTP_11,
    };
    cx.emit(Draft {
        protocol,
        request: exchange.request.as_ref().map(|r| r.part.half()),
        response: exchange.response.as_ref().map(|r| r.part.half()),
        reversed: false,
        server_name: exchange.server_name(),
        error,
        anomalies,
        unsure: cx.flow.mid_stream && !(asked && answered),
        message: exchange,
    });
}

/// The least that is taken for the beginning of a start line after lost bytes.
const FIND_MIN: usize = 8;
/// How long a response waits for a request that was sent before it: reassembly waits no longer for lost bytes.
const HOLD: Duration = Duration::from_secs(10);
