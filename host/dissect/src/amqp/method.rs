//! Classes and methods (AMQP 0-9-1 §1; RabbitMQ's `connection.blocked`, `basic.nack`, `confirm.select`, exchange bindings).

use super::wire::{long_string, short_string, table};
use crate::made::{Made, REDACTED};
use hookline_item::Sender;
use nom::{
    Parser as _,
    combinator::map,
    number::complete::{be_u8, be_u16, be_u32, be_u64},
};

/// A method: its numbers, its name, who sends it, what answers it and its arguments.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) class: u16,
    pub(super) id: u16,
    pub(super) name: &'static str,
    /// `None` where either side may send it.
    pub(super) sender: Option<Sender>,
    pub(super) does: Does,
    arguments: &'static [(&'static str, Form)],
}

/// What a method does to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// It asks for the method with this number.
    Ask(u16),
    /// It answers, as the method with this number does.
    Answer(u16),
    /// Neither.
    Tell,
    /// It carries a message, and asks for nothing.
    Carry,
    /// It carries a message as the answer with this number.
    Bring(u16),
}
use Does::{Answer, Ask, Bring, Carry, Tell};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Octet,
    Short,
    Long,
    LongLong,
    /// One of up to eight bits that share a byte.
    Bit,
    Text,
    LongText,
    Table,
    /// What proves who the client is.
    Secret,
}
use Form::{Bit, Long, LongLong, LongText, Octet, Secret, Short, Table, Text};

const C: Option<Sender> = Some(Sender::Client);
const S: Option<Sender> = Some(Sender::Server);
const BOTH: Option<Sender> = None;

/// An argument that says nothing: reserved, or of an old version.
const OLD: &str = "";
/// The bit by which a client does without the answer.
pub(super) const NO_WAIT: &str = "noWait";

macro_rules! methods {
    ($($class:literal $id:literal $name:literal $sender:ident $does:expr => [$($arg:tt $form:ident),*];)*) => {
        &[$(Method { class: $class, id: $id, name: $name, sender: $sender, does: $does, arguments: &[$(($arg, $form)),*] }),*]
    };
}

