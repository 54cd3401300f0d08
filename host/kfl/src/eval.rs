//! Running a filter on an object.

use crate::{
    document,
    expr::{Arithmetic, ByProtocol, Expr, Literal, Op, Operand, Patterns, TextOp},
};
use hookline_item::{Object, Reader, Timestamp, Value};
use std::{borrow::Cow, cmp::Ordering};

/// What a filter is run against.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) root: &'a dyn Object,
    pub(crate) now: Timestamp,
}

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    No,
    Yes,
    /// CEL: an entry that is not there, a division by zero. `false && error` is false, `true || error` is true (CEL, "Logical Operators").
    Error,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// There is no value where one must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

type Outcome = Result<bool, Failed>;

/// Whether `expr` holds; an error is not holding.
pub(crate) fn holds(expr: &Expr, scope: Scope<'_>) -> bool {
    truth(expr, scope) == Truth::Yes
}

pub(crate) fn truth(expr: &Expr, scope: Scope<'_>) -> Truth {
    match expr {
        Expr::Const(b) => (*b).into(),
        Expr::And(a, b) => joined(truth(a, scope), Truth::No, || truth(b, scope)),
        Expr::Or(a, b) => joined(truth(a, scope), Truth::Yes, || truth(b, scope)),
        Expr::Not(e) => match truth(e, scope) {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            Truth::Error => Truth::Error,
        },
        Expr::Truthy(operand) => of(is_true(operand, scope)),
        Expr::Compare(op, a, b) => of(compare(*op, a, b, scope)),
        Expr::Text(op, a, b) => of(text(*op, a, b, scope)),
        Expr::Named(_, inner, of_protocol) => named(inner, of_protocol, scope),
        Expr::Limit(_) | Expr::Redact(_) => Truth::Yes,
        Expr::Compat(compat, _) => compat.holds(scope.root, scope.now).into(),
        Expr::If(parts) => {
            let [condition, this, that] = &**parts;
            match truth(condition, scope) {
                Truth::Yes => truth(this, scope),
                Truth::No => truth(that, scope),
                Truth::Error => Truth::Error,
            }
        }
    }
}

fn named(inner: &Expr, of_protocol: &ByProtocol, scope: Scope<'_>) -> Truth {
    let known = scope.root.protocol().and_then(|protocol| of_protocol.holds(protocol, || holds(inner, scope)));
    known.map_or_else(|| truth(inner, scope), Truth::from)
}

#[inline(never)]
fn is_true(operand: &Operand, scope: Scope<'_>) -> Outcome {
    any(operand, scope, &mut truthy)
}

/// Two conditions, of which `deciding` decides alone, and an error only where the other does not decide.
fn joined(a: Truth, deciding: Truth, b: impl FnOnce() -> Truth) -> Truth {
    if a == deciding {
        return a;
    }
    let b = b();
    if a == Truth::Error && b != deciding { Truth::Error } else { b }
}

fn of(found: Outcome) -> Truth {
    found.map_or(Truth::Error, Truth::from)
}

/// A number is true unless zero, a text or list unless empty, an object if it is there.
pub(crate) fn truthy(v: &Value<'_>) -> bool {
    match v {
        Value::Absent | Value::Null => false,
        Value::Bool(b) => *b,
        Value::Str(s) => !s.is_empty(),
        Value::Bytes(b) => !b.is_empty(),
        _ => match (v.as_f64(), v.as_list()) {
            (Some(n), _) => n != 0.0,
            (_, Some(l)) => !l.is_empty(),
            _ => true,
        },
    }
}

/// A path and a literal are what most conditions compare: no value is made of the literal.
#[inline]
fn compare(op: Op, a: &Operand, b: &Operand, scope: Scope<'_>) -> Outcome {
    let (Some((reader, default)), Operand::Literal(literal)) = (path_of(a), b) else { return compare_any(op, a, b, scope) };
    if op == Op::Ne || matches!(literal, Literal::Regex(_) | Literal::Nil) {
        return compare_any(op, a, b, scope);
    }
    let otherwise = || default.and_then(|default| self::literal(default, &mut |v| with_literal(op, v, literal))).unwrap_or(false);
    Ok(reader.find(scope.root, |value, below| match below {
        Some(at) => {
            let (mut held, mut seen) = (false, false);
            reader.visit_below(value, at, &mut |v| {
                seen = true;
                held = held || with_literal(op, v, literal);
            });
            if seen { held } else { otherwise() }
        }
        None if value.is_absent() => otherwise(),
        None => with_literal(op, value, literal),
    }))
}

