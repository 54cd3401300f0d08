//! Fingerprints of hellos: JA3 and JA3S (Salesforce, 2017), JA4 and JA4S (FoxIO, 2023).

use super::{
    codes::is_grease,
    hello::{ClientHello, ServerHello, extension},
};
use crate::made::hex;
use md5::{Digest as _, Md5};
use sha2::Sha256;

/// What carries the handshake, as the first letter of JA4 says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// TLS over TCP.
    #[default]
    Tcp,
    /// QUIC.
    Quic,
    /// DTLS.
    Dtls,
}

impl Carrier {
    const fn letter(self) -> char {
        match self {
            Self::Tcp => 't',
            Self::Quic => 'q',
            Self::Dtls => 'd',
        }
    }
}

/// JA3: `version,ciphers,extensions,groups,point formats` in decimal, without GREASE.
pub(crate) fn ja3(hello: &ClientHello) -> String {
    let points: Vec<u16> = hello.point_formats.iter().map(|p| u16::from(*p)).collect();
    let lists = [&hello.cipher_suites, &hello.extensions, &hello.groups, &points].map(|list| dashed(list));
    format!("{},{}", hello.version, lists.join(","))
}

/// JA3S: `version,cipher,extensions` in decimal.
pub(crate) fn ja3s(hello: &ServerHello) -> String {
    format!("{},{},{}", hello.version, hello.cipher_suite, dashed(&hello.extensions))
}

/// MD5 in hexadecimal, as both are usually passed on.
pub(crate) fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text))
}

/// JA4 (<https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md>).
pub(crate) fn ja4(hello: &ClientHello, carrier: Carrier) -> String {
    let plain = |list: &[u16]| -> Vec<u16> { list.iter().copied().filter(|n| !is_grease(*n)).collect() };
    let (mut ciphers, extensions) = (plain(&hello.cipher_suites), plain(&hello.extensions));
    let head = format!(
        "{}{}{}{:02}{:02}{}",
        carrier.letter(),
        version(hello.highest_version()),
        if hello.has(extension::SERVER_NAME) { 'd' } else { 'i' },
        ciphers.len().min(COUNT_MAX),
        extensions.len().min(COUNT_MAX),
        alpn(&hello.alpn),
    );
    ciphers.sort_unstable();
    let mut hashed: Vec<u16> = extensions.into_iter().filter(|e| !matches!(*e, extension::SERVER_NAME | extension::ALPN)).collect();
    hashed.sort_unstable();
    let mut text = comma_hex(&hashed);
    if !hello.signature_algorithms.is_empty() {
        text = format!("{text}_{}", comma_hex(&plain(&hello.signature_algorithms)));
    }
    format!("{head}_{}_{}", hash12(&comma_hex(&ciphers)), hash12(if hashed.is_empty() { "" } else { &text }))
}

/// JA4S (<https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4S.md>).
pub(crate) fn ja4s(hello: &ServerHello, carrier: Carrier) -> String {
    format!(
        "{}{}{:02}{}_{:04x}_{}",
        carrier.letter(),
        version(hello.chosen_version()),
        hello.extensions.len().min(COUNT_MAX),
        alpn(&hello.alpn),
        hello.cipher_suite,
        hash12(&comma_hex(&hello.extensions)),
    )
}

/// Counts have two digits.
const COUNT_MAX: usize = 99;

const fn version(id: u16) -> &'static str {
    match id {
        0x0002 => "s2",
        0x0300 => "s3",
        0x0301 => "10",
        0x0302 => "11",
        0x0303 => "12",
        0x0304 => "13",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first ALPN identifier; of its hexadecimal form if one of them is not alphanumeric.
fn alpn(names: &[Vec<u8>]) -> String {
    let (Some(first), Some(last)) = (names.first().and_then(|n| n.first()), names.first().and_then(|n| n.last())) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    let (first, last) = (format!("{first:02x}"), format!("{last:02x}"));
    first.chars().take(1).chain(last.chars().skip(1)).collect()
}

fn dashed(list: &[u16]) -> String {
    let texts: Vec<String> = list.iter().filter(|n| !is_grease(**n)).map(u16::to_string).collect();
    texts.join("-")
}

fn comma_hex(list: &[u16]) -> String {
    let texts: Vec<String> = list.iter().map(|n| format!("{n:04x}")).collect();
    texts.join(",")
}

/// The first twelve digits of SHA-256; of nothing, zeros.
fn hash12(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".to_owned();
    }
    hex(&Sha256::digest(text)).chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of FoxIO's description of JA4.
    #[test]
    fn ja4_of_the_specification() {
        let hello = ClientHello {
            version: 0x303,
            versions: vec![0x3a3a, 0x304, 0x303],
            cipher_suites: vec![
                0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
                0x0035,
            ],
            extensions: vec![
                0x2a2a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b,
                0x000a, 0x0015,
            ],
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            signature_algorithms: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            ..ClientHello::default()
        };
        assert_eq!(ja4(&hello, Carrier::Tcp), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn ja4_of_little() {
        assert_eq!(ja4(&ClientHello::default(), Carrier::Dtls), "d00i000000_000000000000_000000000000");
        assert_eq!(alpn(&[vec![0xab, 0xcd]]), "ad");
        assert_eq!(alpn(&[b"h".to_vec()]), "hh");
    }

    #[test]
    fn ja4s_of_the_specification() {
        let hello = ServerHello {
            version: 0x303,
            selected_version: Some(0x304),
            cipher_suite: 0x1301,
            extensions: vec![0x33, 0x2b],
            ..ServerHello::default()
        };
        assert_eq!(ja4s(&hello, Carrier::Tcp), "t130200_1301_234ea6891581");
        assert_eq!(ja3s(&hello), "771,4865,51-43");
        assert_eq!(md5_hex(&ja3s(&hello)), "eb1d94daa7e0344597e756a1fb6e7054");
    }
}
