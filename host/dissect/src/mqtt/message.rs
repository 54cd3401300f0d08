//! One control packet, and what its item says.

use super::{
    codes::{self, packet},
    property::properties,
    wire::{self, binary, string},
};
use crate::{
    exchange::{Request, Response},
    made::{Made, REDACTED, text_or_base64},
};
use hookline_item::{Value, object};
use nom::{
    IResult, Parser as _,
    bytes::complete::take,
    combinator::cond,
    number::complete::{be_u8, be_u16},
};
use std::borrow::Cow;

/// Topics shown of one packet.
const TOPICS_MAX: usize = 256;

/// A packet: its fixed header's first byte, and what follows the fixed header.
#[derive(Debug)]
pub(super) struct Packet {
    first: u8,
    /// Protocol level of the connection: 3, 4, 5, or 0 where it is not known.
    level: u8,
    body: Box<[u8]>,
}

/// What a packet says; each type fills in its part.
#[derive(Default)]
struct Read<'a> {
    topics: Vec<(Cow<'a, str>, Option<u8>)>,
    id: Option<u16>,
    codes: &'a [u8],
    session_present: Option<bool>,
    connect: Option<Connect<'a>>,
    properties: Option<Made>,
    payload: Option<&'a [u8]>,
}

struct Connect<'a> {
    name: Cow<'a, str>,
    level: u8,
    flags: u8,
    keep_alive: u16,
    client: Cow<'a, str>,
    user: Option<Cow<'a, str>>,
    password: bool,
    will: Option<(Cow<'a, str>, &'a [u8])>,
}

impl Packet {
    pub(super) fn parse(bytes: &[u8], level: u8) -> Option<Self> {
        let header = wire::header(bytes)?.ok()?;
        Some(Self { first: *bytes.first()?, level, body: bytes.get(header.header_len..)?.into() })
    }

    pub(super) fn kind(&self) -> u8 {
        self.first >> 4
    }

    fn qos(&self) -> u8 {
        self.first >> 1 & 3
    }

    fn is_publish(&self) -> bool {
        self.kind() == packet::PUBLISH
    }

    /// The type of the packet that acknowledges this one, if one does (MQTT 3.1.1 §4.3).
    pub(super) fn acknowledged_by(&self) -> Option<u8> {
        Some(match (self.kind(), self.qos()) {
            (packet::CONNECT, _) => packet::CONNACK,
            (packet::PUBLISH, 1) => packet::PUBACK,
            (packet::PUBLISH, 2) => packet::PUBREC,
            (packet::PUBREL, _) => packet::PUBCOMP,
            (packet::SUBSCRIBE, _) => packet::SUBACK,
            (packet::UNSUBSCRIBE, _) => packet::UNSUBACK,
            (packet::PINGREQ, _) => packet::PINGRESP,
            _ => return None,
        })
    }

    /// The packet identifier, where the type has one.
    pub(super) fn id(&self) -> Option<u16> {
        let at = match self.kind() {
            packet::PUBLISH if self.qos() == 0 => return None,
            packet::PUBLISH => binary(&self.body).ok()?.0,
            packet::PUBACK..=packet::UNSUBACK => &self.body,
            _ => return None,
        };
        be_u16::<_, nom::error::Error<_>>(at).ok().map(|(_, id)| id)
    }

    /// Whether the packet can be read to its end.
    pub(super) fn is_sound(&self) -> bool {
        self.read().is_some()
    }

