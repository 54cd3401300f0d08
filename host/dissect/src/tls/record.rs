//! Records (RFC 8446 §5.1, RFC 6347 §4.1) and handshake messages (RFC 8446 §4), which may span several records or share one.

use nom::{
    IResult,
    bytes::complete::take,
    number::complete::{be_u8, be_u16, be_u24},
};
use std::collections::VecDeque;

/// Record types.
pub(super) mod kind {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION_DATA: u8 = 23;
}

/// Types of handshake messages.
pub(crate) mod handshake {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;
    pub(crate) const CERTIFICATE: u8 = 11;
}

/// Type, version, length.
pub(super) const HEADER_LEN: usize = 5;
/// The same with epoch and sequence number, over datagrams.
pub(super) const DATAGRAM_HEADER_LEN: usize = 13;
/// Type and length before a handshake message.
const MESSAGE_HEADER_LEN: usize = 4;
/// 2^14 bytes and what compression and encryption may add (RFC 5246 §6.2.3).
const RECORD_MAX: usize = (1 << 14) + 2048;
/// Bytes of one handshake message that are kept: certificate chains have a few thousand, servers refuse more than 100 KiB.
const MESSAGE_MAX: usize = 128 << 10;
/// Pieces kept of one message over datagrams: `MESSAGE_MAX` in the smallest packets that links carry.
const FRAGMENTS_MAX: usize = 256;

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u8,
    /// 0 over streams.
    pub(super) epoch: u16,
    /// Bytes of the record after its header.
    pub(super) len: usize,
}

impl Header {
    /// The header of a record over a stream; `None` if this is none.
    pub(super) fn of_stream(bytes: &[u8]) -> Option<Self> {
        let (_, (kind, version, len)) = stream_header(bytes).ok()?;
        let sound =
            (kind::CHANGE_CIPHER_SPEC..=24).contains(&kind) && version >> 8 == 3 && version & 0xff <= 4 && len <= RECORD_MAX && len > 0;
        sound.then_some(Self { kind, epoch: 0, len })
    }

    /// The header of a record over datagrams; `None` if this is none.
    pub(super) fn of_datagram(bytes: &[u8]) -> Option<Self> {
        let (_, (kind, version, epoch, len)) = datagram_header(bytes).ok()?;
        // 0x0100 is what OpenSSL sent before DTLS had a number.
        let sound = (kind::CHANGE_CIPHER_SPEC..=25).contains(&kind) && matches!(version, 0xfeff | 0xfefd | 0x0100) && len <= RECORD_MAX;
        sound.then_some(Self { kind, epoch, len })
    }
}

fn stream_header(i: &[u8]) -> IResult<&[u8], (u8, u16, usize)> {
    let (i, kind) = be_u8(i)?;
    let (i, version) = be_u16(i)?;
    let (i, len) = be_u16(i)?;
    Ok((i, (kind, version, len.into())))
}

fn datagram_header(i: &[u8]) -> IResult<&[u8], (u8, u16, u16, usize)> {
    let (i, kind) = be_u8(i)?;
    let (i, version) = be_u16(i)?;
    let (i, epoch) = be_u16(i)?;
    let (i, _sequence) = take(6usize)(i)?;
    let (i, len) = be_u16(i)?;
    Ok((i, (kind, version, epoch, len.into())))
}

/// A handshake message: its type and its body.
pub(crate) type HandshakeMessage = (u8, Vec<u8>);

/// Puts the handshake messages of one side together.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// Bytes of a message over a stream that is not whole.
    bytes: Vec<u8>,
    whole: VecDeque<HandshakeMessage>,
    /// Over datagrams: pieces of the message that is next, by their place in it.
    pieces: Vec<(usize, Vec<u8>)>,
    next_sequence: u16,
}

/// A message over the limit, or bytes that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Messages {
    /// The next whole message.
    pub(crate) fn next(&mut self) -> Option<HandshakeMessage> {
        self.whole.pop_front()
    }

    /// Forgets what is not whole.
    pub(super) fn clear(&mut self) {
        self.bytes = Vec::new();
        self.pieces = Vec::new();
    }

    /// Takes what a record over a stream holds.
    pub(crate) fn stream(&mut self, payload: &[u8]) -> Result<(), Unreadable> {
        self.bytes.extend_from_slice(payload);
        let mut done = 0;
        while let Some((kind, len)) = self.bytes.get(done..).and_then(|b| message_header(b).ok()).map(|(_, head)| head) {
            if len > MESSAGE_MAX {
                self.clear();
                return Err(Unreadable);
            }
            let start = done + MESSAGE_HEADER_LEN;
            let Some(body) = self.bytes.get(start..start + len) else { break };
            self.whole.push_back((kind, body.to_vec()));
            done = start + len;
        }
        self.bytes.drain(..done.min(self.bytes.len()));
        Ok(())
    }

    /// Takes what a record over datagrams holds: messages, or pieces of them (RFC 6347 §4.2.3). Those of earlier messages are
    /// repetitions.
    pub(super) fn datagram(&mut self, mut payload: &[u8]) -> Result<(), Unreadable> {
        while !payload.is_empty() {
            let (rest, piece) = piece(payload).map_err(|_| Unreadable)?;
            payload = rest;
            if piece.sequence < self.next_sequence {
                continue;
            }
            if piece.len > MESSAGE_MAX || piece.offset + piece.bytes.len() > piece.len || self.pieces.len() >= FRAGMENTS_MAX {
                self.clear();
                return Err(Unreadable);
            }
            if piece.sequence > self.next_sequence {
                // What comes before it was lost, or comes later: the newest message wins, so that nothing waits for ever.
                self.pieces.clear();
                self.next_sequence = piece.sequence;
            }
            self.piece(&piece);
        }
        Ok(())
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        let at = self.pieces.partition_point(|(offset, _)| *offset < piece.offset);
        self.pieces.insert(at, (piece.offset, piece.bytes.to_vec()));
        let mut body: Vec<u8> = Vec::new();
        for (offset, bytes) in &self.pieces {
            let Some(new) = body.len().checked_sub(*offset) else { return };
            body.extend_from_slice(bytes.get(new..).unwrap_or_default());
        }
        if body.len() >= piece.len {
            self.pieces.clear();
            self.next_sequence = self.next_sequence.saturating_add(1);
            self.whole.push_back((piece.kind, body));
        }
    }
}

