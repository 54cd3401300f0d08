//! Reading fields one after the other from bytes that may break off anywhere.

/// What is still to be read. Each read gives `None`, and takes nothing, where there are not so many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) rest: &'a [u8],
}

macro_rules! numbers {
    ($($name:ident, $of:ident, $t:ty;)*) => {
        $(#[allow(dead_code)] // The set is whole, whoever uses which.
        pub(crate) fn $name(&mut self) -> Option<$t> {
            self.array().map(<$t>::$of)
        })*
    };
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    numbers! {
        u8, from_be_bytes, u8;
        u16_be, from_be_bytes, u16;
        u32_be, from_be_bytes, u32;
        u64_be, from_be_bytes, u64;
        i16_be, from_be_bytes, i16;
        i32_be, from_be_bytes, i32;
        i64_be, from_be_bytes, i64;
        u16_le, from_le_bytes, u16;
        u32_le, from_le_bytes, u32;
        u64_le, from_le_bytes, u64;
        i32_le, from_le_bytes, i32;
        i64_le, from_le_bytes, i64;
        f32_be, from_be_bytes, f32;
        f64_be, from_be_bytes, f64;
        f32_le, from_le_bytes, f32;
        f64_le, from_le_bytes, f64;
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// The bytes before the next NUL, which is read too.
    pub(crate) fn cstr(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(0, self.rest)?;
        let text = self.take(end)?;
        self.u8()?;
        Some(text)
    }
}
