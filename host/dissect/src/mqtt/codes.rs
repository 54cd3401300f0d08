//! Packet types and reason codes (MQTT 3.1.1 §2.2.1, §3.2.2.3; MQTT 5.0 §2.1.2, §2.4).

use crate::names::{Names, name_of};
use std::borrow::Cow;

/// Control packet types.
pub(super) mod packet {
    pub(crate) const CONNECT: u8 = 1;
    pub(crate) const CONNACK: u8 = 2;
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const PUBACK: u8 = 4;
    pub(crate) const PUBREC: u8 = 5;
    pub(crate) const PUBREL: u8 = 6;
    pub(crate) const PUBCOMP: u8 = 7;
    pub(crate) const SUBSCRIBE: u8 = 8;
    pub(crate) const SUBACK: u8 = 9;
    pub(crate) const UNSUBSCRIBE: u8 = 10;
    pub(crate) const UNSUBACK: u8 = 11;
    pub(crate) const PINGREQ: u8 = 12;
    pub(crate) const PINGRESP: u8 = 13;
    pub(crate) const DISCONNECT: u8 = 14;
    pub(crate) const AUTH: u8 = 15;
}
use packet::*;

#[rustfmt::skip]
const PACKETS: &Names = &[
    (1, "CONNECT"), (2, "CONNACK"), (3, "PUBLISH"), (4, "PUBACK"), (5, "PUBREC"), (6, "PUBREL"), (7, "PUBCOMP"), (8, "SUBSCRIBE"),
    (9, "SUBACK"), (10, "UNSUBSCRIBE"), (11, "UNSUBACK"), (12, "PINGREQ"), (13, "PINGRESP"), (14, "DISCONNECT"), (15, "AUTH"),
];

/// The name of a packet type.
pub(super) fn packet_name(kind: u8) -> Cow<'static, str> {
    name_of(PACKETS, kind.into(), "Type")
}

/// Whether a packet's flags are those that its type must have (MQTT 3.1.1 §2.2.2).
pub(super) fn flags_are_sound(kind: u8, flags: u8) -> bool {
    match kind {
        0 => false,
        PUBLISH => flags & 6 != 6,
        PUBREL | SUBSCRIBE | UNSUBSCRIBE => flags == 2,
        _ => flags == 0,
    }
}

/// The fewest and the most bytes that may follow a packet's fixed header.
pub(super) fn remaining(kind: u8) -> (u32, u32) {
    /// What a remaining length can say, and a packet of version 5 with properties may have.
    const MAX: u32 = (1 << 28) - 1;
    match kind {
        CONNECT => (12, MAX),
        PINGREQ | PINGRESP => (0, 0),
        DISCONNECT | AUTH => (0, MAX),
        SUBSCRIBE | UNSUBSCRIBE => (5, MAX),
        _ => (2, MAX),
    }
}

/// Whether a packet of this type answers another.
pub(super) fn acknowledges(kind: u8) -> bool {
    matches!(kind, CONNACK | PUBACK | PUBREC | PUBCOMP | SUBACK | UNSUBACK | PINGRESP)
}

/// The meaning of a reason code, or before version 5 of a return code.
pub(super) fn reason_name(level: u8, kind: u8, code: u8) -> Cow<'static, str> {
    let (old, granted) = (level < 5, kind == SUBACK && code < 3);
    match (old, kind) {
        _ if granted => Cow::Owned(format!("Granted QoS {code}")),
        (true, CONNACK) => name_of(RETURN_CODES, code.into(), "Code"),
        (true, SUBACK) => Cow::Borrowed("Failure"),
        (false, DISCONNECT) if code == 0 => Cow::Borrowed("Normal disconnection"),
        _ => name_of(REASONS, code.into(), "Reason"),
    }
}

#[rustfmt::skip]
const RETURN_CODES: &Names = &[
    (0, "Connection Accepted"), (1, "Connection Refused, unacceptable protocol version"), (2, "Connection Refused, identifier rejected"),
    (3, "Connection Refused, server unavailable"), (4, "Connection Refused, bad user name or password"), (5, "Connection Refused, not authorized"),
];

#[rustfmt::skip]
const REASONS: &Names = &[
    (0, "Success"), (1, "Granted QoS 1"), (2, "Granted QoS 2"), (4, "Disconnect with Will Message"), (16, "No matching subscribers"),
    (17, "No subscription existed"), (24, "Continue authentication"), (25, "Re-authenticate"), (128, "Unspecified error"),
    (129, "Malformed Packet"), (130, "Protocol Error"), (131, "Implementation specific error"), (132, "Unsupported Protocol Version"),
    (133, "Client Identifier not valid"), (134, "Bad User Name or Password"), (135, "Not authorized"), (136, "Server unavailable"),
    (137, "Server busy"), (138, "Banned"), (139, "Server shutting down"), (140, "Bad authentication method"), (141, "Keep Alive timeout"),
    (142, "Session taken over"), (143, "Topic Filter invalid"), (144, "Topic Name invalid"), (145, "Packet Identifier in use"),
    (146, "Packet Identifier not found"), (147, "Receive Maximum exceeded"), (148, "Topic Alias invalid"), (149, "Packet too large"),
    (150, "Message rate too high"), (151, "Quota exceeded"), (152, "Administrative action"), (153, "Payload format invalid"),
    (154, "Retain not supported"), (155, "QoS not supported"), (156, "Use another server"), (157, "Server moved"),
    (158, "Shared Subscriptions not supported"), (159, "Connection rate exceeded"), (160, "Maximum connect time"),
    (161, "Subscription Identifiers not supported"), (162, "Wildcard Subscriptions not supported"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for names in [PACKETS, RETURN_CODES, REASONS] {
            assert!(names.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
