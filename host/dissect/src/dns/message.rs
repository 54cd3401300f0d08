//! What DNS items say: read from the message's bytes when somebody asks.

use super::{
    codes::{Class, Rcode, Type},
    frame::{Header, Packet, Question, Record},
    name, rdata,
};
use hookline_item::{List, Message, Object, Value, object};
use std::borrow::Cow;

/// A query.
#[derive(Debug)]
pub(super) struct Query(pub(super) Packet);

/// A response.
#[derive(Debug)]
pub(super) struct Reply(pub(super) Packet);

/// A query and its answer.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) query: Option<Query>,
    pub(super) reply: Option<Reply>,
}

impl Exchange {
    fn packet(&self) -> Option<&Packet> {
        self.query.as_ref().map(|q| &q.0).or(self.reply.as_ref().map(|r| &r.0))
    }

    /// What it is about: the first question, or the first answer where there is none (mDNS).
    fn topic(&self) -> Option<(&Packet, usize, Type)> {
        let packet = self.packet()?;
        let question = packet.questions().next().map(|q| (packet, q.name_at, q.kind));
        question.or_else(|| packet.records(1).next().map(|r| (packet, r.name_at, r.kind)))
    }
}

impl Message for Exchange {
    fn request(&self) -> Option<&dyn Object> {
        self.query.as_ref().map(|q| q as _)
    }
    fn response(&self) -> Option<&dyn Object> {
        self.reply.as_ref().map(|r| r as _)
    }
    fn summary(&self) -> Cow<'_, str> {
        self.topic().map_or(Cow::Borrowed(""), |(packet, at, _)| Cow::Owned(name::text(&packet.raw, at)))
    }
    fn method(&self) -> Cow<'_, str> {
        self.topic().map_or(Cow::Borrowed(""), |(_, _, kind)| kind.name())
    }
    fn status(&self) -> Option<i64> {
        self.reply.as_ref().map(|r| r.0.rcode().into())
    }
}

/// A question in its message.
struct Asked<'a> {
    packet: &'a Packet,
    question: Question,
}

/// A record in its message.
struct Entry<'a> {
    packet: &'a Packet,
    record: Record,
}

/// Entries read out of a message.
struct Entries<T>(Vec<T>);

impl<T: Object> List for Entries<T> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn at(&self, index: usize) -> Value<'_> {
        self.0.get(index).map_or(Value::Absent, |e| Value::Object(e))
    }
}

fn questions(packet: &Packet) -> Value<'_> {
    Value::MadeList(Box::new(Entries(packet.questions().map(|question| Asked { packet, question }).collect())))
}

fn records(packet: &Packet, section: usize) -> Value<'_> {
    Value::MadeList(Box::new(Entries(packet.records(section).map(|record| Entry { packet, record }).collect())))
}

/// Records of a section that is mostly empty.
fn some_records(packet: &Packet, section: usize) -> Value<'_> {
    if packet.whole.get(section).is_none_or(|n| *n == 0) { Value::Absent } else { records(packet, section) }
}

/// The class without mDNS's flag.
fn class(packet: &Packet, class: Class) -> Class {
    if packet.multicast { Class(class.0 & 0x7fff) } else { class }
}

fn multicast_flag(packet: &Packet, class: Class) -> Value<'static> {
    if packet.multicast { Value::Bool(class.0 & 0x8000 != 0) } else { Value::Absent }
}

impl Entry<'_> {
    fn is_opt(&self) -> bool {
        self.record.kind == Type::OPT
    }

    fn data(&self, key: &str) -> Value<'static> {
        rdata::value(self.packet, self.record, key)
    }

    fn unless_opt<T: Into<Value<'static>>>(&self, value: T) -> Value<'static> {
        if self.is_opt() { Value::Absent } else { value.into() }
    }
}

object! {
    Header as h, FLAGS_FIELDS {
        "response": Bool, "QR: this is a response" => h.is_response();
        "authoritative": Bool, "AA: the server is an authority for the name" => h.flag(5);
        "truncated": Bool, "TC: the message did not fit" => h.flag(6);
        "recursionDesired": Bool, "RD" => h.flag(7);
        "recursionAvailable": Bool, "RA" => h.flag(8);
        "authenticData": Bool, "AD (RFC 4035 §3.2.3)" => h.flag(10);
        "checkingDisabled": Bool, "CD (RFC 4035 §3.2.2)" => h.flag(11);
    }
}

object! {
    Asked<'_> as q, QUESTION_FIELDS {
        "name": Str, "Name asked for, without final dot; the root is a dot" => name::text(&q.packet.raw, q.question.name_at);
        "type": Str, "Record type asked for" => q.question.kind.name().into_owned();
        "typeId": U64, "Its number" => q.question.kind.0;
        "class": Str, "Class, nearly always IN" => class(q.packet, q.question.class).name().into_owned();
        "classId": U64, "Its number" => class(q.packet, q.question.class).0;
        "unicastResponse": Bool, "mDNS: an answer by unicast is welcome (RFC 6762 §5.4)" => multicast_flag(q.packet, q.question.class);
    }
}

