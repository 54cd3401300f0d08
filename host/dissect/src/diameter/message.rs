//! One message (RFC 6733 §3), and what its item says.

use super::{
    avp::{self, Avp},
    dictionary::{self, avp as code},
};
use crate::{
    exchange::{Request, Response},
    made::Made,
    names::name_of,
};
use hookline_item::{Value, object};
use nom::{
    IResult,
    number::complete::{be_u8, be_u24, be_u32},
};
use std::borrow::Cow;

/// Version, length, flags, command, application, two identifiers.
pub(super) const HEADER_LEN: usize = 20;
/// AVPs shown of one message.
const AVPS_MAX: usize = 512;

const FLAG_REQUEST: u8 = 0x80;
const FLAG_ERROR: u8 = 0x20;
const FLAGS_RESERVED: u8 = 0x0f;

/// The header's fields in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    len: u32,
    flags: u8,
    command: u32,
    application: u32,
    hop_by_hop: u32,
    end_to_end: u32,
}

fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, _version) = be_u8(i)?;
    let (i, len) = be_u24(i)?;
    let (i, flags) = be_u8(i)?;
    let (i, command) = be_u24(i)?;
    let (i, application) = be_u32(i)?;
    let (i, hop_by_hop) = be_u32(i)?;
    let (i, end_to_end) = be_u32(i)?;
    Ok((i, Header { len, flags, command, application, hop_by_hop, end_to_end }))
}

/// Whether `bytes` begin a message; `None` if that cannot be said yet.
pub(super) fn is_start(bytes: &[u8]) -> Option<bool> {
    let fixed = |at: usize, ok: fn(u8) -> bool| bytes.get(at).is_none_or(|b| ok(*b));
    // Every command that is in use has an identifier below 2^24/256 (RFC 6733 §3, IANA); every application one below 2^25.
    let plausible = fixed(0, |b| b == 1)
        && fixed(4, |b| b & FLAGS_RESERVED == 0)
        && fixed(5, |b| b == 0 || b == 0x80)
        && fixed(8, |b| matches!(b, 0 | 1 | 0xff));
    if !plausible {
        return Some(false);
    }
    let (body, header) = header(bytes).ok()?;
    let len = header.len as usize;
    if len < HEADER_LEN || !len.is_multiple_of(4) {
        return Some(false);
    }
    if len == HEADER_LEN {
        return Some(dictionary::is_command(header.command));
    }
    avp::is_start(body, len - HEADER_LEN)
}

/// Bytes of the message whose header `bytes` begin with.
pub(super) fn len(bytes: &[u8]) -> u64 {
    header(bytes).map_or(0, |(_, h)| h.len.into())
}

/// A message, from its version on.
#[derive(Debug)]
pub(super) struct Message {
    header: Header,
    avps: Box<[u8]>,
}

impl Message {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        header(bytes).ok().map(|(avps, header)| Self { header, avps: avps.into() })
    }

    pub(super) fn hop_by_hop(&self) -> u32 {
        self.header.hop_by_hop
    }

    pub(super) fn is_request(&self) -> bool {
        self.header.flags & FLAG_REQUEST != 0
    }

    /// Whether its AVPs fill it.
    pub(super) fn is_sound(&self) -> bool {
        let mut left = self.avps.len();
        self.avps().for_each(|avp| left = left.saturating_sub(avp.padded_len()));
        left == 0
    }

    fn avps(&self) -> impl Iterator<Item = Avp<'_>> {
        avp::each(&self.avps)
    }

    /// The first AVP of the base protocol with this code.
    fn avp(&self, code: u32) -> Option<Avp<'_>> {
        self.avps().find(|a| a.vendor == 0 && a.code == code)
    }

    fn text(&self, code: u32) -> Option<String> {
        self.avp(code).map(|a| String::from_utf8_lossy(a.value).into_owned())
    }

    fn number(&self, code: u32) -> Option<u32> {
        self.avp(code).and_then(|a| a.number())
    }

    /// Result-Code, or the code inside Experimental-Result (RFC 6733 §7.1, §7.6).
    fn result(&self) -> Option<u32> {
        let experimental = || self.avp(code::EXPERIMENTAL_RESULT)?.below().find(|a| a.code == code::EXPERIMENTAL_RESULT_CODE)?.number();
        self.number(code::RESULT_CODE).or_else(experimental)
    }

    /// `Capabilities-Exchange-Request`, `…-Answer`.
    fn command_name(&self) -> String {
        let name = name_of(dictionary::COMMANDS, self.header.command, "Command");
        format!("{name}-{}", if self.is_request() { "Request" } else { "Answer" })
    }
}

object! {
    Message as m, MESSAGE_FIELDS {
        "commandCode": U64, "Command (RFC 6733 §3.1)" => m.header.command;
        "commandName": Str, "Its name: Capabilities-Exchange-Request, …" => m.command_name();
        "applicationId": U64, "Application that the command belongs to" => m.header.application;
        "applicationName": Str, "Its name" => Value::Str(name_of(dictionary::APPLICATIONS, m.header.application, "Application"));
        "hopByHopId": U64, "What the answer is matched by" => m.header.hop_by_hop;
        "endToEndId": U64, "What tells duplicates" => m.header.end_to_end;
        "flags": U64, "Command flags: 128 request, 64 proxiable, 32 error, 16 retransmitted" => m.header.flags;
        "error": Bool, "Whether the answer is a protocol error" => (m.header.flags & FLAG_ERROR != 0).then_some(true);
        "sessionId": Str, "Session-Id" => m.text(code::SESSION_ID);
        "originHost": Str, "Origin-Host: who made the message" => m.text(code::ORIGIN_HOST);
        "originRealm": Str, "Origin-Realm" => m.text(code::ORIGIN_REALM);
        "destinationHost": Str, "Destination-Host" => m.text(code::DESTINATION_HOST);
        "destinationRealm": Str, "Destination-Realm" => m.text(code::DESTINATION_REALM);
        "userName": Str, "User-Name" => m.text(code::USER_NAME);
        "resultCode": U64, "Result-Code or Experimental-Result-Code of an answer" => m.result();
        "resultName": Str, "Its name: DIAMETER_SUCCESS, …" => m.result().map(|r| name_of(dictionary::RESULTS, r, "Result").into_owned());
        "errorMessage": Str, "Error-Message" => m.text(code::ERROR_MESSAGE);
        "avps": List, "Attribute-value pairs in their order: code, name, vendorId, value; a grouped one's value is such a list" => Made::List(m.avps().take(AVPS_MAX).map(|a| a.made(0)).collect()).into_value();
    }
}

impl Request for Message {
    fn summary(&self) -> Cow<'_, str> {
        [code::SESSION_ID, code::DESTINATION_REALM, code::ORIGIN_HOST].iter().find_map(|c| self.text(*c)).unwrap_or_default().into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.command_name().into()
    }
}

impl Response for Message {
    fn status(&self) -> Option<i64> {
        self.result().map(i64::from)
    }
    fn summary(&self) -> Cow<'_, str> {
        Request::summary(self)
    }
    fn method(&self) -> Cow<'_, str> {
        Request::method(self)
    }
}
