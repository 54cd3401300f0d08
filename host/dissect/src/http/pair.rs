//! Who waits for what on one connection: responses come in the order of the requests (RFC 9112 §9.3).

use super::{
    GRAPHQL, GRAPHQL_2, GRPC, HTTP_2, HTTP_09, HTTP_10, HTTP_11,
    frame::Version,
    message::{Exchange, Interim, Part, Request, Response},
    sub::Sub,
};
use crate::{
    Close, Context, Draft,
    exchange::{pair_not_found, unanswered},
};
use hookline_item::{ItemError, Protocol, Sender, Timestamp};
use std::{collections::VecDeque, time::Duration};

/// The exchanges of one connection that are not over, in the order of their requests.
///
/// At most one request is open (still coming), the last that there is; responses go to the first exchange whose response is not done.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    /// Bytes that the waiting requests hold.
    cost: usize,
    /// Responses that will come for requests that were given up.
    given_up: u32,
}

/// An exchange that is not over.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) exchange: Box<Exchange>,
    pub(super) interim: Vec<Interim>,
    pub(super) anomalies: Vec<&'static str>,
    pub(super) request_done: bool,
    pub(super) response_done: bool,
    /// A response without a request that stays for a while: where the client's bytes had to wait for others, the request comes after it.
    held: bool,
}

impl Waiting {
    pub(super) fn asking(part: Part) -> Self {
        Self { exchange: Box::new(Exchange { request: Some(Request { part }), response: None }), ..Self::default() }
    }

    pub(super) fn answer(&mut self, mut part: Part) {
        part.listen(|| self.exchange.path());
        self.exchange.response = Some(Response { part, interim: std::mem::take(&mut self.interim) });
    }

    /// The message of `from`.
    pub(super) fn part(&mut self, from: Sender) -> Option<&mut Part> {
        match from {
            Sender::Client => self.exchange.request.as_mut().map(|r| &mut r.part),
            Sender::Server => self.exchange.response.as_mut().map(|r| &mut r.part),
        }
    }

    /// Whether the message of `from` is over.
    pub(super) fn done(&mut self, from: Sender) -> &mut bool {
        match from {
            Sender::Client => &mut self.request_done,
            Sender::Server => &mut self.response_done,
        }
    }

    /// Bytes that its request holds.
    fn cost(&self) -> usize {
        self.exchange.request.as_ref().map_or(0, |r| r.part.cost())
    }
}

impl Queue {
    /// The exchange whose response comes next; one without a request, if nobody waits.
    pub(super) fn answered(&mut self) -> &mut Waiting {
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
    pub(super) fn open(&mut self, from: Sender) -> Option<&mut Part> {
        match from {
            Sender::Client => self.asking()?.part(from),
            Sender::Server => self.answering()?.part(from),
        }
    }

    /// The message that `cx.from` was sending is over; whole exchanges go out.
    pub(super) fn done(&mut self, cx: &mut Context<'_>, anomalies: &[&'static str]) {
        let open = match cx.from {
            Sender::Client => self.asking(),
            Sender::Server => self.answering(),
        };
        if let Some(waiting) = open {
            waiting.anomalies.extend_from_slice(anomalies);
            *waiting.done(cx.from) = true;
        }
        self.emit_done(cx);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the next response answers an HTTP/0.9 request.
    pub(super) fn is_simple(&self) -> bool {
        let next = self.waiting.iter().find(|w| !w.response_done);
        next.is_some_and(|w| w.exchange.version() == Some(Version::V0_9))
    }

    /// Whether the last request asks for a tunnel and is not answered: what the client sends now may be the tunnel's.
    pub(super) fn asks_for_tunnel(&self) -> bool {
        self.waiting.back().is_some_and(|w| w.request_done && w.exchange.response.is_none() && w.exchange.method() == b"CONNECT")
    }

    /// Whether the last request asks for another protocol and is not answered, as above.
    pub(super) fn asks_to_upgrade(&self) -> bool {
        let asks = |w: &Waiting| w.exchange.request.as_ref().is_some_and(|r| r.part.head.value("upgrade").is_some());
        self.waiting.back().is_some_and(|w| w.request_done && w.exchange.response.is_none() && asks(w))
    }

    /// The exchange that was answered with 101, its request being that of another protocol's first exchange; the answer is interim to it.
    pub(super) fn take_upgraded(&mut self) -> Option<Waiting> {
        let at = self.waiting.iter().position(|w| !w.response_done && w.exchange.request.is_some())?;
        let mut waiting = self.waiting.remove(at)?;
        self.cost = self.cost.saturating_sub(waiting.cost());
        let answer = waiting.exchange.response.take()?;
        waiting.interim = answer.interim;
        waiting.interim.push(Interim(answer.part));
        Some(waiting)
    }

    /// Counts bytes that a request has come to hold.
    pub(super) fn add_cost(&mut self, bytes: usize) {
        self.cost = self.cost.saturating_add(bytes);
    }

    /// The connection is over: everything goes out as it is.
    pub(super) fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        while !self.waiting.is_empty() {
            self.emit_front(cx, Some(why));
        }
    }

