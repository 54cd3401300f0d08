//! A checked filter, ready to be run: what both languages become.

use crate::kfl1::compat::Compat;
use hookline_item::{Path, Protocol, Reader, Step};
use regex::{Regex, RegexBuilder};
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// A condition with a name: `http`.
    Named(Box<str>, Box<Expr>, ByProtocol),
    /// `limit(n)`: true; so many items are let through.
    Limit(u64),
    /// `redact("path", …)`: true; what the paths name is shown as `[REDACTED]`.
    Redact(Vec<Path>),
    /// `condition ? this : that`
    If(Box<[Expr; 3]>),
    /// A filter as Kubeshark runs it, and its text.
    Compat(Box<Compat>, Box<str>),
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
    /// A regular expression is found in the text.
    Matches,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Of whole numbers: what is left over is dropped.
    Divide,
    /// Of others.
    Quotient,
    Modulo,
}

/// Something that has values.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Literal(Literal),
    Path(Reader),
    /// `path.json().inner`: the text at `path` is read as JSON (after base64 where it is that), then `inner` is looked up in it.
    Json(Reader, Path),
    /// The same for XML.
    Xml(Reader, Path),
    /// Milliseconds since the epoch: now, and so many milliseconds later.
    Now(f64),
    /// A time as it was written, and its milliseconds since the epoch.
    Time(Box<str>, f64),
    /// CEL: a duration as it was written, and its milliseconds.
    Span(Box<str>, f64),
    /// CEL: a variable, which has this value where the item has none.
    Or(Box<Operand>, Literal),
    /// CEL: a map's entry, whose absence is an error.
    Strict(Box<Operand>),
    /// CEL: numbers, or texts that are added.
    Arithmetic(Arithmetic, Box<Operand>, Box<Operand>),
    /// CEL: how many characters, elements or entries there are.
    Size(Box<Operand>),
    /// CEL: `[a, b]`.
    List(Vec<Operand>),
    /// CEL: a condition as a value.
    Condition(Box<Expr>),
    /// CEL: `condition ? this : that` for values.
    If(Box<Expr>, Box<[Operand; 2]>),
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

/// How large a compiled regular expression may get: a pattern beyond this costs more memory than an item.
const REGEX_SIZE_MAX: usize = 1 << 20;

impl Patterns {
    /// Compiles a pattern; the reason if it is none.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let build = |p: &str| RegexBuilder::new(p).size_limit(REGEX_SIZE_MAX).build();
        match (build(pattern), build(&format!("^(?:{pattern})$"))) {
            (Ok(anywhere), Ok(whole)) => Ok(Self { anywhere, whole }),
            (Err(e), _) | (_, Err(e)) => Err(e.to_string().lines().last().unwrap_or("").trim_start_matches("error: ").to_owned()),
        }
    }
}

impl Operand {
    pub(crate) fn path(path: Path) -> Self {
        Self::Path(Reader::new(path))
    }
}

impl Expr {
    /// Calls `f` with this and every condition below it.
    pub(crate) fn walk<'e>(&'e self, f: &mut dyn FnMut(&'e Expr)) {
        f(self);
        match self {
            Self::And(a, b) | Self::Or(a, b) => {
                a.walk(f);
                b.walk(f);
            }
            Self::Not(inner) | Self::Named(_, inner, _) => inner.walk(f),
            Self::If(parts) => parts.iter().for_each(|part| part.walk(f)),
            Self::Truthy(a) => a.walk_conditions(f),
            Self::Compare(_, a, b) | Self::Text(_, a, b) => {
                a.walk_conditions(f);
                b.walk_conditions(f);
            }
            Self::Const(_) | Self::Limit(_) | Self::Redact(_) | Self::Compat(..) => {}
        }
    }

    /// Calls `f` with every path that is read.
    pub(crate) fn paths<'e>(&'e self, f: &mut dyn FnMut(&'e Path)) {
        self.walk(&mut |expr| match expr {
            Self::Truthy(a) => a.paths(f),
            Self::Compare(_, a, b) | Self::Text(_, a, b) => {
                a.paths(f);
                b.paths(f);
            }
            _ => {}
        });
    }
}

impl Expr {
    /// A condition with a name.
    pub(crate) fn named(name: Box<str>, inner: Self) -> Self {
        let of_protocol = ByProtocol::of(&inner);
        Self::Named(name, Box::new(inner), of_protocol)
    }

    /// Whether it compares the protocol, and nothing else.
    fn is_of_protocol(&self) -> bool {
        match self {
            Self::And(a, b) | Self::Or(a, b) => a.is_of_protocol() && b.is_of_protocol(),
            Self::Not(inner) | Self::Named(_, inner, _) => inner.is_of_protocol(),
            Self::Compare(_, Operand::Path(reader), Operand::Literal(_)) => {
                matches!(reader.path().steps.first(), Some(Step::Name(name)) if name == "protocol")
            }
            _ => false,
        }
    }
}

/// What a condition came to for the protocols that it was asked about last, if it depends on nothing else. Protocols are few and never change:
/// the address of one tells it from all others.
#[derive(Debug, Default)]
pub(crate) struct ByProtocol(Option<Box<[AtomicU64; 8]>>);

impl ByProtocol {
    fn of(expr: &Expr) -> Self {
        Self(expr.is_of_protocol().then(Box::default))
    }

    /// Whether the condition holds for `protocol`; `ask` knows. Nothing if it depends on more than that.
    #[inline]
    pub(crate) fn holds(&self, protocol: &'static Protocol, ask: impl FnOnce() -> bool) -> Option<bool> {
        // Addresses of programs have 47 bits: none is lost.
        let address = (std::ptr::from_ref(protocol).addr() as u64) << 1;
        // Protocols are larger than 64 bytes: neighbours fall into different places.
        let slot = self.0.as_ref()?.get((address >> 7) as usize % 8)?;
        let known = slot.load(Ordering::Relaxed);
        if known & !1 == address {
            return Some(known & 1 == 1);
        }
        let holds = ask();
        slot.store(address | u64::from(holds), Ordering::Relaxed);
        Some(holds)
    }
}

impl Clone for ByProtocol {
    fn clone(&self) -> Self {
        Self(self.0.as_ref().map(|_| Box::default()))
    }
}

impl Operand {
    fn below(&self) -> &[Operand] {
        match self {
            Self::Or(inner, _) | Self::Strict(inner) | Self::Size(inner) => std::slice::from_ref(inner),
            Self::List(list) => list,
            Self::If(_, both) => &**both,
            _ => &[],
        }
    }

    fn walk_conditions<'e>(&'e self, f: &mut dyn FnMut(&'e Expr)) {
        match self {
            Self::Condition(expr) | Self::If(expr, _) => expr.walk(f),
            Self::Arithmetic(_, a, b) => {
                a.walk_conditions(f);
                b.walk_conditions(f);
            }
            _ => {}
        }
        self.below().iter().for_each(|operand| operand.walk_conditions(f));
    }

    fn paths<'e>(&'e self, f: &mut dyn FnMut(&'e Path)) {
        match self {
            Self::Path(reader) | Self::Json(reader, _) | Self::Xml(reader, _) => f(reader.path()),
            Self::Arithmetic(_, a, b) => {
                a.paths(f);
                b.paths(f);
            }
            _ => self.below().iter().for_each(|operand| operand.paths(f)),
        }
    }
}
