//! Queries and answers: matched by id and question (RFC 5452 §9.1), the oldest query first.

use super::{
    LLMNR_PORT, MDNS_PORT, anomaly,
    frame::{HEADER_LEN, Packet},
    message::{Exchange, Query, Reply},
    protocol,
};
use crate::{Close, Context, Draft, Flow, Half, Outcome, Session, Transport};
use hookline_item::{ErrorKind, ItemError, Protocol, Sender, Timestamp};
use std::collections::VecDeque;

/// One flow's queries and answers.
pub(super) struct Dns {
    protocol: &'static Protocol,
    /// Whether questions go to everybody and answers come unasked (mDNS, LLMNR): half an exchange is no error.
    multicast: bool,
    /// Oldest first.
    waiting: VecDeque<Waiting>,
    /// TCP only: sides whose next boundary is not known.
    lost: [bool; 2],
}

/// A query without its answer.
struct Waiting {
    query: Packet,
    half: Half,
    from: Sender,
    anomalies: Vec<&'static str>,
}

impl Dns {
    pub(super) fn new(flow: &Flow) -> Self {
        let multicast = flow.uses_port(&[MDNS_PORT, LLMNR_PORT]);
        Self { protocol: protocol(flow), multicast, waiting: VecDeque::new(), lost: [false; 2] }
    }
}

impl Session for Dns {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        if cx.flow.transport == Transport::Udp {
            self.expire(cx, cx.last.at);
            self.message(cx, bytes, 0);
            return Outcome::Items(bytes.len());
        }
        if self.lost.get(cx.from.index()).is_some_and(|l| *l) && !self.found(cx.from, bytes) {
            return Outcome::Items(bytes.len());
        }
        let [high, low, rest @ ..] = bytes else { return Outcome::Need(LENGTH_LEN) };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        if len < HEADER_LEN {
            return Outcome::Broken { offset: 0, what: "a message shorter than its header" };
        }
        let Some(message) = rest.get(..len) else { return Outcome::Need(LENGTH_LEN + len) };
        self.message(cx, message, LENGTH_LEN as u64);
        Outcome::Items(LENGTH_LEN + len)
    }

    fn gap(&mut self, cx: &mut Context<'_>, rest: &[u8], _missing: u64) {
        self.cut(cx, rest);
        if let Some(lost) = self.lost.get_mut(cx.from.index()) {
            *lost = true;
        }
    }

    fn fin(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        self.cut(cx, rest);
    }

    fn close(&mut self, cx: &mut Context<'_>, rests: [&[u8]; 2], why: Close) {
        for (from, rest) in [Sender::Client, Sender::Server].into_iter().zip(rests) {
            cx.from = from;
            self.cut(cx, rest);
        }
        while let Some(waiting) = self.waiting.pop_front() {
            self.unanswered(cx, waiting, why);
        }
    }

    fn advance(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        self.expire(cx, now);
    }
}

impl Dns {
    /// Whether a segment begins with a message beyond doubt, so that the side is not lost any more.
    fn found(&mut self, from: Sender, bytes: &[u8]) -> bool {
        let [high, low, rest @ ..] = bytes else { return false };
        let whole = rest.get(..usize::from(u16::from_be_bytes([*high, *low])));
        let found = whole.is_some_and(super::frame::is_plausible);
        if let Some(lost) = self.lost.get_mut(from.index()).filter(|_| found) {
            *lost = false;
        }
        found
    }

    /// A message over TCP whose end will not come: kept as far as it did.
    fn cut(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        let known = self.lost.get(cx.from.index()).is_some_and(|l| !l);
        if let [_, _, message @ ..] = rest
            && message.len() >= HEADER_LEN
            && known
        {
            self.message(cx, message, LENGTH_LEN as u64);
        }
    }