    fn read(&self) -> Option<Read<'_>> {
        let mut read = Read::default();
        let rest = self.read_into(&mut read, &self.body).ok()?.0;
        rest.is_empty().then_some(read)
    }

    fn read_into<'a>(&self, read: &mut Read<'a>, i: &'a [u8]) -> IResult<&'a [u8], ()> {
        let v5 = self.level == 5;
        let i = match self.kind() {
            packet::CONNECT => connect(read, i)?.0,
            packet::CONNACK => {
                let (i, flags) = be_u8(i)?;
                read.session_present = Some(flags & 1 != 0);
                self.reason(read, i)?.0
            }
            packet::PUBLISH => {
                let (i, topic) = string(i)?;
                let (i, id) = cond(self.qos() > 0, be_u16).parse(i)?;
                let (i, properties) = cond(v5, properties).parse(i)?;
                (read.topics, read.id, read.properties, read.payload) = (vec![(topic, None)], id, properties, Some(i));
                &[]
            }
            packet::PUBACK..=packet::PUBCOMP => {
                let (i, ()) = identifier(read, i)?;
                self.reason(read, i)?.0
            }
            packet::SUBSCRIBE | packet::UNSUBSCRIBE => {
                let (i, ()) = identifier(read, i)?;
                let (i, properties) = cond(v5, properties).parse(i)?;
                read.properties = properties;
                topics(read, i, self.kind() == packet::SUBSCRIBE)?.0
            }
            packet::SUBACK | packet::UNSUBACK => {
                let (i, ()) = identifier(read, i)?;
                let (i, properties) = cond(v5, properties).parse(i)?;
                (read.properties, read.codes) = (properties, i);
                &[]
            }
            packet::DISCONNECT | packet::AUTH => self.reason(read, i)?.0,
            _ => i,
        };
        Ok((i, ()))
    }

    /// A reason code and properties, both of which version 5 may leave out at the end (MQTT 5.0 §3.4.2.1).
    fn reason<'a>(&self, read: &mut Read<'a>, i: &'a [u8]) -> IResult<&'a [u8], ()> {
        if i.is_empty() {
            return Ok((i, ()));
        }
        let (i, code) = take(1usize)(i)?;
        read.codes = code;
        let (i, properties) = cond(self.level == 5 && !i.is_empty(), properties).parse(i)?;
        read.properties = properties;
        Ok((i, ()))
    }

    fn name(&self) -> Cow<'static, str> {
        codes::packet_name(self.kind())
    }

    /// The first reason code.
    fn code(&self) -> Option<u8> {
        self.read().and_then(|r| r.codes.first().copied())
    }

    fn topic(&self) -> Option<Cow<'_, str>> {
        self.read().and_then(|r| r.topics.into_iter().next()).map(|(topic, _)| topic)
    }

    fn subscriptions(&self) -> Value<'static> {
        let Some(read) = self.read().filter(|r| !self.is_publish() && !r.topics.is_empty()) else { return Value::Absent };
        let shown = |(topic, qos): (Cow<'_, str>, Option<u8>)| {
            let mut fields = vec![("topic", Made::Text(topic.into_owned()))];
            fields.extend(qos.map(|qos| ("qos", qos.into())));
            Made::Fields(fields)
        };
        Made::List(read.topics.into_iter().map(shown).collect()).into_value()
    }

    fn connect<'a, T>(&'a self, get: impl FnOnce(Connect<'a>) -> T) -> Option<T> {
        self.read().and_then(|r| r.connect).map(get)
    }

    /// The payload as text, or in base64 where it is none.
    fn payload(&self) -> Option<(String, bool)> {
        self.read()?.payload.map(text_or_base64)
    }
}

fn identifier<'a>(read: &mut Read<'a>, i: &'a [u8]) -> IResult<&'a [u8], ()> {
    let (i, id) = be_u16(i)?;
    read.id = Some(id);
    Ok((i, ()))
}

/// Topic filters, with their options where they are subscribed to.
fn topics<'a>(read: &mut Read<'a>, mut i: &'a [u8], subscribe: bool) -> IResult<&'a [u8], ()> {
    while !i.is_empty() {
        let (rest, topic) = string(i)?;
        let (rest, options) = cond(subscribe, be_u8).parse(rest)?;
        if read.topics.len() < TOPICS_MAX {
            read.topics.push((topic, options.map(|o| o & 3)));
        }
        i = rest;
    }
    Ok((i, ()))
}

/// CONNECT (MQTT 5.0 §3.1, 3.1.1 §3.1)
fn connect<'a>(read: &mut Read<'a>, i: &'a [u8]) -> IResult<&'a [u8], ()> {
    let (i, name) = string(i)?;
    let (i, level) = be_u8(i)?;
    let (i, flags) = be_u8(i)?;
    let (i, keep_alive) = be_u16(i)?;
    let v5 = level & 0x7f == 5;
    let (i, own) = cond(v5, properties).parse(i)?;
    let (i, client) = string(i)?;
    let (i, will) = cond(flags & 4 != 0, |i| {
        let (i, _properties) = cond(v5, properties).parse(i)?;
        let (i, topic) = string(i)?;
        let (i, payload) = binary(i)?;
        Ok((i, (topic, payload)))
    })
    .parse(i)?;
    let (i, user) = cond(flags & 0x80 != 0, string).parse(i)?;
    let (i, password) = cond(flags & 0x40 != 0, binary).parse(i)?;
    read.properties = own;
    read.connect = Some(Connect { name, level, flags, keep_alive, client, user, password: password.is_some(), will });
    Ok((i, ()))
}

