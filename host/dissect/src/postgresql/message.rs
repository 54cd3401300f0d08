//! What a client asks: made from the bytes when somebody asks.

use super::{
    codes,
    wire::{self, HEADER_LEN, STARTUP_HEADER_LEN},
};
use crate::{
    cursor::Cursor,
    exchange::Request,
    made::{Made, REDACTED},
};
use hookline_item::{Value, object};
use std::{borrow::Cow, sync::Arc};

/// Messages of a client, by their names in the documentation (§54.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Startup,
    SSLRequest,
    GSSENCRequest,
    CancelRequest,
    Query,
    Parse,
    Bind,
    Execute,
    Describe,
    Close,
    Sync,
    Flush,
    FunctionCall,
    Password,
    SASLInitialResponse,
    SASLResponse,
    GSSResponse,
    CopyData,
    CopyDone,
    CopyFail,
    Terminate,
}

impl Kind {
    /// The kind of a message; `authentication` is the code of the server's last Authentication message, which tells what `p` is.
    pub(super) fn of(message: &[u8], authentication: u32) -> Self {
        let first = message.first().copied().unwrap_or_default();
        match first {
            0 => match Cursor::new(message.get(4..).unwrap_or_default()).u32_be() {
                Some(wire::SSL) => Self::SSLRequest,
                Some(wire::GSSENC) => Self::GSSENCRequest,
                Some(wire::CANCEL) => Self::CancelRequest,
                _ => Self::Startup,
            },
            b'Q' => Self::Query,
            b'P' => Self::Parse,
            b'B' => Self::Bind,
            b'E' => Self::Execute,
            b'D' => Self::Describe,
            b'C' => Self::Close,
            b'S' => Self::Sync,
            b'H' => Self::Flush,
            b'F' => Self::FunctionCall,
            b'd' => Self::CopyData,
            b'c' => Self::CopyDone,
            b'f' => Self::CopyFail,
            b'X' => Self::Terminate,
            _ => match authentication {
                7..=9 => Self::GSSResponse,
                10 => Self::SASLInitialResponse,
                11 | 12 => Self::SASLResponse,
                _ => Self::Password,
            },
        }
    }

    /// Whether it is a step of a batch, which fails as a whole.
    pub(super) fn is_step(self) -> bool {
        matches!(self, Self::Parse | Self::Bind | Self::Execute | Self::Describe | Self::Close)
    }

    /// Whether it is part of logging in.
    pub(super) fn is_login(self) -> bool {
        matches!(self, Self::Startup | Self::Password | Self::SASLInitialResponse | Self::SASLResponse | Self::GSSResponse)
    }
}

/// A prepared statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) query: Box<[u8]>,
    /// Types of its parameters, four bytes each; 0 is for the server to find out.
    pub(super) types: Box<[u8]>,
}

impl Statement {
    fn type_of(&self, index: usize) -> u32 {
        self.types.as_chunks().0.get(index).map_or(0, |oid| u32::from_be_bytes(*oid))
    }
}

/// What COPY carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    pub(super) direction: &'static str,
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

object! {
    Copied as c, COPY_FIELDS {
        "direction": Str, "in (to the server), out or both" => c.direction;
        "messages": U64, "CopyData messages: usually one per row" => c.messages;
        "bytes": U64, "Bytes in them" => c.bytes;
    }
}

/// A message of the client.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) kind: Kind,
    /// The whole message.
    pub(super) bytes: Box<[u8]>,
    /// The statement that it is about, where its Parse was seen.
    pub(super) statement: Option<Arc<Statement>>,
    pub(super) copied: Option<Copied>,
}

impl Command {
    fn body(&self) -> &[u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self.body())
    }

    fn name(&self) -> String {
        format!("{:?}", self.kind)
    }

    fn query(&self) -> Option<&[u8]> {
        let until_nul = |bytes| Cursor::new(bytes).cstr().unwrap_or(bytes);
        match self.kind {
            Kind::Query => Some(until_nul(self.body())),
            Kind::Parse => {
                let mut cursor = self.cursor();
                cursor.cstr()?;
                Some(until_nul(cursor.rest))
            }
            _ => self.statement.as_ref().map(|s| &*s.query),
        }
    }

    fn statement_name(&self) -> Option<&[u8]> {
        match (self.kind, self.body().first()) {
            (Kind::Parse, _) => self.cursor().cstr(),
            (Kind::Bind, _) => {
                let mut cursor = self.cursor();
                cursor.cstr()?;
                cursor.cstr()
            }
            (Kind::Describe | Kind::Close, Some(b'S')) => Cursor::new(self.body().get(1..)?).cstr(),
            _ => None,
        }
    }

    fn portal(&self) -> Option<&[u8]> {
        match (self.kind, self.body().first()) {
            (Kind::Bind | Kind::Execute, _) => self.cursor().cstr(),
            (Kind::Describe | Kind::Close, Some(b'P')) => Cursor::new(self.body().get(1..)?).cstr(),
            _ => None,
        }
    }

    fn parameters(&self) -> Value<'_> {
        if self.kind != Kind::Bind {
            return Value::Absent;
        }
        let Some(bind) = wire::bind(&mut self.cursor()) else { return Value::Absent };
        let type_of = |n| self.statement.as_ref().map_or(0, |s| s.type_of(n));
        let shown = |(n, value): (usize, &Option<&[u8]>)| match value {
            None => Made::Null,
            Some(bytes) if bind.is_binary(n) => binary(type_of(n), bytes),
            Some(text) => Made::lossy(text),
        };
        Made::List(bind.values.iter().enumerate().map(shown).collect()).into_value()
    }

    fn parameter_types(&self) -> Value<'_> {
        match self.statement.as_ref().filter(|s| matches!(self.kind, Kind::Parse | Kind::Bind) && !s.types.is_empty()) {
            Some(statement) => {
                let (oids, _) = statement.types.as_chunks();
                Value::MadeList(Box::new(oids.iter().map(|oid| codes::type_name(u32::from_be_bytes(*oid))).collect::<Vec<_>>()))
            }
            None => Value::Absent,
        }
    }

    /// The value of a parameter of the startup packet.
    fn option(&self, name: &str) -> Option<&[u8]> {
        self.options().find(|(n, _)| *n == name.as_bytes()).map(|(_, value)| value)
    }

    fn options(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let bytes = if self.kind == Kind::Startup { self.bytes.get(STARTUP_HEADER_LEN..) } else { None };
        wire::pairs(bytes.unwrap_or_default())
    }

    fn number_at(&self, at: usize) -> Option<u32> {
        Cursor::new(self.bytes.get(at..)?).u32_be()
    }
}