    /// One message, before which `prefix` bytes stood.
    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], prefix: u64) {
        let mut anomalies = Vec::new();
        let Some(packet) = Packet::parse(bytes, self.multicast, &mut |a| anomalies.push(a)) else { return };
        let half = Half { first: cx.first, last: cx.last, size: bytes.len() as u64 + prefix, ..Half::default() };
        if packet.header.is_response() {
            self.reply(cx, packet, half, anomalies);
        } else {
            self.query(cx, packet, half, anomalies);
        }
    }

    fn query(&mut self, cx: &mut Context<'_>, query: Packet, half: Half, mut anomalies: Vec<&'static str>) {
        let from = cx.from;
        if self.multicast {
            let exchange = Exchange { query: Some(Query(query)), reply: None };
            self.emit(cx, exchange, (Some(half), None), false, None, anomalies);
            return;
        }
        if self.waiting.iter().any(|w| w.from == from && w.query.header.id == query.header.id && w.query.same_question(&query)) {
            anomalies.push(anomaly::RETRANSMITTED);
        }
        if self.waiting.len() >= cx.limits.queries_max
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.unanswered(cx, oldest, Close::Evicted);
        }
        self.waiting.push_back(Waiting { query, half, from, anomalies });
    }

    fn reply(&mut self, cx: &mut Context<'_>, reply: Packet, half: Half, mut anomalies: Vec<&'static str>) {
        let asks = |w: &Waiting| {
            let same_id = w.from != cx.from && w.query.header.id == reply.header.id;
            same_id && (reply.whole[0] == 0 || w.query.same_question(&reply))
        };
        let found = self.waiting.iter().position(asks).and_then(|at| self.waiting.remove(at));
        let Some(mut waiting) = found else {
            let error = ItemError { kind: ErrorKind::PairNotFound, msg: "the query of this answer was not seen".into() };
            let reversed = cx.from == Sender::Client && !self.multicast;
            let exchange = Exchange { query: None, reply: Some(Reply(reply)) };
            let error = (!self.multicast).then_some(error);
            self.emit(cx, exchange, (None, Some(half)), reversed, error, anomalies);
            return;
        };
        waiting.anomalies.append(&mut anomalies);
        let exchange = Exchange { query: Some(Query(waiting.query)), reply: Some(Reply(reply)) };
        self.emit(cx, exchange, (Some(waiting.half), Some(half)), waiting.from == Sender::Server, None, waiting.anomalies);
    }

    /// Gives up queries that have waited too long at `now`.
    fn expire(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        let timeout = cx.limits.query_timeout;
        while let Some(oldest) = self.waiting.pop_front_if(|w| now.since(w.half.last.at) > timeout) {
            self.unanswered(cx, oldest, Close::Idle);
        }
    }

    fn unanswered(&self, cx: &mut Context<'_>, waiting: Waiting, why: Close) {
        let error = match why {
            Close::Reset => ItemError { kind: ErrorKind::Connection, msg: "the connection was reset before an answer came".into() },
            _ => ItemError { kind: ErrorKind::Timeout, msg: "no answer was seen".into() },
        };
        let exchange = Exchange { query: Some(Query(waiting.query)), reply: None };
        self.emit(cx, exchange, (Some(waiting.half), None), waiting.from == Sender::Server, Some(error), waiting.anomalies);
    }

    fn emit(
        &self,
        cx: &mut Context<'_>,
        exchange: Exchange,
        (request, response): (Option<Half>, Option<Half>),
        reversed: bool,
        error: Option<ItemError>,
        anomalies: Vec<&'static str>,
    ) {
        let unreadable = anomalies.iter().any(|a| matches!(*a, anomaly::TRUNCATED | anomaly::LABEL)) && error.is_none();
        let error = if unreadable {
            Some(ItemError { kind: ErrorKind::Dissection, msg: "the message breaks off or is malformed".into() })
        } else {
            error
        };
        cx.emit(Draft {
            protocol: self.protocol,
            request,
            response,
            reversed,
            server_name: String::new(),
            error,
            anomalies,
            unsure: false,
            message: Box::new(exchange),
        });
    }
}

/// The length before each message over TCP (RFC 1035 §4.2.2).
const LENGTH_LEN: usize = 2;
