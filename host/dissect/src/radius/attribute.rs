//! Attributes (RFC 2865 §5 and the RFCs that the IANA registry "RADIUS Attribute Types" names): their names and their values.

use crate::{
    made::{Made, REDACTED, hex},
    names::{Names, name_of},
};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const USER_NAME: u8 = 1;
pub(super) const REPLY_MESSAGE: u8 = 18;
const VENDOR_SPECIFIC: u8 = 26;

/// Type and length.
const HEADER_LEN: usize = 2;

/// Attributes whose values hide a password: User-Password, CHAP-Password, Tunnel-Password, ARAP-Password, and the long form of the second.
const SECRETS: &[u8] = &[2, 3, 69, 70];

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
}

/// The attributes that `bytes` begin with, up to one that is not whole.
pub(super) fn each(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let [kind, len] = *bytes.first_chunk::<HEADER_LEN>()?;
        let (attribute, rest) = bytes.split_at_checked(len.into())?;
        bytes = rest;
        Some(Attribute { kind, value: attribute.get(HEADER_LEN..)? })
    })
}

impl Attribute<'_> {
    /// Bytes on the wire.
    pub(super) fn len(self) -> usize {
        HEADER_LEN + self.value.len()
    }

    /// As items show it.
    pub(super) fn made(self) -> Made {
        let kind = u32::from(self.kind);
        let mut fields = vec![("type", Made::from(kind)), ("name", Made::Text(name_of(NAMES, kind, "Attribute").into_owned()))];
        match (self.kind, self.value.split_first_chunk::<4>()) {
            (VENDOR_SPECIFIC, Some((vendor, value))) => {
                fields.push(("vendorId", u32::from_be_bytes(*vendor).into()));
                fields.push(("value", Made::Text(hex(value))));
            }
            _ => fields.push(("value", self.shown())),
        }
        Made::Fields(fields)
    }

    fn shown(self) -> Made {
        if SECRETS.contains(&self.kind) {
            return REDACTED.into();
        }
        let text = |address: std::net::IpAddr| Made::Text(address.to_string());
        match (form(self.kind), self.value) {
            (Form::Text, _) => Made::lossy(self.value),
            (Form::Number, [a, b, c, d]) => u32::from_be_bytes([*a, *b, *c, *d]).into(),
            // RFC 2868 §3: a tag, and a number of three bytes.
            (Form::Tagged, [_, b, c, d]) => u32::from_be_bytes([0, *b, *c, *d]).into(),
            (Form::TaggedText, [tag @ ..=0x1f, text @ ..]) if *tag > 0 => Made::lossy(text),
            (Form::TaggedText, _) => Made::lossy(self.value),
            (Form::Ipv4, [a, b, c, d]) => text(Ipv4Addr::new(*a, *b, *c, *d).into()),
            (Form::Ipv6, value) if let Some(address) = value.first_chunk::<16>() => text(Ipv6Addr::from(*address).into()),
            (Form::Prefix, [_, len, prefix @ ..]) if prefix.len() <= 16 => {
                let mut address = [0; 16];
                address.iter_mut().zip(prefix).for_each(|(to, from)| *to = *from);
                Made::Text(format!("{}/{len}", Ipv6Addr::from(address)))
            }
            _ => Made::Text(hex(self.value)),
        }
    }
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    /// A number behind a tag.
    Tagged,
    /// Text behind a tag, which may be missing.
    TaggedText,
    Ipv4,
    Ipv6,
    Prefix,
    /// Anything else: hexadecimal.
    Octets,
}

fn form(kind: u8) -> Form {
    match kind {
        1 | 11 | 18 | 19 | 20 | 22 | 30 | 31 | 32 | 34 | 35 | 39 | 44 | 50 | 63 | 74 | 77 | 78 | 84 | 87 | 88 | 99 | 100 | 102 => {
            Form::Text
        }
        5
        | 6
        | 7
        | 10
        | 12
        | 13
        | 15
        | 16
        | 27
        | 28
        | 29
        | 37
        | 38
        | 40..=43
        | 45..=49
        | 51..=53
        | 55
        | 61
        | 62
        | 72
        | 73
        | 75
        | 76
        | 85
        | 86
        | 101 => Form::Number,
        64 | 65 | 83 => Form::Tagged,
        66 | 67 | 81 | 82 | 90 | 91 => Form::TaggedText,
        4 | 8 | 9 | 14 | 23 => Form::Ipv4,
        95 | 98 => Form::Ipv6,
        97 | 123 => Form::Prefix,
        _ => Form::Octets,
    }
}

