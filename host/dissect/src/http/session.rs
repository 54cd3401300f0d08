//! One connection's bytes, step by step: heads, bodies, trailers, and the way back after lost bytes.

use super::{
    anomaly,
    body::{self, Chunk, Framing, Kind},
    frame::{self, Opening, Scan, Scanned, StartLine, Version},
    message::{Exchange, Interim, Part},
    pair::{Queue, Waiting},
    v2::Http2,
};
use crate::{Close, Context, Next, Outcome, Session, framed::Framed, ws};
use hookline_item::{Sender, Timestamp};

/// One connection.
#[derive(Default)]
pub(super) struct Http {
    sides: [Side; 2],
    queue: Queue,
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

/// How one step over the bytes ended.
enum Step {
    /// So many bytes are done with.
    Done(usize),
    Need(usize),
    /// So many bytes are done with; the rest is another protocol's.
    Switched(usize, Next),
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
            Step::Switched(n, next) => Outcome::Switched(n, next),
            Step::Broken if !self.sides.iter().any(|s| s.spoke) && self.queue.is_empty() => Outcome::NotMine,
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
                self.queue.hole(cx, missing);
                self.go_on(cx, Framing::Length(left - missing));
            }
            State::Body(Framing::UntilClose) => self.queue.hole(cx, missing),
            State::Body(Framing::Chunked(Chunk::Data(left))) if missing <= left => {
                self.queue.hole(cx, missing);
                self.go_on(cx, Framing::Chunked(if left == missing { Chunk::End } else { Chunk::Data(left - missing) }));
            }
            State::Body(framing) => {
                self.queue.hole(cx, left(framing).min(missing));
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
        self.queue.close(cx, why);
    }

