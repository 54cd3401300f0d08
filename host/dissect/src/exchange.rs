//! Requests and responses that belong together: the message of an item, and the queue in which requests wait.

use crate::{Close, Context, Draft, Half};
use hookline_item::{ErrorKind, ItemError, Message, Object, Protocol, Sender, Timestamp};
use std::{borrow::Cow, collections::VecDeque, fmt::Debug, time::Duration};

/// What a client says.
pub(crate) trait Request: Object + Send + Sync + Debug + 'static {
    /// One line for a row: a key, a topic, a statement.
    fn summary(&self) -> Cow<'_, str>;
    /// What is asked: a command's name.
    fn method(&self) -> Cow<'_, str>;
}

/// What a server says.
pub(crate) trait Response: Object + Send + Sync + Debug + 'static {
    /// The protocol's numeric status, if it has one.
    fn status(&self) -> Option<i64>;
    /// What a row shows where the request was not seen.
    fn summary(&self) -> Cow<'_, str> {
        "".into()
    }
    /// As [`Response::summary`].
    fn method(&self) -> Cow<'_, str> {
        "".into()
    }
}

/// A request and its response, or one of them.
#[derive(Debug)]
pub(crate) struct Exchange<Q, A> {
    pub(crate) request: Option<Q>,
    pub(crate) response: Option<A>,
}

impl<Q: Request, A: Response> Message for Exchange<Q, A> {
    fn request(&self) -> Option<&dyn Object> {
        self.request.as_ref().map(|q| q as _)
    }
    fn response(&self) -> Option<&dyn Object> {
        self.response.as_ref().map(|a| a as _)
    }
    fn summary(&self) -> Cow<'_, str> {
        self.request.as_ref().map_or_else(|| self.response.as_ref().map_or("".into(), Response::summary), Request::summary)
    }
    fn method(&self) -> Cow<'_, str> {
        self.request.as_ref().map_or_else(|| self.response.as_ref().map_or("".into(), Response::method), Request::method)
    }
    fn status(&self) -> Option<i64> {
        self.response.as_ref().and_then(Response::status)
    }
}

/// A message without a pair: the item's `data`.
#[derive(Debug)]
struct Single<T>(T);

impl<T: Request> Message for Single<T> {
    fn data(&self) -> Option<&dyn Object> {
        Some(&self.0)
    }
    fn summary(&self) -> Cow<'_, str> {
        self.0.summary()
    }
    fn method(&self) -> Cow<'_, str> {
        self.0.method()
    }
    fn status(&self) -> Option<i64> {
        None
    }
}

/// Sends out a message of `cx.from` that has no pair, as the item's `data`.
pub(crate) fn single<T: Request>(cx: &mut Context<'_>, protocol: &'static Protocol, part: Part<T>) {
    cx.emit(Draft {
        protocol,
        request: Some(part.half),
        response: None,
        reversed: cx.from == Sender::Server,
        server_name: String::new(),
        error: None,
        anomalies: part.anomalies,
        unsure: false,
        message: Box::new(Single(part.what)),
    });
}

/// One half of an exchange with how it was seen.
#[derive(Debug)]
pub(crate) struct Part<T> {
    pub(crate) what: T,
    pub(crate) half: Half,
    pub(crate) anomalies: Vec<&'static str>,
}

impl<T> Part<T> {
    pub(crate) fn new(what: T, half: Half) -> Self {
        Self { what, half, anomalies: Vec::new() }
    }

    /// Names an oddity, if there is one.
    pub(crate) fn noting(mut self, is: bool, anomaly: &'static str) -> Self {
        if is && !self.anomalies.contains(&anomaly) {
            self.anomalies.push(anomaly);
        }
        self
    }
}

/// The requests of one flow that wait for their responses. `K` is what a response is matched by: an id, or `()` where responses come
/// in the order of the requests.
///
/// Limits: [`crate::Limits`] `requests_max` and `requests_bytes_max`; beyond them the oldest is given up.
#[derive(Debug)]
pub(crate) struct Pairing<K, Q, A> {
    waiting: VecDeque<Waiting<K, Q, A>>,
    /// Keys of requests that were given up: their responses, if they still come, are not another's.
    given_up: VecDeque<K>,
    /// Responses without a request, for a while: where the client's bytes had to wait for others, the request comes after it.
    held: VecDeque<Held<K, A>>,
    /// Wire bytes of the waiting requests: they keep no more than that.
    cost: u64,
}

