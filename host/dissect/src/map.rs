//! Maps with names from the wire.

use hookline_item::{Object, Value};

/// Names and their values in the order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Map {
    entries: Vec<(String, Vec<String>)>,
    repeats: Repeats,
}

/// What becomes of a name that stands more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// One text, the values joined by `,`.
    #[default]
    Joined,
    /// A list of texts.
    Listed,
}

impl Map {
    pub(crate) fn new(repeats: Repeats, pairs: impl Iterator<Item = (String, String)>) -> Self {
        let mut map = Self { entries: Vec::new(), repeats };
        for (name, value) in pairs {
            match map.entries.iter_mut().find(|(n, _)| *n == name) {
                Some((_, values)) => values.push(value),
                None => map.entries.push((name, vec![value])),
            }
        }
        map
    }

    fn value<'a>(&self, values: &'a Vec<String>) -> Value<'a> {
        match values.as_slice() {
            [] => Value::Absent,
            [one] => Value::from(one.as_str()),
            _ if self.repeats == Repeats::Joined => Value::from(values.join(",")),
            _ => Value::List(values),
        }
    }
}

impl Object for Map {
    fn get(&self, name: &str) -> Value<'_> {
        self.entries.iter().find(|(n, _)| n == name).map_or(Value::Absent, |(_, v)| self.value(v))
    }
    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        for (name, values) in &self.entries {
            f(name, self.value(values));
        }
    }
}
