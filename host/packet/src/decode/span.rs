//! A stretch of a packet, of which the end may not have been captured.

/// Bytes as they were on the wire: those captured, then those cut off by the snap length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span<'a> {
    /// What was captured.
    pub bytes: &'a [u8],
    /// How many bytes followed on the wire.
    pub missing: usize,
}

impl<'a> Span<'a> {
    /// `bytes` of a stretch of `wire_len`; a `wire_len` below what was captured is a lie and has no effect.
    #[must_use]
    pub const fn new(bytes: &'a [u8], wire_len: usize) -> Self {
        Self { bytes, missing: wire_len.saturating_sub(bytes.len()) }
    }

    /// Length on the wire.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        self.bytes.len() + self.missing
    }

    /// The first `wire_len` bytes; all, if there are fewer.
    #[must_use]
    pub fn limit(self, wire_len: usize) -> Self {
        match self.bytes.get(..wire_len) {
            Some(bytes) => Self { bytes, missing: 0 },
            None => Self { bytes: self.bytes, missing: self.missing.min(wire_len - self.bytes.len()) },
        }
    }

    /// What follows the first `n` bytes, captured or not; nothing, if there are fewer.
    #[must_use]
    pub fn skip(self, n: usize) -> Self {
        match self.bytes.get(n..) {
            Some(bytes) => Self { bytes, missing: self.missing },
            None => Self { bytes: &[], missing: self.missing.saturating_sub(n - self.bytes.len()) },
        }
    }

    /// The header of `N` bytes at the start, and what follows; `None` if it was not captured whole.
    #[must_use]
    pub fn header<const N: usize>(self) -> Option<(&'a [u8; N], Self)> {
        let (header, bytes) = self.bytes.split_first_chunk()?;
        Some((header, Self { bytes, missing: self.missing }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_in_the_captured_and_in_the_missing_part() {
        let span = Span::new(b"abcdef", 10);
        assert_eq!(span.limit(4), Span::new(b"abcd", 4));
        assert_eq!(span.limit(8), Span::new(b"abcdef", 8));
        assert_eq!(span.limit(99), span);
        assert_eq!(span.skip(2), Span::new(b"cdef", 8));
        assert_eq!(span.skip(7), Span::new(b"", 3));
        assert_eq!(span.skip(99).wire_len(), 0);
        assert_eq!(span.header::<7>(), None);
    }
}
