//! What Redis items say: made from the bytes when somebody asks.

use super::resp;
use crate::{
    exchange::{Request, Response},
    made::{Made, REDACTED},
};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// Commands that are known by name: enough to tell a command from a reply of strings, and an inline command from other text.
const COMMANDS: &[&str] = &[
    "ACL",
    "APPEND",
    "AUTH",
    "BGSAVE",
    "BITCOUNT",
    "BLPOP",
    "BRPOP",
    "CLIENT",
    "CLUSTER",
    "COMMAND",
    "CONFIG",
    "COPY",
    "DBSIZE",
    "DECR",
    "DECRBY",
    "DEL",
    "DISCARD",
    "DUMP",
    "ECHO",
    "EVAL",
    "EVALSHA",
    "EXEC",
    "EXISTS",
    "EXPIRE",
    "EXPIREAT",
    "FCALL",
    "FLUSHALL",
    "FLUSHDB",
    "FUNCTION",
    "GEOADD",
    "GET",
    "GETDEL",
    "GETEX",
    "GETRANGE",
    "GETSET",
    "HDEL",
    "HELLO",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HINCRBY",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HMSET",
    "HSCAN",
    "HSET",
    "HSETNX",
    "HVALS",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "INFO",
    "KEYS",
    "LASTSAVE",
    "LINDEX",
    "LINSERT",
    "LLEN",
    "LMOVE",
    "LPOP",
    "LPUSH",
    "LPUSHX",
    "LRANGE",
    "LREM",
    "LSET",
    "LTRIM",
    "MEMORY",
    "MGET",
    "MODULE",
    "MONITOR",
    "MOVE",
    "MSET",
    "MSETNX",
    "MULTI",
    "OBJECT",
    "PERSIST",
    "PEXPIRE",
    "PFADD",
    "PFCOUNT",
    "PING",
    "PSETEX",
    "PSUBSCRIBE",
    "PSYNC",
    "PTTL",
    "PUBLISH",
    "PUBSUB",
    "PUNSUBSCRIBE",
    "QUIT",
    "RANDOMKEY",
    "READONLY",
    "RENAME",
    "REPLCONF",
    "RESET",
    "RESTORE",
    "ROLE",
    "RPOP",
    "RPOPLPUSH",
    "RPUSH",
    "SADD",
    "SAVE",
    "SCAN",
    "SCARD",
    "SCRIPT",
    "SDIFF",
    "SELECT",
    "SET",
    "SETBIT",
    "SETEX",
    "SETNX",
    "SETRANGE",
    "SHUTDOWN",
    "SINTER",
    "SISMEMBER",
    "SLAVEOF",
    "SLOWLOG",
    "SMEMBERS",
    "SORT",
    "SPOP",
    "SREM",
    "SSUBSCRIBE",
    "STRLEN",
    "SUBSCRIBE",
    "SUNION",
    "SYNC",
    "TIME",
    "TOUCH",
    "TTL",
    "TYPE",
    "UNLINK",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WATCH",
    "XACK",
    "XADD",
    "XGROUP",
    "XLEN",
    "XRANGE",
    "XREAD",
    "XREADGROUP",
    "ZADD",
    "ZCARD",
    "ZCOUNT",
    "ZINCRBY",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZRANK",
    "ZREM",
    "ZSCORE",
];

/// Commands whose first argument is no key.
const KEYLESS: &[&str] = &[
    "ACL",
    "AUTH",
    "CLIENT",
    "CLUSTER",
    "COMMAND",
    "CONFIG",
    "DBSIZE",
    "ECHO",
    "EVAL",
    "EVALSHA",
    "FCALL",
    "FLUSHALL",
    "FLUSHDB",
    "FUNCTION",
    "HELLO",
    "INFO",
    "KEYS",
    "MEMORY",
    "MODULE",
    "OBJECT",
    "PING",
    "PSUBSCRIBE",
    "PSYNC",
    "PUBLISH",
    "PUBSUB",
    "REPLCONF",
    "SCAN",
    "SCRIPT",
    "SELECT",
    "SLAVEOF",
    "SLOWLOG",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "WAIT",
    "XGROUP",
    "XREAD",
    "XREADGROUP",
];

/// Whether `name`, in capitals, is a known command.
pub(super) fn is_command(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| COMMANDS.binary_search(&name).is_ok())
}

/// A command.
#[derive(Debug)]
pub(super) struct Command(pub(super) Box<[u8]>);

/// A reply or a push.
#[derive(Debug)]
pub(super) struct Reply(pub(super) Box<[u8]>);

impl Command {
    /// Its name in capitals.
    pub(super) fn name(&self) -> String {
        resp::strings(&self.0).first().map(|w| String::from_utf8_lossy(w).to_uppercase()).unwrap_or_default()
    }

