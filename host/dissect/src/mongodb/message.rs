//! What MongoDB items say.

use super::{
    bson::{self, Walk},
    wire::{self, Content, Header, op},
};
use crate::{
    exchange::{Request, Response},
    made::Made,
};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// Commands in which the client proves who it is, or sets a password.
const LOGINS: [&str; 7] = ["saslstart", "saslcontinue", "authenticate", "getnonce", "createuser", "updateuser", "copydbsaslstart"];

/// A request: its header, and the message without compression.
#[derive(Debug)]
pub(super) struct Command(pub(super) Message);

/// A reply.
#[derive(Debug)]
pub(super) struct Reply(pub(super) Message);

/// A message without its compression.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) header: Header,
    opcode: i32,
    body: Box<[u8]>,
    /// Whether the reply is of a log-in, so that secrets may stand in it.
    pub(super) secrets: bool,
    /// Whether it was compressed and could not be read.
    pub(super) unreadable: bool,
}

impl Message {
    pub(super) fn new(header: Header, body: &[u8]) -> Self {
        match wire::open(header, body) {
            Some((opcode, body)) => Self { header, opcode, body: body.into(), secrets: false, unreadable: false },
            None => Self { header, opcode: header.opcode, body: [].into(), secrets: false, unreadable: true },
        }
    }

    pub(super) fn content(&self) -> Content<'_> {
        wire::content(self.opcode, &self.body)
    }

    fn opcode_name(&self) -> Cow<'static, str> {
        wire::opcode_name(self.opcode)
    }

    /// The document, with the sequences of OP_MSG in it.
    fn json(&self) -> Made {
        let content = self.content();
        let mut walk = Walk::new(self.secrets);
        // A reply of old has its documents one after the other: of one document, that is the document.
        if self.opcode == op::REPLY && content.returned == Some(1) {
            return bson::json(content.document, &mut walk);
        }
        let mut entries = match bson::json(content.document, &mut walk) {
            Made::Map(entries) if self.opcode != op::REPLY => entries,
            _ => Vec::new(),
        };
        for (name, documents) in content.sequences {
            let list = bson::each(documents).map(|d| bson::json(d, &mut walk)).collect();
            entries.push((String::from_utf8_lossy(name).into_owned(), Made::List(list)));
        }
        Made::Map(entries)
    }

    /// Whether its documents follow BSON.
    pub(super) fn is_sound(&self) -> bool {
        let content = self.content();
        let single = content.document.is_empty() || bson::is_sound(content.document);
        single && content.sequences.iter().all(|(_, documents)| bson::each(documents).all(bson::is_sound))
    }
}

impl Command {
    pub(super) fn new(header: Header, body: &[u8]) -> Self {
        let mut command = Self(Message::new(header, body));
        command.0.secrets = LOGINS.contains(&command.name().to_ascii_lowercase().as_str());
        command
    }

    /// Whether no reply comes.
    pub(super) fn is_one_way(&self) -> bool {
        matches!(self.0.opcode, op::INSERT | op::UPDATE | op::DELETE | op::KILL_CURSORS) || self.0.content().more_to_come()
    }

    /// Database and collection of an opcode of old; `$cmd` is none.
    fn namespace(&self) -> Option<(String, Option<String>)> {
        let content = self.0.content();
        let name = String::from_utf8_lossy(content.namespace);
        let (database, collection) = name.split_once('.')?;
        Some((database.to_owned(), Some(collection.to_owned()).filter(|c| c != "$cmd")))
    }

    /// The command: of OP_MSG and of a query on `$cmd` the name of the first element.
    fn name(&self) -> String {
        let old = match self.0.opcode {
            op::QUERY if self.namespace().is_some_and(|(_, c)| c.is_some()) => "find",
            op::INSERT => "insert",
            op::UPDATE => "update",
            op::DELETE => "delete",
            op::GET_MORE => "getMore",
            op::KILL_CURSORS => "killCursors",
            _ => return bson::first(self.0.content().document).map(|(name, _)| name).unwrap_or_default(),
        };
        old.to_owned()
    }

    fn database(&self) -> Option<String> {
        let of_message = || bson::get(self.0.content().document, "$db").and_then(|(kind, value)| bson::text(kind, value));
        self.namespace().map(|(database, _)| database).or_else(of_message)
    }

