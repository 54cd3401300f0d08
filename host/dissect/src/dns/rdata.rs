//! What records say, by type. Anything that cannot be read is given as bytes.

use super::{
    codes::{OptionCode, Type},
    frame::{Packet, Record},
    name,
};
use crate::made::{Made, hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookline_item::Value;
use nom::{
    IResult, Parser,
    bytes::complete::take,
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The field under which a record's data stand.
pub(super) fn key(kind: Type) -> &'static str {
    match kind.0 {
        1 | 28 => "ip",
        2 => "ns",
        5 | 39 => "cname",
        6 => "soa",
        12 => "ptr",
        13 => "hinfo",
        15 => "mx",
        16 | 99 => "txts",
        29 => "loc",
        33 => "srv",
        35 => "naptr",
        41 => "opt",
        43 | 59 => "ds",
        44 => "sshfp",
        46 => "rrsig",
        47 => "nsec",
        48 | 60 => "dnskey",
        50 => "nsec3",
        51 => "nsec3param",
        52 | 53 => "tlsa",
        64 | 65 => "svcb",
        256 => "uri",
        257 => "caa",
        _ => "data",
    }
}

/// The data of `record` under `wanted`, if they stand there.
pub(super) fn value(packet: &Packet, record: Record, wanted: &str) -> Value<'static> {
    let key = key(record.kind);
    if key != wanted && wanted != "data" {
        return Value::Absent;
    }
    let data = packet.raw.get(record.data.0..record.data.1).unwrap_or_default();
    let read = if key == "data" { None } else { read(&Rdata { message: &packet.raw, record, data }) };
    match read {
        Some(out) if key == wanted => out.into_value(),
        None if wanted == "data" && !data.is_empty() => Value::from(STANDARD.encode(data)),
        _ => Value::Absent,
    }
}

/// A record's data inside its message, which names may point into.
struct Rdata<'a> {
    message: &'a [u8],
    record: Record,
    data: &'a [u8],
}

/// What a reader of one type gives: what is left, and the fields.
type Read<'a> = IResult<&'a [u8], Made>;

fn read(r: &Rdata<'_>) -> Option<Made> {
    let done = |result: Read<'_>| result.ok().map(|(_, out)| out);
    match r.record.kind.0 {
        1 => Some(Made::Text(Ipv4Addr::from(*r.data.first_chunk::<4>().filter(|_| r.data.len() == 4)?).to_string())),
        28 => Some(Made::Text(Ipv6Addr::from(*r.data.first_chunk::<16>().filter(|_| r.data.len() == 16)?).to_string())),
        2 | 5 | 12 | 39 => r.name(0).map(|(name, _)| Made::Text(name)),
        6 => r.soa(),
        13 => done(hinfo(r.data)),
        15 => r.mx(),
        16 | 99 => Some(Made::Texts(strings(r.data))),
        29 => done(loc(r.data)),
        33 => r.srv(),
        35 => r.naptr(),
        41 => Some(r.opt()),
        43 | 59 => done(ds(r.data)),
        44 => done(sshfp(r.data)),
        46 => r.rrsig(),
        47 => r.nsec(),
        48 | 60 => done(dnskey(r.data)),
        50 => done(nsec3(r.data)),
        51 => done(nsec3param(r.data)),
        52 | 53 => done(tlsa(r.data)),
        64 | 65 => r.svcb(),
        256 => done(uri(r.data)),
        257 => done(caa(r.data)),
        _ => None,
    }
}