/// The path that an operand is, and what stands for it where it leads to nothing.
#[inline]
fn path_of(operand: &Operand) -> Option<(&Reader, Option<&Literal>)> {
    match operand {
        Operand::Path(reader) => Some((reader, None)),
        Operand::Or(inner, default) => match &**inner {
            Operand::Path(reader) => Some((reader, Some(default))),
            _ => None,
        },
        _ => None,
    }
}

// Apart, so that the way most conditions go stays short.
#[inline(never)]
fn compare_any(op: Op, a: &Operand, b: &Operand, scope: Scope<'_>) -> Outcome {
    if let Some(path) = nil_compared(a, b) {
        let nil = !any(path, scope, &mut |v| !matches!(v, Value::Null))?;
        return Ok(match op {
            Op::Eq => nil,
            Op::Ne => !nil,
            _ => false,
        });
    }
    match op {
        // "not equal" means that there is a value, and that none of the values is equal.
        Op::Ne => {
            let mut seen = false;
            let equal = any_pair(a, b, scope, &mut |x, y| {
                seen = true;
                equal(x, y)
            })?;
            Ok(seen && !equal)
        }
        Op::Eq => any_pair(a, b, scope, &mut equal),
        _ => any_pair(a, b, scope, &mut |x, y| ordered(op, x, y)),
    }
}

/// Whether a value, or one of a list, stands so to a literal.
#[inline]
fn with_literal(op: Op, v: &Value<'_>, literal: &Literal) -> bool {
    match (op, v, literal) {
        (Op::Eq, Value::Str(a), Literal::Text(b)) => a == b,
        (Op::Eq, Value::U64(a), Literal::Number(b)) => *a as f64 == *b,
        _ => with_any_literal(op, v, literal),
    }
}

#[inline(never)]
fn with_any_literal(op: Op, v: &Value<'_>, literal: &Literal) -> bool {
    if let (Value::U64(a), Literal::Number(b)) = (v, literal) {
        return in_order(op, (*a as f64).partial_cmp(b));
    }
    match v.as_list() {
        Some(list) => (0..list.len()).any(|i| with_literal(op, &list.at(i), literal)),
        None => self::literal(literal, &mut |l| match op {
            Op::Eq => values_equal(v, l),
            _ => ordered(op, &Side::Value(v), &Side::Value(l)),
        })
        .unwrap_or(false),
    }
}

/// The operand that is compared with `nil`, if one is.
fn nil_compared<'a>(a: &'a Operand, b: &'a Operand) -> Option<&'a Operand> {
    match (a, b) {
        (other, Operand::Literal(Literal::Nil)) | (Operand::Literal(Literal::Nil), other) => Some(other),
        _ => None,
    }
}

/// One side of a comparison.
enum Side<'a> {
    Value(&'a Value<'a>),
    Regex(&'a Patterns),
}

fn any_pair(a: &Operand, b: &Operand, scope: Scope<'_>, f: &mut dyn FnMut(&Side<'_>, &Side<'_>) -> bool) -> Outcome {
    let mut inner = Ok(false);
    let outer = sides(a, scope, &mut |x| {
        let found = sides(b, scope, &mut |y| f(x, y));
        inner = found;
        found.unwrap_or(false)
    })?;
    inner.map(|_| outer)
}

/// Whether `f` holds for a value of `operand`; a list counts as each of its elements.
fn sides(operand: &Operand, scope: Scope<'_>, f: &mut dyn FnMut(&Side<'_>) -> bool) -> Outcome {
    if let Operand::Literal(Literal::Regex(r)) = operand {
        return Ok(f(&Side::Regex(r)));
    }
    any(operand, scope, &mut |v| match v.as_list() {
        Some(list) => (0..list.len()).any(|i| f(&Side::Value(&list.at(i)))),
        None => f(&Side::Value(v)),
    })
}

