//! Protection of Initial packets (RFC 9001 §5): keys that follow from the connection id, so that anybody can open them.

use super::packet::{Packet, V2};
use hookline_item::Sender;
use ring::{
    aead::{self, AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey, quic},
    hkdf,
};

/// RFC 9001 §5.2
const SALT_V1: [u8; 20] =
    [0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a];
/// RFC 9369 §3.3.1
const SALT_V2: [u8; 20] =
    [0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9];
/// draft-ietf-quic-tls-29 §5.2, to draft 32.
const SALT_DRAFT_29: [u8; 20] =
    [0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99];
/// draft-ietf-quic-tls-23 §5.2, to draft 28.
const SALT_DRAFT_23: [u8; 20] =
    [0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02];

/// Bytes of ciphertext that header protection looks at (RFC 9001 §5.4.2).
const SAMPLE_LEN: usize = 16;
/// The longest packet number.
const NUMBER_MAX: usize = 4;

/// Both sides' keys of one connection.
pub(super) struct Keys([Side; 2]);

struct Side {
    packet: LessSafeKey,
    iv: [u8; NONCE_LEN],
    header: quic::HeaderProtectionKey,
}

impl Keys {
    /// The keys that follow from the connection id that a client's first Initial is sent to.
    pub(super) fn new(version: u32, dcid: &[u8]) -> Option<Self> {
        let salt = match version {
            V2 => SALT_V2,
            0xff00_0017..=0xff00_001c => SALT_DRAFT_23,
            0xff00_001d..=0xff00_0020 => SALT_DRAFT_29,
            _ => SALT_V1,
        };
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &salt).extract(dcid);
        let side = |label: &str| Side::new(version, &hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &expand::<32>(&initial, label)?));
        Some(Self([side("client in")?, side("server in")?]))
    }

    /// What an Initial packet of `from` holds.
    pub(super) fn open(&self, from: Sender, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let side = self.0.get(from.index())?;
        let sample = packet.bytes.get(packet.number_at + NUMBER_MAX..)?.get(..SAMPLE_LEN)?;
        let [first_mask, masks @ ..] = side.header.new_mask(sample).ok()?;
        let mut header = packet.bytes.get(..packet.number_at)?.to_vec();
        let first = header.first_mut()?;
        *first ^= first_mask & 0x0f;
        let number_len = usize::from(*first & 3) + 1;
        let protected = packet.bytes.get(packet.number_at..packet.number_at + number_len)?;
        header.extend(protected.iter().zip(masks).map(|(b, m)| b ^ m));
        let mut nonce = side.iv;
        let number = header.iter().skip(packet.number_at);
        nonce.iter_mut().skip(NONCE_LEN - number_len).zip(number).for_each(|(n, b)| *n ^= b);
        let mut payload = packet.bytes.get(packet.number_at + number_len..)?.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let len = side.packet.open_in_place(nonce, Aad::from(&header), &mut payload).ok()?.len();
        payload.truncate(len);
        Some(payload)
    }
}

/// Whether an Initial is opened by the keys of its own connection id: a client's first one is.
pub(super) fn opens(packet: &Packet<'_>) -> bool {
    Keys::new(packet.version, packet.dcid).is_some_and(|keys| keys.open(Sender::Client, packet).is_some())
}

impl Side {
    fn new(version: u32, secret: &hkdf::Prk) -> Option<Self> {
        // RFC 9369 §3.3.2
        let [key, iv, hp] = if version == V2 { ["quicv2 key", "quicv2 iv", "quicv2 hp"] } else { ["quic key", "quic iv", "quic hp"] };
        Some(Self {
            packet: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand::<16>(secret, key)?).ok()?),
            iv: expand(secret, iv)?,
            header: quic::HeaderProtectionKey::new(&quic::AES_128, &expand::<16>(secret, hp)?).ok()?,
        })
    }
}

/// An Initial packet of `from`, sealed: what tests send.
#[cfg(test)]
pub(crate) fn seal(version: u32, from: Sender, original: &[u8], ids: [&[u8]; 2], number: u8, frames: &[u8]) -> Vec<u8> {
    let keys = Keys::new(version, original).unwrap();
    let side = &keys.0[from.index()];
    let kind = if version == V2 { 0xd0 } else { 0xc0 };
    let len = u16::try_from(1 + frames.len() + AES_128_GCM.tag_len()).unwrap() | 0x4000;
    let id = |id: &[u8]| [&[u8::try_from(id.len()).unwrap()], id].concat();
    let head = [&[kind][..], &version.to_be_bytes(), &id(ids[0]), &id(ids[1]), &[0], &len.to_be_bytes()].concat();
    let mut packet = [&head[..], &[number]].concat();
    let mut nonce = side.iv;
    nonce[NONCE_LEN - 1] ^= number;
    let mut payload = frames.to_vec();
    side.packet.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&packet), &mut payload).unwrap();
    packet.extend(payload);
    let sample = &packet[head.len() + NUMBER_MAX..][..SAMPLE_LEN];
    let mask = side.header.new_mask(sample).unwrap();
    packet[0] ^= mask[0] & 0x0f;
    packet[head.len()] ^= mask[1];
    packet
}

/// A length that is asked of HKDF.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
fn expand<const N: usize>(secret: &hkdf::Prk, label: &str) -> Option<[u8; N]> {
    let len = u16::try_from(N).ok()?.to_be_bytes();
    let label_len = [u8::try_from(label.len() + 6).ok()?];
    let mut out = [0; N];
    secret.expand(&[&len, &label_len, b"tls13 ", label.as_bytes(), &[0]], Len(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

const _: () = assert!(NONCE_LEN == 12 && aead::MAX_TAG_LEN == 16);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::hex;

    #[test]
    fn keys_are_those_of_rfc_9001() {
        // Appendix A.1.
        let dcid = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &SALT_V1).extract(&dcid);
        let client = expand::<32>(&initial, "client in").unwrap();
        assert_eq!(hex(&client), "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea");
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &client);
        assert_eq!(hex(&expand::<16>(&prk, "quic key").unwrap()), "1f369613dd76d5467730efcbe3b1a22d");
        assert_eq!(hex(&expand::<12>(&prk, "quic iv").unwrap()), "fa044b2f42a3fd3b46fb255c");
        assert_eq!(hex(&expand::<16>(&prk, "quic hp").unwrap()), "9f50449e04a0e810283a1e9933adedd2");
    }
}
