//! Values in the binary protocol (page_protocol_binary_resultset): parameters of statements and attributes of queries.

use super::wire::{lenenc, lenenc_bytes};
use crate::{cursor::Cursor, made::Made};

/// Parameters of a statement that are shown.
const PARAMETERS_MAX: usize = 1024;

/// Types and values as an execution has them: which are NULL, whether types follow, the types (with names if `named`), the values.
pub(super) struct Bound<'a> {
    /// The types, two bytes each, where they were sent: else those of the execution before hold.
    pub(super) types: Option<Vec<u8>>,
    nulls: &'a [u8],
    values: Cursor<'a>,
}

pub(super) fn bound<'a>(cursor: &mut Cursor<'a>, count: usize, named: bool) -> Option<Bound<'a>> {
    let nulls = cursor.take(count.div_ceil(8))?;
    if cursor.u8()? == 0 {
        return Some(Bound { types: None, nulls, values: *cursor });
    }
    let mut types = Vec::new();
    for _ in 0..count {
        types.extend(cursor.array::<2>()?);
        if named {
            lenenc_bytes(cursor)?;
        }
    }
    Some(Bound { types: Some(types), nulls, values: *cursor })
}

impl<'a> Bound<'a> {
    /// The values by `types`, and what follows them; as far as they go.
    pub(super) fn read(self, types: &[u8]) -> (Vec<Made>, Cursor<'a>) {
        let (mut cursor, mut all) = (self.values, Vec::new());
        for (n, [code, flags]) in types.as_chunks().0.iter().enumerate() {
            let null = self.nulls.get(n / 8).is_some_and(|byte| byte >> (n % 8) & 1 == 1);
            let value = if null { Some(Made::Null) } else { value(&mut cursor, *code, flags & 0x80 != 0) };
            let Some(value) = value else { break };
            if all.len() < PARAMETERS_MAX {
                all.push(value);
            }
        }
        (all, cursor)
    }
}

fn value(cursor: &mut Cursor<'_>, code: u8, unsigned: bool) -> Option<Made> {
    Some(match (code, unsigned) {
        (1, true) => cursor.u8()?.into(),
        (1, false) => cursor.array().map(i8::from_le_bytes)?.into(),
        (2 | 13, true) => cursor.u16_le()?.into(),
        (2 | 13, false) => cursor.array().map(i16::from_le_bytes)?.into(),
        (3 | 9, true) => cursor.u32_le()?.into(),
        (3 | 9, false) => cursor.i32_le()?.into(),
        (8, true) => cursor.u64_le()?.into(),
        (8, false) => cursor.i64_le()?.into(),
        (4, _) => cursor.f32_le()?.into(),
        (5, _) => cursor.f64_le()?.into(),
        (6, _) => Made::Null,
        (7 | 10 | 12, _) => Made::Text(date(part(cursor)?)?),
        (11, _) => Made::Text(time(part(cursor)?)?),
        _ => {
            let bytes = lenenc_bytes(cursor)?;
            std::str::from_utf8(bytes).map_or_else(|_| Made::Text(hex(bytes)), Made::from)
        }
    })
}

fn part<'a>(cursor: &mut Cursor<'a>) -> Option<Cursor<'a>> {
    let len = usize::try_from(lenenc(cursor)?).ok()?;
    cursor.take(len).map(Cursor::new)
}

/// A date or point in time; what is zero at its end is not sent.
fn date(mut c: Cursor<'_>) -> Option<String> {
    if c.is_empty() {
        return Some("0000-00-00".into());
    }
    let (year, month, day) = (c.u16_le()?, c.u8()?, c.u8()?);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let Some([hour, minute, second]) = c.array() else { return Some(date) };
    let fraction = c.u32_le().map_or(String::new(), |micros| format!(".{micros:06}"));
    Some(format!("{date} {hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// A duration.
fn time(mut c: Cursor<'_>) -> Option<String> {
    if c.is_empty() {
        return Some("00:00:00".into());
    }
    let sign = if c.u8()? == 1 { "-" } else { "" };
    let (days, [hour, minute, second]) = (c.u32_le()?, c.array()?);
    let fraction = c.u32_le().map_or(String::new(), |micros| format!(".{micros:06}"));
    Some(format!("{sign}{:02}:{minute:02}:{second:02}{fraction}", u64::from(days) * 24 + u64::from(hour)))
}

/// As MySQL writes bytes in a query.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |hex, b| hex + &format!("{b:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_type() {
        let bytes = [
            &[0b10, 1, 3, 0, 253, 0, 12, 0, 8, 0x80][..],
            &[0xff, 0xff, 0xff, 0xff],
            &[7, 0xea, 7, 3, 1, 4, 5, 6],
            &[9, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let bound = bound(&mut Cursor::new(&bytes), 4, false).unwrap();
        let types = bound.types.clone().unwrap();
        assert_eq!(bound.read(&types).0, [Made::Signed(-1), Made::Null, "2026-03-01 04:05:06".into(), Made::Number(9)]);
        assert_eq!(time(Cursor::new(&[1, 1, 0, 0, 0, 2, 3, 4])).unwrap(), "-26:03:04");
    }
}