fn message_header(i: &[u8]) -> IResult<&[u8], (u8, usize)> {
    let (i, kind) = be_u8(i)?;
    let (i, len) = be_u24(i)?;
    Ok((i, (kind, usize::try_from(len).unwrap_or(usize::MAX))))
}

/// A piece of a handshake message over datagrams.
struct Piece<'a> {
    kind: u8,
    /// Bytes of the whole message.
    len: usize,
    sequence: u16,
    offset: usize,
    bytes: &'a [u8],
}

fn piece(i: &[u8]) -> IResult<&[u8], Piece<'_>> {
    let (i, (kind, len)) = message_header(i)?;
    let (i, sequence) = be_u16(i)?;
    let (i, offset) = be_u24(i)?;
    let (i, count) = be_u24(i)?;
    let (i, bytes) = take(count)(i)?;
    Ok((i, Piece { kind, len, sequence, offset: usize::try_from(offset).unwrap_or(usize::MAX), bytes }))
}

/// Bytes by which a hello over a stream is told: type, length, and the first of its version.
pub(super) const HELLO_JUDGED: usize = MESSAGE_HEADER_LEN + 1;

/// The type of the hello that a record's payload begins with, if its version and lengths are sound. `header` is the message's: 4 bytes
/// over streams, 12 over datagrams.
pub(super) fn hello(payload: &[u8], header: usize) -> Option<u8> {
    let (_, (kind, len)) = message_header(payload).ok()?;
    let sound = match kind {
        handshake::CLIENT_HELLO | handshake::SERVER_HELLO => len > 34,
        handshake::HELLO_VERIFY_REQUEST => header == 12,
        _ => false,
    };
    let version = payload.get(header).copied();
    (sound && len <= MESSAGE_MAX && version.is_none_or(|v| matches!(v, 3 | 0xfe | 1))).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(sequence: u16, len: usize, offset: usize, bytes: &[u8]) -> Vec<u8> {
        let u24 = |n: usize| u32::try_from(n).unwrap().to_be_bytes()[1..].to_vec();
        [vec![1], u24(len), sequence.to_be_bytes().to_vec(), u24(offset), u24(bytes.len()), bytes.to_vec()].concat()
    }

    #[test]
    fn messages_span_records_and_share_them() {
        let mut messages = Messages::default();
        let bytes = [&[1, 0, 0, 3, 7, 8, 9, 2, 0, 0, 0, 11, 0, 0, 1][..], &[5]].concat();
        for byte in &bytes {
            messages.stream(&[*byte]).unwrap();
        }
        let all: Vec<_> = std::iter::from_fn(|| messages.next()).collect();
        assert_eq!(all, [(1, vec![7, 8, 9]), (2, vec![]), (11, vec![5])]);
        assert_eq!(messages.stream(&[1, 0xff, 0xff, 0xff]), Err(Unreadable));
    }

    #[test]
    fn fragments_are_put_together_in_any_order() {
        let mut messages = Messages::default();
        messages.datagram(&fragment(0, 6, 4, &[4, 5])).unwrap();
        messages.datagram(&fragment(0, 6, 1, &[1, 2, 3, 4])).unwrap();
        assert_eq!(messages.next(), None);
        messages.datagram(&fragment(0, 6, 0, &[0, 1])).unwrap();
        assert_eq!(messages.next(), Some((1, vec![0, 1, 2, 3, 4, 5])));
        messages.datagram(&fragment(0, 6, 0, &[9, 9, 9, 9, 9, 9])).unwrap();
        assert_eq!(messages.next(), None, "a repetition");
        messages.datagram(&fragment(2, 1, 0, &[7])).unwrap();
        assert_eq!(messages.next(), Some((1, vec![7])));
        assert_eq!(messages.datagram(&fragment(3, 2, 1, &[1, 2])), Err(Unreadable));
    }

    #[test]
    fn headers_are_judged() {
        assert!(Header::of_stream(&[22, 3, 1, 0, 5]).is_some());
        for bad in [[22, 2, 1, 0, 5], [19, 3, 1, 0, 5], [22, 3, 1, 0xff, 0xff], [22, 3, 1, 0, 0]] {
            assert_eq!(Header::of_stream(&bad), None);
        }
        assert!(Header::of_datagram(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]).is_some());
    }
}