    /// Its words after the name; passwords are not shown.
    fn args(&self) -> Vec<String> {
        let words = resp::strings(&self.0);
        let name = self.name();
        let mut secret = name == "AUTH";
        let shown = |word: &&[u8]| {
            let text = if secret { REDACTED.to_owned() } else { String::from_utf8_lossy(word).into_owned() };
            // HELLO 3 AUTH user password; MIGRATE … AUTH password; CONFIG SET requirepass password.
            secret |= ["AUTH", "AUTH2", "REQUIREPASS", "MASTERAUTH"].contains(&text.to_uppercase().as_str());
            text
        };
        words.iter().skip(1).map(shown).collect()
    }

    fn key(&self) -> Option<String> {
        let name = self.name();
        if KEYLESS.binary_search(&name.as_str()).is_ok() { None } else { self.args().into_iter().next() }
    }

    /// What follows the key, or the name where there is no key.
    fn value(&self) -> String {
        self.args().get(usize::from(self.key().is_some())..).unwrap_or_default().join(" ")
    }

    fn is_array(&self) -> bool {
        self.0.starts_with(b"*")
    }
}

impl Reply {
    fn kind(&self) -> u8 {
        resp::value(&self.0).0
    }

    fn text(&self) -> Option<String> {
        match resp::value(&self.0).1 {
            Made::Text(text) => Some(text),
            _ => None,
        }
    }

    fn is_error(&self) -> bool {
        matches!(self.kind(), b'-' | b'!')
    }

    /// Whether nobody asked for it: a push of RESP3, or a message of a channel that was subscribed to.
    pub(super) fn is_push(&self) -> bool {
        let first = || resp::strings(&self.0).first().map(|w| w.to_ascii_lowercase());
        self.0.first() == Some(&b'>')
            || matches!(first().as_deref(), Some(b"message" | b"pmessage" | b"smessage") if self.0.starts_with(b"*"))
    }

    /// Whether it tells of a (un)subscription: the first answers the command, one follows for each further channel.
    pub(super) fn is_subscription(&self) -> bool {
        let first = resp::strings(&self.0).first().map(|w| w.to_ascii_lowercase()).unwrap_or_default();
        matches!(self.0.first(), Some(b'*' | b'>')) && first.ends_with(b"subscribe")
    }
}

fn type_name(kind: u8) -> &'static str {
    match kind {
        b'+' => "Simple String",
        b'-' => "Error",
        b':' => "Integer",
        b'$' => "Bulk String",
        b'*' => "Array",
        b'_' => "Null",
        b',' => "Double",
        b'#' => "Boolean",
        b'!' => "Bulk Error",
        b'=' => "Verbatim String",
        b'(' => "Big Number",
        b'%' => "Map",
        b'~' => "Set",
        b'>' => "Push",
        _ => "Unknown",
    }
}

object! {
    Command as c, REQUEST_FIELDS {
        "type": Str, "Array, or Inline for a command in a line of text" => if c.is_array() { "Array" } else { "Inline" };
        "command": Str, "Name of the command, in capitals" => c.name();
        "key": Str, "Its first argument, where that is a key" => c.key();
        "args": List, "All arguments as texts; passwords read REDACTED" => Value::MadeList(Box::new(c.args()));
        "value": Str, "The arguments after the key, joined by spaces" => c.value();
        "keyword": Str, "The same as command, where it is a known one" => if is_command(c.name().as_bytes()) { Value::from(c.name()) } else { Value::Absent };
    }
}

object! {
    Reply as r, RESPONSE_FIELDS {
        "type": Str, "RESP type: Simple String, Error, Integer, Bulk String, Array, Map, Push, …" => type_name(r.kind());
        "value": Object, "The value: text, number, list or object; null where there is none" => resp::value(&r.0).1.into_value();
        "keyword": Str, "OK, QUEUED, PONG where the reply is that" => r.text().filter(|t| ["OK", "QUEUED", "PONG"].contains(&t.as_str()));
        "error": Str, "Text of an error" => if r.is_error() { r.text().into() } else { Value::Absent };
        "push": Bool, "Whether nobody asked for it: a published message, an invalidation" => r.is_push();
    }
}

impl Request for Command {
    fn summary(&self) -> Cow<'_, str> {
        self.key().unwrap_or_else(|| self.value()).into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name().into()
    }
}

impl Response for Reply {
    /// 0, or 1 for an error: Redis has no codes.
    fn status(&self) -> Option<i64> {
        Some(i64::from(self.is_error()))
    }
    fn summary(&self) -> Cow<'_, str> {
        let channel = resp::strings(&self.0).get(1).map(|w| String::from_utf8_lossy(w).into_owned());
        if self.is_push() { channel.unwrap_or_default().into() } else { type_name(self.kind()).into() }
    }
    fn method(&self) -> Cow<'_, str> {
        if self.is_push() { "PUSH".into() } else { "".into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(COMMANDS.is_sorted() && KEYLESS.is_sorted());
    }
}