impl Rdata<'_> {
    /// The name that begins `offset` bytes into the data, and where in the data it ends.
    fn name(&self, offset: usize) -> Option<(String, usize)> {
        let at = self.record.data.0 + offset;
        let end = name::skip(self.message, at).ok().filter(|end| *end <= self.record.data.1)?;
        Some((name::text(self.message, at), end - self.record.data.0))
    }

    fn from(&self, offset: usize) -> &[u8] {
        self.data.get(offset..).unwrap_or_default()
    }

    /// RFC 1035 §3.3.13.
    fn soa(&self) -> Option<Made> {
        let (mname, at) = self.name(0)?;
        let (rname, at) = self.name(at)?;
        let mut numbers = self.from(at);
        let mut fields = vec![("mname", mname.into()), ("rname", rname.into())];
        for name in ["serial", "refresh", "retry", "expire", "minimum"] {
            let (rest, n) = u32_of(numbers).ok()?;
            fields.push((name, n.into()));
            numbers = rest;
        }
        Some(Made::Fields(fields))
    }

    /// RFC 1035 §3.3.9.
    fn mx(&self) -> Option<Made> {
        let (_, preference) = u16_of(self.data).ok()?;
        let (name, _) = self.name(2)?;
        Some(Made::Fields(vec![("preference", preference.into()), ("name", name.into())]))
    }

    /// RFC 2782.
    fn srv(&self) -> Option<Made> {
        let (i, priority) = u16_of(self.data).ok()?;
        let (i, weight) = u16_of(i).ok()?;
        let (_, port) = u16_of(i).ok()?;
        let (name, _) = self.name(6)?;
        Some(Made::Fields(vec![("priority", priority.into()), ("weight", weight.into()), ("port", port.into()), ("name", name.into())]))
    }

    /// RFC 3403 §4.1.
    fn naptr(&self) -> Option<Made> {
        let (i, order) = u16_of(self.data).ok()?;
        let (i, preference) = u16_of(i).ok()?;
        let (i, flags) = string(i).ok()?;
        let (i, services) = string(i).ok()?;
        let (i, regexp) = string(i).ok()?;
        let (replacement, _) = self.name(self.data.len() - i.len())?;
        let texts = [("flags", flags), ("services", services), ("regexp", regexp), ("replacement", replacement)];
        let mut fields = vec![("order", order.into()), ("preference", preference.into())];
        fields.extend(texts.map(|(name, text)| (name, Made::Text(text))));
        Some(Made::Fields(fields))
    }

    /// RFC 4034 §3.1.
    fn rrsig(&self) -> Option<Made> {
        let (i, mut fields) = signature(self.data).ok()?;
        let (signer, end) = self.name(self.data.len() - i.len())?;
        fields.extend([("signer", Made::Text(signer)), ("signature", Made::Text(STANDARD.encode(self.from(end))))]);
        Some(Made::Fields(fields))
    }

    /// RFC 4034 §4.1.
    fn nsec(&self) -> Option<Made> {
        let (next, end) = self.name(0)?;
        Some(Made::Fields(vec![("next", next.into()), ("types", Made::Texts(type_bitmap(self.from(end))))]))
    }

    /// RFC 9460 §2.2: priority, target, parameters.
    fn svcb(&self) -> Option<Made> {
        let (_, priority) = u16_of(self.data).ok()?;
        let (target, end) = self.name(2)?;
        let mut fields = vec![("priority", priority.into()), ("target", target.into())];
        let mut rest = self.from(end);
        while let Ok((i, (key, value))) = parameter(rest) {
            rest = i;
            fields.push(svcb_parameter(key, value));
        }
        Some(Made::Fields(fields))
    }

    /// RFC 6891 §6.1.2: class and TTL have other meanings here.
    fn opt(&self) -> Made {
        let [extended, version, flags @ ..] = self.record.ttl.to_be_bytes();
        let mut options = Vec::new();
        let mut rest = self.data;
        while let Ok((i, (code, data))) = parameter(rest) {
            rest = i;
            options.push(Made::Fields(vec![
                ("code", code.into()),
                ("name", Made::Text(OptionCode(code).name().into_owned())),
                ("data", STANDARD.encode(data).into()),
            ]));
        }
        Made::Fields(vec![
            ("udpSize", self.record.class.0.into()),
            ("extendedRcode", extended.into()),
            ("version", version.into()),
            ("do", Made::Number(u64::from(flags.first().is_some_and(|f| f & 0x80 != 0)))),
            ("options", Made::List(options)),
        ])
    }
}

fn u16_of(i: &[u8]) -> IResult<&[u8], u16> {
    be_u16(i)
}

fn u32_of(i: &[u8]) -> IResult<&[u8], u32> {
    be_u32(i)
}

