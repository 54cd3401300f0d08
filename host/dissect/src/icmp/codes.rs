//! Names of types and codes (IANA, "ICMP Parameters" and "ICMPv6 Parameters").

use std::borrow::Cow;

/// The name of a message type.
pub(super) fn type_name(v6: bool, kind: u8) -> Cow<'static, str> {
    let name = match (v6, kind) {
        (false, 0) => "Echo Reply",
        (false, 3) => "Destination Unreachable",
        (false, 4) => "Source Quench",
        (false, 5) => "Redirect",
        (false, 8) => "Echo",
        (false, 9) => "Router Advertisement",
        (false, 10) => "Router Solicitation",
        (false, 11) => "Time Exceeded",
        (false, 12) => "Parameter Problem",
        (false, 13) => "Timestamp",
        (false, 14) => "Timestamp Reply",
        (false, 17) => "Address Mask Request",
        (false, 18) => "Address Mask Reply",
        (false, 42) => "Extended Echo Request",
        (false, 43) => "Extended Echo Reply",
        (true, 1) => "Destination Unreachable",
        (true, 2) => "Packet Too Big",
        (true, 3) => "Time Exceeded",
        (true, 4) => "Parameter Problem",
        (true, 128) => "Echo Request",
        (true, 129) => "Echo Reply",
        (true, 130) => "Multicast Listener Query",
        (true, 131) => "Multicast Listener Report",
        (true, 132) => "Multicast Listener Done",
        (true, 133) => "Router Solicitation",
        (true, 134) => "Router Advertisement",
        (true, 135) => "Neighbor Solicitation",
        (true, 136) => "Neighbor Advertisement",
        (true, 137) => "Redirect",
        (true, 143) => "Version 2 Multicast Listener Report",
        (true, 160) => "Extended Echo Request",
        (true, 161) => "Extended Echo Reply",
        _ => return Cow::Owned(format!("Type {kind}")),
    };
    Cow::Borrowed(name)
}

/// What a code of a type means; empty where it means nothing.
pub(super) fn code_name(v6: bool, kind: u8, code: u8) -> &'static str {
    match (v6, kind, code) {
        (false, 3, 0) => "net unreachable",
        (false, 3, 1) => "host unreachable",
        (false, 3, 2) => "protocol unreachable",
        (false, 3, 3) | (true, 1, 4) => "port unreachable",
        (false, 3, 4) => "fragmentation needed and DF set",
        (false, 3, 5) => "source route failed",
        (false, 3, 6) => "destination network unknown",
        (false, 3, 7) => "destination host unknown",
        (false, 3, 9) => "network administratively prohibited",
        (false, 3, 10) => "host administratively prohibited",
        (false, 3, 13) | (true, 1, 1) => "communication administratively prohibited",
        (false, 5, 0) => "redirect for the network",
        (false, 5, 1) => "redirect for the host",
        (false, 11, 0) => "time to live exceeded in transit",
        (false, 11, 1) | (true, 3, 1) => "fragment reassembly time exceeded",
        (true, 1, 0) => "no route to destination",
        (true, 1, 2) => "beyond scope of source address",
        (true, 1, 3) => "address unreachable",
        (true, 1, 5) => "source address failed ingress/egress policy",
        (true, 1, 6) => "reject route to destination",
        (true, 3, 0) => "hop limit exceeded in transit",
        (true, 4, 0) => "erroneous header field",
        (true, 4, 1) => "unrecognized next header",
        (true, 4, 2) => "unrecognized IPv6 option",
        _ => "",
    }
}
