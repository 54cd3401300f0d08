//! Long headers (RFC 9000 §17.2; version 2: RFC 9369 §3.2).

use nom::{
    IResult, Parser as _,
    bytes::complete::take,
    combinator::verify,
    multi::length_data,
    number::complete::{be_u8, be_u32},
};

pub(super) const V1: u32 = 1;
pub(super) const V2: u32 = 0x6b33_43cf;

/// The longest connection id (RFC 9000 §17.2).
const ID_MAX: u8 = 20;

/// The tag behind a Retry's token (RFC 9000 §17.2.5).
const RETRY_TAG_LEN: usize = 16;

/// Packet types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    VersionNegotiation,
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
}

/// One packet with a long header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    pub(super) version: u32,
    pub(super) dcid: &'a [u8],
    pub(super) scid: &'a [u8],
    pub(super) token: &'a [u8],
    /// The whole packet, whose header ends before `number_at`.
    pub(super) bytes: &'a [u8],
    /// Where the packet number begins.
    pub(super) number_at: usize,
    /// Whether the datagram has it to its end.
    pub(super) whole: bool,
}

impl<'a> Packet<'a> {
    /// The packet that `datagram` begins with, and what follows it. `None` for short headers, and for what is no QUIC.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let first = *datagram.first().filter(|b| **b & 0x80 != 0)?;
        let (i, (version, dcid, scid)) = invariant(datagram).ok()?;
        let base = Packet {
            kind: Kind::VersionNegotiation,
            version,
            dcid,
            scid,
            token: &[],
            bytes: datagram,
            number_at: datagram.len(),
            whole: true,
        };
        if version == 0 {
            // The versions that the server supports fill the rest.
            return (!i.is_empty() && i.len() % 4 == 0).then_some((Packet { token: i, ..base }, &[]));
        }
        let kind = kind(version, first >> 4 & 3)?;
        if kind == Kind::Retry {
            let token = i.get(..i.len().checked_sub(RETRY_TAG_LEN)?)?;
            return Some((Packet { kind, token, ..base }, &[]));
        }
        let (i, token) = if kind == Kind::Initial { length_data(variable).parse(i).ok()? } else { (i, &[][..]) };
        let (i, len) = variable(i).ok()?;
        let number_at = datagram.len() - i.len();
        let end = number_at.checked_add(usize::try_from(len).ok()?)?;
        let whole = end <= datagram.len();
        let (bytes, rest) = datagram.split_at_checked(end).unwrap_or((datagram, &[]));
        Some((Packet { kind, token, bytes, number_at, whole, ..base }, rest))
    }

    /// Whether it has the bit that first packets must have; later ones may not (RFC 9287).
    pub(super) fn has_fixed_bit(&self) -> bool {
        self.bytes.first().is_some_and(|b| b & 0x40 != 0)
    }

    /// Whether its version is one that is read here, or asks for others.
    pub(super) fn is_known(&self) -> bool {
        self.version == 0 || is_known(self.version)
    }

    /// A version negotiation's versions.
    pub(super) fn versions(&self) -> impl Iterator<Item = u32> {
        self.token.as_chunks::<4>().0.iter().map(|v| u32::from_be_bytes(*v))
    }
}

/// Version, and the ids of the destination and the source.
type Invariant<'a> = (u32, &'a [u8], &'a [u8]);

/// What all versions have in common (RFC 8999 §5.1).
fn invariant(i: &[u8]) -> IResult<&[u8], Invariant<'_>> {
    let (i, _first) = be_u8(i)?;
    let (i, version) = be_u32(i)?;
    let id_len = || verify(be_u8, |len| *len <= ID_MAX);
    let (i, dcid) = length_data(id_len()).parse(i)?;
    let (i, scid) = length_data(id_len()).parse(i)?;
    Ok((i, (version, dcid, scid)))
}

/// The type that two bits of the first byte mean.
fn kind(version: u32, bits: u8) -> Option<Kind> {
    // Version 2 counts them from another start (RFC 9369 §3.2).
    let bits = if version == V2 { bits.wrapping_sub(1) & 3 } else { bits };
    is_known(version).then_some(match bits {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => Kind::Retry,
    })
}

fn is_known(version: u32) -> bool {
    matches!(version, V1 | V2 | 0xff00_0017..=0xff00_0022)
}

/// How a version is called.
pub(super) fn version_name(version: u32) -> String {
    match version {
        V1 => "1".to_owned(),
        V2 => "2".to_owned(),
        0xff00_0000..=0xff00_00ff => format!("draft-{}", version & 0xff),
        _ => format!("{version:#010x}"),
    }
}

/// A number of one to eight bytes (RFC 9000 §16).
pub(super) fn variable(i: &[u8]) -> IResult<&[u8], u64> {
    let (rest, first) = be_u8(i)?;
    let (rest, more) = take((1usize << (first >> 6)) - 1)(rest)?;
    Ok((rest, more.iter().fold(u64::from(first & 0x3f), |n, b| n << 8 | u64::from(*b))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_lengths_of_rfc_9000() {
        // RFC 9000 appendix A.1.
        let read = |bytes: &[u8]| variable(bytes).map(|(_, n)| n).ok();
        assert_eq!(read(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]), Some(151_288_809_941_952_652));
        assert_eq!((read(&[0x9d, 0x7f, 0x3e, 0x7d]), read(&[0x7b, 0xbd]), read(&[0x25])), (Some(494_878_333), Some(15_293), Some(37)));
        assert_eq!((read(&[0x40]), read(&[])), (None, None));
    }

    #[test]
    fn a_retry_without_its_tag_is_none() {
        // Found by fuzzing.
        for len in 0..24 {
            let packet = [&[0xf0, 0, 0, 0, 1, 0, 0][..], &[7; 24][..len]].concat();
            assert_eq!(Packet::parse(&packet).map(|(p, _)| p.token.len()), len.checked_sub(RETRY_TAG_LEN));
        }
    }

    #[test]
    fn version_2_has_other_types() {
        assert_eq!(
            (kind(V1, 0), kind(V2, 1), kind(V2, 0), kind(7, 0)),
            (Some(Kind::Initial), Some(Kind::Initial), Some(Kind::Retry), None)
        );
    }
}