    fn advance(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        self.queue.expire(cx, now);
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
        if cx.from == Sender::Client && self.queue.asks_for_tunnel() {
            return Step::Need(bytes.len() + 1);
        }
        if cx.from == Sender::Client && self.queue.asks_to_upgrade() && frame::opening(bytes) == Opening::Other {
            return Step::Need(bytes.len() + 1);
        }
        let (head_max, fields_max) = (cx.limits.head_max, cx.limits.fields_max);
        let side = self.side(cx.from);
        let len = match side.scan.run(bytes, fields_max) {
            Scanned::Head(len) => len,
            Scanned::Need if bytes.len() < head_max => return Step::Need(bytes.len() + 1),
            Scanned::Need => return Step::Broken,
            Scanned::Bad => return Step::Broken,
        };
        let (odd, cut) = (side.scan.odd_lines, side.scan.cut);
        let head = side.scan.take(bytes.get(..len).unwrap_or_default(), &cx.limits.redaction);
        side.spoke = true;
        let mut anomalies = Vec::new();
        if odd {
            anomalies.push(anomaly::HEADER_INVALID);
        }
        if cut {
            anomalies.push(anomaly::FIELDS_CUT);
        }
        if std::mem::take(&mut side.resynced) {
            anomalies.push(anomaly::RESYNC);
        }
        let part = Part::new(cx, head, len as u64);
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
            body::framing(&part.head, Kind::Request, &mut |a| note(&mut anomalies, a))
        };
        if self.queue.make_room(cx) {
            self.lose(Sender::Server);
        }
        self.queue.enqueue(cx, part, anomalies);
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
        self.queue.release(cx);
        check_version(&part, version, &mut anomalies);
        if (100..200).contains(&status) && status != 101 {
            self.interim(cx, part, anomalies);
            return Step::Done(len);
        }
        if anomalies.contains(&anomaly::RESYNC) {
            self.queue.skip_unanswerable(cx);
        }
        let waiting = self.queue.answered();
        if !waiting.request_done {
            anomalies.push(anomaly::EARLY);
        }
        let method = waiting.exchange.method();
        let tunnel = status == 101 || (method == b"CONNECT" && (200..300).contains(&status));
        let kind = if tunnel || matches!(status, 204 | 304) || method == b"HEAD" { Kind::Bodiless } else { Kind::Response };
        let framing = body::framing(&part.head, kind, &mut |a| note(&mut anomalies, a));
        waiting.answer(part);
        waiting.anomalies.append(&mut anomalies);
        match framing {
            _ if tunnel => return Step::Switched(len, self.switch(cx, status)),
            Some(framing) => self.side(cx.from).state = State::Body(framing),
            None => self.finish(cx, &[]),
        }
        Step::Done(len)
    }

    /// The stream carries something else from here on: what a tunnel does, or what 101 says.
    fn switch(&mut self, cx: &mut Context<'_>, status: u16) -> Next {
        let next = if status == 101 { upgrade(self.queue.answered()) } else { Upgrade::Unknown };
        let socket = (next == Upgrade::WebSocket).then(|| opening(&self.queue.answered().exchange));
        let asked = (next == Upgrade::Http2).then(|| self.queue.take_upgraded()).flatten();
        if asked.is_none() {
            self.queue.answered().request_done = true;
            self.finish(cx, &[]);
        }
        self.close(cx, [&[], &[]], Close::Fin);
        match (next, asked, socket) {
            (_, Some(asked), _) => Next::Agreed(Box::new(Framed::at_boundary(Http2::upgraded(cx, asked)))),
            (_, _, Some(opening)) => Next::Agreed(ws::opened(opening)),
            (Upgrade::Opaque, ..) => Next::Opaque,
            _ => Next::Unknown,
        }
    }

    /// 1xx: belongs to the exchange and does not end it (RFC 9110 §15.2).
    fn interim(&mut self, cx: &mut Context<'_>, part: Part, mut anomalies: Vec<&'static str>) {
        let interim_max = cx.limits.interim_max;
        let waiting = self.queue.answered();
        if waiting.interim.len() < interim_max {
            waiting.anomalies.append(&mut anomalies);
            waiting.interim.push(Interim(part));
        }
    }

    /// The answer to an HTTP/0.9 request: a body and nothing else (RFC 1945 §6).
    fn simple_response(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Step> {
        if !self.queue.is_simple() {
            return None;
        }
        let prefix = b"HTTP/";
        match bytes.get(..prefix.len()) {
            Some(start) if start == prefix => return None,
            None if prefix.starts_with(bytes) => return Some(Step::Need(prefix.len())),
            _ => {}
        }
        let part = Part::new(cx, frame::Head::default(), 0);
        self.queue.answered().answer(part);
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
    fn take(&mut self, cx: &mut Context<'_>, left: u64, bytes: &[u8]) -> usize {
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let Some(part) = self.queue.open(cx.from) else { return n };
        let before = part.body.bytes.len();
        let coming = if left == u64::MAX { 0 } else { left - n as u64 };
        let max = cx.limits.body_max;
        part.push_body(cx, bytes.get(..n).unwrap_or_default(), coming, max);
        part.wire += n as u64;
        part.last = cx.last;
        let grown = part.body.bytes.len() - before;
        if cx.from == Sender::Client {
            self.queue.add_cost(grown);
        }
        n
    }

    /// Counts bytes of framing.
    fn count(&mut self, cx: &Context<'_>, n: usize) {
        if let Some(part) = self.queue.open(cx.from) {
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
        let trailers = side.scan.take(bytes.get(..len).unwrap_or_default(), &cx.limits.redaction);
        self.count(cx, len);
        if !trailers.fields.is_empty()
            && let Some(part) = self.queue.open(cx.from)
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

// Ends: of messages, of sides, of what could be read.
impl Http {
    /// The body goes on, or has ended.
    fn go_on(&mut self, cx: &mut Context<'_>, framing: Framing) {
        match framing {
            Framing::Length(0) => self.finish(cx, &[]),
            framing => self.side(cx.from).state = State::Body(framing),
        }
    }

    /// The message that `cx.from` was sending is over.
    fn finish(&mut self, cx: &mut Context<'_>, anomalies: &[&'static str]) {
        let side = self.side(cx.from);
        (side.state, side.scan) = (State::Head, Scan::default());
        self.queue.done(cx, anomalies);
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
        let mut part = Part::new(cx, side.scan.take(rest, &cx.limits.redaction), rest.len() as u64);
        part.gaps += 1;
        match part.head.start {
            Some(StartLine::Request { .. }) if cx.from == Sender::Client => {
                self.queue.enqueue(cx, part, Vec::new());
            }
            Some(StartLine::Status { status: 101 | 200.., .. }) if cx.from == Sender::Server => self.queue.answered().answer(part),
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
                if let Some(part) = self.queue.open(cx.from) {
                    part.hole();
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

/// Adds a name that is not there yet: a field can be wrong a thousand times.
fn note(anomalies: &mut Vec<&'static str>, name: &'static str) {
    if !anomalies.contains(&name) {
        anomalies.push(name);
    }
}

/// What follows a 101: the protocol that its Upgrade field names (RFC 9110 §7.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    /// `h2c` (RFC 7540 §3.2).
    Http2,
    /// `websocket` (RFC 6455 §4.2.2).
    WebSocket,
    /// TLS (RFC 2817), which is told by its first bytes.
    Unknown,
    /// One that is not known here.
    Opaque,
}

fn upgrade(waiting: &Waiting) -> Upgrade {
    let Some(response) = &waiting.exchange.response else { return Upgrade::Opaque };
    let names = response.part.head.values("upgrade").flat_map(|v| v.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    let starts = |name: &[u8], with: &[u8]| name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let known = |name: &[u8]| match name {
        _ if name.eq_ignore_ascii_case(b"h2c") => Some(Upgrade::Http2),
        _ if name.eq_ignore_ascii_case(b"websocket") => Some(Upgrade::WebSocket),
        _ if starts(name, b"TLS/") => Some(Upgrade::Unknown),
        _ => None,
    };
    names.into_iter().find_map(known).unwrap_or(Upgrade::Opaque)
}

/// What an exchange that opens a WebSocket has agreed on.
fn opening(exchange: &Exchange) -> ws::Opening {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let mut opening = ws::Opening::new(exchange.server_name(), exchange.path());
    if let Some(response) = &exchange.response {
        opening.subprotocol = response.part.head.value("sec-websocket-protocol").map(text).unwrap_or_default();
        response.part.head.values("sec-websocket-extensions").for_each(|value| opening.extensions(value));
    }
    opening
}

fn check_version(part: &Part, version: Version, anomalies: &mut Vec<&'static str>) {
    if version <= Version::V1_0 && part.head.value("transfer-encoding").is_some() {
        anomalies.push(anomaly::CODING_IN_1_0);
    }
}

/// The least that is taken for the beginning of a start line after lost bytes.
const FIND_MIN: usize = 8;
