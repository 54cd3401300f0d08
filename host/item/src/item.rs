//! The item: one exchange of an application protocol, with all that is known of how it was seen.

use crate::{
    endpoint::{ENDPOINT_FIELDS, Endpoint, NODE_FIELDS, Node},
    object,
    protocol::{PROTOCOL_FIELDS, Protocol},
    time::Timestamp,
    tunnel::{TUNNEL_FIELDS, Tunnel},
    value::{Object, Value},
};
use std::{borrow::Cow, fmt::Debug, sync::Arc, time::Duration};

/// When, and in which frame, something was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The frame's time.
    pub at: Timestamp,
    /// The frame's number in its capture, from 1; 0 where frames are not numbered (live capture).
    pub frame: u64,
}

/// Where a flow's packets come from; shared by all items of the flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The capturing machine.
    pub node: Arc<Node>,
    /// How packets are captured: `file`, `afpacket`, …
    pub backend: &'static str,
    /// File or interface name.
    pub source: Arc<str>,
    /// The 802.1Q identifier of the innermost VLAN tag.
    pub vlan: Option<u16>,
    /// Tunnels around the packets, outermost first.
    pub tunnels: Vec<Tunnel>,
}

/// What a protocol's dissector knows of one exchange. Each dissector has a type of its own for it.
pub trait Message: Send + Sync + Debug {
    /// The request, if it was seen.
    fn request(&self) -> Option<&dyn Object> {
        None
    }
    /// The response, if it was seen.
    fn response(&self) -> Option<&dyn Object> {
        None
    }
    /// The message, in protocols that have no pairs.
    fn data(&self) -> Option<&dyn Object> {
        None
    }
    /// One line for a row: path, query name, key.
    fn summary(&self) -> Cow<'_, str>;
    /// What was asked: GET, AAAA, SET.
    fn method(&self) -> Cow<'_, str>;
    /// The numeric status: HTTP status, DNS rcode; absent without a response.
    fn status(&self) -> Option<i64>;
    /// `gRPC`, `GraphQL` or empty.
    fn sub_protocol(&self) -> &'static str {
        ""
    }
}

/// Why one side of an exchange is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes do not follow the protocol.
    Dissection,
    /// The connection was reset.
    Connection,
    /// No answer came before the flow ended or went idle.
    Timeout,
    /// An answer whose question was not seen.
    PairNotFound,
}

/// An error that is part of the item: the exchange is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemError {
    /// Which kind.
    pub kind: ErrorKind,
    /// One sentence for people.
    pub msg: Cow<'static, str>,
}

/// How much of an exchange was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Holes in the byte streams of this exchange.
    pub gaps: u32,
    /// Bytes that these holes lost, or that never came before the end.
    pub missing_bytes: u64,
    /// Body bytes that were seen and not kept, being beyond the limit.
    pub cut_bytes: u64,
    /// Whether the flow was picked up after its start, so that more may be missing than is known.
    pub mid_stream: bool,
}

/// First and last frame of one side.
pub type FrameRange = (u64, u64);

/// One exchange (request and response), or one message where a protocol has no pairs.
#[derive(Debug)]
pub struct Item {
    /// Position in its stream, from 0.
    pub index: u64,
    /// Capture-wide number of the transport stream.
    pub stream: u64,
    /// The protocol, in its version.
    pub protocol: &'static Protocol,
    /// Whether this was plaintext inside TLS.
    pub tls: bool,
    /// The client.
    pub src: Endpoint,
    /// The server.
    pub dst: Endpoint,
    /// When the first byte was seen.
    pub start: Timestamp,
    /// From the last byte of the request to the first byte of the response.
    pub elapsed: Option<Duration>,
    /// Bytes of the request on the wire.
    pub request_size: u64,
    /// Bytes of the response on the wire.
    pub response_size: u64,
    /// What is wrong with the exchange.
    pub error: Option<ItemError>,
    /// Oddities that did not stop the dissector, by name.
    pub anomalies: Vec<&'static str>,
    /// How much was seen.
    pub completeness: Completeness,
    /// Where it was seen.
    pub origin: Arc<Origin>,
    /// Frames of the request and of the response; file input only.
    pub request_frames: Option<FrameRange>,
    /// See `request_frames`.
    pub response_frames: Option<FrameRange>,
    /// What the protocol says.
    pub message: Box<dyn Message>,
}

impl Item {
    /// `node/stream-index`: unique in a capture, the same in each run over the same file.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{:012x}-{}", self.origin.node.name, self.stream, self.index)
    }

    /// The order of output for a file: time of the first frame, then stream, then position in the stream.
    #[must_use]
    pub fn order(&self) -> (Timestamp, u64, u64) {
        (self.start, self.stream, self.index)
    }
}

fn side<'a>(object: Option<&'a dyn Object>) -> Value<'a> {
    match object {
        Some(object) => Value::Object(object),
        None => Value::Absent,
    }
}

