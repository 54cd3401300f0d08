//! What a client asks: made from the bytes when somebody asks.

use super::{
    codes::command_name,
    values,
    wire::{self, HEADER_LEN, capability, lenenc},
};
use crate::{
    cursor::Cursor,
    exchange::Request,
    made::{Made, REDACTED},
};
use hookline_item::{Value, object};
use std::{borrow::Cow, sync::Arc};

/// Commands that are treated each in its way (`my_command.h`).
pub(super) mod command {
    pub(in super::super) const QUIT: u8 = 0x01;
    pub(in super::super) const INIT_DB: u8 = 0x02;
    pub(in super::super) const QUERY: u8 = 0x03;
    pub(in super::super) const FIELD_LIST: u8 = 0x04;
    pub(in super::super) const CREATE_DB: u8 = 0x05;
    pub(in super::super) const DROP_DB: u8 = 0x06;
    pub(in super::super) const STATISTICS: u8 = 0x09;
    pub(in super::super) const CHANGE_USER: u8 = 0x11;
    pub(in super::super) const BINLOG_DUMP: u8 = 0x12;
    pub(in super::super) const TABLE_DUMP: u8 = 0x13;
    pub(in super::super) const STMT_PREPARE: u8 = 0x16;
    pub(in super::super) const STMT_EXECUTE: u8 = 0x17;
    pub(in super::super) const STMT_SEND_LONG_DATA: u8 = 0x18;
    pub(in super::super) const STMT_CLOSE: u8 = 0x19;
    pub(in super::super) const STMT_RESET: u8 = 0x1a;
    pub(in super::super) const STMT_FETCH: u8 = 0x1c;
    pub(in super::super) const BINLOG_DUMP_GTID: u8 = 0x1e;
    pub(in super::super) const RESET_CONNECTION: u8 = 0x1f;
    pub(in super::super) const STMT_BULK_EXECUTE: u8 = 0xfa;
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Login,
    SSLRequest,
    Command(u8),
}

impl Kind {
    /// Whether the server may ask back until it knows who the user is.
    pub(super) fn authenticates(self) -> bool {
        matches!(self, Self::Login | Self::Command(command::CHANGE_USER))
    }
}

/// A prepared statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) query: Arc<[u8]>,
    pub(super) parameters: usize,
    /// Types of the last execution's parameters: they are sent once.
    pub(super) types: Arc<[u8]>,
}

/// A command, or the login.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) kind: Kind,
    /// The payload.
    pub(super) payload: Box<[u8]>,
    /// The statement that it names, where its preparation was seen.
    pub(super) statement: Option<Statement>,
    /// What both sides can do; 0 if the login was not seen.
    pub(super) capabilities: u32,
    /// The server's version, on a login.
    pub(super) server: Option<Arc<[u8]>>,
    /// Bytes of a file that the server asked for (LOCAL INFILE).
    pub(super) infile_bytes: Option<u64>,
}

/// The statement's number in the payload of a command that names one.
pub(super) fn statement_id(payload: &[u8]) -> Option<u32> {
    use command::{STMT_BULK_EXECUTE, STMT_CLOSE, STMT_EXECUTE, STMT_FETCH, STMT_RESET, STMT_SEND_LONG_DATA};
    match payload.split_first()? {
        (&(STMT_EXECUTE | STMT_SEND_LONG_DATA | STMT_CLOSE | STMT_RESET | STMT_FETCH | STMT_BULK_EXECUTE), body) => {
            Cursor::new(body).u32_le()
        }
        _ => None,
    }
}

/// Values and their types in the payload of an execution of a statement.
pub(super) fn execution(payload: &[u8], statement: &Statement, capabilities: u32) -> Option<(Vec<Made>, Option<Vec<u8>>)> {
    /// PARAMETER_COUNT_AVAILABLE: query attributes follow the parameters.
    const COUNTED: u8 = 8;
    let mut cursor = Cursor::new(payload.get(5..)?);
    let flags = cursor.u8()?;
    cursor.take(4)?;
    let attributes = capabilities & capability::QUERY_ATTRIBUTES != 0;
    let counted = attributes && flags & COUNTED != 0;
    let count = if counted { usize::try_from(lenenc(&mut cursor)?).ok()? } else { statement.parameters };
    if count == 0 {
        return Some((Vec::new(), None));
    }
    let bound = values::bound(&mut cursor, count, attributes)?;
    let types = bound.types.clone();
    let mut made = bound.read(types.as_deref().unwrap_or(&statement.types)).0;
    made.truncate(statement.parameters);
    Some((made, types))
}

impl Command {
    fn name(&self) -> String {
        match self.kind {
            Kind::Login => "Login".into(),
            Kind::SSLRequest => "SSLRequest".into(),
            Kind::Command(code) => command_name(code),
        }
    }

    fn code(&self) -> Option<u8> {
        match self.kind {
            Kind::Command(code) => Some(code),
            _ => None,
        }
    }

    fn body(&self) -> &[u8] {
        self.payload.get(1..).unwrap_or_default()
    }

