//! permessage-deflate: one side's compressed messages, which may refer to those before them (RFC 7692 §7.2.2).

use flate2::{Decompress, FlushDecompress, Status};

/// One side's decompressor.
#[derive(Default)]
pub(super) enum Inflate {
    /// Nothing was compressed yet.
    #[default]
    Fresh,
    Used(Box<Decompress>),
    /// What messages refer to was lost.
    Lost,
}

/// Why a message was not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Lost,
    Invalid,
}

/// An inflated message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inflated {
    pub(super) bytes: Vec<u8>,
    /// Whether there is more than was wanted.
    pub(super) cut: bool,
}

impl Inflate {
    /// Inflates a message, at most `max` bytes of it. `forgets`: whether each message is compressed on its own.
    pub(super) fn message(&mut self, compressed: &[u8], max: usize, forgets: bool) -> Result<Inflated, Failed> {
        let mut state = match std::mem::take(self) {
            Self::Used(mut state) if forgets => {
                state.reset(false);
                state
            }
            Self::Used(state) => state,
            Self::Lost if !forgets => {
                *self = Self::Lost;
                return Err(Failed::Lost);
            }
            Self::Fresh | Self::Lost => Box::new(Decompress::new(false)),
        };
        // RFC 7692 §7.2.2: the sender leaves out the end of an empty block.
        let inflated = inflate(&mut state, &[compressed, &[0, 0, 0xff, 0xff]].concat(), max);
        *self = match &inflated {
            Some(inflated) if !inflated.cut => Self::Used(state),
            // Where the state is now is not where the sender's is.
            _ => Self::Lost,
        };
        inflated.ok_or(Failed::Invalid)
    }

    /// A message was not seen whole.
    pub(super) fn lose(&mut self) {
        *self = Self::Lost;
    }
}

fn inflate(state: &mut Decompress, input: &[u8], max: usize) -> Option<Inflated> {
    let mut bytes = Vec::with_capacity(input.len().saturating_mul(4).clamp(GROWTH, max.max(GROWTH)));
    let start = state.total_in();
    loop {
        let used = usize::try_from(state.total_in() - start).ok()?;
        let rest = input.get(used..)?;
        let before = bytes.len();
        let status = state.decompress_vec(rest, &mut bytes, FlushDecompress::Sync).ok()?;
        let used_now = usize::try_from(state.total_in() - start).ok()?;
        if bytes.len() > max {
            bytes.truncate(max);
            return Some(Inflated { bytes, cut: true });
        }
        match status {
            // A last block ends the stream, against the sense of RFC 7692 §7.2.3.5: what comes next begins anew.
            Status::StreamEnd => {
                state.reset(false);
                return Some(Inflated { bytes, cut: false });
            }
            _ if bytes.len() == bytes.capacity() => bytes.reserve(GROWTH),
            _ if used_now == input.len() => return Some(Inflated { bytes, cut: false }),
            _ if used_now == used && bytes.len() == before => return None,
            _ => {}
        }
    }
}

/// Room made for more of a message.
const GROWTH: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_refer_to_those_before() {
        // RFC 7692 §7.2.3.2: "Hello" twice, the second by what is in the window.
        let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
        let mut inflate = Inflate::default();
        for message in [&first[..], &second] {
            assert_eq!(inflate.message(message, 100, false).unwrap(), Inflated { bytes: b"Hello".to_vec(), cut: false });
        }
        inflate.lose();
        assert_eq!(inflate.message(&second, 100, false), Err(Failed::Lost));
        assert_eq!(inflate.message(&first, 100, true).unwrap().bytes, b"Hello");
        assert_eq!(inflate.message(b"\xff\xff\xff", 100, true), Err(Failed::Invalid));
        // §7.2.3.3 and §7.2.3.4: a block without compression, and one that is the last.
        assert_eq!(inflate.message(&[0, 5, 0, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0], 100, true).unwrap().bytes, b"Hello");
        assert_eq!(inflate.message(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], 100, true).unwrap().bytes, b"Hello");
    }

    #[test]
    fn a_bomb_is_cut() {
        let mut bomb = flate2::Compress::new(flate2::Compression::best(), false);
        let mut compressed = Vec::with_capacity(1 << 16);
        bomb.compress_vec(&vec![0; 1 << 20], &mut compressed, flate2::FlushCompress::Sync).unwrap();
        let inflated = Inflate::default().message(&compressed, 1000, false).unwrap();
        assert!(inflated.bytes.len() == 1000 && inflated.cut);
    }
}
