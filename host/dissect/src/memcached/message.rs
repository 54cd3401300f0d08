//! What memcached items say.

use super::{
    binary::{OPCODES, Packet, STATUSES},
    text::{self, RETRIEVAL, number, words},
};
use crate::{
    exchange::{Request, Response},
    made::Made,
    names::name_of,
};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// Keys and values shown of one message.
const SHOWN_MAX: usize = 256;
/// Bytes kept of one response's lines, without their values.
const LINES_MAX: usize = 64 << 10;

/// A command: its line and data, or its packet.
#[derive(Debug)]
pub(super) struct Command(pub(super) Box<[u8]>);

/// A response: its lines, or its packets, without the values in them.
#[derive(Debug)]
pub(super) struct Reply(Vec<Box<[u8]>>, usize);

impl Command {
    fn packet(&self) -> Option<Packet<'_>> {
        if self.0.first() == Some(&0x80) { Packet::parse(&self.0) } else { None }
    }

    fn line(&self) -> &[u8] {
        text::line(&self.0).unwrap_or(&self.0)
    }

    fn word(&self, at: usize) -> Option<&[u8]> {
        words(self.line()).nth(at)
    }

    /// Whether the client wants no response where all goes well.
    pub(super) fn is_quiet(&self) -> bool {
        self.packet().map_or_else(|| text::is_quiet(self.line()), |p| p.is_quiet())
    }

    /// Whether no response comes whatever happens: `noreply` and `quit` of the text protocol.
    pub(super) fn is_silent(&self) -> bool {
        self.packet().is_none() && self.is_quiet() && self.word(0).is_some_and(|name| name.len() > 2)
    }

    fn name(&self) -> Cow<'_, str> {
        match self.packet() {
            Some(packet) => name_of(OPCODES, packet.opcode.into(), "Opcode"),
            None => String::from_utf8_lossy(self.word(0).unwrap_or_default()),
        }
    }

    fn keys(&self) -> Vec<String> {
        let shown = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        if let Some(packet) = self.packet() {
            return Some(packet.key).filter(|k| !k.is_empty()).map(shown).into_iter().collect();
        }
        let name = self.word(0).unwrap_or_default();
        let skip = 1 + usize::from(name.starts_with(b"gat"));
        let count = match name {
            _ if RETRIEVAL.contains(&name) => SHOWN_MAX,
            b"stats" | b"flush_all" | b"version" | b"verbosity" | b"quit" | b"mn" | b"slabs" | b"lru" | b"lru_crawler" | b"watch" => 0,
            b"cache_memlimit" | b"shutdown" | b"misbehave" => 0,
            _ => 1,
        };
        words(self.line()).skip(skip).take(count).map(shown).collect()
    }

    fn of_storage(&self, at: usize) -> Option<u64> {
        if text::stores(self.line()) { self.word(at).and_then(number) } else { None }
    }

    fn value_length(&self) -> Option<u64> {
        match self.packet() {
            Some(packet) => Some(packet.value_len.into()).filter(|n| *n > 0),
            None if self.word(0) == Some(b"ms") => self.word(2).and_then(number),
            None => self.of_storage(4),
        }
    }

    fn flags(&self) -> Option<u64> {
        self.packet().map_or_else(|| self.of_storage(2), |p| p.flags().map(u64::from))
    }

    fn expiry(&self) -> Option<i64> {
        let signed = |word: &[u8]| std::str::from_utf8(word).ok()?.parse().ok();
        match self.packet() {
            Some(packet) => packet.expiry().map(i64::from),
            None if text::stores(self.line()) => self.word(3).and_then(signed),
            None if matches!(self.word(0), Some(b"touch")) => self.word(2).and_then(signed),
            None if matches!(self.word(0), Some(b"gat" | b"gats" | b"flush_all")) => self.word(1).and_then(signed),
            None => None,
        }
    }

    /// By how much a counter goes up or down.
    fn delta(&self) -> Option<u64> {
        match self.packet() {
            Some(packet) if matches!(packet.opcode, 5 | 6 | 0x15 | 0x16) => {
                packet.extras.first_chunk::<8>().map(|b| u64::from_be_bytes(*b))
            }
            None if matches!(self.word(0), Some(b"incr" | b"decr")) => self.word(2).and_then(number),
            _ => None,
        }
    }

    /// Flags of a meta command.
    fn meta_flags(&self) -> Option<Vec<String>> {
        let skip = match self.word(0)? {
            b"ms" => 3,
            [b'm', b'g' | b'd' | b'a' | b'e'] => 2,
            _ => return None,
        };
        Some(words(self.line()).skip(skip).map(|w| String::from_utf8_lossy(w).into_owned()).collect())
    }
}