    /// Responses that waited for their request until `now` stay alone.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        let late = |w: &Waiting| w.exchange.response.as_ref().is_some_and(|r| now.since(r.part.last.at) > HOLD);
        if self.waiting.back().is_some_and(|w| w.held && late(w)) {
            self.release(cx);
        }
    }

    /// Sends out exchanges that are over.
    fn emit_done(&mut self, cx: &mut Context<'_>) {
        while self.waiting.front().is_some_and(|w| w.request_done && w.response_done && !w.held) {
            self.emit_front(cx, None);
        }
    }

    /// Responses without a request stay alone from now on.
    pub(super) fn release(&mut self, cx: &mut Context<'_>) {
        // Only the last can be held: whatever comes after it calls this first.
        if let Some(last) = self.waiting.back_mut().filter(|w| w.held && w.response_done) {
            last.held = false;
            self.emit_done(cx);
        }
    }

    /// Puts a new request where its response waits, if one was sent after it; else at the end.
    pub(super) fn enqueue(&mut self, cx: &mut Context<'_>, part: Part, mut anomalies: Vec<&'static str>) {
        self.cost = self.cost.saturating_add(part.cost());
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
            self.cost = self.cost.saturating_sub(waiting.cost());
            emit(cx, waiting, why);
        }
    }

    /// Gives up the oldest requests when too many wait. Whether a response was among what was given up, so that the server's side is lost.
    pub(super) fn make_room(&mut self, cx: &mut Context<'_>) -> bool {
        let mut lost = false;
        while self.waiting.len() >= cx.limits.requests_max || self.cost > cx.limits.requests_bytes_max {
            let Some(front) = self.waiting.front() else { break };
            if front.exchange.response.is_none() {
                self.given_up = self.given_up.saturating_add(1);
            } else {
                lost |= !front.response_done;
            }
            self.emit_front(cx, Some(Close::Evicted));
        }
        lost
    }

    /// After lost responses: a client that does not pipeline asks again only when it was answered, so only the last request can be answered now.
    pub(super) fn skip_unanswerable(&mut self, cx: &mut Context<'_>) {
        while let (Some(first), Some(second)) = (self.waiting.front(), self.waiting.get(1)) {
            let asked_before = second.exchange.request.as_ref().is_some_and(|r| r.part.last.at <= cx.first.at);
            if first.exchange.response.is_some() || !asked_before {
                return;
            }
            self.emit_front(cx, Some(Close::Evicted));
        }
    }

    /// Notes lost bytes in the message that is being sent.
    pub(super) fn hole(&mut self, cx: &Context<'_>, missing: u64) {
        if let Some(part) = self.open(cx.from) {
            part.hole();
            part.gaps += 1;
            part.missing = part.missing.saturating_add(missing);
        }
    }
}

fn emit(cx: &mut Context<'_>, waiting: Waiting, why: Option<Close>) {
    let error = lacking(&waiting, why);
    send(cx, waiting, error);
}

/// Why one half of an exchange is missing, if it is; `why` it goes out before it is whole.
pub(super) fn lacking(waiting: &Waiting, why: Option<Close>) -> Option<ItemError> {
    match (&waiting.exchange.request, &waiting.exchange.response) {
        (Some(_), Some(_)) => None,
        (None, _) => Some(pair_not_found()),
        (Some(_), None) => Some(unanswered(why.unwrap_or(Close::End))),
    }
}

/// Sends an exchange out.
pub(super) fn send(cx: &mut Context<'_>, waiting: Waiting, error: Option<ItemError>) {
    let Waiting { mut exchange, mut anomalies, .. } = waiting;
    let whole = exchange.request.is_some() && exchange.response.is_some();
    anomalies.sort_unstable();
    anomalies.dedup();
    anomalies.truncate(cx.limits.anomalies_max);
    let sub = Sub::of(&exchange);
    exchange.set_sub(sub);
    cx.emit(Draft {
        protocol: protocol(exchange.version(), sub),
        request: exchange.request.as_ref().map(|r| r.part.half()),
        response: exchange.response.as_ref().map(|r| r.part.half()),
        reversed: false,
        server_name: exchange.server_name(),
        error,
        anomalies,
        unsure: cx.flow.mid_stream && !whole,
        message: exchange,
    });
}

/// The protocol of an exchange in `version` that carries `sub`.
fn protocol(version: Option<Version>, sub: Sub) -> &'static Protocol {
    match (version, sub) {
        (Some(Version::V2_0), Sub::Grpc) => &GRPC,
        (Some(Version::V2_0), Sub::GraphQl) => &GRAPHQL_2,
        (Some(Version::V2_0), Sub::None) => &HTTP_2,
        (Some(Version::V0_9), _) => &HTTP_09,
        (Some(Version::V1_0), _) => &HTTP_10,
        (_, Sub::GraphQl) => &GRAPHQL,
        _ => &HTTP_11,
    }
}

/// How long a response waits for a request that was sent before it: reassembly waits no longer for lost bytes.
pub(super) const HOLD: Duration = Duration::from_secs(10);
