//! The short names of protocols and conditions: `http`, `dns`, `error`.

use crate::expr::{Expr, Literal, Op, Operand};
use hookline_item::{Path, Step};
use std::sync::LazyLock;

/// What a macro compares: the protocol's `abbr` where several share a name, else its `name`.
const PROTOCOLS: &[(&str, &str, &str)] = &[
    ("http", "abbr", "HTTP"),
    ("http2", "abbr", "HTTP/2"),
    ("grpc", "abbr", "gRPC"),
    ("gql", "abbr", "GQL"),
    ("ws", "name", "ws"),
    ("sse", "name", "sse"),
    ("dns", "name", "dns"),
    ("amqp", "name", "amqp"),
    ("kafka", "name", "kafka"),
    ("redis", "name", "redis"),
    ("mysql", "name", "mysql"),
    ("postgresql", "name", "postgresql"),
    ("mongodb", "name", "mongodb"),
    ("mqtt", "name", "mqtt"),
    ("nats", "name", "nats"),
    ("memcached", "name", "memcached"),
    ("quic", "name", "quic"),
    ("tcp", "name", "tcp"),
    ("udp", "name", "udp"),
    ("icmp", "name", "icmp"),
    ("ldap", "name", "ldap"),
    ("radius", "name", "radius"),
    ("diameter", "name", "diameter"),
    ("sctp", "name", "sctp"),
];

/// The condition that `name` stands for.
pub(crate) fn find(name: &str) -> Option<Expr> {
    match name {
        // A TLS handshake, or an item whose plaintext came out of TLS.
        "tls" => Some(or(protocol("name", "tls"), Expr::Truthy(path(&["tls"])))),
        "https" => {
            Some(Expr::And(Box::new(Expr::Truthy(path(&["tls"]))), Box::new(or(protocol("abbr", "HTTP"), protocol("abbr", "HTTP/2")))))
        }
        _ => PROTOCOLS.iter().find(|(n, ..)| *n == name).map(|(_, field, text)| protocol(field, text)),
    }
}

/// What each macro is replaced by where macros are text.
pub(crate) fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    static TEXTS: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
        let of_protocols = PROTOCOLS.iter().map(|(name, field, text)| (*name, format!("protocol.{field} == {text:?}")));
        let tls = ("tls", "(protocol.name == \"tls\" or tls)".to_owned());
        let https = ("https", "(tls and (protocol.abbr == \"HTTP\" or protocol.abbr == \"HTTP/2\"))".to_owned());
        of_protocols.chain([tls, https]).collect()
    });
    TEXTS.iter().map(|(name, text)| (*name, text.as_str()))
}

/// Every macro's name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PROTOCOLS.iter().map(|(n, ..)| *n).chain(["tls", "https"])
}

fn protocol(field: &str, text: &str) -> Expr {
    Expr::Compare(Op::Eq, path(&["protocol", field]), Operand::Literal(Literal::Text(text.to_owned())))
}

fn path(names: &[&str]) -> Operand {
    Operand::path(Path { steps: names.iter().map(|n| Step::Name((*n).to_owned())).collect() })
}

fn or(a: Expr, b: Expr) -> Expr {
    Expr::Or(Box::new(a), Box::new(b))
}
