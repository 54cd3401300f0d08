//! What TLS items say: made from the hellos when somebody asks.

use super::{
    certificate::{CERTIFICATE_FIELDS, Certificate},
    codes,
    fingerprint::{Carrier, ja3, ja3s, ja4, ja4s, md5_hex},
    hello::{ClientHello, ServerHello, extension},
};
use hookline_item::{Message, Object, Sender, Value, object};
use std::borrow::Cow;

/// One handshake, from a ClientHello to where encryption begins.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    pub(crate) carrier: Carrier,
    pub(crate) client: Option<ClientHello>,
    pub(crate) server: Option<Server>,
    pub(crate) alerts: Vec<Alert>,
    /// The server asked for another ClientHello with a cookie (HelloVerifyRequest, RFC 6347 §4.2.1).
    pub(crate) verify: bool,
}

/// The server's side of a handshake.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) hello: ServerHello,
    pub(super) certificates: Vec<Certificate>,
    carrier: Carrier,
}

/// An alert that was sent before encryption began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) from: Sender,
    pub(crate) fatal: bool,
    pub(crate) description: u8,
}

impl Server {
    pub(crate) fn new(hello: ServerHello, carrier: Carrier) -> Self {
        Self { hello, certificates: Vec::new(), carrier }
    }
}

impl Handshake {
    /// The version that was chosen; without an answer the highest that was offered.
    pub(super) fn version(&self) -> u16 {
        let offered = || self.client.as_ref().map_or(0, ClientHello::highest_version);
        self.server.as_ref().map_or_else(offered, |s| s.hello.chosen_version())
    }

    /// Whether nothing was seen of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.client.is_none() && self.server.is_none() && self.alerts.is_empty()
    }

    /// Whether an earlier session was taken up again: by a pre-shared key (RFC 8446 §2.2), or by the session's id or ticket
    /// (RFC 5246 §7.3), where the server sends no certificate.
    fn resumed(&self) -> Option<bool> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        if server.hello.selected_version.is_some() {
            return Some(server.hello.extensions.contains(&extension::PRE_SHARED_KEY));
        }
        let same_id = !client.session_id.is_empty() && client.session_id == server.hello.session_id;
        Some(server.certificates.is_empty() && (same_id || client.ticket))
    }

    fn fatal(&self) -> Option<&Alert> {
        self.alerts.iter().find(|a| a.fatal)
    }
}

impl Message for Handshake {
    fn data(&self) -> Option<&dyn Object> {
        Some(self)
    }
    fn summary(&self) -> Cow<'_, str> {
        match &self.client {
            Some(client) if !client.server_name.is_empty() => client.server_name.as_str().into(),
            _ => codes::version(self.version()),
        }
    }
    fn method(&self) -> Cow<'_, str> {
        "Handshake".into()
    }
    /// The description of a fatal alert, if one ended the handshake.
    fn status(&self) -> Option<i64> {
        self.fatal().map(|a| a.description.into())
    }
}

fn names(list: &[u16], name: fn(u16) -> Cow<'static, str>) -> Value<'static> {
    Value::MadeList(Box::new(list.iter().map(|n| name(*n).into_owned()).collect::<Vec<String>>()))
}

fn numbers(list: &[u16]) -> Value<'static> {
    Value::MadeList(Box::new(list.iter().map(|n| u64::from(*n)).collect::<Vec<u64>>()))
}

fn protocols(list: &[Vec<u8>]) -> Value<'static> {
    if list.is_empty() {
        return Value::Absent;
    }
    Value::MadeList(Box::new(list.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect::<Vec<String>>()))
}

/// What `f` makes of the ClientHello; absent without one.
fn of_client<'a>(h: &'a Handshake, f: impl FnOnce(&'a ClientHello) -> Value<'a>) -> Value<'a> {
    h.client.as_ref().map_or(Value::Absent, f)
}

