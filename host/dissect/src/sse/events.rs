//! The events of one response, as its bytes come (WHATWG HTML §9.2.6).

use super::{SSE, anomaly};
use crate::{
    Context, Half,
    exchange::{self, Part},
    redact::{self, JsonRules},
};
use hookline_item::{Seen, Value, object};
use memchr::memchr2;
use std::{borrow::Cow, sync::Arc};

/// What has come of the event under way, and of its last line.
#[derive(Debug, Default)]
pub(crate) struct Events {
    path: Arc<str>,
    /// What is masked in data that is JSON.
    json_rules: Option<JsonRules>,
    line: Vec<u8>,
    event: Event,
    /// The stream's last event id: it stands until another is given.
    last_id: Arc<str>,
    /// When the event's first byte was seen.
    first: Option<Seen>,
    /// Bytes of the event so far.
    size: u64,
    cut: u64,
    /// The last line ended with a carriage return: a line feed is part of that end.
    after_cr: bool,
    /// Whether a line was read: a byte order mark may stand before the first only.
    begun: bool,
    /// Bytes were lost: nothing is certain before the next empty line.
    lost: bool,
}

/// One event.
#[derive(Debug, Default)]
struct Event {
    path: Arc<str>,
    name: String,
    id: Arc<str>,
    data: Option<Vec<u8>>,
    retry: Option<u64>,
}

object! {
    Event as e, EVENT_FIELDS {
        "event": Str, "The event's type; message where none is given" => e.name();
        "id": Str, "The last event id; absent where none was given yet" => Value::text(&e.id);
        "data": Str, "What it says, its lines joined" => Value::lossy(e.data.as_deref().unwrap_or_default());
        "retry": U64, "The reconnection time that it sets, in ms; absent if it sets none" => e.retry;
        "path": Str, "The path of the request; empty if that was not seen" => &*e.path;
    }
}

impl Event {
    fn name(&self) -> &str {
        if self.name.is_empty() { "message" } else { &self.name }
    }
}

impl exchange::Request for Event {
    fn summary(&self) -> Cow<'_, str> {
        (&*self.path).into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name().into()
    }
}

impl Events {
    /// The events of a response to a request for `path`.
    pub(crate) fn new(path: String, json_rules: Option<JsonRules>) -> Self {
        Self { path: path.into(), json_rules, ..Self::default() }
    }

    /// The next bytes of the response's body.
    pub(crate) fn bytes(&mut self, cx: &mut Context<'_>, mut bytes: &[u8]) {
        if std::mem::take(&mut self.after_cr) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\r', b'\n', bytes) {
            let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            self.push(cx, line);
            self.size = self.size.saturating_add(1);
            self.end_line(cx);
            bytes = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                _ => rest.get(1..).unwrap_or_default(),
            };
        }
        if !bytes.is_empty() {
            self.push(cx, bytes);
        }
    }

    /// Bytes are missing here.
    pub(crate) fn hole(&mut self) {
        let kept = std::mem::take(self);
        *self = Self { path: kept.path, json_rules: kept.json_rules, last_id: kept.last_id, begun: true, lost: true, ..Self::default() };
    }

    /// More of a line.
    fn push(&mut self, cx: &Context<'_>, bytes: &[u8]) {
        self.first.get_or_insert(cx.first);
        self.size = self.size.saturating_add(bytes.len() as u64);
        let held = self.line.len() + self.event.data.as_ref().map_or(0, Vec::len);
        let room = cx.limits.message_max.saturating_sub(held).min(bytes.len());
        self.line.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.cut = self.cut.saturating_add((bytes.len() - room) as u64);
    }

    fn end_line(&mut self, cx: &mut Context<'_>) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.is_empty() {
            self.dispatch(cx);
        } else if !self.lost {
            let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
            let (name, value) = line.split_at_checked(colon).unwrap_or((&line, &[]));
            let value = value.get(1..).unwrap_or_default();
            self.field(name, value.strip_prefix(b" ").unwrap_or(value));
        }
        line.clear();
        self.line = line;
    }

    /// One field; those of other names, and comments, are ignored.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let text = || String::from_utf8_lossy(value);
        match name {
            b"event" => self.event.name = text().into_owned(),
            b"data" => match &mut self.event.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.event.data = Some(value.to_vec()),
            },
            b"id" if !value.contains(&0) => self.last_id = text().into(),
            b"retry" if value.iter().all(u8::is_ascii_digit) => self.event.retry = text().parse().ok(),
            _ => {}
        }
    }

    /// An empty line: the event is whole.
    fn dispatch(&mut self, cx: &mut Context<'_>) {
        let mut event = std::mem::take(&mut self.event);
        let first = self.first.take().unwrap_or(cx.first);
        let (size, cut) = (std::mem::take(&mut self.size), std::mem::take(&mut self.cut));
        if std::mem::take(&mut self.lost) || event.data.is_none() {
            return;
        }
        event.data.iter_mut().for_each(|data| redact::json_message(self.json_rules.as_ref(), data));
        (event.id, event.path) = (self.last_id.clone(), self.path.clone());
        let half = Half { first, last: cx.last, size, cut, ..Half::default() };
        exchange::single(cx, &SSE, Part::new(event, half).noting(cut > 0, anomaly::CUT));
    }
}

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
