//! A checked filter, ready to be run.

use hookline_item::Path;
use regex::Regex;

/// A condition.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Const(bool),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    /// A bare operand: is it there and not false, empty or zero?
    Truthy(Operand),
    Compare(Op, Operand, Operand),
    /// `path.startsWith("x")` and its kin.
    Text(TextOp, Operand, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextOp {
    StartsWith,
    EndsWith,
    Contains,
}

/// Something that has values.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Literal(Literal),
    Path(Path),
    /// `path.json().inner`: the text at `path` is read as JSON (after base64 where it is that), then `inner` is looked up in it.
    Json(Path, Path),
    /// Milliseconds since the epoch: now, and so many milliseconds later.
    Now(f64),
}

#[derive(Clone, Debug)]
pub(crate) enum Literal {
    Nil,
    Bool(bool),
    Number(f64),
    Text(String),
    Regex(Box<Patterns>),
}

/// A regular expression, once as it is written and once for whole values.
#[derive(Clone, Debug)]
pub(crate) struct Patterns {
    /// Found anywhere in a text.
    pub(crate) anywhere: Regex,
    /// Matches all of a number's digits: `r"4.*"` is not found in 204.
    pub(crate) whole: Regex,
}
