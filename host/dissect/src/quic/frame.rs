//! Frames of Initial packets (RFC 9000 §17.2.2, §19), and the stream that CRYPTO frames make.

use super::packet::variable;
use crate::tls::Messages;
use nom::{IResult, Parser as _, bytes::complete::take, multi::length_data};

/// Bytes of CRYPTO frames kept of one side: ClientHellos with post-quantum key shares have 2 KiB.
const CRYPTO_MAX: u64 = 16 << 10;
/// Pieces of them that wait for others.
const PIECES_MAX: usize = 64;

/// What frames say that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Crypto { offset: u64, data: &'a [u8] },
    Close { code: u64, reason: &'a [u8] },
    Other,
}

/// The next frame; an error if it may not be in an Initial, or is not whole.
pub(super) fn frame(i: &[u8]) -> IResult<&[u8], Frame<'_>> {
    let (i, kind) = variable(i)?;
    match kind {
        // PADDING, PING
        0 | 1 => Ok((i, Frame::Other)),
        // ACK, with and without ECN counts
        2 | 3 => ack(i, kind == 3),
        6 => {
            let (i, offset) = variable(i)?;
            let (i, data) = length_data(variable).parse(i)?;
            Ok((i, Frame::Crypto { offset, data }))
        }
        0x1c => {
            let (i, code) = variable(i)?;
            let (i, _frame_type) = variable(i)?;
            let (i, reason) = length_data(variable).parse(i)?;
            Ok((i, Frame::Close { code, reason }))
        }
        _ => Err(nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::Tag))),
    }
}

/// ACK (RFC 9000 §19.3)
fn ack(i: &[u8], ecn: bool) -> IResult<&[u8], Frame<'_>> {
    let (i, _largest) = variable(i)?;
    let (i, _delay) = variable(i)?;
    let (mut i, ranges) = variable(i)?;
    // The first range; a gap and a range for each other one. Where there are fewer bytes than that, reading fails.
    let numbers = ranges.saturating_mul(2).saturating_add(if ecn { 4 } else { 1 });
    for _ in 0..numbers {
        (i, _) = variable(i)?;
    }
    let (i, _) = take(0usize)(i)?;
    Ok((i, Frame::Other))
}

/// Puts the CRYPTO frames of one side in order.
#[derive(Default)]
pub(super) struct Crypto {
    /// Bytes that are handed on.
    done: u64,
    /// Those that came before their turn, by their offsets.
    pieces: Vec<(u64, Box<[u8]>)>,
    messages: Messages,
}

impl Crypto {
    /// Takes a frame; an error if it is beyond the limits, or says what no TLS says.
    pub(super) fn push(&mut self, offset: u64, data: &[u8]) -> Result<(), ()> {
        let end = offset.saturating_add(data.len() as u64);
        if end <= self.done {
            return Ok(());
        }
        if end > CRYPTO_MAX || self.pieces.len() >= PIECES_MAX {
            return Err(());
        }
        self.pieces.push((offset, data.into()));
        self.pieces.sort_unstable_by_key(|(offset, _)| *offset);
        let mut waiting = Vec::new();
        for (offset, data) in self.pieces.drain(..) {
            match self.done.checked_sub(offset).and_then(|n| usize::try_from(n).ok()) {
                Some(seen) => {
                    let new = data.get(seen..).unwrap_or_default();
                    self.messages.stream(new).map_err(|_| ())?;
                    self.done = self.done.saturating_add(new.len() as u64);
                }
                None => waiting.push((offset, data)),
            }
        }
        self.pieces = waiting;
        Ok(())
    }

    /// The next handshake message that is whole.
    pub(super) fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        self.messages.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_in_order() {
        let mut crypto = Crypto::default();
        for (offset, data) in [(6, &[9, 9][..]), (3, &[4, 7, 8, 9]), (3, &[4]), (0, &[1, 0, 0, 4])] {
            crypto.push(offset, data).unwrap();
        }
        assert_eq!((crypto.next(), crypto.next()), (Some((1, vec![7, 8, 9, 9])), None));
        assert!(crypto.push(CRYPTO_MAX, &[1]).is_err());
    }

    #[test]
    fn frames_are_read_to_their_ends() {
        let bytes = [0, 1, 2, 5, 0, 0, 3, 6, 2, 2, 7, 8, 0x1c, 0x40, 0x0a, 6, 2, b'n', b'o'];
        let mut i = &bytes[..];
        let mut frames = Vec::new();
        while let Ok((rest, f)) = frame(i) {
            frames.push(f);
            i = rest;
        }
        assert!(i.is_empty());
        assert_eq!(frames[3..], [Frame::Crypto { offset: 2, data: &[7, 8] }, Frame::Close { code: 10, reason: b"no" }]);
        assert!(frame(&[8, 0]).is_err() && frame(&[2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
