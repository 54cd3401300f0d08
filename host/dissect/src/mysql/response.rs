//! What the server says to one command, packet by packet (page_protocol_command_phase).

use super::{
    codes::type_name,
    message::{Kind, command},
    wire::{self, capability, lenenc, lenenc_bytes},
};
use crate::{cursor::Cursor, exchange::Response, made::Made};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// Columns that are kept of a response.
const COLUMNS_MAX: usize = 256;
/// Bytes kept of a packet that says how it went.
const KEPT_MAX: usize = 16 << 10;

/// Status flags (`SERVER_STATUS_flags_enum`).
const MORE_RESULTS: u16 = 8;
const CURSOR_EXISTS: u16 = 0x40;

/// What is to come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The first packet of a response, or of one of its results.
    #[default]
    Start,
    /// So many definitions of a statement's parameters.
    Parameters(u64),
    /// So many definitions of columns.
    Columns(u64),
    /// Rows, or the EOF before them.
    Rows,
    /// The end of a file that the client sends.
    File,
}

/// A response, added up packet by packet.
#[derive(Debug, Default)]
pub(super) struct Answer {
    stage: Stage,
    /// The last OK packet.
    ok: Option<Box<[u8]>>,
    error: Option<Box<[u8]>>,
    greeting: Option<Box<[u8]>>,
    /// What STATISTICS says.
    text: Option<Box<[u8]>>,
    /// Definitions of the last result's columns.
    columns: Vec<Box<[u8]>>,
    rows: u64,
    results: u64,
    /// Number of a prepared statement, and of its parameters.
    pub(super) prepared: Option<(u32, u16)>,
    /// Definitions of columns still to come behind a statement's parameters.
    columns_after: u64,
    /// Whether the EOF between the definitions and the rows of this result came.
    eof_seen: bool,
    infile: Option<Box<[u8]>>,
    /// Where the server asked for another way to authenticate.
    plugin: Option<Box<[u8]>>,
}

/// An ERR packet.
struct Failure<'a> {
    code: u16,
    state: Option<&'a [u8]>,
    text: &'a [u8],
}

fn kept(bytes: &[u8]) -> Box<[u8]> {
    bytes.get(..bytes.len().min(KEPT_MAX)).unwrap_or_default().into()
}

/// EOF, or the OK that stands in its place: a row does not begin so, being as long as a string of 16 MiB.
fn is_end(payload: &[u8], len: u64) -> bool {
    payload.first() == Some(&0xfe) && len < wire::PAYLOAD_MAX
}

/// The status flags of an EOF or OK packet.
fn status(payload: &[u8]) -> u16 {
    let mut cursor = Cursor::new(payload);
    let is_eof = payload.first() == Some(&0xfe) && payload.len() < 7;
    let read = |cursor: &mut Cursor<'_>| {
        cursor.u8()?;
        if is_eof {
            cursor.u16_le()?;
        } else {
            lenenc(cursor)?;
            lenenc(cursor)?;
        }
        cursor.u16_le()
    };
    read(&mut cursor).unwrap_or_default()
}

impl Answer {
    pub(super) fn greeting(payload: &[u8]) -> Self {
        Self { greeting: Some(kept(payload)), ..Self::default() }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.error.is_none()
    }

    pub(super) fn wants_file(&self) -> bool {
        self.stage == Stage::File
    }

    /// Adds a packet of `len` bytes in answer to `asked`; whether it is the last.
    pub(super) fn add(&mut self, asked: Kind, payload: &[u8], len: u64, capabilities: u32) -> bool {
        match payload {
            // MariaDB tells how far it is.
            [0xff, 0xff, 0xff, ..] => return false,
            [0xff, _, _, ..] if self.stage != Stage::Rows || len < 1024 => {
                self.error = Some(kept(payload));
                return true;
            }
            _ => {}
        }
        match (self.stage, asked) {
            (Stage::Start, kind) if kind.authenticates() => self.authentication(payload),
            (Stage::Start, Kind::Command(command::STATISTICS)) => {
                self.text = Some(kept(payload));
                true
            }
            (Stage::Start, Kind::Command(command::STMT_PREPARE)) => self.statement(payload),
            (Stage::Start, Kind::Command(command::FIELD_LIST)) if !is_end(payload, len) => {
                self.column(payload);
                false
            }
            (Stage::Start, Kind::Command(command::STMT_FETCH)) if !is_end(payload, len) => {
                self.stage = Stage::Rows;
                self.rows = self.rows.saturating_add(1);
                false
            }
            (Stage::Start, _) => self.result(payload, len),
            (Stage::Parameters(n), _) => self.parameter(payload, len, n, capabilities),
            (Stage::Columns(n), _) => self.definition(payload, len, n, capabilities),
            (Stage::Rows, _) if is_end(payload, len) => self.end(payload),
            (Stage::Rows, _) => {
                self.rows = self.rows.saturating_add(1);
                false
            }
            (Stage::File, _) => self.end(payload),
        }
    }