impl Reply {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut reply = Self(Vec::new(), 0);
        reply.add(bytes);
        reply
    }

    /// Adds a line or a packet; of one with a value only what stands before that is kept.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let kept = match Packet::parse(bytes).filter(|_| bytes.first() == Some(&0x81)) {
            // Numbers, versions, statistics and errors are texts and counters of a few bytes.
            Some(packet) if packet.value.len() > SHOWN_MAX => bytes.len() - packet.value.len(),
            Some(_) => bytes.len(),
            None => text::line(bytes).map_or(bytes.len(), <[u8]>::len),
        };
        // The last line says how it ended.
        if self.1.saturating_add(kept) > LINES_MAX {
            self.1 -= self.0.pop().map_or(0, |line| line.len());
        }
        let line: Box<[u8]> = bytes.get(..kept).unwrap_or_default().into();
        self.1 = self.1.saturating_add(line.len());
        self.0.push(line);
    }

    fn packet(&self) -> Option<Packet<'_>> {
        self.0.last().filter(|l| l.first() == Some(&0x81)).and_then(|l| Packet::parse(l))
    }

    /// Whether it is of the binary protocol.
    pub(super) fn is_binary(&self) -> bool {
        self.last().first() == Some(&0x81)
    }

    fn last(&self) -> &[u8] {
        self.0.last().map(|l| &**l).unwrap_or_default()
    }

    /// Whether it may be a response to this command.
    pub(super) fn answers(&self, command: &Command) -> bool {
        match (self.packet(), command.packet()) {
            (Some(reply), Some(command)) => reply.opaque == command.opaque && reply.opcode == command.opcode,
            (None, None) => text::fits(command.line(), self.0.first().map(|l| &**l).unwrap_or_default()),
            _ => false,
        }
    }

    fn status_text(&self) -> Cow<'_, str> {
        match self.packet() {
            Some(packet) => name_of(STATUSES, packet.status.into(), "Status"),
            None if self.number().is_some() => "OK".into(),
            None => String::from_utf8_lossy(words(self.last()).next().unwrap_or_default()),
        }
    }

    /// A counter's new value.
    fn number(&self) -> Option<u64> {
        match self.packet() {
            Some(packet) if matches!(packet.opcode, 5 | 6 | 0x15 | 0x16) && packet.status == 0 => {
                packet.value.first_chunk::<8>().map(|b| u64::from_be_bytes(*b))
            }
            Some(_) => None,
            None => number(words(self.last()).next().unwrap_or_default()),
        }
    }

    fn error(&self) -> Option<String> {
        match self.packet() {
            Some(packet) if packet.status != 0 => Some(String::from_utf8_lossy(packet.value).into_owned()),
            Some(_) => None,
            None if matches!(words(self.last()).next(), Some(b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR")) => {
                Some(String::from_utf8_lossy(self.last()).into_owned())
            }
            None => None,
        }
    }

    fn values(&self) -> Vec<Made> {
        let text = |bytes: Option<&[u8]>| Made::lossy(bytes.unwrap_or_default());
        let shown = |line: &[u8]| {
            let length = text::reply_data(line)?;
            let mut w = words(line);
            let mut fields = Vec::new();
            if w.next() == Some(b"VALUE") {
                fields.extend([("key", text(w.next())), ("length", length.into())]);
                fields.extend(w.next().and_then(number).map(|n| ("flags", n.into())));
                fields.extend(w.nth(1).and_then(number).map(|n| ("cas", n.into())));
            } else {
                fields.extend([
                    ("length", length.into()),
                    ("metaFlags", Made::Texts(w.skip(1).map(|w| String::from_utf8_lossy(w).into_owned()).collect())),
                ]);
            }
            Some(Made::Fields(fields))
        };
        if let Some(packet) = self.packet() {
            let has = matches!(packet.opcode, 0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24) && packet.status == 0;
            let fields = vec![
                ("key", Made::lossy(packet.key)),
                ("length", packet.value_len.into()),
                ("flags", packet.flags().unwrap_or(0).into()),
                ("cas", packet.cas.into()),
            ];
            return has.then_some(Made::Fields(fields)).into_iter().collect();
        }
        self.0.iter().take(SHOWN_MAX).filter_map(|l| shown(l)).collect()
    }

    fn statistics(&self) -> Vec<(String, Made)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown = |line: &[u8]| {
            if let Some(packet) = Packet::parse(line).filter(|_| line.first() == Some(&0x81)) {
                return (packet.opcode == 0x10 && !packet.key.is_empty()).then(|| (text(packet.key), Made::lossy(packet.value)));
            }
            let mut w = line.strip_prefix(b"STAT ")?.splitn(2, |b| *b == b' ');
            Some((text(w.next()?), Made::lossy(w.next().unwrap_or_default())))
        };
        self.0.iter().filter_map(|l| shown(l)).collect()
    }

    fn version(&self) -> Option<String> {
        match self.packet() {
            Some(packet) if packet.opcode == 0x0b => Some(String::from_utf8_lossy(packet.value).into_owned()),
            Some(_) => None,
            None => self.last().strip_prefix(b"VERSION ").map(|v| String::from_utf8_lossy(v).into_owned()),
        }
    }
}

