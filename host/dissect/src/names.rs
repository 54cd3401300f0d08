//! Names of numbers on the wire.

use std::borrow::Cow;

/// Numbers and what they are called, in the order of the numbers.
pub(crate) type Names = [(u32, &'static str)];

/// What `number` is called; where it is not known, `unknown` and the number.
pub(crate) fn name_of(names: &'static Names, number: u32, unknown: &str) -> Cow<'static, str> {
    match known_name(names, number) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{unknown} {number}")),
    }
}

/// What `number` is called, if it is known.
pub(crate) fn known_name(names: &'static Names, number: u32) -> Option<&'static str> {
    names.binary_search_by_key(&number, |(n, _)| *n).ok().and_then(|at| names.get(at)).map(|(_, name)| *name)
}
