//! Values made out of record data.

use hookline_item::{List, Object, Value};

/// Made-up values: text, numbers, lists and objects with fixed names.
#[derive(Debug)]
pub(super) enum Out {
    Number(u64),
    Text(String),
    Texts(Vec<String>),
    List(Vec<Out>),
    Fields(Vec<(&'static str, Out)>),
}

impl Out {
    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Number(n) => Value::U64(*n),
            Self::Text(t) => Value::from(t.as_str()),
            Self::Texts(t) => Value::List(t),
            Self::List(_) => Value::List(self),
            Self::Fields(_) => Value::Object(self),
        }
    }

    /// This as a value.
    pub(super) fn into_value(self) -> Value<'static> {
        match self {
            Self::Number(n) => Value::U64(n),
            Self::Text(t) => Value::from(t),
            Self::Texts(t) => Value::MadeList(Box::new(t)),
            Self::List(_) => Value::MadeList(Box::new(self)),
            Self::Fields(_) => Value::MadeObject(Box::new(self)),
        }
    }
}

impl Object for Out {
    fn get(&self, name: &str) -> Value<'_> {
        match self {
            Self::Fields(fields) => fields.iter().find(|(n, _)| *n == name).map_or(Value::Absent, |(_, v)| v.as_value()),
            _ => Value::Absent,
        }
    }
    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        if let Self::Fields(fields) = self {
            fields.iter().for_each(|(name, value)| f(name, value.as_value()));
        }
    }
}

impl List for Out {
    fn len(&self) -> usize {
        if let Self::List(list) = self { list.len() } else { 0 }
    }
    fn at(&self, index: usize) -> Value<'_> {
        match self {
            Self::List(list) => list.get(index).map_or(Value::Absent, Self::as_value),
            _ => Value::Absent,
        }
    }
}

impl From<u8> for Out {
    fn from(n: u8) -> Self {
        Self::Number(n.into())
    }
}
impl From<u16> for Out {
    fn from(n: u16) -> Self {
        Self::Number(n.into())
    }
}
impl From<u32> for Out {
    fn from(n: u32) -> Self {
        Self::Number(n.into())
    }
}
impl From<String> for Out {
    fn from(t: String) -> Self {
        Self::Text(t)
    }
}
