//! One connection's handshake, until encryption begins; what comes after it is nobody's to read.

use super::{
    PROTOCOLS, anomaly,
    certificate::Certificate,
    fingerprint::Carrier,
    hello::{ClientHello, ServerHello, extension},
    message::{Alert, Handshake, Server},
    record::{DATAGRAM_HEADER_LEN, HEADER_LEN, HELLO_JUDGED, Header, Messages, handshake, hello, kind},
};
use crate::{Close, Context, Draft, Half, Next, Outcome, Session};
use hookline_item::{ErrorKind, ItemError, Sender};
use nom::{
    Parser as _,
    multi::{length_data, many0},
    number::complete::be_u24,
};

/// Certificates kept of one chain: OpenSSL follows 100 at most, the public ones have 2 to 5.
const CERTIFICATES_MAX: usize = 16;
/// Alerts kept of one handshake.
const ALERTS_MAX: usize = 8;

/// One connection.
pub(super) struct Tls {
    carrier: Carrier,
    sides: [Side; 2],
    handshake: Handshake,
    anomalies: Vec<&'static str>,
    /// The ClientHello is whole.
    asked: bool,
    /// The server has asked for another ClientHello.
    retried: bool,
    /// The handshake is out: nothing more is read.
    done: bool,
}

#[derive(Default)]
struct Side {
    messages: Messages,
    /// Bytes of the record that is being skipped.
    skip: usize,
    /// It has sent a ChangeCipherSpec: what follows is encrypted, or another hello (RFC 8446 appendix D.4).
    changed: bool,
    /// What this side sends cannot be read any more.
    encrypted: bool,
    /// Bytes were lost: nothing is known before a record begins with a segment.
    lost: bool,
    half: Option<Half>,
}

impl Tls {
    pub(super) fn new(carrier: Carrier) -> Self {
        let handshake = Handshake { carrier, ..Handshake::default() };
        Self { carrier, sides: Default::default(), handshake, anomalies: Vec::new(), asked: false, retried: false, done: false }
    }

    fn side(&mut self, from: Sender) -> &mut Side {
        let [client, server] = &mut self.sides;
        match from {
            Sender::Client => client,
            Sender::Server => server,
        }
    }
}

impl Session for Tls {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        if self.carrier == Carrier::Dtls {
            self.datagram(cx, bytes);
            return Outcome::Items(bytes.len());
        }
        let outcome = self.record(cx, bytes);
        match outcome {
            Outcome::Items(_) | Outcome::Switched(..) if self.is_over() => {
                self.emit(cx, None);
                Outcome::Switched(bytes.len(), Next::Opaque)
            }
            outcome => outcome,
        }
    }

    fn gap(&mut self, cx: &mut Context<'_>, _rest: &[u8], missing: u64) {
        let side = self.side(cx.from);
        let skipped = usize::try_from(missing).ok().and_then(|missing| side.skip.checked_sub(missing));
        if let Some(half) = &mut side.half {
            half.gaps = half.gaps.saturating_add(1);
            half.missing = half.missing.saturating_add(missing);
        }
        match skipped {
            Some(left) if side.skip > 0 => side.skip = left,
            _ => {
                side.messages.clear();
                (side.skip, side.lost) = (0, true);
            }
        }
    }

    fn fin(&mut self, _cx: &mut Context<'_>, _rest: &[u8]) {}

    fn close(&mut self, cx: &mut Context<'_>, _rests: [&[u8]; 2], why: Close) {
        self.emit(cx, Some(why));
    }
}

// Reading.
impl Tls {
    /// One record of a stream, or the rest of one that is skipped.
    fn record(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let side = self.side(cx.from);
        if side.skip > 0 {
            let n = side.skip.min(bytes.len());
            side.skip -= n;
            return Outcome::Items(n);
        }
        if bytes.len() < HEADER_LEN {
            return Outcome::Need(HEADER_LEN);
        }
        let Some(header) = Header::of_stream(bytes) else {
            if side.lost {
                return Outcome::Items(bytes.len());
            }
            return Outcome::Broken { offset: 0, what: "no record where one should begin" };
        };
        side.lost = false;
        let end = HEADER_LEN + header.len;
        let judged = end.min(HEADER_LEN + HELLO_JUDGED);
        if side.changed && bytes.len() < judged {
            return Outcome::Need(judged);
        }
        if !self.is_readable(cx.from, &header, bytes.get(HEADER_LEN..).unwrap_or_default()) {
            let side = self.side(cx.from);
            let n = end.min(bytes.len());
            side.skip = end - n;
            side.encrypted |= header.kind == kind::APPLICATION_DATA;
            side.changed |= header.kind == kind::CHANGE_CIPHER_SPEC;
            return Outcome::Items(n);
        }
        let Some(payload) = bytes.get(HEADER_LEN..end) else { return Outcome::Need(end) };
        self.payload(cx, header.kind, payload, end);
        Outcome::Items(end)
    }