fn literal<T>(literal: &Literal, f: &mut dyn FnMut(&Value<'_>) -> T) -> Option<T> {
    Some(match literal {
        Literal::Nil => f(&Value::Null),
        Literal::Bool(b) => f(&Value::Bool(*b)),
        Literal::Number(n) => f(&Value::F64(*n)),
        Literal::Text(s) => f(&Value::from(s.as_str())),
        Literal::Regex(_) => return None,
    })
}

/// Whether `f` holds for a value that `operand` names.
pub(crate) fn any(operand: &Operand, scope: Scope<'_>, f: &mut dyn FnMut(&Value<'_>) -> bool) -> Outcome {
    let mut held = false;
    match operand {
        Operand::Literal(l) => held = literal(l, f).unwrap_or(false),
        Operand::Now(offset_ms) => held = f(&Value::F64(scope.now.as_millis() as f64 + offset_ms)),
        Operand::Time(_, ms) | Operand::Span(_, ms) => held = f(&Value::F64(*ms)),
        Operand::Path(reader) => reader.visit(scope.root, &mut |v| held = held || f(v)),
        Operand::Json(outer, inner) => outer.visit(scope.root, &mut |v| held = held || document::in_json(v, inner, f)),
        Operand::Xml(outer, inner) => outer.visit(scope.root, &mut |v| held = held || document::in_xml(v, inner, f)),
        Operand::Or(inner, default) => {
            let mut seen = false;
            held = any(inner, scope, &mut |v| {
                seen = true;
                f(v)
            })?;
            if !seen {
                held = literal(default, f).unwrap_or(false);
            }
        }
        Operand::Strict(inner) => {
            let mut seen = false;
            held = any(inner, scope, &mut |v| {
                seen = true;
                f(v)
            })?;
            return if seen { Ok(held) } else { Err(Failed) };
        }
        Operand::Arithmetic(op, a, b) => held = f(&arithmetic(*op, a, b, scope)?),
        Operand::Size(inner) => held = f(&Value::from(size(inner, scope)?)),
        Operand::List(list) => {
            for operand in list {
                held = held || any(operand, scope, f)?;
            }
        }
        Operand::Condition(expr) => match truth(expr, scope) {
            Truth::Error => return Err(Failed),
            truth => held = f(&Value::Bool(truth == Truth::Yes)),
        },
        Operand::If(condition, both) => {
            let [this, that] = &**both;
            return match truth(condition, scope) {
                Truth::Yes => any(this, scope, f),
                Truth::No => any(that, scope, f),
                Truth::Error => Err(Failed),
            };
        }
    }
    Ok(held)
}

/// One value of an operand, on its own.
fn single(operand: &Operand, scope: Scope<'_>) -> Result<Value<'static>, Failed> {
    let mut found = None;
    any(operand, scope, &mut |v| {
        found = match v {
            Value::U64(n) => i64::try_from(*n).ok().map(Value::I64),
            Value::I64(n) => Some(Value::I64(*n)),
            Value::F64(n) => Some(Value::F64(*n)),
            _ => text_of(v).map(|text| Value::from(text.into_owned())),
        };
        true
    })?;
    found.ok_or(Failed)
}

/// Whole numbers stay whole; dividing by zero and leaving 64 bits are errors (CEL, "Arithmetic").
fn arithmetic(op: Arithmetic, a: &Operand, b: &Operand, scope: Scope<'_>) -> Result<Value<'static>, Failed> {
    let (a, b) = (single(a, scope)?, single(b, scope)?);
    if op != Arithmetic::Quotient
        && let (Some(a), Some(b)) = (whole(&a), whole(&b))
    {
        let result = match op {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::Divide | Arithmetic::Quotient => a.checked_div(b),
            Arithmetic::Modulo => a.checked_rem(b),
        };
        return result.map(Value::I64).ok_or(Failed);
    }
    match (a.as_f64(), b.as_f64(), op) {
        (Some(a), Some(b), Arithmetic::Add) => Ok(Value::F64(a + b)),
        (Some(a), Some(b), Arithmetic::Subtract) => Ok(Value::F64(a - b)),
        (Some(a), Some(b), Arithmetic::Multiply) => Ok(Value::F64(a * b)),
        (Some(a), Some(b), Arithmetic::Divide | Arithmetic::Quotient) => Ok(Value::F64(a / b)),
        (None, None, Arithmetic::Add) => Ok(Value::from([a.as_str().unwrap_or_default(), b.as_str().unwrap_or_default()].concat())),
        _ => Err(Failed),
    }
}

/// The whole number that a value is: literals are kept as floating-point numbers.
fn whole(v: &Value<'_>) -> Option<i64> {
    /// Beyond this not every whole number has a floating-point one.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match v {
        Value::I64(n) => Some(*n),
        Value::F64(n) if n.fract() == 0.0 && n.abs() <= EXACT_MAX => Some(*n as i64),
        _ => None,
    }
}

fn size(operand: &Operand, scope: Scope<'_>) -> Result<u64, Failed> {
    if let Operand::List(list) = operand {
        return Ok(list.len() as u64);
    }
    let mut values = 0;
    let mut inside = None;
    any(operand, scope, &mut |v| {
        values += 1;
        inside = match (v.as_str(), v.as_list(), v.as_object()) {
            (Some(text), ..) => Some(text.chars().count() as u64),
            (_, Some(list), _) => Some(list.len() as u64),
            (_, _, Some(object)) => {
                let mut entries = 0;
                object.each(&mut |_, value| entries += u64::from(!value.is_absent()));
                Some(entries)
            }
            _ => None,
        };
        false
    })?;
    // A path through a list names a value in each element: that list's size.
    Ok(if values == 1 { inside.unwrap_or(1) } else { values })
}

fn equal(a: &Side<'_>, b: &Side<'_>) -> bool {
    match (a, b) {
        (Side::Value(v), Side::Regex(r)) | (Side::Regex(r), Side::Value(v)) => match v {
            Value::Str(s) => r.anywhere.is_match(s),
            _ => text_of(v).is_some_and(|t| r.whole.is_match(&t)),
        },
        (Side::Value(a), Side::Value(b)) => values_equal(a, b),
        (Side::Regex(_), Side::Regex(_)) => false,
    }
}

fn values_equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::U64(a), Value::U64(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Null, Value::Null) => true,
        _ => match (number_of(a), number_of(b)) {
            (Some(a), Some(b)) => a == b,
            _ => text_of(a).is_some_and(|a| text_of(b).is_some_and(|b| a == b)),
        },
    }
}

