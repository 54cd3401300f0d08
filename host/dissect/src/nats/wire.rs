//! Lines: an operation, its arguments, and how many bytes follow.

use hookline_item::Sender;
use memchr::memmem;

/// The longest line: servers take 4 KiB from clients (`max_control_line`); their own INFO lists a cluster's addresses.
pub(super) const LINE_MAX: usize = 64 << 10;
/// The longest payload that is believed: `max_payload` can be set to 64 MiB at most.
const PAYLOAD_MAX: usize = 64 << 20;

/// An operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Op {
    Info,
    Connect,
    Pub,
    Hpub,
    Sub,
    Unsub,
    Msg,
    Hmsg,
    Ping,
    Pong,
    Ok,
    Err,
    /// None that is known: servers answer it with -ERR.
    #[default]
    Unknown,
}

/// Operations and their names on the wire.
const OPS: [(Op, &str); 12] = [
    (Op::Info, "INFO"),
    (Op::Connect, "CONNECT"),
    (Op::Pub, "PUB"),
    (Op::Hpub, "HPUB"),
    (Op::Sub, "SUB"),
    (Op::Unsub, "UNSUB"),
    (Op::Msg, "MSG"),
    (Op::Hmsg, "HMSG"),
    (Op::Ping, "PING"),
    (Op::Pong, "PONG"),
    (Op::Ok, "+OK"),
    (Op::Err, "-ERR"),
];

impl Op {
    pub(super) fn name(self) -> &'static str {
        OPS.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }

    /// Who sends it, where only one side does.
    pub(super) fn sender(self) -> Option<Sender> {
        match self {
            Self::Connect | Self::Pub | Self::Hpub | Self::Sub | Self::Unsub => Some(Sender::Client),
            Self::Info | Self::Msg | Self::Hmsg | Self::Ok | Self::Err => Some(Sender::Server),
            Self::Ping | Self::Pong | Self::Unknown => None,
        }
    }

    /// Whether an operation's name begins with these bytes, or they with it.
    pub(super) fn could_begin(bytes: &[u8]) -> bool {
        OPS.iter().any(|(_, name)| name.bytes().zip(bytes).all(|(a, b)| a == b.to_ascii_uppercase()))
    }

    fn of(word: &[u8]) -> Option<Self> {
        OPS.iter().find(|(_, name)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(op, _)| *op)
    }
}

/// The line that `bytes` begin with, without its end; `None` if that is not there.
pub(super) fn line(bytes: &[u8]) -> Option<&[u8]> {
    memmem::find(bytes, b"\r\n").and_then(|end| bytes.get(..end))
}

/// A line, taken apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line<'a> {
    pub(super) op: Op,
    pub(super) subject: &'a [u8],
    pub(super) reply: &'a [u8],
    pub(super) queue: &'a [u8],
    pub(super) sid: &'a [u8],
    /// UNSUB: messages after which it ends.
    pub(super) max: Option<u64>,
    /// What stands behind the operation: the JSON of INFO and CONNECT, the text of -ERR.
    pub(super) text: &'a [u8],
    /// Bytes of headers at the start of the payload.
    pub(super) headers: usize,
    /// Bytes that follow the line, their end not counted.
    pub(super) payload: Option<usize>,
}

impl<'a> Line<'a> {
    /// `None` if it is no operation with the arguments that it must have.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let is_space = |b: &u8| matches!(b, b' ' | b'\t');
        let op = Op::of(line.split(is_space).next()?)?;
        let text = line.get(op.name().len()..)?.trim_ascii();
        let mut words = [&b""[..]; 5];
        let mut count = 0;
        for word in text.split(is_space).filter(|w| !w.is_empty()) {
            if let Some(slot) = words.get_mut(count) {
                *slot = word;
            }
            count += 1;
        }
        let base = Self { op, ..Self::default() };
        let [a, b, c, d, e] = words;
        Some(match (op, count) {
            (Op::Info | Op::Connect, _) if text.starts_with(b"{") => Self { text, ..base },
            (Op::Err, _) => Self { text, ..base },
            (Op::Ping | Op::Pong | Op::Ok, 0) => base,
            (Op::Pub, 2) => Self { subject: a, payload: Some(size(b)?), ..base },
            (Op::Pub, 3) => Self { subject: a, reply: b, payload: Some(size(c)?), ..base },
            (Op::Hpub, 3) => Self { subject: a, ..base }.with_headers(b, c)?,
            (Op::Hpub, 4) => Self { subject: a, reply: b, ..base }.with_headers(c, d)?,
            (Op::Sub, 2) => Self { subject: a, sid: b, ..base },
            (Op::Sub, 3) => Self { subject: a, queue: b, sid: c, ..base },
            (Op::Unsub, 1) => Self { sid: a, ..base },
            (Op::Unsub, 2) => Self { sid: a, max: Some(size(b)? as u64), ..base },
            (Op::Msg, 3) => Self { subject: a, sid: b, payload: Some(size(c)?), ..base },
            (Op::Msg, 4) => Self { subject: a, sid: b, reply: c, payload: Some(size(d)?), ..base },
            (Op::Hmsg, 4) => Self { subject: a, sid: b, ..base }.with_headers(c, d)?,
            (Op::Hmsg, 5) => Self { subject: a, sid: b, reply: c, ..base }.with_headers(d, e)?,
            _ => return None,
        })
    }

    fn with_headers(self, headers: &[u8], total: &[u8]) -> Option<Self> {
        let (headers, payload) = (size(headers)?, size(total)?);
        (headers <= payload).then_some(Self { headers, payload: Some(payload), ..self })
    }
}

fn size(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|n| *n <= PAYLOAD_MAX)
}