/// A character-string (RFC 1035 §3.3): a length and as many bytes.
fn string(i: &[u8]) -> IResult<&[u8], String> {
    let (i, text) = length_data(be_u8).parse(i)?;
    Ok((i, String::from_utf8_lossy(text).into_owned()))
}

fn strings(mut i: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Ok((rest, text)) = string(i) {
        texts.push(text);
        i = rest;
    }
    texts
}

/// A code, a length and as many bytes: EDNS options and SVCB parameters.
fn parameter(i: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    let (i, code) = be_u16(i)?;
    let (i, value) = length_data(be_u16).parse(i)?;
    Ok((i, (code, value)))
}

/// RFC 9460 §7, §14.3.2: one parameter by name. Unknown ones come as bytes, the last of them under `unknown`.
fn svcb_parameter(key: u16, value: &[u8]) -> (&'static str, Made) {
    let addresses = |size: usize| {
        let one = |c: &[u8]| match (c.first_chunk::<4>(), c.first_chunk::<16>()) {
            (_, Some(six)) => Ipv6Addr::from(*six).to_string(),
            (Some(four), None) => Ipv4Addr::from(*four).to_string(),
            _ => String::new(),
        };
        Made::Texts(value.chunks_exact(size).map(one).collect())
    };
    match key {
        1 => ("alpn", Made::Texts(strings(value))),
        2 => ("noDefaultAlpn", Made::Number(1)),
        3 => ("port", u16_of(value).map_or(Made::Number(0), |(_, n)| n.into())),
        4 => ("ipv4hint", addresses(4)),
        5 => ("ech", STANDARD.encode(value).into()),
        6 => ("ipv6hint", addresses(16)),
        7 => ("dohpath", Made::Text(String::from_utf8_lossy(value).into_owned())),
        _ => ("unknown", STANDARD.encode(value).into()),
    }
}

/// RFC 4034 §4.1.2: windows of 256 types, a bit for each.
fn type_bitmap(mut i: &[u8]) -> Vec<String> {
    let mut types = Vec::new();
    while let [window, len, rest @ ..] = i {
        let Some((bits, after)) = rest.split_at_checked(usize::from(*len)) else { break };
        for (n, byte) in (0u16..).zip(bits.iter().take(32)) {
            for bit in (0..8).filter(|bit| byte & (0x80 >> bit) != 0) {
                types.push(Type(u16::from(*window) << 8 | n << 3 | bit).name().into_owned());
            }
        }
        i = after;
    }
    types
}

fn hinfo(i: &[u8]) -> Read<'_> {
    let (i, cpu) = string(i)?;
    let (i, os) = string(i)?;
    Ok((i, Made::Fields(vec![("cpu", cpu.into()), ("os", os.into())])))
}

/// RFC 1876 §2: angles in thousandths of a second of arc from 2^31, altitude in centimetres from 100 km below.
fn loc(i: &[u8]) -> Read<'_> {
    let (i, _sizes) = take(4usize)(i)?;
    let (i, latitude) = be_u32(i)?;
    let (i, longitude) = be_u32(i)?;
    let (i, altitude) = be_u32(i)?;
    let degrees = |n: u32| format!("{:.6}", (f64::from(n) - 2_147_483_648.0) / 3_600_000.0);
    let metres = format!("{:.2}", f64::from(altitude) / 100.0 - 100_000.0);
    Ok((
        i,
        Made::Fields(vec![("latitude", degrees(latitude).into()), ("longitude", degrees(longitude).into()), ("altitude", metres.into())]),
    ))
}

/// RFC 4034 §5.1.
fn ds(i: &[u8]) -> Read<'_> {
    let (i, tag) = be_u16(i)?;
    let (i, algorithm) = be_u8(i)?;
    let (i, kind) = be_u8(i)?;
    Ok((
        &[],
        Made::Fields(vec![("keyTag", tag.into()), ("algorithm", algorithm.into()), ("digestType", kind.into()), ("digest", hex(i).into())]),
    ))
}

