//! Values that a dissector makes: records of a fixed form, documents and tables with names from the wire.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookline_item::{List, Object, Value};
use std::fmt::Write as _;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "REDACTED";

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// A made value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Made {
    /// The protocol's own "nothing".
    #[default]
    Null,
    Bool(bool),
    Number(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    Texts(Vec<String>),
    List(Vec<Made>),
    /// Named by us.
    Fields(Vec<(&'static str, Made)>),
    /// Named by the sender.
    Map(Vec<(String, Made)>),
}

impl Made {
    /// Bytes that should be text: as they are where they are UTF-8, else with U+FFFD.
    pub(crate) fn lossy(bytes: &[u8]) -> Self {
        Self::Text(String::from_utf8_lossy(bytes).into_owned())
    }

    /// This, borrowed.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Number(n) => Value::U64(*n),
            Self::Signed(n) => Value::I64(*n),
            Self::Float(n) => Value::F64(*n),
            Self::Text(t) => Value::from(t.as_str()),
            Self::Texts(t) => Value::List(t),
            Self::List(_) => Value::List(self),
            Self::Fields(_) | Self::Map(_) => Value::Object(self),
        }
    }

    /// This as a value of its own.
    pub(crate) fn into_value(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Number(n) => Value::U64(n),
            Self::Signed(n) => Value::I64(n),
            Self::Float(n) => Value::F64(n),
            Self::Text(t) => Value::from(t),
            Self::Texts(t) => Value::MadeList(Box::new(t)),
            Self::List(_) => Value::MadeList(Box::new(self)),
            Self::Fields(_) | Self::Map(_) => Value::MadeObject(Box::new(self)),
        }
    }
}

impl Object for Made {
    fn get(&self, name: &str) -> Value<'_> {
        match self {
            Self::Fields(fields) => fields.iter().find(|(n, _)| *n == name).map_or(Value::Absent, |(_, v)| v.value()),
            Self::Map(entries) => entries.iter().find(|(n, _)| n == name).map_or(Value::Absent, |(_, v)| v.value()),
            _ => Value::Absent,
        }
    }
    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        match self {
            Self::Fields(fields) => fields.iter().for_each(|(name, value)| f(name, value.value())),
            Self::Map(entries) => entries.iter().for_each(|(name, value)| f(name, value.value())),
            _ => {}
        }
    }
}

impl List for Made {
    fn len(&self) -> usize {
        if let Self::List(list) = self { list.len() } else { 0 }
    }
    fn at(&self, index: usize) -> Value<'_> {
        match self {
            Self::List(list) => list.get(index).map_or(Value::Absent, Self::value),
            _ => Value::Absent,
        }
    }
}

macro_rules! from_number {
    ($($t:ty => $variant:ident),*) => {
        $(impl From<$t> for Made {
            fn from(n: $t) -> Self {
                Self::$variant(n.into())
            }
        })*
    };
}
from_number!(u8 => Number, u16 => Number, u32 => Number, u64 => Number, i8 => Signed, i16 => Signed, i32 => Signed, i64 => Signed, f32 => Float, f64 => Float, bool => Bool, String => Text, &str => Text);

impl From<serde_json::Value> for Made {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(n) => {
                let signed = || n.as_i64().map(Self::Signed);
                n.as_u64().map(Self::Number).or_else(signed).unwrap_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)))
            }
            Json::String(text) => Self::Text(text),
            Json::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Json::Object(map) => Self::Map(map.into_iter().map(|(name, value)| (name, Self::from(value))).collect()),
        }
    }
}

/// Text as it is, bytes that are none in base64; and whether they are.
pub(crate) fn text_or_base64(bytes: &[u8]) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(bytes), true),
    }
}
