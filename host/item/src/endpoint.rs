//! Who talks to whom.

use crate::{object, value::Value};
use std::net::{IpAddr, SocketAddr};

/// Which side of a conversation sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The side that opened the conversation.
    Client,
    /// The other one.
    Server,
}

impl Sender {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// 0 for the client, 1 for the server: an index into pairs of things kept per side.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// One side of a conversation: its address, and the name it is known by where one was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address and port; port 0 where the transport has none.
    pub addr: SocketAddr,
    /// A host name, or empty.
    pub name: String,
}

impl Endpoint {
    /// The side at `ip` and `port`, without a name.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16) -> Self {
        Self { addr: SocketAddr::new(ip, port), name: String::new() }
    }
}

object! {
    Endpoint as e, ENDPOINT_FIELDS {
        "ip": Str, "IP address" => e.addr.ip().to_string();
        "port": Str, "Transport port, as a text (as Kubeshark has it)" => e.addr.port().to_string();
        "name": Str, "Host name, where one is known" => e.name.as_str();
        "resolutionMechanism": Str, "How the name was found: none, http-header or dns" => if e.name.is_empty() { "none" } else { "http-header" };
    }
}

/// The machine that captured an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its address, or empty.
    pub ip: String,
    /// Its host name.
    pub name: String,
}

object! {
    Node as n, NODE_FIELDS {
        "ip": Str, "Address of the capturing machine" => Value::text(&n.ip);
        "name": Str, "Host name of the capturing machine" => n.name.as_str();
    }
}
