//! What QUIC items say.

use super::packet::{Kind, version_name};
use crate::{
    made::{Made, hex},
    names::{Names, name_of},
    tls::{self, Handshake},
};
use hookline_item::{Message, Object, Sender, Value, object};
use std::borrow::Cow;

/// One handshake.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) version: u32,
    /// Connection ids of the client's first packet: chosen for the server, and its own.
    pub(super) dcid: Box<[u8]>,
    pub(super) scid: Box<[u8]>,
    pub(super) tls: Handshake,
    /// The server asked the client to prove its address.
    pub(super) retry: bool,
    /// Versions that the server offered instead.
    pub(super) offered: Vec<u32>,
    pub(super) close: Option<Closed>,
    pub(super) packets: [Packets; 2],
}

/// Packets with long headers of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packets {
    initial: u64,
    zero_rtt: u64,
    handshake: u64,
    retry: u64,
    version_negotiation: u64,
}

/// A CONNECTION_CLOSE before the handshake was over.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) from: Sender,
    pub(super) code: u64,
    pub(super) reason: String,
}

impl Packets {
    pub(super) fn count(&mut self, kind: Kind) {
        let count = match kind {
            Kind::Initial => &mut self.initial,
            Kind::ZeroRtt => &mut self.zero_rtt,
            Kind::Handshake => &mut self.handshake,
            Kind::Retry => &mut self.retry,
            Kind::VersionNegotiation => &mut self.version_negotiation,
        };
        *count = count.saturating_add(1);
    }
}

/// Transport errors (RFC 9000 §20.1).
#[rustfmt::skip]
const ERRORS: &Names = &[
    (0, "NO_ERROR"), (1, "INTERNAL_ERROR"), (2, "CONNECTION_REFUSED"), (3, "FLOW_CONTROL_ERROR"), (4, "STREAM_LIMIT_ERROR"),
    (5, "STREAM_STATE_ERROR"), (6, "FINAL_SIZE_ERROR"), (7, "FRAME_ENCODING_ERROR"), (8, "TRANSPORT_PARAMETER_ERROR"),
    (9, "CONNECTION_ID_LIMIT_ERROR"), (10, "PROTOCOL_VIOLATION"), (11, "INVALID_TOKEN"), (12, "APPLICATION_ERROR"),
    (13, "CRYPTO_BUFFER_EXCEEDED"), (14, "KEY_UPDATE_ERROR"), (15, "AEAD_LIMIT_REACHED"), (16, "NO_VIABLE_PATH"),
    (17, "VERSION_NEGOTIATION_ERROR"),
];

/// The name of an error; of TLS's alerts the alert's (RFC 9001 §4.8).
fn error_name(code: u64) -> String {
    match u16::try_from(code) {
        Ok(crypto @ 0x100..=0x1ff) => format!("CRYPTO_ERROR ({})", tls::alert((crypto & 0xff) as u8)),
        Ok(code) => name_of(ERRORS, code.into(), "error").into_owned(),
        Err(_) => format!("error {code}"),
    }
}

impl Connection {
    fn tls<'a>(&'a self, field: &str) -> Value<'a> {
        self.tls.get(field)
    }

    fn of_packets(&self) -> Value<'_> {
        let [client, server] = &self.packets;
        let side = |p: &Packets| {
            let counts = [("initial", p.initial), ("zeroRtt", p.zero_rtt), ("handshake", p.handshake), ("retry", p.retry)];
            let all = counts.into_iter().chain([("versionNegotiation", p.version_negotiation)]);
            Made::Fields(all.map(|(name, n)| (name, n.into())).collect())
        };
        Made::Fields(vec![("client", side(client)), ("server", side(server))]).into_value()
    }
}

object! {
    Closed as c, CLOSED_FIELDS {
        "from": Str, "client or server" => match c.from {
            Sender::Client => "client",
            Sender::Server => "server",
        };
        "errorCode": U64, "Error code (RFC 9000 §20.1)" => c.code;
        "errorName": Str, "Its name; of TLS's alerts CRYPTO_ERROR and the alert's" => error_name(c.code);
        "reason": Str, "What the side says of it" => Value::text(&c.reason);
    }
}

object! {
    Connection as c, HANDSHAKE_FIELDS {
        "version": Str, "Version of QUIC: 1, 2, draft-29, …" => version_name(c.version);
        "versionId": U64, "The same as a number on the wire" => c.version;
        "dcid": Str, "Connection id that the client's first packet is sent to, hexadecimal" => hex(&c.dcid);
        "scid": Str, "Connection id that the client chose for itself, hexadecimal; absent where it is empty" => Some(hex(&c.scid)).filter(|id| !id.is_empty());
        "sni": Str, "Server name that the client asks for (RFC 6066 §3)" => c.tls("sni");
        "alpn": List, "Application protocols that the client offers (RFC 7301)" => c.tls("alpn");
        "ja4": Str, "JA4 of the ClientHello" => c.tls("ja4");
        "tls": Object(tls::HANDSHAKE_FIELDS), "Both hellos, as TLS items show them" => if c.tls.is_empty() { Value::Absent } else { Value::Object(&c.tls) };
        "retry": Bool, "Whether the server asked the client to prove its address (RFC 9000 §8.1.2)" => c.retry;
        "versionNegotiation": List, "Versions that the server offered instead of the client's" => if c.offered.is_empty() { Value::Absent } else { Value::MadeList(Box::new(c.offered.iter().map(|v| version_name(*v)).collect::<Vec<_>>())) };
        "close": Object(CLOSED_FIELDS), "CONNECTION_CLOSE before the handshake was over" => c.close.as_ref().map_or(Value::Absent, |c| Value::Object(c));
        "packets": Object, "Packets with long headers, of the client and of the server: initial, zeroRtt, handshake, retry, versionNegotiation" => c.of_packets();
    }
}

impl Message for Connection {
    fn data(&self) -> Option<&dyn Object> {
        Some(self)
    }
    fn summary(&self) -> Cow<'_, str> {
        match self.tls("sni") {
            Value::Str(name) => name,
            _ => hex(&self.dcid).into(),
        }
    }
    fn method(&self) -> Cow<'_, str> {
        "Handshake".into()
    }
    /// The error code of a CONNECTION_CLOSE, if one ended the handshake.
    fn status(&self) -> Option<i64> {
        self.close.as_ref().and_then(|c| c.code.try_into().ok())
    }
}
