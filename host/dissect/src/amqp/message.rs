//! What AMQP items say.

use super::{
    method::{self, Argument, Method, NO_WAIT},
    wire,
};
use crate::{
    exchange::{Request, Response},
    made::{Made, text_or_base64},
};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// A method, and the message that it carries.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) channel: u16,
    /// The payload of the method's frame.
    pub(super) payload: Box<[u8]>,
    pub(super) content: Option<Content>,
}

/// A message.
#[derive(Debug)]
pub(super) struct Content {
    /// The payload of the header's frame.
    pub(super) header: Box<[u8]>,
    pub(super) body: Vec<u8>,
    /// Bytes of the body that were seen, kept or not.
    pub(super) seen: u64,
}

/// The same as the answer.
#[derive(Debug)]
pub(super) struct Answer(pub(super) Call);

impl Call {
    pub(super) fn method(&self) -> Option<&'static Method> {
        method::find(&self.payload)
    }

    fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        self.method().into_iter().flat_map(|m| m.arguments(&self.payload)).filter(|a| !a.is_old())
    }

    /// Whether its arguments follow its definition.
    pub(super) fn is_sound(&self) -> bool {
        self.method().is_some_and(|m| {
            let mut arguments = m.arguments(&self.payload);
            arguments.by_ref().for_each(drop);
            arguments.sound
        })
    }

    fn argument(&self, name: &str) -> Option<Argument<'_>> {
        self.arguments().find(|a| a.name == name)
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.argument(name)?.made() {
            Made::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.argument(name)?.made() {
            Made::Number(n) => Some(n),
            _ => None,
        }
    }

    /// Whether the client does without an answer.
    pub(super) fn is_no_wait(&self) -> bool {
        self.argument(NO_WAIT).is_some_and(Argument::is_set)
    }

    /// Names of the bits that are set.
    fn flags(&self) -> Value<'static> {
        Value::MadeList(Box::new(self.arguments().filter(|a| a.is_set()).map(|a| a.name.to_owned()).collect::<Vec<_>>()))
    }

    /// What has no field of its own.
    fn others(&self) -> Value<'static> {
        const OWN: [&str; 5] = ["exchange", "routingKey", "queue", "replyCode", "replyText"];
        let others: Vec<_> = self.arguments().filter(|a| !OWN.contains(&a.name) && !a.is_bit()).map(|a| (a.name, a.made())).collect();
        if others.is_empty() { Value::Absent } else { Made::Fields(others).into_value() }
    }

    fn properties(&self) -> Vec<(&'static str, Made)> {
        self.content.as_ref().and_then(|c| wire::properties(&c.header).ok()).map(|(_, p)| p).unwrap_or_default()
    }

    fn headers(&self) -> Value<'static> {
        self.properties().into_iter().find(|(name, _)| *name == "headers").map_or(Value::Absent, |(_, v)| v.into_value())
    }

    fn other_properties(&self) -> Value<'static> {
        let all: Vec<_> = self.properties().into_iter().filter(|(name, _)| *name != "headers").collect();
        if self.content.is_none() { Value::Absent } else { Made::Fields(all).into_value() }
    }

    fn body(&self) -> Option<(String, bool)> {
        self.content.as_ref().map(|c| text_or_base64(&c.body))
    }

    fn body_size(&self) -> Option<u64> {
        self.content.as_ref().and_then(|c| wire::body_size(&c.header))
    }

    fn name(&self) -> Cow<'static, str> {
        self.method().map_or("", |m| m.name).into()
    }
}

object! {
    Call as c, REQUEST_FIELDS {
        "method": Str, "Class and method: basic publish, queue declare, …" => Value::Str(c.name());
        "classId": U64, "Number of the class" => c.method().map(|m| m.class);
        "methodId": U64, "Number of the method" => c.method().map(|m| m.id);
        "channel": U64, "Channel; 0 is the connection" => c.channel;
        "exchange": Str, "Exchange; empty for the default one" => c.text("exchange");
        "routingKey": Str, "Routing key" => c.text("routingKey");
        "queue": Str, "Queue" => c.text("queue");
        "flags": List, "Names of the bits that are set: durable, mandatory, noAck, …" => c.flags();
        "arguments": Object, "The method's other arguments by name; what proves who the client is reads REDACTED" => c.others();
        "replyCode": U64, "Close and return: why" => c.number("replyCode");
        "replyText": Str, "Close and return: why, in words" => c.text("replyText");
        "properties": Object, "Properties of the message: contentType, deliveryMode, correlationId, …" => c.other_properties();
        "headers": Object, "Headers of the message by name" => c.headers();
        "body": Str, "The message, in base64 where it is no text" => c.body().map(|(text, _)| text);
        "encoding": Str, "base64 where body is" => c.body().filter(|(_, encoded)| *encoded).map(|_| "base64");
        "bodySize": U64, "Bytes of the message" => c.body_size();
    }
}

object! {
    Answer as a, RESPONSE_FIELDS {
        "method": Str, "Class and method: queue declare-ok, basic get-empty, …" => Value::Str(a.0.name());
        "classId": U64, "Number of the class" => a.0.method().map(|m| m.class);
        "methodId": U64, "Number of the method" => a.0.method().map(|m| m.id);
        "channel": U64, "Channel; 0 is the connection" => a.0.channel;
        "exchange": Str, "Exchange" => a.0.text("exchange");
        "routingKey": Str, "Routing key" => a.0.text("routingKey");
        "queue": Str, "Queue" => a.0.text("queue");
        "flags": List, "Names of the bits that are set" => a.0.flags();
        "arguments": Object, "The method's other arguments by name" => a.0.others();
        "replyCode": U64, "Why, where something went wrong" => a.0.number("replyCode");
        "replyText": Str, "The same in words" => a.0.text("replyText");
        "properties": Object, "Properties of the message" => a.0.other_properties();
        "headers": Object, "Headers of the message by name" => a.0.headers();
        "body": Str, "The message, in base64 where it is no text" => a.0.body().map(|(text, _)| text);
        "encoding": Str, "base64 where body is" => a.0.body().filter(|(_, encoded)| *encoded).map(|_| "base64");
        "bodySize": U64, "Bytes of the message" => a.0.body_size();
    }
}

impl Request for Call {
    fn summary(&self) -> Cow<'_, str> {
        let named = |name: &str| self.text(name).filter(|t| !t.is_empty());
        ["exchange", "queue", "routingKey", "replyText", "virtualHost"].into_iter().find_map(named).unwrap_or_default().into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name()
    }
}

impl Response for Answer {
    /// 0: an answer says that all went well; errors come as a close of their own.
    fn status(&self) -> Option<i64> {
        Some(0)
    }
    fn summary(&self) -> Cow<'_, str> {
        Request::summary(&self.0)
    }
    fn method(&self) -> Cow<'_, str> {
        self.0.name()
    }
}
