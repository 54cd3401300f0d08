//! The flow as the flows hook sees it: that it opened, or closed and what it carried.

use hookline_item::{Timestamp, Value, object};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// A flow that opened or closed.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// When.
    pub at: Timestamp,
    /// The number that its items have as `stream`.
    pub stream: u64,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
    /// The side that opened it.
    pub client: SocketAddr,
    /// The other one.
    pub server: SocketAddr,
    /// Whether its first packet is not the first of a connection.
    pub mid_stream: bool,
    /// What is known once it has closed.
    pub closed: Option<Closed>,
}

/// What a flow carried.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// Why it is over.
    pub reason: &'static str,
    /// From its first packet to its last.
    pub duration: Duration,
    /// Packets from the client, and from the server.
    pub packets: [u64; 2],
    /// Bytes of payload from the client, and from the server.
    pub bytes: [u64; 2],
}

struct Side(IpAddr, u16);

object! {
    Side as s, SIDE_FIELDS {
        "ip": Str, "IP address" => s.0.to_string();
        "port": U64, "Transport port" => s.1;
    }
}

fn side(addr: SocketAddr) -> Value<'static> {
    Value::MadeObject(Box::new(Side(addr.ip(), addr.port())))
}

object! {
    Flow as f, FLOW_FIELDS {
        "event": Str, "open or close" => if f.closed.is_some() { "close" } else { "open" };
        "timestamp": U64, "Nanoseconds since the epoch" => f.at.0;
        "stream": Str, "Id of the flow, as its items have it" => format!("{:012x}", f.stream);
        "protocol": Str, "tcp, udp or sctp" => f.protocol;
        "client": Object(SIDE_FIELDS), "The side that opened it" => side(f.client);
        "server": Object(SIDE_FIELDS), "The other side" => side(f.server);
        "midStream": Bool, "Whether its first packet is not the first of a connection" => f.mid_stream;
        "reason": Str, "Why it closed: fin, reset, timeout, …" => f.closed.map(|c| c.reason);
        "durationNs": U64, "From its first packet to its last" => f.closed.map(|c| u64::try_from(c.duration.as_nanos()).unwrap_or(u64::MAX));
        "packetsSent": U64, "Packets from the client" => f.closed.map(|c| c.packets[0]);
        "packetsReceived": U64, "Packets from the server" => f.closed.map(|c| c.packets[1]);
        "bytesSent": U64, "Bytes of payload from the client" => f.closed.map(|c| c.bytes[0]);
        "bytesReceived": U64, "Bytes of payload from the server" => f.closed.map(|c| c.bytes[1]);
    }
}