/// RFC 4255 §3.1.
fn sshfp(i: &[u8]) -> Read<'_> {
    let (i, algorithm) = be_u8(i)?;
    let (i, kind) = be_u8(i)?;
    Ok((&[], Made::Fields(vec![("algorithm", algorithm.into()), ("fingerprintType", kind.into()), ("fingerprint", hex(i).into())])))
}

/// RFC 4034 §2.1.
fn dnskey(i: &[u8]) -> Read<'_> {
    let (i, flags) = be_u16(i)?;
    let (i, protocol) = be_u8(i)?;
    let (i, algorithm) = be_u8(i)?;
    let key = STANDARD.encode(i);
    Ok((
        &[],
        Made::Fields(vec![
            ("flags", flags.into()),
            ("protocol", protocol.into()),
            ("algorithm", algorithm.into()),
            ("publicKey", key.into()),
        ]),
    ))
}

/// The fixed part of RRSIG.
fn signature(i: &[u8]) -> IResult<&[u8], Vec<(&'static str, Made)>> {
    let (i, covered) = be_u16(i)?;
    let (i, algorithm) = be_u8(i)?;
    let (i, labels) = be_u8(i)?;
    let (i, (ttl, expiration, inception)) = (be_u32, be_u32, be_u32).parse(i)?;
    let (i, tag) = be_u16(i)?;
    let covered = Made::Text(Type(covered).name().into_owned());
    let mut fields = vec![("typeCovered", covered), ("algorithm", algorithm.into()), ("labels", labels.into())];
    fields.extend([("originalTtl", ttl), ("expiration", expiration), ("inception", inception)].map(|(name, n)| (name, n.into())));
    fields.push(("keyTag", tag.into()));
    Ok((i, fields))
}

/// RFC 5155 §3.2.
fn nsec3(i: &[u8]) -> Read<'_> {
    let (i, mut fields) = nsec3_start(i)?;
    let (i, next) = length_data(be_u8).parse(i)?;
    fields.extend([("nextHashed", Made::Text(hex(next))), ("types", Made::Texts(type_bitmap(i)))]);
    Ok((&[], Made::Fields(fields)))
}

/// RFC 5155 §4.2.
fn nsec3param(i: &[u8]) -> Read<'_> {
    let (i, fields) = nsec3_start(i)?;
    Ok((i, Made::Fields(fields)))
}

fn nsec3_start(i: &[u8]) -> IResult<&[u8], Vec<(&'static str, Made)>> {
    let (i, algorithm) = be_u8(i)?;
    let (i, flags) = be_u8(i)?;
    let (i, iterations) = be_u16(i)?;
    let (i, salt) = length_data(be_u8).parse(i)?;
    Ok((
        i,
        vec![("hashAlgorithm", algorithm.into()), ("flags", flags.into()), ("iterations", iterations.into()), ("salt", hex(salt).into())],
    ))
}

/// RFC 6698 §2.1.
fn tlsa(i: &[u8]) -> Read<'_> {
    let (i, usage) = be_u8(i)?;
    let (i, selector) = be_u8(i)?;
    let (i, matching) = be_u8(i)?;
    let fields = vec![("usage", usage.into()), ("selector", selector.into()), ("matchingType", matching.into()), ("data", hex(i).into())];
    Ok((&[], Made::Fields(fields)))
}

/// RFC 7553 §4.5.
fn uri(i: &[u8]) -> Read<'_> {
    let (i, priority) = be_u16(i)?;
    let (i, weight) = be_u16(i)?;
    let target = String::from_utf8_lossy(i).into_owned();
    Ok((&[], Made::Fields(vec![("priority", priority.into()), ("weight", weight.into()), ("target", target.into())])))
}

