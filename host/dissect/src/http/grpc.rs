//! gRPC: messages in the bodies of HTTP/2, the status in the trailers (gRPC over HTTP2, "PROTOCOL-HTTP2").

use super::{message::Part, protobuf, target};
use crate::{
    decode,
    made::{Made, text_or_base64},
};
use hookline_item::{Value, object};

/// What is asked for: `/service/method` (PROTOCOL-HTTP2, "Path").
pub(super) struct Call<'a> {
    part: &'a Part,
    path: &'a [u8],
}

/// How a call ended.
pub(super) struct Outcome<'a>(pub(super) &'a Part);

object! {
    Call<'_> as c, CALL_FIELDS {
        "service": Str, "The service, with its package" => Value::lossy(c.names().0);
        "method": Str, "The method" => Value::lossy(c.names().1);
        "messageCount": U64, "Messages that came" => count(c.part);
        "messages": List(MESSAGE_FIELDS), "The messages, as far as they were kept" => Value::MadeList(Box::new(messages(c.part)));
    }
}

object! {
    Outcome<'_> as o, OUTCOME_FIELDS {
        "status": U64, "The status code, from grpc-status; absent without one" => o.status();
        "statusName": Str, "Its name" => o.status().and_then(status_name);
        "message": Str, "grpc-message, with its percent-encoding undone; absent without one" => o.message();
        "messageCount": U64, "Messages that came" => count(o.0);
        "messages": List(MESSAGE_FIELDS), "The messages, as far as they were kept" => Value::MadeList(Box::new(messages(o.0)));
    }
}

/// A message with its prefix (PROTOCOL-HTTP2, "Length-Prefixed-Message").
pub(super) struct Message {
    size: u64,
    compressed: bool,
    shown: Shown,
}

/// What a message can be taken for.
enum Shown {
    /// It is empty, or it is compressed in a way that cannot be undone.
    Nothing,
    Fields(Made),
    Text(String),
    Base64(String),
}

object! {
    Message as m, MESSAGE_FIELDS {
        "size": U64, "Bytes on the wire, without the prefix" => m.size;
        "compressed": Bool, "Whether it was compressed, as grpc-encoding says" => m.compressed;
        "fields": Object, "The message as Protocol Buffers without a schema: values by field numbers; absent if it is none" => if let Shown::Fields(fields) = &m.shown { fields.value() } else { Value::Absent };
        "text": Str, "The message where it is text, like JSON; absent if it is none" => if let Shown::Text(text) = &m.shown { Value::from(text.as_str()) } else { Value::Absent };
        "bytes": Str, "The message in base64, where it is neither" => if let Shown::Base64(text) = &m.shown { Value::from(text.as_str()) } else { Value::Absent };
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(part: &'a Part, path: &'a [u8]) -> Self {
        Self { part, path }
    }

    fn names(&self) -> (&'a [u8], &'a [u8]) {
        let path = self.path.strip_prefix(b"/").unwrap_or(self.path);
        let slash = path.iter().rposition(|b| *b == b'/').unwrap_or(path.len());
        (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default())
    }
}

impl Outcome<'_> {
    /// A field of the trailers; or of the head, where that is all there is ("Trailers-Only").
    fn field(&self, name: &str) -> Option<&[u8]> {
        self.0.trailers.as_ref().and_then(|t| t.value(name)).or_else(|| self.0.head.value(name))
    }

    fn status(&self) -> Option<u64> {
        std::str::from_utf8(self.field("grpc-status")?).ok()?.parse().ok()
    }

    fn message(&self) -> Value<'static> {
        self.field("grpc-message").map_or(Value::Absent, |m| target::percent_decoded(m).into())
    }
}

impl Message {
    fn new(part: &Part, compressed: bool, size: u64, bytes: &[u8]) -> Self {
        let coding = part.head.value("grpc-encoding").unwrap_or_default();
        let shown = if compressed {
            decode::decode(bytes, coding, part.decoded_max).map_or(Shown::Nothing, |decoded| Shown::new(&decoded.bytes))
        } else {
            Shown::new(bytes)
        };
        Self { size, compressed, shown }
    }
}

impl Shown {
    fn new(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Nothing;
        }
        if let Some(fields) = protobuf::fields(bytes) {
            return Self::Fields(fields);
        }
        match text_or_base64(bytes) {
            (text, false) => Self::Text(text),
            (text, true) => Self::Base64(text),
        }
    }
}

/// The messages in a body, each with its flag, its size and what came of it.
fn split(part: &Part) -> impl Iterator<Item = (bool, u64, &[u8])> {
    let mut rest = part.body.decodable();
    std::iter::from_fn(move || {
        let ([flag, a, b, c, d], after) = rest.split_first_chunk()?;
        let size = u32::from_be_bytes([*a, *b, *c, *d]);
        let len = usize::try_from(size).unwrap_or(usize::MAX).min(after.len());
        let (message, after) = after.split_at_checked(len)?;
        rest = after;
        Some((flag & 1 != 0, u64::from(size), message))
    })
}

fn count(part: &Part) -> u64 {
    split(part).count() as u64
}

fn messages(part: &Part) -> Vec<Message> {
    split(part).take(MESSAGES_MAX).map(|(compressed, size, bytes)| Message::new(part, compressed, size, bytes)).collect()
}

/// Status codes (grpc.io, "Status codes and their use in gRPC").
fn status_name(code: u64) -> Option<&'static str> {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(usize::try_from(code).ok()?).copied()
}

/// Messages shown of one stream: long ones have millions.
const MESSAGES_MAX: usize = 256;