    /// Whether a record is in plaintext and says something.
    fn is_readable(&mut self, from: Sender, header: &Header, payload: &[u8]) -> bool {
        let hello_may_come = self.retried || self.handshake.server.is_none();
        let side = self.side(from);
        match header.kind {
            kind::HANDSHAKE if side.changed => {
                side.encrypted |= !hello_may_come || hello(payload, 4).is_none();
                !side.encrypted
            }
            kind::ALERT if side.changed => false,
            kind::HANDSHAKE | kind::ALERT => !side.encrypted,
            _ => false,
        }
    }

    /// The records of one datagram. What cannot be read is encrypted, or not of this protocol.
    fn datagram(&mut self, cx: &mut Context<'_>, mut bytes: &[u8]) {
        while let Some(header) = Header::of_datagram(bytes).filter(|_| !self.done) {
            let end = DATAGRAM_HEADER_LEN + header.len;
            let Some(payload) = bytes.get(DATAGRAM_HEADER_LEN..end) else { return };
            let encrypted = header.epoch > 0 || !matches!(header.kind, kind::HANDSHAKE | kind::ALERT);
            if encrypted {
                self.side(cx.from).encrypted = true;
            } else {
                self.payload(cx, header.kind, payload, end);
            }
            bytes = bytes.get(end..).unwrap_or_default();
        }
        if self.is_over() {
            self.emit(cx, None);
        }
    }

    /// What a readable record says; `size` are its bytes with the header.
    fn payload(&mut self, cx: &mut Context<'_>, kind: u8, payload: &[u8], size: usize) {
        let from = cx.from;
        if kind == kind::ALERT {
            self.alert(cx, payload, size);
            return;
        }
        let dtls = self.carrier == Carrier::Dtls;
        let messages = &mut self.side(from).messages;
        let read = if dtls { messages.datagram(payload) } else { messages.stream(payload) };
        if read.is_err() {
            self.note(anomaly::MESSAGE);
            self.side(from).encrypted = true;
        }
        while let Some((kind, body)) = self.side(from).messages.next() {
            // What belongs to the handshake before is out before this record counts.
            if kind == handshake::CLIENT_HELLO && !self.handshake.is_empty() {
                self.emit(cx, None);
                self.done = false;
            }
            self.message(from, kind, &body);
        }
        self.count(cx, size);
    }

    fn message(&mut self, from: Sender, kind: u8, body: &[u8]) {
        match (from, kind) {
            (_, handshake::CLIENT_HELLO) => match ClientHello::parse(body, self.carrier == Carrier::Dtls) {
                Some((hello, whole)) => {
                    self.check(whole);
                    self.handshake.client = Some(hello);
                }
                None => self.note(anomaly::HELLO),
            },
            (_, handshake::SERVER_HELLO) => match ServerHello::parse(body) {
                Some((hello, whole)) => {
                    self.check(whole);
                    self.retried |= hello.retry;
                    self.handshake.server = Some(Server::new(hello, self.carrier));
                }
                None => self.note(anomaly::HELLO),
            },
            (Sender::Server, handshake::HELLO_VERIFY_REQUEST) => self.handshake.verify = true,
            (Sender::Server, handshake::CERTIFICATE) => self.certificates(body),
            _ => {}
        }
    }

    /// `Certificate` before TLS 1.3 (RFC 5246 §7.4.2); later ones are encrypted.
    fn certificates(&mut self, body: &[u8]) {
        let Some(server) = &mut self.handshake.server else { return };
        let list = length_data(be_u24::<_, nom::error::Error<_>>).and_then(many0(length_data(be_u24))).parse(body);
        match list {
            Ok((_, list)) => {
                let list = list.into_iter().take(CERTIFICATES_MAX);
                server.certificates = list.map(|der: &[u8]| Certificate(der.into())).collect();
            }
            Err(_) => self.note(anomaly::MESSAGE),
        }
    }

