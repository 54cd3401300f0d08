//! HPACK's Huffman code (RFC 7541 §5.2, Appendix B).
//!
//! The code is canonical: within a length the codes follow each other in the order of their symbols, so the lengths are all there is to know.

/// The length of each symbol's code; the last is EOS.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
/// The longest code.
const BITS_MAX: usize = 30;

/// For each length: the first code that is longer, left-aligned in 32 bits, and what leads from a code to its symbol.
struct Table {
    lengths: [Length; BITS_MAX + 1],
    /// The symbols in the order of their codes.
    symbols: [u16; 257],
}

#[derive(Clone, Copy)]
struct Length {
    /// Codes of this length are below it, left-aligned in 32 bits.
    end: u64,
    /// The first code of this length.
    first: u32,
    /// Where its symbol stands.
    offset: u32,
}

static TABLE: Table = table();

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)] // Evaluated by the compiler, which would refuse a wrong index.
const fn table() -> Table {
    let mut table = Table { lengths: [Length { end: 0, first: 0, offset: 0 }; BITS_MAX + 1], symbols: [0; 257] };
    let (mut code, mut count, mut bits) = (0u32, 0u32, 1);
    while bits <= BITS_MAX {
        code <<= 1;
        table.lengths[bits].first = code;
        table.lengths[bits].offset = count;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == bits {
                table.symbols[count as usize] = symbol as u16;
                count += 1;
                code += 1;
            }
            symbol += 1;
        }
        table.lengths[bits].end = (code as u64) << (32 - bits);
        bits += 1;
    }
    table
}

/// The text of `code`; `None` if it is no Huffman code: EOS in it, padding longer than 7 bits or not of ones (RFC 7541 §5.2).
pub(super) fn decode(code: &[u8]) -> Option<Vec<u8>> {
    // The shortest code has 5 bits.
    let mut text = Vec::with_capacity(code.len().saturating_mul(8) / 5);
    let (mut window, mut bits, mut rest) = (0u64, 0usize, code.iter());
    loop {
        while bits <= 56
            && let Some(byte) = rest.next()
        {
            window |= u64::from(*byte) << (56 - bits);
            bits += 8;
        }
        let Some((symbol, len)) = symbol(window).filter(|(_, len)| *len <= bits) else {
            let ones = window.leading_ones() as usize;
            return (bits < 8 && ones == bits).then_some(text);
        };
        text.push(symbol);
        window <<= len;
        bits -= len;
    }
}

/// The symbol that the window's high bits begin with, and its length.
fn symbol(window: u64) -> Option<(u8, usize)> {
    let (len, found) = TABLE.lengths.iter().enumerate().skip(5).find(|(_, l)| window >> 32 < l.end)?;
    let code = u32::try_from(window >> (64 - len)).ok()?;
    let at = found.offset.checked_add(code.checked_sub(found.first)?)?;
    // EOS is no byte.
    let symbol = u8::try_from(*TABLE.symbols.get(at as usize)?).ok()?;
    Some((symbol, len))
}

#[cfg(test)]
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let (mut out, mut window, mut bits) = (Vec::new(), 0u64, 0);
    for byte in text {
        let at = TABLE.symbols.iter().position(|s| *s == u16::from(*byte)).unwrap();
        let len = usize::from(LENGTHS[usize::from(*byte)]);
        let l = &TABLE.lengths[len];
        window = window << len | u64::from(l.first + u32::try_from(at).unwrap() - l.offset);
        bits += len;
        while bits >= 8 {
            bits -= 8;
            out.push((window >> bits & 255) as u8);
        }
    }
    if bits > 0 {
        out.push(((window << (8 - bits) | 0xff >> bits) & 255) as u8);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541 Appendix C.4 and C.6.
    #[test]
    fn decodes_the_examples_of_the_rfc() {
        let table: &[(&[u8], &str)] = &[
            (b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value"),
            (b"\x64\x02", "302"),
            (b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3", "https://www.example.com"),
            (b"", ""),
        ];
        for (code, text) in table {
            assert_eq!(decode(code).unwrap(), text.as_bytes(), "{text}");
            assert_eq!(encode(text.as_bytes()), *code, "{text}");
        }
    }

    #[test]
    fn every_byte_has_a_code_and_bad_padding_has_none() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)).unwrap(), all);
        assert_eq!(LENGTHS.iter().map(|l| 1u64 << (32 - l)).sum::<u64>(), 1 << 32);
        for bad in [&b"\xff"[..], b"\xff\xff\xff\xff", b"\x00", b"\x64\x03\xff\xff"] {
            assert!(decode(bad).is_none(), "{bad:?}");
        }
    }
}