/// A will: what the server publishes when the client is lost.
fn will(connect: Connect<'_>) -> Option<Made> {
    let (topic, payload) = connect.will?;
    let payload = Made::lossy(payload);
    let (qos, retain) = (connect.flags >> 3 & 3, connect.flags & 0x20 != 0);
    Some(Made::Fields(vec![
        ("topic", Made::Text(topic.into_owned())),
        ("payload", payload),
        ("qos", qos.into()),
        ("retain", retain.into()),
    ]))
}

object! {
    Packet as p, PACKET_FIELDS {
        "packetType": Str, "CONNECT, PUBLISH, SUBACK, …" => Value::Str(p.name());
        "packetTypeId": U64, "Its number (MQTT 5.0 §2.1.2)" => p.kind();
        "topic": Str, "PUBLISH: topic name; SUBSCRIBE, UNSUBSCRIBE: the first topic filter" => p.topic().map(Value::Str);
        "topics": List, "SUBSCRIBE, UNSUBSCRIBE: topic filters, with the QoS asked for" => p.subscriptions();
        "qos": U64, "PUBLISH: quality of service, 0 to 2" => p.is_publish().then_some(p.qos());
        "retain": Bool, "PUBLISH: whether the server keeps the message for later subscribers" => p.is_publish().then_some(p.first & 1 != 0);
        "dup": Bool, "PUBLISH: whether it was sent before" => p.is_publish().then_some(p.first & 8 != 0);
        "packetId": U64, "Packet identifier, which the acknowledgement repeats" => p.id();
        "clientId": Str, "CONNECT: client identifier" => p.connect(|c| Value::Str(c.client));
        "user": Str, "CONNECT: user name" => p.connect(|c| c.user.map(Value::Str)).flatten();
        "password": Str, "CONNECT: REDACTED where there is a password" => p.connect(|c| c.password).filter(|p| *p).map(|_| REDACTED);
        "protocolName": Str, "CONNECT: MQTT, or MQIsdp of version 3.1" => p.connect(|c| Value::Str(c.name));
        "protocolVersion": U64, "CONNECT: protocol level: 3 for 3.1, 4 for 3.1.1, 5 for 5.0" => p.connect(|c| c.level & 0x7f);
        "keepAlive": U64, "CONNECT: longest time between packets, in seconds" => p.connect(|c| c.keep_alive);
        "cleanStart": Bool, "CONNECT: whether the session starts anew (Clean Session before version 5)" => p.connect(|c| c.flags & 2 != 0);
        "will": Object, "CONNECT: topic, payload, qos and retain of what is published when the client is lost" => p.connect(will).flatten().map_or(Value::Absent, Made::into_value);
        "sessionPresent": Bool, "CONNACK: whether the server still has the session" => p.read().and_then(|r| r.session_present);
        "reasonCode": U64, "Reason code, or return code before version 5; of a SUBACK or UNSUBACK the first" => p.code();
        "reasonName": Str, "Its meaning" => p.code().map(|c| codes::reason_name(p.level, p.kind(), c).into_owned());
        "reasonCodes": List, "SUBACK, UNSUBACK: one for each topic filter" => if matches!(p.kind(), packet::SUBACK | packet::UNSUBACK) { Value::MadeList(Box::new(p.read().map(|r| r.codes.iter().copied().map(u64::from).collect::<Vec<_>>()).unwrap_or_default())) } else { Value::Absent };
        "payload": Str, "PUBLISH: the application message, in base64 where it is no text" => p.payload().map(|(text, _)| text);
        "encoding": Str, "base64 where payload is" => p.payload().filter(|(_, encoded)| *encoded).map(|_| "base64");
        "payloadLength": U64, "PUBLISH: bytes of the application message that were seen" => p.read().and_then(|r| r.payload).map(|p| p.len());
        "properties": Object, "Version 5: properties by name" => p.read().and_then(|r| r.properties).map_or(Value::Absent, Made::into_value);
    }
}

impl Request for Packet {
    fn summary(&self) -> Cow<'_, str> {
        self.topic().or_else(|| self.connect(|c| c.client)).unwrap_or_default()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name()
    }
}

impl Response for Packet {
    fn status(&self) -> Option<i64> {
        self.code().map(i64::from)
    }
    fn method(&self) -> Cow<'_, str> {
        self.name()
    }
}
