//! Who waits for what on one connection: responses come in the order of the requests (RFC 9112 §9.3).

use super::{
    HTTP_09, HTTP_10, HTTP_11,
    frame::Version,
    message::{Exchange, Interim, Part, Request, Response},
};
use crate::{Close, Context, Draft};
use hookline_item::{ErrorKind, ItemError, Sender, Timestamp};
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
    response_done: bool,
    /// A response without a request that stays for a while: where the client's bytes had to wait for others, the request comes after it.
    held: bool,
}

impl Waiting {
    fn asking(part: Part) -> Self {
        Self { exchange: Box::new(Exchange { request: Some(Request { part }), response: None }), ..Self::default() }
    }

    pub(super) fn answer(&mut self, part: Part) {
        self.exchange.response = Some(Response { part, interim: std::mem::take(&mut self.interim) });
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
            Sender::Client => self.asking()?.exchange.request.as_mut().map(|r| &mut r.part),
            Sender::Server => self.answering()?.exchange.response.as_mut().map(|r| &mut r.part),
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
            match cx.from {
                Sender::Client => waiting.request_done = true,
                Sender::Server => waiting.response_done = true,
            }
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
            part.body.hole();
            part.gaps += 1;
            part.missing = part.missing.saturating_add(missing);
        }
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
    anomalies.sort_unstable();
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

/// How long a response waits for a request that was sent before it: reassembly waits no longer for lost bytes.
const HOLD: Duration = Duration::from_secs(10);