    fn alert(&mut self, cx: &Context<'_>, payload: &[u8], size: usize) {
        // Two bytes; more than that is encrypted.
        let [level, description] = payload else {
            self.side(cx.from).encrypted = true;
            return;
        };
        if self.handshake.alerts.len() < ALERTS_MAX {
            self.handshake.alerts.push(Alert { from: cx.from, fatal: *level == 2, description: *description });
        }
        self.count(cx, size);
    }

    /// Counts a record that was read. The request ends with the ClientHello: that is what the server answers.
    fn count(&mut self, cx: &Context<'_>, size: usize) {
        let asked = cx.from == Sender::Client && self.asked;
        self.asked = self.handshake.client.is_some();
        let half = self.side(cx.from).half.get_or_insert(Half { first: cx.first, last: cx.last, ..Half::default() });
        if !asked {
            half.last = cx.last;
        }
        half.size = half.size.saturating_add(size as u64);
    }

    fn check(&mut self, whole: bool) {
        if !whole {
            self.note(anomaly::EXTENSION);
        }
    }

    fn note(&mut self, name: &'static str) {
        if !self.anomalies.contains(&name) {
            self.anomalies.push(name);
        }
    }

    /// Whether nothing more can be learnt: both sides encrypt; or the client does where it cannot before the server has answered, so
    /// that the server is not seen.
    fn is_over(&self) -> bool {
        let [client, server] = &self.sides;
        let opaque = |side: &Side| side.encrypted || side.lost;
        let answered = self.handshake.server.as_ref().is_some_and(|s| !s.hello.retry);
        let early = self.handshake.client.as_ref().is_some_and(|c| c.has(extension::EARLY_DATA));
        let half = answered || (self.handshake.server.is_none() && !early && !self.handshake.verify);
        half && opaque(client) && (opaque(server) || !answered)
    }
}

// Items.
impl Tls {
    fn emit(&mut self, cx: &mut Context<'_>, why: Option<Close>) {
        let [client, server] = &mut self.sides;
        let (request, response) = (client.half.take(), server.half.take());
        let handshake = std::mem::replace(&mut self.handshake, Handshake { carrier: self.carrier, ..Handshake::default() });
        let anomalies = std::mem::take(&mut self.anomalies);
        self.asked = false;
        if std::mem::replace(&mut self.done, true) || handshake.is_empty() && anomalies.is_empty() {
            return;
        }
        cx.emit(Draft {
            protocol: protocol(handshake.version(), self.carrier),
            request,
            response,
            reversed: false,
            server_name: handshake.client.as_ref().map(|c| c.server_name.clone()).unwrap_or_default(),
            error: error(&handshake, why),
            anomalies,
            unsure: false,
            message: Box::new(handshake),
        });
    }
}

/// Why one side is missing. A handshake that a fatal alert ended is whole: the alert was the answer.
fn error(handshake: &Handshake, why: Option<Close>) -> Option<ItemError> {
    let answered = handshake.server.is_some() || handshake.verify || handshake.alerts.iter().any(|a| a.from == Sender::Server);
    match (handshake.client.is_some(), answered, why) {
        (false, true, _) => Some(ItemError { kind: ErrorKind::PairNotFound, msg: "the ClientHello of this answer was not seen".into() }),
        (true, false, Some(Close::Reset)) => {
            Some(ItemError { kind: ErrorKind::Connection, msg: "the connection was reset before the server answered".into() })
        }
        (true, false, _) => Some(ItemError { kind: ErrorKind::Timeout, msg: "no answer of the server was seen".into() }),
        _ => None,
    }
}

fn protocol(version: u16, carrier: Carrier) -> &'static hookline_item::Protocol {
    let known = PROTOCOLS.iter().find(|(id, _)| *id == version).map(|(_, protocol)| *protocol);
    let newest = if carrier == Carrier::Dtls { &super::DTLS_12 } else { &super::TLS_13 };
    known.unwrap_or(newest)
}