/// RFC 8659 §4.1.
fn caa(i: &[u8]) -> Read<'_> {
    let (i, flags) = be_u8(i)?;
    let (i, tag) = string(i)?;
    let value = String::from_utf8_lossy(i).into_owned();
    Ok((&[], Made::Fields(vec![("flags", flags.into()), ("tag", tag.into()), ("value", value.into())])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::codes::Class;
    use hookline_item::json;

    /// The JSON of one record's data.
    fn shown(kind: u16, data: &[u8]) -> String {
        let raw = [&b"\0\0\x80\0\0\0\0\0\0\0\0\0\x03net\0"[..], data].concat();
        let record = Record { name_at: 12, kind: Type(kind), class: Class(4096), ttl: 0x8000, data: (17, raw.len()) };
        let mut packet = Packet::default();
        packet.raw = raw.into();
        let mut out = Vec::new();
        let values = [key(Type(kind)), "data"].map(|name| value(&packet, record, name));
        if let Some(value) = values.iter().find(|v| !v.is_absent()) {
            json::write_value(&mut out, value);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reads_each_type() {
        let table: [(u16, &[u8], &str); 22] = [
            (1, b"\x01\x02\x03\x04", r#""1.2.3.4""#),
            (28, b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", r#""2001:db8::1""#),
            (5, b"\x01a\xc0\x0c", r#""a.net""#),
            (15, b"\0\x0a\xc0\x0c", r#"{"preference":10,"name":"net"}"#),
            (16, b"\x03a=b\x00\x01c", r#"["a=b","","c"]"#),
            (
                6,
                b"\xc0\x0c\x01r\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05",
                r#"{"mname":"net","rname":"r.net","serial":1,"refresh":2,"retry":3,"expire":4,"minimum":5}"#,
            ),
            (33, b"\0\x01\0\x02\0\x50\xc0\x0c", r#"{"priority":1,"weight":2,"port":80,"name":"net"}"#),
            (
                35,
                b"\0\x01\0\x02\x01u\x01s\x01!\x00",
                r#"{"order":1,"preference":2,"flags":"u","services":"s","regexp":"!","replacement":"."}"#,
            ),
            (
                41,
                b"\0\x0a\0\x02hi",
                r#"{"udpSize":4096,"extendedRcode":0,"version":0,"do":1,"options":[{"code":10,"name":"COOKIE","data":"aGk="}]}"#,
            ),
            (43, b"\0\x01\x08\x02\xab\xcd", r#"{"keyTag":1,"algorithm":8,"digestType":2,"digest":"abcd"}"#),
            (44, b"\x01\x02\xff", r#"{"algorithm":1,"fingerprintType":2,"fingerprint":"ff"}"#),
            (47, b"\xc0\x0c\0\x06\x40\0\0\0\0\x03", r#"{"next":"net","types":["A","RRSIG","NSEC"]}"#),
            (48, b"\x01\0\x03\x08hi", r#"{"flags":256,"protocol":3,"algorithm":8,"publicKey":"aGk="}"#),
            (
                46,
                b"\0\x01\x08\x02\0\0\0\x3c\0\0\0\x02\0\0\0\x01\0\x07\xc0\x0chi",
                r#"{"typeCovered":"A","algorithm":8,"labels":2,"originalTtl":60,"expiration":2,"inception":1,"keyTag":7,"signer":"net","signature":"aGk="}"#,
            ),
            (
                50,
                b"\x01\x00\0\x05\x01\xaa\x02\xbb\xcc\0\x01\x40",
                r#"{"hashAlgorithm":1,"flags":0,"iterations":5,"salt":"aa","nextHashed":"bbcc","types":["A"]}"#,
            ),
            (51, b"\x01\x00\0\x05\x01\xaa", r#"{"hashAlgorithm":1,"flags":0,"iterations":5,"salt":"aa"}"#),
            (52, b"\x03\x01\x01\xab", r#"{"usage":3,"selector":1,"matchingType":1,"data":"ab"}"#),
            (
                65,
                b"\0\x01\0\0\x01\0\x03\x02h3\0\x04\0\x04\x01\x02\x03\x04",
                r#"{"priority":1,"target":".","alpn":["h3"],"ipv4hint":["1.2.3.4"]}"#,
            ),
            (256, b"\0\x01\0\x02x", r#"{"priority":1,"weight":2,"target":"x"}"#),
            (257, b"\0\x05issueca", r#"{"flags":0,"tag":"issue","value":"ca"}"#),
            (65280, b"hi", r#""aGk=""#),
            (1, b"hi", r#""aGk=""#),
        ];
        for (kind, data, want) in table {
            assert_eq!(shown(kind, data), want, "type {kind}");
        }
    }
}
