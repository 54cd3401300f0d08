//! What the server says to one message of the client, possibly in many of its own.

use super::{
    codes,
    message::{COPY_FIELDS, Copied},
    wire::{self, HEADER_LEN},
};
use crate::{cursor::Cursor, exchange::Response, made::Made};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// Results of one simple query that are kept: it may hold many statements.
const RESULTS_MAX: usize = 64;
/// ParameterStatus messages kept: servers report 15 at login.
const PARAMETERS_MAX: usize = 64;
/// Notices kept of one response.
const NOTICES_MAX: usize = 16;
/// Bytes kept of each of these.
const KEPT_MAX: usize = 16 << 10;

/// A response, added up message by message.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Body of the last RowDescription.
    columns: Option<Box<[u8]>>,
    /// Body of a ParameterDescription.
    types: Option<Box<[u8]>>,
    rows: u64,
    /// Command tags, of one statement each.
    tags: Vec<Box<[u8]>>,
    error: Option<Box<[u8]>>,
    notices: Vec<Box<[u8]>>,
    parameters: Vec<Box<[u8]>>,
    authentication: Option<Box<[u8]>>,
    notification: Option<Box<[u8]>>,
    /// The body of BackendKeyData.
    key: Option<Box<[u8]>>,
    transaction: Option<u8>,
    suspended: bool,
    copied: Option<Copied>,
    /// The one byte that answers SSLRequest and GSSENCRequest.
    accepted: Option<bool>,
}

fn kept(body: &[u8]) -> Box<[u8]> {
    body.get(..body.len().min(KEPT_MAX)).unwrap_or_default().into()
}

fn keep(list: &mut Vec<Box<[u8]>>, max: usize, body: &[u8]) {
    if list.len() < max {
        list.push(kept(body));
    }
}

impl Answer {
    /// The answer to SSLRequest or GSSENCRequest.
    pub(super) fn negotiated(accepted: bool) -> Self {
        Self { accepted: Some(accepted), ..Self::default() }
    }

    /// Adds a message.
    pub(super) fn add(&mut self, message: &[u8], size: u64) {
        let body = message.get(HEADER_LEN..).unwrap_or_default();
        let kind = message.first().copied().unwrap_or_default();
        match kind {
            b'T' => self.columns = Some(body.into()),
            b't' => self.types = Some(kept(body)),
            b'D' => self.rows = self.rows.saturating_add(1),
            b'C' => keep(&mut self.tags, RESULTS_MAX, body),
            b'E' => self.error = Some(kept(body)),
            b'N' => keep(&mut self.notices, NOTICES_MAX, body),
            b'S' => keep(&mut self.parameters, PARAMETERS_MAX, body),
            // "Ok" says less than what came before it.
            b'R' if self.authentication.is_none() || body != [0; 4] => self.authentication = Some(kept(body)),
            b'A' => self.notification = Some(kept(body)),
            b'K' => self.key = Some(kept(body)),
            b'Z' => self.transaction = body.first().copied(),
            b's' => self.suspended = true,
            b'G' | b'H' | b'W' => {
                let direction = [(b'G', "in"), (b'H', "out"), (b'W', "both")].into_iter().find(|(k, _)| *k == kind).map_or("", |(_, d)| d);
                self.copied = Some(Copied { direction, messages: 0, bytes: 0 });
            }
            b'd' => {
                let copied = self.copied.get_or_insert(Copied { direction: "out", messages: 0, bytes: 0 });
                copied.messages = copied.messages.saturating_add(1);
                copied.bytes = copied.bytes.saturating_add(size.saturating_sub(HEADER_LEN as u64));
            }
            _ => {}
        }
    }

    /// The code of its Authentication message.
    pub(super) fn authentication_code(&self) -> Option<u32> {
        Cursor::new(self.authentication.as_deref()?).u32_be()
    }