object! {
    Entry<'_> as e, RECORD_FIELDS {
        "name": Str, "Owner name, without final dot; the root is a dot" => name::text(&e.packet.raw, e.record.name_at);
        "type": Str, "Record type" => e.record.kind.name().into_owned();
        "typeId": U64, "Its number" => e.record.kind.0;
        "class": Str, "Class, nearly always IN" => e.unless_opt(class(e.packet, e.record.class).name().into_owned());
        "classId": U64, "Its number" => e.unless_opt(class(e.packet, e.record.class).0);
        "cacheFlush": Bool, "mDNS: replaces what is cached (RFC 6762 §10.2)" => if e.is_opt() { Value::Absent } else { multicast_flag(e.packet, e.record.class) };
        "ttl": U64, "Seconds that it may be cached" => e.unless_opt(e.record.ttl);
        "ip": Str, "A, AAAA: address" => e.data("ip");
        "ns": Str, "NS: name server" => e.data("ns");
        "cname": Str, "CNAME, DNAME: target" => e.data("cname");
        "ptr": Str, "PTR: target" => e.data("ptr");
        "txts": List, "TXT, SPF: texts" => e.data("txts");
        "soa": Object, "SOA: mname, rname, serial, refresh, retry, expire, minimum" => e.data("soa");
        "srv": Object, "SRV: priority, weight, port, name" => e.data("srv");
        "mx": Object, "MX: preference, name" => e.data("mx");
        "svcb": Object, "SVCB, HTTPS: priority, target, alpn, port, ipv4hint, ipv6hint, ech" => e.data("svcb");
        "opt": Object, "OPT: udpSize, extendedRcode, version, do, options" => e.data("opt");
        "uri": Object, "URI: priority, weight, target" => e.data("uri");
        "caa": Object, "CAA: flags, tag, value" => e.data("caa");
        "naptr": Object, "NAPTR: order, preference, flags, services, regexp, replacement" => e.data("naptr");
        "ds": Object, "DS, CDS: keyTag, algorithm, digestType, digest" => e.data("ds");
        "dnskey": Object, "DNSKEY, CDNSKEY: flags, protocol, algorithm, publicKey" => e.data("dnskey");
        "rrsig": Object, "RRSIG: typeCovered, algorithm, labels, originalTtl, expiration, inception, keyTag, signer, signature" => e.data("rrsig");
        "nsec": Object, "NSEC: next, types" => e.data("nsec");
        "nsec3": Object, "NSEC3: hashAlgorithm, flags, iterations, salt, nextHashed, types" => e.data("nsec3");
        "nsec3param": Object, "NSEC3PARAM: hashAlgorithm, flags, iterations, salt" => e.data("nsec3param");
        "tlsa": Object, "TLSA, SMIMEA: usage, selector, matchingType, data" => e.data("tlsa");
        "sshfp": Object, "SSHFP: algorithm, fingerprintType, fingerprint" => e.data("sshfp");
        "loc": Object, "LOC: latitude, longitude, altitude" => e.data("loc");
        "hinfo": Object, "HINFO: cpu, os" => e.data("hinfo");
        "data": Str, "Any other type, or data that cannot be read: the bytes in base64" => e.data("data");
    }
}

object! {
    Query as q, QUERY_FIELDS {
        "id": U64, "Identifier that query and answer share" => q.0.header.id;
        "opCode": Str, "Query, Status, Notify, Update, …" => q.0.header.opcode().name().into_owned();
        "opCodeId": U64, "Its number" => q.0.header.opcode().0;
        "flags": Object(FLAGS_FIELDS), "Header flags (RFC 1035 §4.1.1)" => &q.0.header;
        "questions": List(QUESTION_FIELDS), "name, type, typeId, class, classId of each question" => questions(&q.0);
        "answers": List(RECORD_FIELDS), "Known answers (mDNS) and prerequisites (Update): records as in a response" => some_records(&q.0, 1);
        "authorities": List(RECORD_FIELDS), "Records to change (Update)" => some_records(&q.0, 2);
        "additionals": List(RECORD_FIELDS), "Additional records, OPT among them" => some_records(&q.0, 3);
    }
}

object! {
    Reply as r, REPLY_FIELDS {
        "id": U64, "Identifier that query and answer share" => r.0.header.id;
        "opCode": Str, "Query, Status, Notify, Update, …" => r.0.header.opcode().name().into_owned();
        "opCodeId": U64, "Its number" => r.0.header.opcode().0;
        "code": Str, "Response code in words" => Rcode(r.0.rcode()).name().into_owned();
        "rcode": U64, "Response code with the upper bits of EDNS" => r.0.rcode();
        "flags": Object(FLAGS_FIELDS), "Header flags (RFC 1035 §4.1.1)" => &r.0.header;
        "truncated": Bool, "TC: the answer did not fit" => r.0.header.flag(6);
        "questions": List(QUESTION_FIELDS), "name, type, typeId, class, classId of each question" => questions(&r.0);
        "answers": List(RECORD_FIELDS), "Answer records: name, type, typeId, class, classId, ttl and the field of their type" => records(&r.0, 1);
        "authorities": List(RECORD_FIELDS), "Authority records" => records(&r.0, 2);
        "additionals": List(RECORD_FIELDS), "Additional records, OPT among them" => records(&r.0, 3);
    }
}
