//! KFL1 as Kubeshark runs it, bug for bug, for those whose filters depend on it (`--kfl-compat`): measured against its own engine.
//!
//! Other than here by default: `and` and `or` have no precedence (the rest of the expression is the right side); equality compares texts, and
//! numbers of a filter are written with six digits, so that seven-digit ones never equal; a regular expression is found anywhere, also in
//! numbers; a number is true if it is above zero; a field that is not there makes everything up to the nearest brackets false; what follows
//! `["key"].` or `[1].` is an expression of its own under that path; texts in single quotes and backquotes keep them; `datetime` wants
//! milliseconds. Macros are replaced as text. Filters run on the item's JSON: they cost more.

mod parse;
mod run;

use hookline_item::{Object, Timestamp, json};
pub(crate) use parse::parse;
use regex::Regex;
use serde_json::Value as Json;

/// A filter.
#[derive(Clone, Debug)]
pub(crate) struct Compat(Node);

#[derive(Clone, Debug)]
enum Node {
    Number(f64),
    Text(String),
    Regex(Regex),
    Bool(bool),
    Nil,
    Brackets(Box<Node>),
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Call(Call),
}

/// A path, a helper, and an expression under what they lead to.
#[derive(Clone, Debug, Default)]
struct Call {
    /// Names; `*` for each value.
    steps: Vec<String>,
    arguments: Option<Vec<Node>>,
    index: Option<usize>,
    key: Option<String>,
    deep: Option<String>,
    under: Option<Box<Node>>,
}

impl Compat {
    pub(crate) fn holds(&self, root: &dyn Object, now: Timestamp) -> bool {
        let Ok(item) = serde_json::from_str::<Json>(&json::to_string(root)) else { return false };
        run::holds(&self.0, &item, now)
    }
}