    fn collection(&self) -> Option<String> {
        match self.namespace() {
            Some((_, Some(collection))) => Some(collection),
            _ => bson::first(self.0.content().document)
                .and_then(|(name, value)| if name == "getMore" { None } else { value })
                .or_else(|| bson::get(self.0.content().document, "collection").and_then(|(kind, value)| bson::text(kind, value))),
        }
    }
}

impl Reply {
    fn of(&self, name: &str) -> Option<(u8, &[u8])> {
        bson::get(self.0.content().document, name)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.of(name).and_then(|(kind, value)| bson::text(kind, value))
    }

    /// The first error of a write that went partly wrong.
    fn write_error(&self) -> Option<&[u8]> {
        self.of("writeErrors").filter(|(kind, _)| *kind == 4).and_then(|(_, array)| bson::first_document(array))
    }

    fn success(&self) -> bool {
        let ok = self.of("ok").and_then(|(kind, value)| bson::number(kind, value)).is_none_or(|ok| ok == 1.0);
        ok && self.write_error().is_none() && self.of("$err").is_none()
    }

    fn code(&self) -> Option<i64> {
        let code = self.write_error().map_or_else(|| self.of("code"), |e| bson::get(e, "code"));
        code.filter(|_| !self.success()).and_then(|(kind, value)| bson::number(kind, value)).map(|n| n as i64)
    }

    fn message(&self) -> Option<String> {
        let of_write = || bson::get(self.write_error()?, "errmsg").and_then(|(kind, value)| bson::text(kind, value));
        of_write().or_else(|| self.text("errmsg")).or_else(|| self.text("$err")).filter(|_| !self.success())
    }

    /// Documents returned: in a cursor's batch, or one after the other.
    fn returned(&self) -> Option<u64> {
        let batch = || {
            let (_, cursor) = self.of("cursor").filter(|(kind, _)| *kind == 3)?;
            let (_, batch) = bson::get(bson::one(cursor), "firstBatch").or_else(|| bson::get(bson::one(cursor), "nextBatch"))?;
            Some(bson::count(batch) as u64)
        };
        batch().or_else(|| self.0.content().returned.and_then(|n| u64::try_from(n).ok()))
    }
}

object! {
    Command as c, REQUEST_FIELDS {
        "opcode": Str, "OP_MSG, OP_QUERY, …; of a compressed message the one inside" => Value::Str(c.0.opcode_name());
        "opcodeId": I64, "Its number" => c.0.opcode;
        "requestId": I64, "Id of the message, which the reply responds to" => c.0.header.id;
        "command": Str, "Name of the command: find, insert, aggregate, hello, …" => c.name();
        "database": Str, "Database" => c.database();
        "collection": Str, "Collection, where the command has one" => c.collection();
        "compressed": Bool, "Whether the message was compressed" => (c.0.header.opcode == op::COMPRESSED).then_some(true);
        "document": Object, "The command as relaxed extended JSON, document sequences in it; secrets read REDACTED" => c.0.json().into_value();
    }
}

object! {
    Reply as r, RESPONSE_FIELDS {
        "opcode": Str, "OP_MSG or OP_REPLY" => Value::Str(r.0.opcode_name());
        "opcodeId": I64, "Its number" => r.0.opcode;
        "requestId": I64, "Id of the message" => r.0.header.id;
        "responseTo": I64, "Id of the message that it answers" => r.0.header.response_to;
        "success": Bool, "Whether all went well: ok is 1 and no write failed" => r.success();
        "errorCode": I64, "Error code" => r.code();
        "errorCodeName": Str, "Its name" => r.text("codeName");
        "errorMessage": Str, "What is wrong" => r.message();
        "returned": U64, "Documents in it" => r.returned();
        "compressed": Bool, "Whether the message was compressed" => (r.0.header.opcode == op::COMPRESSED).then_some(true);
        "document": Object, "The reply as relaxed extended JSON" => r.0.json().into_value();
    }
}

impl Request for Command {
    fn summary(&self) -> Cow<'_, str> {
        let database = self.database().unwrap_or_default();
        self.collection().map_or(database.clone(), |collection| format!("{database}.{collection}")).into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name().into()
    }
}

impl Response for Reply {
    /// The error code; 0 where all went well, 1 for an error without a code.
    fn status(&self) -> Option<i64> {
        Some(if self.success() { 0 } else { self.code().unwrap_or(1) })
    }
}
