//! The streams of one connection that are not over: each is an exchange (RFC 9113 §5, §8.1).

use super::super::{
    anomaly,
    frame::Head,
    message::{Exchange, Interim, Part},
    pair::{self, HOLD, Waiting},
};
use crate::{Close, Context};
use hookline_item::{ErrorKind, ItemError, Sender, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// The open streams by their ids.
#[derive(Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Waiting>,
    /// Streams that were closed lately: frames may still be on their way (RFC 9113 §5.1, "closed").
    closed: VecDeque<u32>,
    /// Bytes that heads and bodies hold.
    held: usize,
}

/// Bodies in full that one connection holds at once; when there are more, what comes of them is counted and not kept.
pub(super) const BODIES_MAX: usize = 16;
/// Closed streams that are remembered: what a peer may have sent before it knew.
const CLOSED_MAX: usize = 128;

impl Streams {
    pub(super) fn get(&mut self, id: u32) -> Option<&mut Waiting> {
        self.open.get_mut(&id)
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.open.contains_key(&id)
    }

    /// Whether the stream's end was seen.
    pub(super) fn was_closed(&self, id: u32) -> bool {
        self.closed.contains(&id)
    }

    /// A request: on a stream of its own, or after a response that came through first.
    pub(super) fn request(&mut self, cx: &mut Context<'_>, id: u32, part: Part) -> &mut Waiting {
        self.make_room(cx);
        self.held = self.held.saturating_add(part.cost());
        let waiting = self.open.entry(id).or_default();
        *waiting.exchange = Exchange { request: Waiting::asking(part).exchange.request, response: waiting.exchange.response.take() };
        waiting
    }

    /// A response.
    pub(super) fn response(&mut self, cx: &mut Context<'_>, id: u32, part: Part) -> &mut Waiting {
        self.make_room(cx);
        self.held = self.held.saturating_add(part.cost());
        let waiting = self.open.entry(id).or_default();
        waiting.answer(part);
        waiting
    }

    /// A response before the final one.
    pub(super) fn interim(&mut self, cx: &mut Context<'_>, id: u32, part: Part) -> &mut Waiting {
        self.make_room(cx);
        let waiting = self.open.entry(id).or_default();
        if waiting.interim.len() < cx.limits.interim_max {
            waiting.interim.push(Interim(part));
        }
        waiting
    }

    /// Bytes of a body.
    pub(super) fn data(&mut self, cx: &mut Context<'_>, id: u32, data: &[u8]) {
        let held_max = cx.limits.body_max.saturating_mul(BODIES_MAX);
        let room = held_max.saturating_sub(self.held);
        let Some(part) = self.open.get_mut(&id).and_then(|w| w.part(cx.from)) else { return };
        let before = part.body.bytes.len();
        let max = cx.limits.body_max.min(before.saturating_add(room));
        part.push_body(cx, data, 0, max);
        self.held = self.held.saturating_add(part.body.bytes.len() - before);
    }

    pub(super) fn trailers(&mut self, from: Sender, id: u32, trailers: Head) {
        let Some(part) = self.open.get_mut(&id).and_then(|w| w.part(from)) else { return };
        self.held = self.held.saturating_add(trailers.block.len());
        part.trailers = Some(Box::new(trailers));
    }

    /// One side has ended the stream. Where it has two ends, the exchange is over; a response without a request waits for it.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, id: u32) {
        let Some(waiting) = self.open.get_mut(&id) else { return };
        *waiting.done(cx.from) = true;
        if waiting.request_done && waiting.response_done && waiting.exchange.request.is_some() {
            self.emit(cx, id, None, None);
        }
    }

    /// RST_STREAM. After a whole response it only says that the rest of the request is not wanted (RFC 9113 §8.1).
    pub(super) fn reset(&mut self, cx: &mut Context<'_>, id: u32, name: &str, harmless: bool) {
        let Some(waiting) = self.open.get_mut(&id) else { return };
        if waiting.response_done && harmless {
            if !waiting.request_done {
                waiting.anomalies.push(anomaly::EARLY);
            }
            return self.emit(cx, id, None, None);
        }
        let who = if cx.from == Sender::Client { "client" } else { "server" };
        let msg = format!("the stream was reset by the {who}: {name}").into();
        self.emit(cx, id, Some(ItemError { kind: ErrorKind::Connection, msg }), Some(Close::Reset));
    }

    /// GOAWAY: what the other side asked for after stream `last` is not done (RFC 9113 §6.8).
    pub(super) fn go_away(&mut self, cx: &mut Context<'_>, last: u32, name: &str) {
        let parity = if cx.from == Sender::Server { 1 } else { 0 };
        let after: Vec<u32> = self.open.range(last.saturating_add(1)..).map(|(id, _)| *id).filter(|id| id % 2 == parity).collect();
        for id in after {
            let msg = format!("the connection goes away without having processed this stream: {name}").into();
            self.emit(cx, id, Some(ItemError { kind: ErrorKind::Connection, msg }), Some(Close::Reset));
        }
    }

    /// Bytes of `cx.from` were lost, of which streams is not known: none that it was sending is sure to be whole.
    pub(super) fn lost(&mut self, cx: &Context<'_>) {
        for waiting in self.open.values_mut() {
            let done = *waiting.done(cx.from);
            if let Some(part) = waiting.part(cx.from).filter(|_| !done) {
                part.hole();
                part.gaps = part.gaps.saturating_add(1);
            }
        }
    }

    /// Responses that waited for their request until `now` stay alone.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        let late = |w: &Waiting| {
            w.response_done
                && w.exchange.request.is_none()
                && w.exchange.response.as_ref().is_some_and(|r| now.since(r.part.last.at) > HOLD)
        };
        let late: Vec<u32> = self.open.iter().filter(|(_, w)| late(w)).map(|(id, _)| *id).collect();
        for id in late {
            self.emit(cx, id, None, None);
        }
    }

    /// The connection is over: everything goes out as it is.
    pub(super) fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        while let Some(id) = self.open.keys().next().copied() {
            self.emit(cx, id, None, Some(why));
        }
    }

    fn make_room(&mut self, cx: &mut Context<'_>) {
        let held_max = cx.limits.body_max.saturating_mul(BODIES_MAX).saturating_add(cx.limits.requests_bytes_max);
        while self.open.len() >= cx.limits.requests_max || self.held > held_max {
            let Some(oldest) = self.open.keys().next().copied() else { break };
            self.emit(cx, oldest, None, Some(Close::Evicted));
        }
    }

    /// Sends a stream's exchange out; `why` it ended before its end.
    fn emit(&mut self, cx: &mut Context<'_>, id: u32, error: Option<ItemError>, why: Option<Close>) {
        let Some(mut waiting) = self.open.remove(&id) else { return };
        if self.closed.len() >= CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(id);
        self.held = self.held.saturating_sub(waiting.exchange.parts().map(held).sum());
        if why.is_some() {
            break_off(&mut waiting);
        }
        let error = error.or_else(|| pair::lacking(&waiting, why));
        pair::send(cx, waiting, error);
    }
}

fn held(part: &Part) -> usize {
    part.cost() + part.trailers.as_ref().map_or(0, |t| t.block.len())
}

/// Notes which messages have not come to their ends.
fn break_off(waiting: &mut Waiting) {
    for from in [Sender::Client, Sender::Server] {
        if *waiting.done(from) {
            continue;
        }
        if let Some(part) = waiting.part(from) {
            part.hole();
            part.missing = part.missing.max(1);
            waiting.anomalies.push(anomaly::BODY_CUT);
        }
    }
}