    fn login(&self) -> Option<wire::Login<'_>> {
        wire::login(&self.payload).filter(|_| matches!(self.kind, Kind::Login | Kind::SSLRequest))
    }

    /// Text of the query; attributes may stand before it.
    fn query(&self) -> Option<&[u8]> {
        match self.code()? {
            command::QUERY => Some(self.behind_attributes().unwrap_or(self.body())),
            command::STMT_PREPARE => Some(self.body()),
            _ => self.statement.as_ref().map(|s| &*s.query),
        }
    }

    fn behind_attributes(&self) -> Option<&[u8]> {
        let mut cursor = Cursor::new(self.body());
        // A query's text does not begin with control characters: where the login was not seen, two numbers before it tell.
        if self.capabilities & capability::QUERY_ATTRIBUTES == 0 && !self.body().starts_with(&[0, 1]) {
            return None;
        }
        let count = usize::try_from(lenenc(&mut cursor)?).ok()?;
        lenenc(&mut cursor)?;
        if count > 0 {
            let bound = values::bound(&mut cursor, count, true)?;
            let types = bound.types.clone()?;
            cursor = bound.read(&types).1;
        }
        Some(cursor.rest)
    }

    fn user(&self) -> Option<&[u8]> {
        match self.kind {
            Kind::Command(command::CHANGE_USER) => Cursor::new(self.body()).cstr(),
            _ => self.login().filter(|l| !l.is_ssl).map(|l| l.user),
        }
    }

    fn database(&self) -> Option<&[u8]> {
        let named = match self.kind {
            Kind::Command(command::INIT_DB | command::CREATE_DB | command::DROP_DB) => Some(self.body()),
            Kind::Command(command::CHANGE_USER) => {
                let mut cursor = Cursor::new(self.body());
                cursor.cstr()?;
                let len = cursor.u8()?;
                cursor.take(len.into())?;
                cursor.cstr()
            }
            _ => self.login()?.database,
        };
        named.filter(|name| !name.is_empty())
    }

    fn table(&self) -> Option<&[u8]> {
        Cursor::new(self.body()).cstr().filter(|_| self.code() == Some(command::FIELD_LIST))
    }

    fn parameters(&self) -> Value<'_> {
        let made = self
            .statement
            .as_ref()
            .filter(|_| self.code() == Some(command::STMT_EXECUTE))
            .and_then(|s| execution(&self.payload, s, self.capabilities));
        made.map_or(Value::Absent, |(values, _)| Made::List(values).into_value())
    }

    fn attributes(&self) -> Value<'_> {
        let Some(login) = self.login().filter(|l| !l.attributes.is_empty()) else { return Value::Absent };
        let mut cursor = Cursor::new(login.attributes);
        let mut all = Vec::new();
        while let (Some(name), Some(value)) = (wire::lenenc_bytes(&mut cursor), wire::lenenc_bytes(&mut cursor)) {
            all.push((String::from_utf8_lossy(name).into_owned(), Made::lossy(value)));
        }
        Made::Map(all).into_value()
    }

    pub(super) fn new(kind: Kind, packet: &[u8], capabilities: u32) -> Self {
        let payload = packet.get(HEADER_LEN..).unwrap_or_default().into();
        Self { kind, payload, statement: None, capabilities, server: None, infile_bytes: None }
    }
}

fn lossy(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, Value::lossy)
}

object! {
    Command as c, REQUEST_FIELDS {
        "command": Str, "COM_QUERY, COM_STMT_EXECUTE, …; Login or SSLRequest at the start" => c.name();
        "commandId": U64, "Number of the command" => c.code();
        "query": Str, "Text of the query; of an execution the one that was prepared" => lossy(c.query());
        "statementId": U64, "Number of the prepared statement" => statement_id(&c.payload).filter(|_| c.code().is_some());
        "parameters": List, "Values of an execution's parameters" => c.parameters();
        "user": Str, "User of a login or change of user" => lossy(c.user());
        "password": Str, "Always REDACTED" => Some(REDACTED).filter(|_| c.kind.authenticates());
        "database": Str, "Database of a login, or that a command names" => lossy(c.database());
        "table": Str, "Table whose columns are asked for" => lossy(c.table());
        "serverVersion": Str, "The server's version, on a login" => lossy(c.server.as_deref());
        "authPlugin": Str, "How the client authenticates" => lossy(c.login().and_then(|l| l.plugin));
        "attributes": Object, "What the client's library tells of itself" => c.attributes();
        "infileBytes": U64, "Bytes of the file that the server asked for (LOAD DATA LOCAL)" => c.infile_bytes;
    }
}

impl Request for Command {
    fn summary(&self) -> Cow<'_, str> {
        let text = self.query().or_else(|| self.user()).or_else(|| self.database()).or_else(|| self.table());
        String::from_utf8_lossy(text.unwrap_or_default())
    }
    fn method(&self) -> Cow<'_, str> {
        self.name().into()
    }
}