object! {
    Item as i, ITEM_FIELDS, protocol: protocol {
        "id": Str, "Unique name of the item: node/stream-index" => i.id();
        "index": U64, "Position in its stream, from 0" => i.index;
        "stream": Str, "Capture-wide id of the transport stream (hexadecimal): the key for its packets" => format!("{:012x}", i.stream);
        "worker": Str, "Name of the capturing process" => i.origin.node.name.as_str();
        "node": Object(NODE_FIELDS), "The capturing machine" => i.origin.node.as_ref();
        "protocol": Object(PROTOCOL_FIELDS), "The application protocol" => i.protocol;
        "subProtocol": Str, "gRPC or GraphQL inside HTTP; else empty" => i.message.sub_protocol();
        "tls": Bool, "Whether the plaintext came from a TLS stream" => i.tls;
        "src": Object(ENDPOINT_FIELDS), "The client" => &i.src;
        "dst": Object(ENDPOINT_FIELDS), "The server" => &i.dst;
        "timestamp": U64, "Time of the first frame in milliseconds since the epoch" => i.start.as_millis();
        "startTime": Str, "Time of the first frame, RFC 3339 with nanoseconds" => i.start.to_string();
        "elapsedTime": U64, "Microseconds from the last byte of the request to the first byte of the response" => i.elapsed.map(|d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX));
        "summary": Str, "One line for a row" => Value::Str(i.message.summary());
        "method": Str, "What was asked: GET, AAAA, …" => Value::Str(i.message.method());
        "status": I64, "Numeric status of the protocol: HTTP status, DNS rcode, …" => i.message.status();
        "request": Object, "The request, by protocol" => side(i.message.request());
        "response": Object, "The response, by protocol" => side(i.message.response());
        "data": Object, "The message, in protocols without pairs" => side(i.message.data());
        "requestSize": U64, "Bytes of the request on the wire" => i.request_size;
        "responseSize": U64, "Bytes of the response on the wire" => i.response_size;
        "size": U64, "Bytes of both on the wire" => i.request_size.saturating_add(i.response_size);
        "passed": Bool, "Marked as passed by a script (test.pass)" => false;
        "failed": Bool, "Marked as failed by a script (test.fail)" => false;
        "error": Object(ERROR_FIELDS), "What is wrong with the exchange, or null" => i.error.as_ref().map_or(Value::Null, |e| Value::Object(e));
        "anomalies": List, "Oddities that did not stop the dissector, by name" => Value::MadeList(Box::new(i.anomalies.clone()));
        "duplicate": Bool, "Whether the same packets were seen before at another hook" => false;
        "capture": Object(ORIGIN_FIELDS), "Where the packets were captured" => i.origin.as_ref();
        "completeness": Object(COMPLETENESS_FIELDS), "How much of the exchange was seen" => &i.completeness;
        "frames": Object(FRAMES_FIELDS), "Frame numbers in the capture file" => frames(i);
    }
}

fn frames(i: &Item) -> Value<'_> {
    if i.request_frames.is_none() && i.response_frames.is_none() {
        return Value::Absent;
    }
    Value::MadeObject(Box::new(Frames { request: i.request_frames, response: i.response_frames }))
}

struct Frames {
    request: Option<FrameRange>,
    response: Option<FrameRange>,
}

fn range(r: Option<FrameRange>) -> Value<'static> {
    r.map_or(Value::Absent, |(first, last)| Value::MadeList(Box::new(vec![first, last])))
}

object! {
    Frames as f, FRAMES_FIELDS {
        "request": List, "First and last frame of the request, from 1" => range(f.request);
        "response": List, "First and last frame of the response, from 1" => range(f.response);
    }
}

object! {
    ItemError as e, ERROR_FIELDS {
        "type": Str, "dissection, connection, timeout or pair-not-found" => match e.kind {
            ErrorKind::Dissection => "dissection",
            ErrorKind::Connection => "connection",
            ErrorKind::Timeout => "timeout",
            ErrorKind::PairNotFound => "pair-not-found",
        };
        "msg": Str, "One sentence for people" => e.msg.as_ref();
    }
}

object! {
    Completeness as c, COMPLETENESS_FIELDS {
        "grade": Str, "full, partial (known to be incomplete) or unknown (picked up mid-stream)" => match c {
            Completeness { gaps: 0, missing_bytes: 0, cut_bytes: 0, mid_stream: false } => "full",
            Completeness { gaps: 0, missing_bytes: 0, cut_bytes: 0, mid_stream: true } => "unknown",
            _ => "partial",
        };
        "gaps": U64, "Holes in the byte streams of this exchange" => c.gaps;
        "missingBytes": U64, "Bytes lost in these holes, or that never came before the end" => c.missing_bytes;
        "cutBytes": U64, "Body bytes seen and not kept, being over the limit" => c.cut_bytes;
        "lostFrames": U64, "Frames that the capture is known to have lost" => 0u64;
    }
}

struct Vlan(u16);
object! {
    Vlan as v, VLAN_FIELDS {
        "id": U64, "IEEE 802.1Q VLAN identifier" => v.0;
    }
}

object! {
    Origin as o, ORIGIN_FIELDS {
        "backend": Str, "How packets are captured: file, afpacket, …" => o.backend;
        "source": Str, "File or interface name" => o.source.as_ref();
        "vlan": Object(VLAN_FIELDS), "Innermost VLAN tag, or null" => o.vlan.map_or(Value::Null, |id| Value::MadeObject(Box::new(Vlan(id))));
        "tunnels": List(TUNNEL_FIELDS), "Tunnels around the packets, outermost first" => Value::List(&o.tunnels);
        "proxy": Object, "The proxy in between, or null" => Value::Null;
    }
}