/// A value in its type's binary form, where that is simple; else hexadecimal, as the server prints bytea.
fn binary(oid: u32, bytes: &[u8]) -> Made {
    let mut cursor = Cursor::new(bytes);
    let made = match (oid, bytes.len()) {
        (16, 1) => cursor.u8().map(|b| Made::Bool(b != 0)),
        (21, 2) => cursor.i16_be().map(Made::from),
        (23, 4) => cursor.i32_be().map(Made::from),
        (26, 4) => cursor.u32_be().map(Made::from),
        (20, 8) => cursor.i64_be().map(Made::from),
        (700, 4) => cursor.f32_be().map(Made::from),
        (701, 8) => cursor.f64_be().map(Made::from),
        (18 | 19 | 25 | 114 | 142 | 1042 | 1043, _) => Some(Made::lossy(bytes)),
        _ => None,
    };
    made.unwrap_or_else(|| Made::Text(bytes.iter().fold("\\x".to_owned(), |hex, b| hex + &format!("{b:02x}"))))
}

fn lossy(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, Value::lossy)
}

fn named(pairs: impl Iterator<Item = (String, Made)>) -> Value<'static> {
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() { Value::Absent } else { Made::Map(pairs).into_value() }
}

object! {
    Command as c, REQUEST_FIELDS {
        "command": Str, "Startup, Query, Parse, Bind, Execute, …: the message's name" => c.name();
        "query": Str, "Text of the query; of Bind, Execute, Describe and Close the one that was parsed" => lossy(c.query());
        "statement": Str, "Name of the prepared statement; empty for the unnamed one" => lossy(c.statement_name());
        "portal": Str, "Name of the portal; empty for the unnamed one" => lossy(c.portal());
        "parameters": List, "Values of Bind; binary ones decoded where their type was given, else in hexadecimal" => c.parameters();
        "parameterTypes": List, "Types of the parameters as Parse gave them; 0 where the server finds out" => c.parameter_types();
        "maxRows": U64, "Most rows that Execute asks for; 0 for all" => c.number_at(c.bytes.len().saturating_sub(4)).filter(|_| c.kind == Kind::Execute);
        "user": Str, "User of a startup packet" => lossy(c.option("user"));
        "database": Str, "Database of a startup packet; the user's name where it is absent" => lossy(c.option("database"));
        "options": Object, "All parameters of a startup packet" => named(c.options().map(|(n, v)| (String::from_utf8_lossy(n).into_owned(), Made::lossy(v))));
        "version": Str, "Protocol version of a startup packet" => c.number_at(4).filter(|_| c.kind == Kind::Startup).map(|v| format!("{}.{}", v >> 16, v & 0xffff));
        "processId": U64, "Process whose query a CancelRequest would stop" => c.number_at(8).filter(|_| c.kind == Kind::CancelRequest);
        "mechanism": Str, "SASL mechanism that the client chose" => lossy(c.cursor().cstr().filter(|_| c.kind == Kind::SASLInitialResponse));
        "password": Str, "Always REDACTED" => Some(REDACTED).filter(|_| c.kind.is_login() && c.kind != Kind::Startup);
        "message": Str, "Why a COPY failed" => lossy(c.cursor().cstr().filter(|_| c.kind == Kind::CopyFail));
        "copy": Object(COPY_FIELDS), "What the client sent for COPY FROM STDIN" => c.copied.as_ref();
    }
}

impl Request for Command {
    fn summary(&self) -> Cow<'_, str> {
        let text = self.query().or_else(|| self.option("user")).or_else(|| self.statement_name());
        String::from_utf8_lossy(text.unwrap_or_default())
    }
    fn method(&self) -> Cow<'_, str> {
        self.name().into()
    }
}
