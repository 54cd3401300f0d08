//! Columns: one field of many items, as it crosses the wall.

use crate::bindings::types;
use hookline_item::{Kind, Object, Path, Reader, Value, json};

/// One requested field, with the values gathered for the next batch.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    reader: Reader,
    values: Values,
}

/// Values back to back; which variant is fixed when the plugin subscribes.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    U8s(Vec<u8>),
    U64s(Vec<u64>),
    S64s(Vec<i64>),
    F64s(Vec<f64>),
    Texts { ends: Vec<u32>, bytes: Vec<u8> },
}

/// Text bytes that one batch may hold in one column: a text over it is cut. Keeps `ends` far from overflow and a batch of bodies in memory.
const COLUMN_BYTES_MAX: usize = 16 << 20;

impl Values {
    /// Empty values of the kind that fields of `kind` arrive as; texts for everything that is no number.
    pub(crate) fn of(kind: Option<Kind>) -> Self {
        match kind {
            Some(Kind::Bool) => Self::U8s(Vec::new()),
            Some(Kind::U64) => Self::U64s(Vec::new()),
            Some(Kind::I64) => Self::S64s(Vec::new()),
            Some(Kind::F64) => Self::F64s(Vec::new()),
            _ => Self::Texts { ends: Vec::new(), bytes: Vec::new() },
        }
    }

    /// The kind, as the contract names it.
    pub(crate) fn kind(&self) -> types::ColumnKind {
        match self {
            Self::U8s(_) => types::ColumnKind::U8s,
            Self::U64s(_) => types::ColumnKind::U64s,
            Self::S64s(_) => types::ColumnKind::S64s,
            Self::F64s(_) => types::ColumnKind::F64s,
            Self::Texts { .. } => types::ColumnKind::Texts,
        }
    }

    /// The same kind, without values.
    fn none(&self) -> Self {
        match self {
            Self::U8s(_) => Self::U8s(Vec::new()),
            Self::U64s(_) => Self::U64s(Vec::new()),
            Self::S64s(_) => Self::S64s(Vec::new()),
            Self::F64s(_) => Self::F64s(Vec::new()),
            Self::Texts { .. } => Self::Texts { ends: Vec::new(), bytes: Vec::new() },
        }
    }

    fn push(&mut self, value: &Value<'_>) {
        match self {
            Self::U8s(v) => v.push(match value {
                Value::Bool(b) => (*b).into(),
                _ => u8::MAX,
            }),
            Self::U64s(v) => v.push(match value {
                Value::U64(n) => *n,
                Value::I64(n) => u64::try_from(*n).unwrap_or(u64::MAX),
                _ => u64::MAX,
            }),
            Self::S64s(v) => v.push(match value {
                Value::I64(n) => *n,
                Value::U64(n) => i64::try_from(*n).unwrap_or(i64::MAX),
                _ => i64::MIN,
            }),
            Self::F64s(v) => v.push(value.as_f64().unwrap_or(f64::NAN)),
            Self::Texts { ends, bytes } => {
                match value {
                    Value::Absent | Value::Null => {}
                    Value::Str(s) => bytes.extend_from_slice(s.as_bytes()),
                    Value::Bytes(_) => {
                        // As JSON without its quotes: base64 has nothing to escape.
                        let mut text = Vec::new();
                        json::write_value(&mut text, value);
                        bytes.extend_from_slice(text.get(1..text.len() - 1).unwrap_or_default());
                    }
                    other => json::write_value(bytes, other),
                }
                cut(bytes);
                ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
        }
    }

    fn view(&self) -> types::Column<'_> {
        match self {
            Self::U8s(v) => types::Column::U8s(v),
            Self::U64s(v) => types::Column::U64s(v),
            Self::S64s(v) => types::Column::S64s(v),
            Self::F64s(v) => types::Column::F64s(v),
            Self::Texts { ends, bytes } => types::Column::Texts(types::TextColumn { ends, bytes }),
        }
    }

