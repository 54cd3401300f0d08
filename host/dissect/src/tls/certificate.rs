//! X.509 certificates (RFC 5280): read when somebody asks.

use crate::made::hex;
use hookline_item::{Timestamp, Value, object};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
    time::ASN1Time,
};

/// A certificate as it was sent: DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate(pub(super) Box<[u8]>);

impl Certificate {
    /// What `f` finds in the certificate, if it is one.
    fn read<T>(&self, f: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
        X509Certificate::from_der(&self.0).ok().map(|(_, certificate)| f(&certificate))
    }

    fn names(&self) -> Option<Vec<String>> {
        let names = self.read(|c| {
            let names = c.subject_alternative_name().ok().flatten().map(|e| e.value.general_names.iter().filter_map(name).collect());
            names.unwrap_or_default()
        });
        names.filter(|n: &Vec<String>| !n.is_empty())
    }
}

/// DNS names and addresses; the other kinds name no host.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => Some(std::net::Ipv4Addr::from(v4).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string()),
        },
        _ => None,
    }
}

/// RFC 3339; times before 1970, which no certificate has, are left out.
fn time(time: ASN1Time) -> Option<String> {
    let seconds = u64::try_from(time.timestamp()).ok()?;
    Some(Timestamp(0).plus(Duration::from_secs(seconds)).to_string())
}

object! {
    Certificate as c, CERTIFICATE_FIELDS {
        "subject": Str, "Distinguished name of the holder" => c.read(|x| x.subject().to_string());
        "issuer": Str, "Distinguished name of who signed it" => c.read(|x| x.issuer().to_string());
        "serialNumber": Str, "Serial number, hexadecimal" => c.read(|x| hex(x.raw_serial()));
        "sans": List, "Subject alternative names: DNS names and addresses" => c.names().map_or(Value::Absent, |n| Value::MadeList(Box::new(n)));
        "notBefore": Str, "Begin of validity, RFC 3339" => c.read(|x| time(x.validity().not_before)).flatten();
        "notAfter": Str, "End of validity, RFC 3339" => c.read(|x| time(x.validity().not_after)).flatten();
        "size": U64, "Bytes of the certificate (DER)" => c.0.len();
        "sha256": Str, "SHA-256 of the certificate, hexadecimal" => hex(&Sha256::digest(&c.0));
    }
}