    fn authentication(&mut self, payload: &[u8]) -> bool {
        match payload.split_first() {
            Some((0, _)) => self.end(payload),
            // AuthSwitchRequest.
            Some((0xfe, rest)) => {
                self.plugin = Some(Cursor::new(rest).cstr().unwrap_or(b"mysql_old_password").into());
                false
            }
            // AuthMoreData.
            _ => false,
        }
    }

    /// COM_STMT_PREPARE_OK.
    fn statement(&mut self, payload: &[u8]) -> bool {
        let mut cursor = Cursor::new(payload);
        let fields = (cursor.u8(), cursor.u32_le(), cursor.u16_le(), cursor.u16_le());
        let (Some(0), Some(id), Some(columns), Some(parameters)) = fields else { return true };
        self.prepared = Some((id, parameters));
        self.columns_after = columns.into();
        self.stage = if parameters > 0 { Stage::Parameters(parameters.into()) } else { Stage::Columns(columns.into()) };
        parameters == 0 && columns == 0
    }

    fn parameter(&mut self, payload: &[u8], len: u64, left: u64, capabilities: u32) -> bool {
        let left = if is_end(payload, len) { 0 } else { left.saturating_sub(1) };
        let eof_follows = left == 0 && !is_end(payload, len) && capabilities & capability::DEPRECATE_EOF == 0;
        self.stage = if left == 0 && (!eof_follows || self.columns_after > 0) {
            Stage::Columns(self.columns_after)
        } else {
            Stage::Parameters(left)
        };
        // Where the login was not seen, an EOF that still comes is passed over.
        left == 0 && self.columns_after == 0 && (!eof_follows || capabilities == 0)
    }

    /// A definition of a column, of a result or of a statement that is prepared.
    fn definition(&mut self, payload: &[u8], len: u64, left: u64, capabilities: u32) -> bool {
        let prepares = self.prepared.is_some();
        if is_end(payload, len) {
            // Of a statement: the EOF behind its parameters or its columns. Of a result: it has no definitions.
            if prepares {
                return left == 0;
            }
            self.stage = Stage::Rows;
            return payload.len() >= 7 && self.end(payload);
        }
        self.column(payload);
        let left = left.saturating_sub(1);
        self.stage = if left == 0 && !prepares { Stage::Rows } else { Stage::Columns(left) };
        left == 0 && prepares && (capabilities & capability::DEPRECATE_EOF != 0 || capabilities == 0)
    }

    fn column(&mut self, payload: &[u8]) {
        if self.columns.len() < COLUMNS_MAX {
            self.columns.push(kept(payload));
        }
    }

    /// The first packet of a result.
    fn result(&mut self, payload: &[u8], len: u64) -> bool {
        match payload.first() {
            Some(0 | 0xfe) | None => self.end(payload),
            Some(0xfb) => {
                self.infile = payload.get(1..).map(kept);
                self.stage = Stage::File;
                false
            }
            Some(_) => {
                let mut cursor = Cursor::new(payload);
                let columns = lenenc(&mut cursor).unwrap_or_default();
                // MariaDB may leave the definitions out, where the client has them.
                let follow = cursor.u8() != Some(0);
                self.columns.clear();
                self.stage = if follow && columns > 0 && len < 11 { Stage::Columns(columns) } else { Stage::Rows };
                false
            }
        }
    }

    /// OK, EOF, or what stands in their place: the end of a result. Whether it is the last.
    fn end(&mut self, payload: &[u8]) -> bool {
        let status = status(payload);
        let is_eof = payload.first() == Some(&0xfe) && payload.len() < 7;
        // The EOF between definitions and rows.
        if is_eof && self.stage == Stage::Rows && self.rows_not_begun() && status & CURSOR_EXISTS == 0 {
            self.eof_seen = true;
            return false;
        }
        self.eof_seen = false;
        if !is_eof {
            self.ok = Some(kept(payload));
        }
        self.results = self.results.saturating_add(1);
        self.stage = Stage::Start;
        status & MORE_RESULTS == 0
    }