#[derive(Debug)]
struct Waiting<K, Q, A> {
    key: K,
    from: Sender,
    protocol: &'static Protocol,
    request: Part<Q>,
    /// What has come of the response.
    begun: Option<Part<A>>,
}

#[derive(Debug)]
struct Held<K, A> {
    key: K,
    from: Sender,
    protocol: &'static Protocol,
    response: Part<A>,
}

/// How long a response waits for a request that was sent before it: reassembly waits no longer for lost bytes.
const HOLD: Duration = Duration::from_secs(10);
/// Responses that wait so: a few segments' worth.
const HELD_MAX: usize = 64;

impl<K, Q, A> Default for Pairing<K, Q, A> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), given_up: VecDeque::new(), held: VecDeque::new(), cost: 0 }
    }
}

impl<K: PartialEq, Q: Request, A: Response> Pairing<K, Q, A> {
    /// A request of `cx.from`, which waits for its response.
    pub(crate) fn request(&mut self, cx: &mut Context<'_>, protocol: &'static Protocol, key: K, request: Part<Q>) {
        let from = cx.from;
        let answers = |h: &Held<K, A>| h.key == key && h.from != from && request.half.first < h.response.half.first;
        if let Some(held) = self.held.iter().position(answers).and_then(|at| self.held.remove(at)) {
            return emit(cx, protocol, from, Some(request), Some(held.response), None);
        }
        self.expire(cx, cx.last.at);
        self.make_room(cx);
        self.cost = self.cost.saturating_add(request.half.size);
        self.waiting.push_back(Waiting { key, from, protocol, request, begun: None });
    }

    /// A response of `cx.from`: it goes out with the oldest request of its key.
    pub(crate) fn response(&mut self, cx: &mut Context<'_>, protocol: &'static Protocol, key: K, response: Part<A>) {
        self.expire(cx, cx.last.at);
        let from = cx.from;
        if let Some(at) = self.given_up.iter().position(|k| *k == key) {
            self.given_up.remove(at);
            return emit(cx, protocol, from.other(), None::<Part<Q>>, Some(response), Some(pair_not_found()));
        }
        if let Some(waiting) = self.waiting.iter().position(|w| w.key == key && w.from != from).and_then(|at| self.waiting.remove(at)) {
            self.cost = self.cost.saturating_sub(waiting.request.half.size);
            return emit(cx, protocol, waiting.from, Some(waiting.request), Some(response), None);
        }
        if self.held.len() >= HELD_MAX {
            self.release(cx, 1);
        }
        self.held.push_back(Held { key, from, protocol, response });
    }

    /// A response that nobody asked for: a push, a notification.
    pub(crate) fn unasked(cx: &mut Context<'_>, protocol: &'static Protocol, response: Part<A>) {
        emit(cx, protocol, cx.from.other(), None::<Part<Q>>, Some(response), None);
    }

    /// A request of `cx.from` that nobody answers.
    pub(crate) fn one_way(cx: &mut Context<'_>, protocol: &'static Protocol, request: Part<Q>) {
        emit(cx, protocol, cx.from, Some(request), None::<Part<A>>, None);
    }

    /// The oldest requests that `passed` is true of are over without an answer, for a reason that may have a name; this is no error.
    pub(crate) fn pass_over(&mut self, cx: &mut Context<'_>, anomaly: Option<&'static str>, passed: impl Fn(&Q) -> bool) {
        while let Some(waiting) = self.waiting.pop_front_if(|w| passed(&w.request.what)) {
            self.cost = self.cost.saturating_sub(waiting.request.half.size);
            let mut request = waiting.request;
            request.anomalies.extend(anomaly);
            emit(cx, waiting.protocol, waiting.from, Some(request), None::<Part<A>>, None);
        }
    }

    /// The request with this key that waits for longest: what the next response of the key answers.
    pub(crate) fn waiting(&mut self, key: &K) -> Option<&mut Part<Q>> {
        self.waiting.iter_mut().find(|w| w.key == *key).map(|w| &mut w.request)
    }

    /// Whether a request with this key waits.
    pub(crate) fn awaits(&self, key: &K) -> bool {
        self.waiting.iter().any(|w| w.key == *key)
    }