    /// For people, and to be read again by [`Values::from_json`].
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::json;
        match self {
            Self::U8s(v) => json!({ "u8s": v }),
            Self::U64s(v) => json!({ "u64s": v }),
            Self::S64s(v) => json!({ "s64s": v }),
            // NaN, the mark of an absent field, is null in JSON.
            Self::F64s(v) => json!({ "f64s": v }),
            Self::Texts { ends, bytes } => {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let text = |(start, end): (u32, &u32)| bytes.get(start as usize..*end as usize).map(String::from_utf8_lossy);
                json!({ "texts": starts.zip(ends).map(text).collect::<Vec<_>>() })
            }
        }
    }

    /// What [`Values::to_json`] gave.
    pub(crate) fn from_json(value: &serde_json::Value) -> Option<Self> {
        let (kind, values) = value.as_object()?.iter().next()?;
        let values = values.as_array()?.iter();
        Some(match kind.as_str() {
            "u8s" => Self::U8s(values.map(|v| v.as_u64().and_then(|n| n.try_into().ok())).collect::<Option<_>>()?),
            "u64s" => Self::U64s(values.map(serde_json::Value::as_u64).collect::<Option<_>>()?),
            "s64s" => Self::S64s(values.map(serde_json::Value::as_i64).collect::<Option<_>>()?),
            "f64s" => Self::F64s(values.map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()),
            "texts" => {
                let (mut ends, mut bytes) = (Vec::new(), Vec::new());
                for value in values {
                    bytes.extend_from_slice(value.as_str()?.as_bytes());
                    ends.push(u32::try_from(bytes.len()).ok()?);
                }
                Self::Texts { ends, bytes }
            }
            _ => return None,
        })
    }

    /// What crosses into the plugin.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::U8s(v) => v.len(),
            Self::U64s(v) => 8 * v.len(),
            Self::S64s(v) => 8 * v.len(),
            Self::F64s(v) => 8 * v.len(),
            Self::Texts { ends, bytes } => 4 * ends.len() + bytes.len(),
        };
        bytes as u64
    }

    /// Empties it for the next batch; room for a few long texts is given back.
    fn clear(&mut self) {
        match self {
            Self::U8s(v) => v.clear(),
            Self::U64s(v) => v.clear(),
            Self::S64s(v) => v.clear(),
            Self::F64s(v) => v.clear(),
            Self::Texts { ends, bytes } => {
                ends.clear();
                bytes.clear();
                bytes.shrink_to(SPARE_BYTES_MAX);
            }
        }
    }
}

/// Room for text that is kept from one batch to the next: what 1,024 usual texts take.
const SPARE_BYTES_MAX: usize = 64 << 10;

/// Cuts `bytes`, which is UTF-8, to its limit at a character's boundary.
fn cut(bytes: &mut Vec<u8>) {
    if bytes.len() > COLUMN_BYTES_MAX {
        let end = (0..=COLUMN_BYTES_MAX).rev().find(|i| bytes[*i] & 0xc0 != 0x80).unwrap_or(0);
        bytes.truncate(end);
    }
}

impl Column {
    pub(crate) fn new(path: Path, values: Values) -> Self {
        Self { reader: Reader::new(path), values }
    }

    /// Appends the field's value in `object`: the first one, where the path names several.
    pub(crate) fn push(&mut self, object: &dyn Object) {
        self.reader.first(object, |value| self.values.push(value));
    }

    /// The values, leaving the column empty, with the room of `spare`: values of this column that were used.
    pub(crate) fn take(&mut self, spare: Option<Values>) -> Values {
        let mut next = spare.unwrap_or_else(|| self.values.none());
        next.clear();
        std::mem::replace(&mut self.values, next)
    }

    pub(crate) fn kind(&self) -> types::ColumnKind {
        self.values.kind()
    }
}

/// The columns as a call takes them, borrowed.
pub(crate) fn views(columns: &[Values]) -> Vec<types::Column<'_>> {
    columns.iter().map(Values::view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_have_their_marks() {
        let item: serde_json::Map<_, _> = serde_json::from_str(r#"{"b":true,"n":7,"s":"é","l":[1,"x"]}"#).unwrap();
        let column = |path: &str, kind| {
            let mut c = Column::new(path.parse().unwrap(), Values::of(Some(kind)));
            c.push(&item);
            c.push(&serde_json::Map::new());
            c.take(None)
        };
        assert!(matches!(column("b", Kind::Bool), Values::U8s(v) if v == [1, 255]));
        assert!(matches!(column("n", Kind::U64), Values::U64s(v) if v == [7, u64::MAX]));
        assert!(matches!(column("n", Kind::I64), Values::S64s(v) if v == [7, i64::MIN]));
        assert!(matches!(column("n", Kind::F64), Values::F64s(v) if v[0] == 7.0 && v[1].is_nan()));
        assert!(matches!(column("s", Kind::Str), Values::Texts { ends, bytes } if ends == [2, 2] && bytes == "é".as_bytes()));
        assert!(matches!(column("l", Kind::List), Values::Texts { bytes, .. } if bytes == br#"[1,"x"]"#));
    }

    #[test]
    fn a_text_over_the_limit_is_cut_at_a_character() {
        let mut bytes = "é".repeat(COLUMN_BYTES_MAX / 2 + 1).into_bytes();
        bytes.insert(0, b'x');
        cut(&mut bytes);
        assert!(String::from_utf8(bytes).unwrap().len() <= COLUMN_BYTES_MAX);
    }
}