#[rustfmt::skip]
static METHODS: &[Method] = methods! {
    10 10 "connection start" S Ask(11) => ["versionMajor" Octet, "versionMinor" Octet, "serverProperties" Table, "mechanisms" LongText, "locales" LongText];
    10 11 "connection start-ok" C Answer(11) => ["clientProperties" Table, "mechanism" Text, "response" Secret, "locale" Text];
    10 20 "connection secure" S Ask(21) => ["challenge" Secret];
    10 21 "connection secure-ok" C Answer(21) => ["response" Secret];
    10 30 "connection tune" S Ask(31) => ["channelMax" Short, "frameMax" Long, "heartbeat" Short];
    10 31 "connection tune-ok" C Answer(31) => ["channelMax" Short, "frameMax" Long, "heartbeat" Short];
    10 40 "connection open" C Ask(41) => ["virtualHost" Text, "" Text, "" Bit];
    10 41 "connection open-ok" S Answer(41) => ["" Text];
    10 50 "connection close" BOTH Ask(51) => ["replyCode" Short, "replyText" Text, "failedClassId" Short, "failedMethodId" Short];
    10 51 "connection close-ok" BOTH Answer(51) => [];
    10 60 "connection blocked" S Tell => ["reason" Text];
    10 61 "connection unblocked" S Tell => [];
    10 70 "connection update-secret" C Ask(71) => ["newSecret" Secret, "reason" Text];
    10 71 "connection update-secret-ok" S Answer(71) => [];
    20 10 "channel open" C Ask(11) => ["" Text];
    20 11 "channel open-ok" S Answer(11) => ["" LongText];
    20 20 "channel flow" BOTH Ask(21) => ["active" Bit];
    20 21 "channel flow-ok" BOTH Answer(21) => ["active" Bit];
    20 40 "channel close" BOTH Ask(41) => ["replyCode" Short, "replyText" Text, "failedClassId" Short, "failedMethodId" Short];
    20 41 "channel close-ok" BOTH Answer(41) => [];
    40 10 "exchange declare" C Ask(11) => ["" Short, "exchange" Text, "type" Text, "passive" Bit, "durable" Bit, "autoDelete" Bit, "internal" Bit, "noWait" Bit, "arguments" Table];
    40 11 "exchange declare-ok" S Answer(11) => [];
    40 20 "exchange delete" C Ask(21) => ["" Short, "exchange" Text, "ifUnused" Bit, "noWait" Bit];
    40 21 "exchange delete-ok" S Answer(21) => [];
    40 30 "exchange bind" C Ask(31) => ["" Short, "destination" Text, "source" Text, "routingKey" Text, "noWait" Bit, "arguments" Table];
    40 31 "exchange bind-ok" S Answer(31) => [];
    40 40 "exchange unbind" C Ask(51) => ["" Short, "destination" Text, "source" Text, "routingKey" Text, "noWait" Bit, "arguments" Table];
    40 51 "exchange unbind-ok" S Answer(51) => [];
    50 10 "queue declare" C Ask(11) => ["" Short, "queue" Text, "passive" Bit, "durable" Bit, "exclusive" Bit, "autoDelete" Bit, "noWait" Bit, "arguments" Table];
    50 11 "queue declare-ok" S Answer(11) => ["queue" Text, "messageCount" Long, "consumerCount" Long];
    50 20 "queue bind" C Ask(21) => ["" Short, "queue" Text, "exchange" Text, "routingKey" Text, "noWait" Bit, "arguments" Table];
    50 21 "queue bind-ok" S Answer(21) => [];
    50 30 "queue purge" C Ask(31) => ["" Short, "queue" Text, "noWait" Bit];
    50 31 "queue purge-ok" S Answer(31) => ["messageCount" Long];
    50 40 "queue delete" C Ask(41) => ["" Short, "queue" Text, "ifUnused" Bit, "ifEmpty" Bit, "noWait" Bit];
    50 41 "queue delete-ok" S Answer(41) => ["messageCount" Long];
    50 50 "queue unbind" C Ask(51) => ["" Short, "queue" Text, "exchange" Text, "routingKey" Text, "arguments" Table];
    50 51 "queue unbind-ok" S Answer(51) => [];
    60 10 "basic qos" C Ask(11) => ["prefetchSize" Long, "prefetchCount" Short, "global" Bit];
    60 11 "basic qos-ok" S Answer(11) => [];
    60 20 "basic consume" C Ask(21) => ["" Short, "queue" Text, "consumerTag" Text, "noLocal" Bit, "noAck" Bit, "exclusive" Bit, "noWait" Bit, "arguments" Table];
    60 21 "basic consume-ok" S Answer(21) => ["consumerTag" Text];
    60 30 "basic cancel" BOTH Ask(31) => ["consumerTag" Text, "noWait" Bit];
    60 31 "basic cancel-ok" BOTH Answer(31) => ["consumerTag" Text];
    60 40 "basic publish" C Carry => ["" Short, "exchange" Text, "routingKey" Text, "mandatory" Bit, "immediate" Bit];
    60 50 "basic return" S Carry => ["replyCode" Short, "replyText" Text, "exchange" Text, "routingKey" Text];
    60 60 "basic deliver" S Carry => ["consumerTag" Text, "deliveryTag" LongLong, "redelivered" Bit, "exchange" Text, "routingKey" Text];
    60 70 "basic get" C Ask(71) => ["" Short, "queue" Text, "noAck" Bit];
    60 71 "basic get-ok" S Bring(71) => ["deliveryTag" LongLong, "redelivered" Bit, "exchange" Text, "routingKey" Text, "messageCount" Long];
    60 72 "basic get-empty" S Answer(71) => ["" Text];
    60 80 "basic ack" BOTH Tell => ["deliveryTag" LongLong, "multiple" Bit];
    60 90 "basic reject" C Tell => ["deliveryTag" LongLong, "requeue" Bit];
    60 100 "basic recover-async" C Tell => ["requeue" Bit];
    60 110 "basic recover" C Ask(111) => ["requeue" Bit];
    60 111 "basic recover-ok" S Answer(111) => [];
    60 120 "basic nack" BOTH Tell => ["deliveryTag" LongLong, "multiple" Bit, "requeue" Bit];
    85 10 "confirm select" C Ask(11) => ["noWait" Bit];
    85 11 "confirm select-ok" S Answer(11) => [];
    90 10 "tx select" C Ask(11) => [];
    90 11 "tx select-ok" S Answer(11) => [];
    90 20 "tx commit" C Ask(21) => [];
    90 21 "tx commit-ok" S Answer(21) => [];
    90 30 "tx rollback" C Ask(31) => [];
    90 31 "tx rollback-ok" S Answer(31) => [];
};