object! {
    Command as c, REQUEST_FIELDS {
        "command": Str, "Name of the command: get, set, mg, …; of the binary protocol Get, SetQ, …" => Value::Str(c.name());
        "opcode": U64, "Binary protocol: its number" => c.packet().map(|p| p.opcode);
        "keys": List, "Keys that it is about" => Value::MadeList(Box::new(c.keys()));
        "valueLength": U64, "Bytes of the value that is stored" => c.value_length();
        "flags": U64, "The client's flags, kept with the value" => c.flags();
        "exptime": I64, "Expiry in seconds, or since 1970 beyond 30 days; 0 for never" => c.expiry();
        "delta": U64, "By how much a counter goes up or down" => c.delta();
        "noreply": Bool, "Whether the client wants no response where all goes well" => c.is_quiet().then_some(true);
        "opaque": U64, "Binary protocol: what the response repeats" => c.packet().map(|p| p.opaque);
        "metaFlags": List, "Flags of a meta command" => c.meta_flags().map_or(Value::Absent, |f| Value::MadeList(Box::new(f)));
    }
}

object! {
    Reply as r, RESPONSE_FIELDS {
        "status": Str, "STORED, END, NOT_FOUND, HD, …; of the binary protocol the meaning of its number" => Value::Str(r.status_text());
        "statusId": U64, "Binary protocol: its number" => r.packet().map(|p| p.status);
        "values": List, "Values found: key, length, flags, cas" => Value::MadeList(Box::new(Made::List(r.values())));
        "number": U64, "A counter's new value" => r.number();
        "version": Str, "The server's version" => r.version();
        "statistics": Object, "Statistics by name" => Some(r.statistics()).filter(|s| !s.is_empty()).map_or(Value::Absent, |s| Made::Map(s).into_value());
        "error": Str, "What is wrong" => r.error();
    }
}

impl Request for Command {
    fn summary(&self) -> Cow<'_, str> {
        self.keys().join(" ").into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name()
    }
}

impl Response for Reply {
    /// The binary protocol's number; of text 0, or 1 for an error.
    fn status(&self) -> Option<i64> {
        Some(self.packet().map_or_else(|| i64::from(self.error().is_some()), |p| p.status.into()))
    }
    fn summary(&self) -> Cow<'_, str> {
        self.status_text()
    }
}
