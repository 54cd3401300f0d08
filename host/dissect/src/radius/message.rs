//! One packet, and what its item says.

use super::attribute::{self, Attribute};
use crate::{
    exchange::{Request, Response},
    made::Made,
    names::{Names, name_of},
};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// Code, identifier, length and authenticator.
const HEADER_LEN: usize = 20;
/// The longest packet (RFC 2865 §3; RFC 7930 raises it for TCP only).
const PACKET_MAX: usize = 4096;

/// Packet types (IANA, "RADIUS Packet Type Codes").
const CODES: &Names = &[
    (1, "Access-Request"),
    (2, "Access-Accept"),
    (3, "Access-Reject"),
    (4, "Accounting-Request"),
    (5, "Accounting-Response"),
    (11, "Access-Challenge"),
    (12, "Status-Server"),
    (13, "Status-Client"),
    (40, "Disconnect-Request"),
    (41, "Disconnect-ACK"),
    (42, "Disconnect-NAK"),
    (43, "CoA-Request"),
    (44, "CoA-ACK"),
    (45, "CoA-NAK"),
];

/// A packet, from its code to the end that its length field tells.
#[derive(Debug)]
pub(super) struct Packet(Box<[u8]>);

impl Packet {
    /// `None` if the header is not one: too short, an unknown code, a length beyond the datagram.
    pub(super) fn parse(datagram: &[u8]) -> Option<Self> {
        let [code, _, high, low] = *datagram.first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let known = CODES.iter().any(|(c, _)| *c == u32::from(code));
        // What comes behind the length is padding (RFC 2865 §3).
        let packet = datagram.get(..len).filter(|_| known && (HEADER_LEN..=PACKET_MAX).contains(&len))?;
        Some(Self(packet.into()))
    }

    fn code(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    pub(super) fn id(&self) -> u8 {
        self.0.get(1).copied().unwrap_or(0)
    }

    pub(super) fn authenticator(&self) -> &[u8] {
        self.0.get(4..HEADER_LEN).unwrap_or_default()
    }

    pub(super) fn is_request(&self) -> bool {
        matches!(self.code(), 1 | 4 | 12 | 13 | 40 | 43)
    }

    pub(super) fn has_attributes(&self) -> bool {
        self.0.len() > HEADER_LEN
    }

    /// Whether its attributes end where it ends.
    pub(super) fn is_sound(&self) -> bool {
        let attributes = self.attributes().map(Attribute::len).sum::<usize>();
        HEADER_LEN + attributes == self.0.len()
    }

    fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        attribute::each(self.0.get(HEADER_LEN..).unwrap_or_default())
    }

    fn code_name(&self) -> Cow<'static, str> {
        name_of(CODES, self.code().into(), "Code")
    }

    fn shown(&self) -> Value<'static> {
        Made::List(self.attributes().map(|a| a.made()).collect()).into_value()
    }

    /// The text of the first attribute of this type.
    fn text(&self, kind: u8) -> Option<String> {
        self.attributes().find(|a| a.kind == kind).map(|a| String::from_utf8_lossy(a.value).into_owned())
    }
}

object! {
    Packet as p, PACKET_FIELDS {
        "code": U64, "Packet type (RFC 2865 §3)" => p.code();
        "codeName": Str, "Its name: Access-Request, Access-Accept, …" => Value::Str(p.code_name());
        "id": U64, "Identifier, which the response repeats" => p.id();
        "user": Str, "Who is to be authenticated: User-Name (RFC 2865 §5.1)" => p.text(attribute::USER_NAME);
        "message": Str, "What the user is told: Reply-Message (RFC 2865 §5.18)" => p.text(attribute::REPLY_MESSAGE);
        "attributes": List, "Attributes in their order: type, name, value, and vendorId of a vendor's; passwords read REDACTED" => p.shown();
    }
}

impl Request for Packet {
    fn summary(&self) -> Cow<'_, str> {
        self.text(attribute::USER_NAME).unwrap_or_default().into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.code_name()
    }
}

impl Response for Packet {
    /// The packet type: 2 is accepted, 3 rejected.
    fn status(&self) -> Option<i64> {
        Some(self.code().into())
    }
    fn summary(&self) -> Cow<'_, str> {
        self.text(attribute::REPLY_MESSAGE).unwrap_or_default().into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.code_name()
    }
}