fn ordered(op: Op, a: &Side<'_>, b: &Side<'_>) -> bool {
    let (Side::Value(a), Side::Value(b)) = (a, b) else { return false };
    let order = match (number_of(a), number_of(b)) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        // Texts that are no numbers have the order of their letters: versions, dates, names.
        _ => match (a.as_str(), b.as_str()) {
            (Some(a), Some(b)) => Some(a.cmp(b)),
            _ => None,
        },
    };
    in_order(op, order)
}

fn in_order(op: Op, order: Option<Ordering>) -> bool {
    match (op, order) {
        (_, None) => false,
        (Op::Gt, Some(o)) => o == Ordering::Greater,
        (Op::Ge, Some(o)) => o != Ordering::Less,
        (Op::Lt, Some(o)) => o == Ordering::Less,
        (_, Some(o)) => o != Ordering::Greater,
    }
}

/// The number that `v` is, or whose digits it is (ports and codes are texts in some protocols).
pub(crate) fn number_of(v: &Value<'_>) -> Option<f64> {
    match v {
        Value::Str(s) if s.as_bytes().first().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.')) => s.parse().ok(),
        _ => v.as_f64(),
    }
}

pub(crate) fn text_of<'a>(v: &'a Value<'_>) -> Option<Cow<'a, str>> {
    Some(match v {
        Value::Str(s) => Cow::Borrowed(s.as_ref()),
        Value::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
        Value::U64(n) => Cow::Owned(n.to_string()),
        Value::I64(n) => Cow::Owned(n.to_string()),
        Value::F64(n) => Cow::Owned(n.to_string()),
        Value::Bytes(b) => String::from_utf8_lossy(b),
        _ => return None,
    })
}

#[inline(never)]
fn text(op: TextOp, a: &Operand, b: &Operand, scope: Scope<'_>) -> Outcome {
    if let Operand::Literal(Literal::Regex(patterns)) = b {
        return any(a, scope, &mut |v| text_of(v).is_some_and(|text| patterns.anywhere.is_match(&text)));
    }
    let mut failed = Ok(false);
    let held = any(a, scope, &mut |x| {
        let found = any(b, scope, &mut |y| text_holds(op, x, y));
        failed = found;
        found.unwrap_or(false)
    })?;
    failed.map(|_| held)
}

fn text_holds(op: TextOp, value: &Value<'_>, sought: &Value<'_>) -> bool {
    let Some(sought) = text_of(sought) else { return false };
    if let Some(list) = value.as_list() {
        // `questions.contains("x")`: one of the elements.
        return (0..list.len()).any(|i| text_holds(op, &list.at(i), &Value::from(sought.as_ref())));
    }
    text_of(value).is_some_and(|text| match op {
        TextOp::StartsWith => text.starts_with(sought.as_ref()),
        TextOp::EndsWith => text.ends_with(sought.as_ref()),
        TextOp::Contains => text.contains(sought.as_ref()),
        // A pattern is a literal of its own.
        TextOp::Matches => false,
    })
}