object! {
    Handshake as h, HANDSHAKE_FIELDS {
        "version": Str, "Version chosen by the server; without an answer the highest that the client offers" => Value::Str(codes::version(h.version()));
        "versionId": U64, "The same as a number: 0x0303 for TLS 1.2" => h.version();
        "sni": Str, "Server name that the client asks for (RFC 6066 §3)" => of_client(h, |c| Value::text(&c.server_name));
        "alpn": List, "Application protocols that the client offers (RFC 7301)" => of_client(h, |c| protocols(&c.alpn));
        "clientVersion": Str, "The legacy_version of the ClientHello" => of_client(h, |c| Value::Str(codes::version(c.version)));
        "versions": List, "Versions that the client offers (supported_versions, RFC 8446 §4.2.1)" => of_client(h, |c| if c.versions.is_empty() { Value::Absent } else { names(&c.versions, codes::version) });
        "cipherSuites": List, "Cipher suites that the client offers, by name" => of_client(h, |c| names(&c.cipher_suites, codes::cipher_suite));
        "cipherSuiteIds": List, "The same as numbers" => of_client(h, |c| numbers(&c.cipher_suites));
        "extensions": List, "Extensions of the ClientHello in their order, by name" => of_client(h, |c| names(&c.extensions, codes::extension));
        "extensionIds": List, "The same as numbers" => of_client(h, |c| numbers(&c.extensions));
        "ja3": Str, "JA3 of the ClientHello" => of_client(h, |c| ja3(c).into());
        "ja3Hash": Str, "MD5 of ja3" => of_client(h, |c| md5_hex(&ja3(c)).into());
        "ja4": Str, "JA4 of the ClientHello" => of_client(h, |c| ja4(c, h.carrier).into());
        "ech": Bool, "Whether the client sends an Encrypted Client Hello, or pretends to" => of_client(h, |c| c.has(extension::ENCRYPTED_CLIENT_HELLO).into());
        "earlyData": Bool, "Whether the client sends data before the handshake is over (RFC 8446 §2.3)" => of_client(h, |c| c.has(extension::EARLY_DATA).into());
        "server": Object(SERVER_FIELDS), "What the server answered; absent if no ServerHello was seen" => h.server.as_ref().map_or(Value::Absent, |s| Value::Object(s));
        "resumed": Bool, "Whether an earlier session was resumed; absent unless both hellos were seen" => h.resumed();
        "retry": Bool, "Whether the server asked for another ClientHello (HelloRetryRequest, HelloVerifyRequest)" => h.verify || h.server.as_ref().is_some_and(|s| s.hello.retry);
        "alerts": List(ALERT_FIELDS), "Alerts sent before encryption began" => if h.alerts.is_empty() { Value::Absent } else { Value::List(&h.alerts) };
    }
}

object! {
    Server as s, SERVER_FIELDS {
        "version": Str, "Version chosen" => Value::Str(codes::version(s.hello.chosen_version()));
        "versionId": U64, "The same as a number" => s.hello.chosen_version();
        "cipherSuite": Str, "Cipher suite chosen, by name" => Value::Str(codes::cipher_suite(s.hello.cipher_suite));
        "cipherSuiteId": U64, "The same as a number" => s.hello.cipher_suite;
        "alpn": Str, "Application protocol chosen" => s.hello.alpn.first().map(|n| String::from_utf8_lossy(n).into_owned());
        "extensions": List, "Extensions of the ServerHello in their order, by name" => names(&s.hello.extensions, codes::extension);
        "extensionIds": List, "The same as numbers" => numbers(&s.hello.extensions);
        "ja3s": Str, "JA3S of the ServerHello" => ja3s(&s.hello);
        "ja3sHash": Str, "MD5 of ja3s" => md5_hex(&ja3s(&s.hello));
        "ja4s": Str, "JA4S of the ServerHello" => ja4s(&s.hello, s.carrier);
        "certificates": List(CERTIFICATE_FIELDS), "The chain that the server sent, its own first; not visible from TLS 1.3 on" => if s.certificates.is_empty() { Value::Absent } else { Value::List(&s.certificates) };
    }
}

object! {
    Alert as a, ALERT_FIELDS {
        "from": Str, "client or server" => match a.from {
            Sender::Client => "client",
            Sender::Server => "server",
        };
        "level": Str, "warning or fatal" => if a.fatal { "fatal" } else { "warning" };
        "description": Str, "Name of the alert (RFC 8446 §6)" => Value::Str(codes::alert(a.description));
        "descriptionId": U64, "Its number" => a.description;
    }
}
