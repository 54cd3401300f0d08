//! Numbers on the wire and their names (IANA, "Domain Name System (DNS) Parameters").

use std::borrow::Cow;

macro_rules! named {
    ($type:ident, $doc:literal, { $($number:literal => $name:literal),* $(,)? }, $unknown:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(super) struct $type(pub(super) u16);

        impl $type {
            /// Its name, or its number in the form that is usual for unknown ones.
            pub(super) fn name(self) -> Cow<'static, str> {
                match self.0 {
                    $($number => Cow::Borrowed($name),)*
                    n => Cow::Owned(format!($unknown, n)),
                }
            }
        }
    };
}

named!(Type, "A record type; unknown ones are `TYPE1234` (RFC 3597 §5).", {
    1 => "A", 2 => "NS", 3 => "MD", 4 => "MF", 5 => "CNAME", 6 => "SOA", 7 => "MB", 8 => "MG", 9 => "MR", 10 => "NULL", 11 => "WKS", 12 => "PTR",
    13 => "HINFO", 14 => "MINFO", 15 => "MX", 16 => "TXT", 17 => "RP", 18 => "AFSDB", 19 => "X25", 20 => "ISDN", 21 => "RT", 22 => "NSAP",
    23 => "NSAP-PTR", 24 => "SIG", 25 => "KEY", 26 => "PX", 27 => "GPOS", 28 => "AAAA", 29 => "LOC", 30 => "NXT", 33 => "SRV", 35 => "NAPTR",
    36 => "KX", 37 => "CERT", 38 => "A6", 39 => "DNAME", 41 => "OPT", 42 => "APL", 43 => "DS", 44 => "SSHFP", 45 => "IPSECKEY", 46 => "RRSIG",
    47 => "NSEC", 48 => "DNSKEY", 49 => "DHCID", 50 => "NSEC3", 51 => "NSEC3PARAM", 52 => "TLSA", 53 => "SMIMEA", 55 => "HIP", 59 => "CDS",
    60 => "CDNSKEY", 61 => "OPENPGPKEY", 62 => "CSYNC", 63 => "ZONEMD", 64 => "SVCB", 65 => "HTTPS", 99 => "SPF", 108 => "EUI48", 109 => "EUI64",
    249 => "TKEY", 250 => "TSIG", 251 => "IXFR", 252 => "AXFR", 253 => "MAILB", 254 => "MAILA", 255 => "ANY", 256 => "URI", 257 => "CAA",
    32768 => "TA", 32769 => "DLV",
}, "TYPE{}");

named!(Class, "A record class; unknown ones are `CLASS1234` (RFC 3597 §5).", {
    1 => "IN", 2 => "CS", 3 => "CH", 4 => "HS", 254 => "NONE", 255 => "ANY",
}, "CLASS{}");

named!(Opcode, "What a message is for.", {
    0 => "Query", 1 => "Inverse Query", 2 => "Status", 4 => "Notify", 5 => "Update", 6 => "DSO",
}, "Opcode {}");

named!(Rcode, "How a question was answered; names as Kubeshark has them.", {
    0 => "No Error", 1 => "Format Error", 2 => "Server Failure", 3 => "Non-Existent Domain", 4 => "Not Implemented", 5 => "Query Refused",
    6 => "Name Exists when it should not", 7 => "RR Set Exists when it should not", 8 => "RR Set that should exist does not",
    9 => "Server Not Authoritative for zone", 10 => "Name not contained in zone", 11 => "DSO-TYPE Not Implemented", 16 => "Bad OPT Version",
    17 => "Key not recognized", 18 => "Signature out of time window", 19 => "Bad TKEY Mode", 20 => "Duplicate key name",
    21 => "Algorithm not supported", 22 => "Bad Truncation", 23 => "Bad/missing Server Cookie",
}, "Rcode {}");

named!(OptionCode, "An EDNS option.", {
    1 => "LLQ", 2 => "UL", 3 => "NSID", 5 => "DAU", 6 => "DHU", 7 => "N3U", 8 => "ECS", 9 => "EXPIRE", 10 => "COOKIE", 11 => "TCP-KEEPALIVE",
    12 => "PADDING", 13 => "CHAIN", 14 => "KEY-TAG", 15 => "EDE", 18 => "REPORT-CHANNEL",
}, "OPT{}");

impl Type {
    pub(super) const OPT: Self = Self(41);

    /// Whether it is one that is asked for in practice: evidence that a message on an unusual port is DNS.
    pub(super) fn is_usual(self) -> bool {
        matches!(
            self.0,
            1 | 2 | 5 | 6 | 12 | 15 | 16 | 28 | 33 | 35 | 41 | 43 | 46 | 47 | 48 | 50 | 51 | 52 | 64 | 65 | 99 | 252 | 255 | 256 | 257
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_numbers_keep_their_number() {
        assert_eq!(Type(65).name(), "HTTPS");
        assert_eq!(Type(65280).name(), "TYPE65280");
        assert_eq!(Class(7).name(), "CLASS7");
        assert_eq!(Rcode(3).name(), "Non-Existent Domain");
    }
}
