//! The packet as the packets hook sees it: enough to count, nothing to read.

use hookline_item::{Timestamp, object};
use std::net::{IpAddr, SocketAddr};

/// What is known of one captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// When it was captured.
    pub at: Timestamp,
    /// Bytes on the wire.
    pub length: u32,
    /// Bytes captured.
    pub capture_length: u32,
    /// Whether it is a fragment of an IP packet.
    pub fragmented: bool,
    /// `tcp`, `udp`, or empty.
    pub protocol: &'static str,
    /// Sender and receiver, for TCP and UDP over IP.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// Bytes after the transport header.
    pub payload_length: u32,
    /// The flags byte of TCP (RFC 9293 §3.1), 0 for all else.
    pub tcp_flags: u8,
    /// The number of the stream that it is in, if it is in one.
    pub stream: Option<u64>,
}

struct Side(IpAddr, u16);

object! {
    Side as s, SIDE_FIELDS {
        "ip": Str, "IP address" => s.0.to_string();
        "port": U64, "Transport port" => s.1;
    }
}

impl Packet {
    fn side(&self, pick: fn(&(SocketAddr, SocketAddr)) -> SocketAddr) -> hookline_item::Value<'_> {
        self.addresses
            .as_ref()
            .map(pick)
            .map_or(hookline_item::Value::Absent, |a| hookline_item::Value::MadeObject(Box::new(Side(a.ip(), a.port()))))
    }
}

object! {
    Packet as p, PACKET_FIELDS {
        "timestamp": U64, "Nanoseconds since the epoch" => p.at.0;
        "length": U64, "Bytes on the wire" => p.length;
        "captureLength": U64, "Bytes captured" => p.capture_length;
        "truncated": Bool, "Whether less was captured than was on the wire" => p.capture_length < p.length;
        "fragmented": Bool, "Whether it is a fragment of an IP packet" => p.fragmented;
        "protocol": Str, "tcp, udp or empty" => p.protocol;
        "src": Object(SIDE_FIELDS), "Sender" => p.side(|a| a.0);
        "dst": Object(SIDE_FIELDS), "Receiver" => p.side(|a| a.1);
        "payloadLength": U64, "Bytes after the transport header" => p.payload_length;
        "stream": Str, "Id of the stream that it is in, as items have it" => p.stream.map(|stream| format!("{stream:012x}"));
        "tcpFlags": U64, "Flags of TCP: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32" => p.tcp_flags;
    }
}