    /// What has come of the response to the request with this key, as long as that waits: it goes out with the request if no more comes.
    pub(crate) fn begun(&mut self, key: &K) -> Option<&mut Option<Part<A>>> {
        self.waiting.iter_mut().find(|w| w.key == *key).map(|w| &mut w.begun)
    }

    /// Responses may have been lost: where only the order tells, those that wait cannot be matched any more.
    pub(crate) fn give_up_all(&mut self, cx: &mut Context<'_>) {
        self.give_up(cx, usize::MAX, Close::Evicted);
        self.given_up.clear();
    }

    /// Gives up at `now` what has waited longer than the limits' `request_timeout`.
    fn expire(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        let timeout = cx.limits.request_timeout;
        let late = self.waiting.iter().take_while(|w| now.since(w.request.half.last.at) > timeout).count();
        self.give_up(cx, late, Close::Idle);
        let late = self.held.iter().take_while(|h| now.since(h.response.half.last.at) > HOLD).count();
        self.release(cx, late);
    }

    /// The flow is over: everything goes out as it is.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.release(cx, usize::MAX);
        self.give_up(cx, usize::MAX, why);
    }

    fn make_room(&mut self, cx: &mut Context<'_>) {
        while self.waiting.len() >= cx.limits.requests_max || self.cost > cx.limits.requests_bytes_max as u64 {
            self.give_up(cx, 1, Close::Evicted);
        }
    }

    /// The oldest `count` requests stay alone.
    fn give_up(&mut self, cx: &mut Context<'_>, count: usize, why: Close) {
        for waiting in self.waiting.drain(..count.min(self.waiting.len())) {
            self.cost = self.cost.saturating_sub(waiting.request.half.size);
            let error = if waiting.begun.is_some() { broken_off(why) } else { unanswered(why) };
            emit(cx, waiting.protocol, waiting.from, Some(waiting.request), waiting.begun, Some(error));
            if self.given_up.len() >= cx.limits.requests_max {
                self.given_up.pop_front();
            }
            self.given_up.push_back(waiting.key);
        }
    }

    /// The oldest `count` responses stay alone.
    fn release(&mut self, cx: &mut Context<'_>, count: usize) {
        for held in self.held.drain(..count.min(self.held.len())) {
            emit(cx, held.protocol, held.from.other(), None::<Part<Q>>, Some(held.response), Some(pair_not_found()));
        }
    }
}

/// The error of a response whose request was not seen.
pub(crate) fn pair_not_found() -> ItemError {
    ItemError { kind: ErrorKind::PairNotFound, msg: "the request of this response was not seen".into() }
}

/// The error of a request without a response, on a flow that ended (or gave it up) so.
pub(crate) fn unanswered(why: Close) -> ItemError {
    match why {
        Close::Reset => ItemError { kind: ErrorKind::Connection, msg: "the connection was reset before a response came".into() },
        _ => ItemError { kind: ErrorKind::Timeout, msg: "no response was seen".into() },
    }
}

/// The error of a response whose end never came.
fn broken_off(why: Close) -> ItemError {
    ItemError { msg: "the response breaks off".into(), ..unanswered(why) }
}

/// Sends out an exchange whose client is `client`.
fn emit<Q: Request, A: Response>(
    cx: &mut Context<'_>,
    protocol: &'static Protocol,
    client: Sender,
    request: Option<Part<Q>>,
    response: Option<Part<A>>,
    error: Option<ItemError>,
) {
    let of_request = request.as_ref().map(|q| q.anomalies.as_slice()).unwrap_or_default();
    let of_response = response.as_ref().map(|a| a.anomalies.as_slice()).unwrap_or_default();
    let mut anomalies = [of_request, of_response].concat();
    anomalies.sort_unstable();
    anomalies.dedup();
    anomalies.truncate(cx.limits.anomalies_max);
    cx.emit(Draft {
        protocol,
        request: request.as_ref().map(|q| q.half),
        response: response.as_ref().map(|a| a.half),
        reversed: client == Sender::Server,
        server_name: String::new(),
        unsure: cx.flow.mid_stream && error.is_some(),
        error,
        anomalies,
        message: Box::new(Exchange { request: request.map(|q| q.what), response: response.map(|a| a.what) }),
    });
}