#[rustfmt::skip]
const NAMES: &Names = &[
    (1, "User-Name"), (2, "User-Password"), (3, "CHAP-Password"), (4, "NAS-IP-Address"), (5, "NAS-Port"), (6, "Service-Type"),
    (7, "Framed-Protocol"), (8, "Framed-IP-Address"), (9, "Framed-IP-Netmask"), (10, "Framed-Routing"), (11, "Filter-Id"),
    (12, "Framed-MTU"), (13, "Framed-Compression"), (14, "Login-IP-Host"), (15, "Login-Service"), (16, "Login-TCP-Port"),
    (18, "Reply-Message"), (19, "Callback-Number"), (20, "Callback-Id"), (22, "Framed-Route"), (23, "Framed-IPX-Network"), (24, "State"),
    (25, "Class"), (26, "Vendor-Specific"), (27, "Session-Timeout"), (28, "Idle-Timeout"), (29, "Termination-Action"),
    (30, "Called-Station-Id"), (31, "Calling-Station-Id"), (32, "NAS-Identifier"), (33, "Proxy-State"), (34, "Login-LAT-Service"),
    (35, "Login-LAT-Node"), (36, "Login-LAT-Group"), (37, "Framed-AppleTalk-Link"), (38, "Framed-AppleTalk-Network"),
    (39, "Framed-AppleTalk-Zone"), (40, "Acct-Status-Type"), (41, "Acct-Delay-Time"), (42, "Acct-Input-Octets"), (43, "Acct-Output-Octets"),
    (44, "Acct-Session-Id"), (45, "Acct-Authentic"), (46, "Acct-Session-Time"), (47, "Acct-Input-Packets"), (48, "Acct-Output-Packets"),
    (49, "Acct-Terminate-Cause"), (50, "Acct-Multi-Session-Id"), (51, "Acct-Link-Count"), (52, "Acct-Input-Gigawords"),
    (53, "Acct-Output-Gigawords"), (55, "Event-Timestamp"), (56, "Egress-VLANID"), (57, "Ingress-Filters"), (58, "Egress-VLAN-Name"),
    (59, "User-Priority-Table"), (60, "CHAP-Challenge"), (61, "NAS-Port-Type"), (62, "Port-Limit"), (63, "Login-LAT-Port"),
    (64, "Tunnel-Type"), (65, "Tunnel-Medium-Type"), (66, "Tunnel-Client-Endpoint"), (67, "Tunnel-Server-Endpoint"),
    (68, "Acct-Tunnel-Connection"), (69, "Tunnel-Password"), (70, "ARAP-Password"), (71, "ARAP-Features"), (72, "ARAP-Zone-Access"),
    (73, "ARAP-Security"), (74, "ARAP-Security-Data"), (75, "Password-Retry"), (76, "Prompt"), (77, "Connect-Info"),
    (78, "Configuration-Token"), (79, "EAP-Message"), (80, "Message-Authenticator"), (81, "Tunnel-Private-Group-ID"),
    (82, "Tunnel-Assignment-ID"), (83, "Tunnel-Preference"), (84, "ARAP-Challenge-Response"), (85, "Acct-Interim-Interval"),
    (86, "Acct-Tunnel-Packets-Lost"), (87, "NAS-Port-Id"), (88, "Framed-Pool"), (89, "CUI"), (90, "Tunnel-Client-Auth-ID"),
    (91, "Tunnel-Server-Auth-ID"), (92, "NAS-Filter-Rule"), (94, "Originating-Line-Info"), (95, "NAS-IPv6-Address"),
    (96, "Framed-Interface-Id"), (97, "Framed-IPv6-Prefix"), (98, "Login-IPv6-Host"), (99, "Framed-IPv6-Route"),
    (100, "Framed-IPv6-Pool"), (101, "Error-Cause"), (102, "EAP-Key-Name"), (103, "Digest-Response"), (104, "Digest-Realm"),
    (105, "Digest-Nonce"), (123, "Delegated-IPv6-Prefix"), (124, "MIP6-Feature-Vector"), (126, "Operator-Name"), (241, "Extended-Type-1"),
    (242, "Extended-Type-2"), (243, "Extended-Type-3"), (244, "Extended-Type-4"), (245, "Extended-Type-5"), (246, "Extended-Type-6"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn values_are_read_by_their_forms() {
        let bytes =
            [&[1, 5][..], b"bob", &[2, 4, 9, 9, 4, 6, 10, 0, 0, 1, 64, 6, 0, 0, 0, 13, 97, 4, 0, 32, 26, 7, 0, 0, 1, 55, 7, 9, 1]].concat();
        let shown: Vec<_> = each(&bytes).map(|a| (a.kind, a.shown())).collect();
        let text = |t: &str| Made::Text(t.into());
        let want = [
            (1, text("bob")),
            (2, text("REDACTED")),
            (4, text("10.0.0.1")),
            (64, 13u32.into()),
            (97, text("::/32")),
            (26, text("0000013707")),
        ];
        assert_eq!(shown, want);
    }
}