    /// Whether no EOF came between the definitions of this result and its rows yet.
    fn rows_not_begun(&self) -> bool {
        !self.eof_seen && !self.columns.is_empty()
    }

    fn number(&self, index: usize) -> Option<u64> {
        let mut cursor = Cursor::new(self.ok.as_deref()?.get(1..)?);
        (0..index).try_for_each(|_| lenenc(&mut cursor).map(|_| ()))?;
        lenenc(&mut cursor)
    }

    fn warnings(&self) -> Option<u16> {
        let mut cursor = Cursor::new(self.ok.as_deref()?.get(1..)?);
        lenenc(&mut cursor)?;
        lenenc(&mut cursor)?;
        cursor.u16_le()?;
        cursor.u16_le()
    }

    /// Code, SQL state and text of an error.
    fn failure(&self) -> Option<Failure<'_>> {
        let mut cursor = Cursor::new(self.error.as_deref()?.get(1..)?);
        let code = cursor.u16_le()?;
        if cursor.rest.first() != Some(&b'#') {
            return Some(Failure { code, state: None, text: cursor.rest });
        }
        let state = cursor.take(6)?.get(1..);
        Some(Failure { code, state, text: cursor.rest })
    }

    fn columns(&self) -> Value<'_> {
        if self.columns.is_empty() {
            Value::Absent
        } else {
            Made::List(self.columns.iter().filter_map(|c| column(c)).collect()).into_value()
        }
    }

    fn server(&self) -> Option<wire::Greeting<'_>> {
        wire::greeting(self.greeting.as_deref()?)
    }
}

/// A definition of a column (page_protocol_com_query_response_text_resultset_column_definition).
fn column(definition: &[u8]) -> Option<Made> {
    let mut cursor = Cursor::new(definition);
    let [_catalog, _schema, table, _table, name, _name] = [(); 6].map(|()| lenenc_bytes(&mut cursor));
    let (name, table) = (name?, table?);
    // Its length, the character set, the column's length.
    cursor.take(1 + 2 + 4)?;
    let code = cursor.u8()?;
    Some(Made::Fields(vec![("name", Made::lossy(name)), ("table", Made::lossy(table)), ("type", type_name(code).into())]))
}

fn lossy(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, Value::lossy)
}

object! {
    Answer as a, RESPONSE_FIELDS {
        "success": Bool, "Whether there was no error" => a.is_ok();
        "affectedRows": U64, "Rows that were changed" => a.number(0);
        "lastInsertId": U64, "AUTO_INCREMENT value that was given" => a.number(1).filter(|id| *id > 0);
        "columns": List, "Columns of the last result, or of a statement: name, table and type" => a.columns();
        "rows": U64, "Rows returned, of all results together" => if a.greeting.is_some() { Value::Absent } else { a.rows.into() };
        "results": U64, "Results, where there is more than one" => Some(a.results).filter(|n| *n > 1);
        "warnings": U64, "Warnings counted by the server" => a.warnings();
        "errorCode": U64, "Number of the error" => a.failure().map(|f| f.code);
        "sqlState": Str, "SQLSTATE of the error" => lossy(a.failure().and_then(|f| f.state));
        "message": Str, "Text of the error" => lossy(a.failure().map(|f| f.text));
        "statementId": U64, "Number of the statement that was prepared" => a.prepared.map(|(id, _)| id);
        "parameterCount": U64, "Parameters of the statement that was prepared" => a.prepared.map(|(_, n)| n);
        "infile": Str, "File that the server asks the client for" => lossy(a.infile.as_deref());
        "text": Str, "What COM_STATISTICS says" => lossy(a.text.as_deref());
        "authPlugin": Str, "How the server wants the client to authenticate" => lossy(a.plugin.as_deref().or_else(|| a.server()?.plugin));
        "serverVersion": Str, "The server's version, in its handshake" => lossy(a.server().map(|g| g.version));
        "connectionId": U64, "The server's number of the connection, in its handshake" => a.server().map(|g| g.connection);
    }
}

impl Response for Answer {
    /// 0, or the number of the error.
    fn status(&self) -> Option<i64> {
        Some(self.failure().map_or(0, |f| f.code.into()))
    }
    fn summary(&self) -> Cow<'_, str> {
        let text = self.server().map(|g| g.version).or_else(|| self.failure().map(|f| f.text)).unwrap_or_default();
        String::from_utf8_lossy(text)
    }
    fn method(&self) -> Cow<'_, str> {
        if self.greeting.is_some() { "Handshake".into() } else { "".into() }
    }
}