/// The method that a method frame's payload begins with.
pub(super) fn find(payload: &[u8]) -> Option<&'static Method> {
    let &[a, b, c, d] = payload.first_chunk::<4>()?;
    let key = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    METHODS.binary_search_by_key(&key, |m| (m.class, m.id)).ok().and_then(|at| METHODS.get(at))
}

/// An argument: its name and its bytes; of a bit the byte that it is in, and which it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument<'a> {
    pub(super) name: &'static str,
    form: Form,
    bytes: &'a [u8],
    bit: u32,
}

/// The arguments of a method's frame, one after the other.
pub(super) struct Arguments<'a> {
    left: std::slice::Iter<'static, (&'static str, Form)>,
    rest: &'a [u8],
    /// How many bits of the byte that `rest` begins with were read.
    bits: u32,
    /// Whether all that were read are whole.
    pub(super) sound: bool,
}

impl Method {
    /// The arguments of a payload that begins with this method's numbers.
    pub(super) fn arguments<'a>(&self, payload: &'a [u8]) -> Arguments<'a> {
        Arguments { left: self.arguments.iter(), rest: payload.get(4..).unwrap_or_default(), bits: 0, sound: true }
    }
}

impl<'a> Iterator for Arguments<'a> {
    type Item = Argument<'a>;

    fn next(&mut self) -> Option<Argument<'a>> {
        let (name, form) = self.left.next()?;
        // Bits in a row share a byte (§4.2.5.2).
        if *form == Bit {
            self.sound &= !self.rest.is_empty();
            self.bits += 1;
            return self.sound.then_some(Argument { name, form: *form, bytes: self.rest, bit: self.bits - 1 });
        }
        let rest = self.rest.get(usize::from(self.bits > 0)..).unwrap_or_default();
        self.bits = 0;
        let read = form.len(rest).and_then(|len| rest.split_at_checked(len));
        self.sound &= read.is_some();
        let (bytes, rest) = read?;
        self.rest = rest;
        Some(Argument { name, form: *form, bytes, bit: 0 })
    }
}

impl Argument<'_> {
    pub(super) fn is_bit(self) -> bool {
        self.form == Bit
    }

    /// Whether it is a bit that is set.
    pub(super) fn is_set(self) -> bool {
        self.is_bit() && self.bytes.first().is_some_and(|byte| byte >> self.bit & 1 == 1)
    }

    /// Whether it says nothing.
    pub(super) fn is_old(self) -> bool {
        self.name == OLD
    }

    /// As items show it.
    pub(super) fn made(self) -> Made {
        let i = self.bytes;
        let made = match self.form {
            Bit => return self.is_set().into(),
            Secret => return REDACTED.into(),
            Octet => map(be_u8, Made::from).parse(i),
            Short => map(be_u16, Made::from).parse(i),
            Long => map(be_u32, Made::from).parse(i),
            LongLong => map(be_u64, Made::from).parse(i),
            Text => short_string(i),
            LongText => long_string(i),
            Table => table(i),
        };
        made.map_or(Made::Null, |(_, made): (&[u8], Made)| made)
    }
}

impl Form {
    /// Bytes of an argument of this form; `None` if its length is not there.
    fn len(self, bytes: &[u8]) -> Option<usize> {
        let long = || bytes.first_chunk::<4>().map(|len| (u32::from_be_bytes(*len) as usize).saturating_add(4));
        match self {
            Octet | Bit => Some(1),
            Short => Some(2),
            Long => Some(4),
            LongLong => Some(8),
            Text => bytes.first().map(|len| usize::from(*len) + 1),
            LongText | Table | Secret => long(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_sorted_and_answered() {
        assert!(METHODS.is_sorted_by(|a, b| (a.class, a.id) < (b.class, b.id)));
        for m in METHODS {
            if let Ask(reply) = m.does {
                assert!(METHODS.iter().any(|a| a.class == m.class && matches!(a.does, Answer(r) | Bring(r) if r == reply)), "{}", m.name);
            }
        }
    }
}
