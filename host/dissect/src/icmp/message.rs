//! One message, and what its item says.

use super::codes::{code_name, type_name};
use crate::exchange::{Request, Response};
use hookline_item::{Value, object};
use nom::{
    IResult,
    bytes::complete::take,
    number::complete::{be_u8, be_u16, be_u32},
};
use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A message, as far as items show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Icmp {
    v6: bool,
    kind: u8,
    code: u8,
    /// The four bytes after the checksum.
    rest: [u8; 4],
    /// Bytes after these.
    payload_len: usize,
    quoted: Option<Quoted>,
    /// Neighbour discovery: the address asked for.
    target: Option<Ipv6Addr>,
}

/// The packet that an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Quoted {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    /// Source and destination, where the transport has ports and so much was quoted.
    ports: Option<(u16, u16)>,
}

impl Icmp {
    /// Reads a message from its type on; `None` if not even its header is there.
    pub(super) fn parse(v6: bool, bytes: &[u8]) -> Option<Self> {
        let (body, (kind, code)) = header(bytes).ok()?;
        let rest: [u8; 4] = body.first_chunk().copied().unwrap_or_default();
        let body = body.get(4..).unwrap_or_default();
        let is_error = if v6 { kind < 128 } else { matches!(kind, 3 | 4 | 5 | 11 | 12) };
        let quoted = if is_error { quoted(body).ok().map(|(_, q)| q) } else { None };
        let target = body.first_chunk::<16>().filter(|_| v6 && matches!(kind, 135..=137)).map(|t| Ipv6Addr::from(*t));
        Some(Self { v6, kind, code, rest, payload_len: body.len(), quoted, target })
    }

    /// Identifier and sequence number of an echo, and whether it is the reply.
    pub(super) fn echo(&self) -> Option<((u16, u16), bool)> {
        let reply = match (self.v6, self.kind) {
            (false, 8) | (true, 128) => false,
            (false, 0) | (true, 129) => true,
            _ => return None,
        };
        Some(((self.id(), self.seq()), reply))
    }

    fn id(&self) -> u16 {
        u16::from_be_bytes([self.rest[0], self.rest[1]])
    }

    fn seq(&self) -> u16 {
        u16::from_be_bytes([self.rest[2], self.rest[3]])
    }

    fn of_echo(&self, n: u16) -> Option<u16> {
        self.echo().map(|_| n)
    }

    /// The next hop's MTU (RFC 1191 §4, RFC 4443 §3.2).
    fn mtu(&self) -> Option<u32> {
        match (self.v6, self.kind, self.code) {
            (false, 3, 4) => Some(self.seq().into()),
            (true, 2, _) => Some(u32::from_be_bytes(self.rest)),
            _ => None,
        }
    }

    fn gateway(&self) -> Option<String> {
        (!self.v6 && self.kind == 5).then(|| Ipv4Addr::from(self.rest).to_string())
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (u8, u8)> {
    let (i, kind) = be_u8(i)?;
    let (i, code) = be_u8(i)?;
    let (i, _checksum) = be_u16(i)?;
    Ok((i, (kind, code)))
}

/// The start of a packet inside an error: its IP header, and 8 bytes of what follows at least (RFC 792).
fn quoted(i: &[u8]) -> IResult<&[u8], Quoted> {
    let (_, first) = be_u8(i)?;
    if first >> 4 == 6 {
        let (i, _) = take(6usize)(i)?;
        let (i, protocol) = be_u8(i)?;
        let (i, _hop_limit) = be_u8(i)?;
        let (i, src) = take(16usize)(i)?;
        let (i, dst) = take(16usize)(i)?;
        let address = |b: &[u8]| IpAddr::from(Ipv6Addr::from(b.first_chunk::<16>().copied().unwrap_or_default()));
        return Ok((i, Quoted { src: address(src), dst: address(dst), protocol, ports: ports(protocol, i) }));
    }
    let (i, _) = take(9usize)(i)?;
    let (i, protocol) = be_u8(i)?;
    let (i, _checksum) = be_u16(i)?;
    let (i, src) = be_u32(i)?;
    let (i, dst) = be_u32(i)?;
    let (i, _options) = take((usize::from(first & 15) * 4).saturating_sub(20))(i)?;
    let address = |n: u32| IpAddr::from(Ipv4Addr::from(n));
    Ok((i, Quoted { src: address(src), dst: address(dst), protocol, ports: ports(protocol, i) }))
}

fn ports(protocol: u8, i: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *i.first_chunk::<4>()?;
    matches!(protocol, 6 | 17 | 132).then(|| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

object! {
    Quoted as q, QUOTED_FIELDS {
        "srcIp": Str, "Source address" => q.src.to_string();
        "dstIp": Str, "Destination address" => q.dst.to_string();
        "protocol": U64, "IP protocol number" => q.protocol;
        "srcPort": U64, "Source port" => q.ports.map(|p| p.0);
        "dstPort": U64, "Destination port" => q.ports.map(|p| p.1);
    }
}

object! {
    Icmp as m, ICMP_FIELDS {
        "version": U64, "4 for ICMP, 6 for ICMPv6" => if m.v6 { 6u8 } else { 4u8 };
        "type": U64, "Message type" => m.kind;
        "code": U64, "Its code" => m.code;
        "typeName": Str, "Name of the type" => Value::Str(type_name(m.v6, m.kind));
        "codeName": Str, "Meaning of the code, where it has one" => Value::text(code_name(m.v6, m.kind, m.code));
        "id": U64, "Echo: identifier" => m.of_echo(m.id());
        "seq": U64, "Echo: sequence number" => m.of_echo(m.seq());
        "mtu": U64, "MTU of the next hop, where a packet was too big" => m.mtu();
        "gateway": Str, "Redirect: the router to take" => m.gateway();
        "target": Str, "Neighbour discovery: the address asked for or told" => m.target.map(|t| t.to_string());
        "payloadLength": U64, "Bytes after the eight of the header" => m.payload_len;
        "quoted": Object(QUOTED_FIELDS), "Errors: the packet that they are about" => m.quoted.as_ref().map_or(Value::Absent, |q| Value::Object(q));
    }
}

impl Request for Icmp {
    fn summary(&self) -> Cow<'_, str> {
        match (&self.quoted, self.target) {
            (Some(quoted), _) => {
                let port = quoted.ports.map(|p| format!(" port {}", p.1)).unwrap_or_default();
                format!("{}: {}{port}", code_name(self.v6, self.kind, self.code), quoted.dst).into()
            }
            (None, Some(target)) => target.to_string().into(),
            (None, None) if self.echo().is_some() => format!("id {}, seq {}", self.id(), self.seq()).into(),
            _ => code_name(self.v6, self.kind, self.code).into(),
        }
    }
    fn method(&self) -> Cow<'_, str> {
        type_name(self.v6, self.kind)
    }
}

impl Response for Icmp {
    fn status(&self) -> Option<i64> {
        None
    }
    fn summary(&self) -> Cow<'_, str> {
        Request::summary(self)
    }
    fn method(&self) -> Cow<'_, str> {
        Request::method(self)
    }
}