    fn error_field(&self, kind: u8) -> Value<'_> {
        self.error.as_deref().and_then(|error| field(error, kind)).map_or(Value::Absent, Value::lossy)
    }

    fn severity(&self) -> Value<'_> {
        // V is not translated; servers before 9.6 have only S.
        let severity = |error| field(error, b'V').or_else(|| field(error, b'S'));
        self.error.as_deref().and_then(severity).map_or(Value::Absent, Value::lossy)
    }

    fn tag(&self) -> Option<&[u8]> {
        self.tags.last().map(|tag| Cursor::new(tag).cstr().unwrap_or(tag))
    }

    /// The number at the end of the tag.
    fn affected(&self) -> Option<u64> {
        std::str::from_utf8(self.tag()?).ok()?.rsplit(' ').next()?.parse().ok()
    }

    fn columns(&self) -> Value<'_> {
        let column = |(name, oid): (&[u8], u32)| Made::Fields(vec![("name", Made::lossy(name)), ("type", codes::type_name(oid).into())]);
        self.columns.as_deref().map_or(Value::Absent, |body| Made::List(wire::columns(body).map(column).collect()).into_value())
    }

    fn parameter_types(&self) -> Value<'_> {
        let Some(oids) = self.types.as_deref().and_then(|body| body.get(2..)) else { return Value::Absent };
        Made::Texts(oids.as_chunks().0.iter().map(|oid| codes::type_name(u32::from_be_bytes(*oid))).collect()).into_value()
    }

    fn parameters(&self) -> Value<'_> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let all = self
            .parameters
            .iter()
            .flat_map(|body| wire::pairs(body))
            .map(|(name, value)| (text(name), Made::lossy(value)))
            .collect::<Vec<_>>();
        if all.is_empty() { Value::Absent } else { Made::Map(all).into_value() }
    }

    fn notices(&self) -> Value<'_> {
        let shown = |body: &[u8]| {
            let text = |kind| field(body, kind).map_or(Made::Null, Made::lossy);
            Made::Fields(vec![("severity", text(b'S')), ("code", text(b'C')), ("message", text(b'M'))])
        };
        if self.notices.is_empty() { Value::Absent } else { Made::List(self.notices.iter().map(|n| shown(n)).collect()).into_value() }
    }

    fn tags(&self) -> Value<'_> {
        let text = |tag: &[u8]| String::from_utf8_lossy(Cursor::new(tag).cstr().unwrap_or(tag)).into_owned();
        if self.tags.len() < 2 { Value::Absent } else { Made::Texts(self.tags.iter().map(|t| text(t)).collect()).into_value() }
    }

    fn notification(&self) -> Option<(u32, &[u8], &[u8])> {
        let mut cursor = Cursor::new(self.notification.as_deref()?);
        Some((cursor.u32_be()?, cursor.cstr()?, cursor.cstr()?))
    }

    /// The mechanisms that an AuthenticationSASL offers.
    fn mechanisms(&self) -> Value<'_> {
        let Some(list) = self.authentication.as_deref().filter(|a| a.starts_with(&[0, 0, 0, 10])).and_then(|a| a.get(4..)) else {
            return Value::Absent;
        };
        let names = list.split(|b| *b == 0).filter(|name| !name.is_empty());
        Made::Texts(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()).into_value()
    }

    fn process_id(&self) -> Option<u32> {
        self.notification().map(|(pid, ..)| pid).or_else(|| Cursor::new(self.key.as_deref()?).u32_be())
    }
}

fn field(body: &[u8], kind: u8) -> Option<&[u8]> {
    wire::fields(body).find(|(k, _)| *k == kind).map(|(_, text)| text)
}

object! {
    Answer as a, RESPONSE_FIELDS {
        "success": Bool, "Whether there was no error, and encryption was not refused" => a.error.is_none() && a.accepted != Some(false);
        "tag": Str, "Command tag of the last statement, as INSERT 0 1" => a.tag().map(String::from_utf8_lossy).map_or(Value::Absent, Value::Str);
        "tags": List, "Command tags of all statements, where there is more than one" => a.tags();
        "rows": U64, "Rows returned" => a.rows;
        "affectedRows": U64, "Rows that the last statement touched, from its tag" => a.affected();
        "columns": List, "Columns of the last result: name and type" => a.columns();
        "parameterTypes": List, "Types of a statement's parameters, where they were asked for" => a.parameter_types();
        "errorCode": Str, "SQLSTATE of the error" => a.error_field(b'C');
        "severity": Str, "ERROR, FATAL or PANIC" => a.severity();
        "message": Str, "Text of the error" => a.error_field(b'M');
        "detail": Str, "More about the error" => a.error_field(b'D');
        "hint": Str, "What to do about it" => a.error_field(b'H');
        "position": Str, "Where in the query, in characters from 1" => a.error_field(b'P');
        "notices": List, "Warnings and notices: severity, code and message" => a.notices();
        "authentication": Str, "What the server asks for: SASL, MD5Password, …; Ok" => a.authentication_code().map(codes::authentication);
        "mechanisms": List, "SASL mechanisms offered" => a.mechanisms();
        "parameters": Object, "Settings that the server reports" => a.parameters();
        "processId": U64, "The server's process: of this connection, or of the one that notified" => a.process_id();
        "transaction": Str, "idle, in-transaction or failed, when the server is ready again" => a.transaction.map(codes::transaction);
        "suspended": Bool, "Whether the row limit of Execute was reached" => if a.suspended { Value::from(true) } else { Value::Absent };
        "accepted": Bool, "Whether the server agreed to encryption" => a.accepted;
        "copy": Object(COPY_FIELDS), "What the server sent for COPY TO STDOUT" => a.copied.as_ref();
        "channel": Str, "Channel of a notification" => a.notification().map_or(Value::Absent, |(_, channel, _)| Value::lossy(channel));
        "payload": Str, "Payload of a notification" => a.notification().map_or(Value::Absent, |(.., payload)| Value::lossy(payload));
    }
}

impl Response for Answer {
    /// 0, or 1 for an error: SQLSTATE is no number.
    fn status(&self) -> Option<i64> {
        Some(i64::from(self.error.is_some()))
    }
    fn summary(&self) -> Cow<'_, str> {
        let text = self.notification().map(|(_, channel, _)| channel).or_else(|| self.tag()).unwrap_or_default();
        String::from_utf8_lossy(text)
    }
    fn method(&self) -> Cow<'_, str> {
        let names = [
            (self.notification.is_some(), "NotificationResponse"),
            (!self.notices.is_empty(), "NoticeResponse"),
            (!self.parameters.is_empty(), "ParameterStatus"),
        ];
        names.into_iter().find(|(is, _)| *is).map_or("", |(_, name)| name).into()
    }
}
