//! One pair of sockets: a handshake, and perhaps another after it.

use super::{
    anomaly,
    crypto::{self, Keys},
    frame::{Crypto, Frame, frame},
    message::{Closed, Connection},
    packet::{Kind, Packet},
    protocol,
};
use crate::{
    Close, Context, Draft, Half, Outcome, Session,
    exchange::{pair_not_found, unanswered},
    tls::{Carrier, ClientHello, Handshake, Server, ServerHello, handshake},
};
use hookline_item::Sender;

/// Initials that are decrypted of one handshake: handshakes that go well have four to eight, hostile ones any number.
const OPENED_MAX: u32 = 64;

/// What is known of the handshake that goes on, if one does.
#[derive(Default)]
pub(super) struct Quic {
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    keys: Option<Keys>,
    crypto: [Crypto; 2],
    halves: [Option<Half>; 2],
    opened: u32,
    anomalies: Vec<&'static str>,
}

impl Session for Quic {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let mut rest = bytes;
        while let Some((packet, after)) = Packet::parse(rest).filter(|(packet, _)| packet.is_known()) {
            self.packet(cx, &packet);
            rest = after;
        }
        // Short headers: the client has what it needs. Padding behind the last packet is none.
        let goes_on = cx.from == Sender::Client && rest.len() == bytes.len() && rest.first().is_some_and(|b| b & 0x80 == 0);
        if goes_on && self.open.as_ref().is_some_and(|o| o.connection.tls.server.is_some()) {
            self.emit(cx, None);
        }
        Outcome::Items(bytes.len())
    }

    fn gap(&mut self, _: &mut Context<'_>, _: &[u8], _: u64) {}
    fn fin(&mut self, _: &mut Context<'_>, _: &[u8]) {}

    fn close(&mut self, cx: &mut Context<'_>, _: [&[u8]; 2], why: Close) {
        self.emit(cx, Some(why));
    }
}

impl Quic {
    fn packet(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) {
        if self.open.as_ref().is_some_and(|open| open.is_left_by(cx.from, packet)) {
            self.emit(cx, None);
        }
        // After a handshake only a client's first packet begins another.
        let begins = cx.from == Sender::Client && packet.kind == Kind::Initial;
        if self.open.is_none() && !begins && cx.flow.mid_stream {
            return;
        }
        self.open.get_or_insert_with(|| Open::new(packet)).take(cx, packet);
    }

    fn emit(&mut self, cx: &mut Context<'_>, why: Option<Close>) {
        let Some(open) = self.open.take() else { return };
        let [request, response] = open.halves;
        let asked = open.connection.tls.client.is_some() || request.is_some();
        let error = match response {
            _ if !asked => Some(pair_not_found()),
            None => Some(unanswered(why.unwrap_or(Close::Idle))),
            Some(_) => None,
        };
        let server_name = open.connection.tls.client.as_ref().map(|c| c.server_name.clone()).unwrap_or_default();
        cx.emit(Draft {
            protocol: protocol(open.connection.version),
            request,
            response,
            reversed: false,
            server_name,
            error,
            anomalies: open.anomalies,
            unsure: false,
            message: Box::new(open.connection),
        });
    }
}

impl Open {
    fn new(packet: &Packet<'_>) -> Self {
        let tls = Handshake { carrier: Carrier::Quic, ..Handshake::default() };
        let connection =
            Connection { version: packet.version, dcid: packet.dcid.into(), scid: packet.scid.into(), tls, ..Connection::default() };
        Self {
            connection,
            keys: Keys::new(packet.version, packet.dcid),
            crypto: Default::default(),
            halves: [None, None],
            opened: 0,
            anomalies: Vec::new(),
        }
    }

    /// Whether `packet` begins another handshake: in another version after a negotiation, or with another first connection id after this
    /// one was answered.
    fn is_left_by(&self, from: Sender, packet: &Packet<'_>) -> bool {
        let connection = &self.connection;
        let first = from == Sender::Client && packet.kind == Kind::Initial;
        let negotiated = !connection.offered.is_empty() && packet.version != connection.version;
        let answered = connection.tls.server.is_some() && packet.dcid != &*connection.dcid && packet.scid != &*connection.scid;
        first && (negotiated || answered && crypto::opens(packet))
    }

    fn take(&mut self, cx: &Context<'_>, packet: &Packet<'_>) {
        let from = cx.from;
        if let Some(packets) = self.connection.packets.get_mut(from.index()) {
            packets.count(packet.kind);
        }
        match packet.kind {
            Kind::VersionNegotiation => self.connection.offered = packet.versions().collect(),
            Kind::Retry => self.connection.retry = true,
            Kind::Initial if packet.whole => self.initial(from, packet),
            Kind::Initial => self.note(anomaly::CUT),
            Kind::ZeroRtt | Kind::Handshake => {}
        }
        if let Some(half) = self.halves.get_mut(from.index()) {
            let half = half.get_or_insert(Half { first: cx.first, ..Half::default() });
            // The request is the ClientHello: early data and acknowledgements after it are not what the server answers.
            if from == Sender::Server || self.connection.tls.server.is_none() {
                half.last = cx.last;
            }
            half.size = half.size.saturating_add(packet.bytes.len() as u64);
        }
    }

    fn initial(&mut self, from: Sender, packet: &Packet<'_>) {
        if self.opened >= OPENED_MAX {
            return;
        }
        self.opened += 1;
        match self.payload(from, packet) {
            Some(payload) => self.frames(from, &payload),
            None => self.note(anomaly::SEALED),
        }
    }

    /// What an Initial holds. After a Retry the client's keys follow from the connection id that the server chose (RFC 9001 §5.2).
    fn payload(&mut self, from: Sender, packet: &Packet<'_>) -> Option<Vec<u8>> {
        if let Some(payload) = self.keys.as_ref().and_then(|keys| keys.open(from, packet)) {
            return Some(payload);
        }
        let keys = Keys::new(packet.version, packet.dcid).filter(|_| from == Sender::Client)?;
        let payload = keys.open(from, packet)?;
        self.keys = Some(keys);
        Some(payload)
    }

    fn frames(&mut self, from: Sender, mut i: &[u8]) {
        while !i.is_empty() {
            let Ok((rest, frame)) = frame(i) else { return self.note(anomaly::FRAME) };
            match frame {
                Frame::Crypto { offset, data } => self.crypto(from, offset, data),
                Frame::Close { code, reason } => {
                    self.connection.close = Some(Closed { from, code, reason: String::from_utf8_lossy(reason).into_owned() });
                }
                Frame::Other => {}
            }
            i = rest;
        }
    }

    fn crypto(&mut self, from: Sender, offset: u64, data: &[u8]) {
        let Some(crypto) = self.crypto.get_mut(from.index()) else { return };
        if crypto.push(offset, data).is_err() {
            return self.note(anomaly::HELLO);
        }
        while let Some((kind, body)) = self.crypto.get_mut(from.index()).and_then(Crypto::next) {
            let whole = match (from, kind) {
                (Sender::Client, handshake::CLIENT_HELLO) => ClientHello::parse(&body, false).map(|(hello, whole)| {
                    self.connection.tls.client = Some(hello);
                    whole
                }),
                (Sender::Server, handshake::SERVER_HELLO) => ServerHello::parse(&body).map(|(hello, whole)| {
                    self.connection.tls.server = Some(Server::new(hello, Carrier::Quic));
                    whole
                }),
                _ => Some(true),
            };
            if whole != Some(true) {
                self.note(anomaly::HELLO);
            }
        }
    }

    fn note(&mut self, name: &'static str) {
        if !self.anomalies.contains(&name) {
            self.anomalies.push(name);
        }
    }
}
