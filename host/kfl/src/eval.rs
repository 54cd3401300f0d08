//! Running a filter on an object.

use crate::expr::{Expr, Literal, Op, Operand, TextOp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookline_item::{Object, Timestamp, Value, json};
use std::{borrow::Cow, cmp::Ordering};

/// What a filter is run against.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) root: &'a dyn Object,
    pub(crate) now: Timestamp,
}

pub(crate) fn holds(expr: &Expr, scope: Scope<'_>) -> bool {
    match expr {
        Expr::Const(b) => *b,
        Expr::And(a, b) => holds(a, scope) && holds(b, scope),
        Expr::Or(a, b) => holds(a, scope) || holds(b, scope),
        Expr::Not(e) => !holds(e, scope),
        Expr::Truthy(operand) => any(operand, scope, &mut |v| truthy(v)),
        Expr::Compare(op, a, b) => compare(*op, a, b, scope),
        Expr::Text(op, a, b) => any(a, scope, &mut |x| any(b, scope, &mut |y| text_holds(*op, x, y))),
    }
}

/// A number is true unless zero, a text or list unless empty, an object if it is there.
fn truthy(v: &Value<'_>) -> bool {
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

fn compare(op: Op, a: &Operand, b: &Operand, scope: Scope<'_>) -> bool {
    if let Some(path) = nil_compared(a, b) {
        let nil = !any(path, scope, &mut |v| !matches!(v, Value::Null));
        return match op {
            Op::Eq => nil,
            Op::Ne => !nil,
            _ => false,
        };
    }
    match op {
        // "not equal" means that there is a value, and that none of the values is equal.
        Op::Ne => {
            let mut seen = false;
            let equal = any_pair(a, b, scope, &mut |x, y| {
                seen = true;
                equal(x, y)
            });
            seen && !equal
        }
        Op::Eq => any_pair(a, b, scope, &mut equal),
        _ => any_pair(a, b, scope, &mut |x, y| ordered(op, x, y)),
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
    Regex(&'a crate::expr::Patterns),
}

fn any_pair(a: &Operand, b: &Operand, scope: Scope<'_>, f: &mut dyn FnMut(&Side<'_>, &Side<'_>) -> bool) -> bool {
    sides(a, scope, &mut |x| sides(b, scope, &mut |y| f(x, y)))
}

/// Whether `f` holds for a value of `operand`; a list counts as each of its elements.
fn sides(operand: &Operand, scope: Scope<'_>, f: &mut dyn FnMut(&Side<'_>) -> bool) -> bool {
    if let Operand::Literal(Literal::Regex(r)) = operand {
        return f(&Side::Regex(r));
    }
    any(operand, scope, &mut |v| match v.as_list() {
        Some(list) => (0..list.len()).any(|i| f(&Side::Value(&list.at(i)))),
        None => f(&Side::Value(v)),
    })
}

/// Whether `f` holds for a value that `operand` names.
fn any(operand: &Operand, scope: Scope<'_>, f: &mut dyn FnMut(&Value<'_>) -> bool) -> bool {
    match operand {
        Operand::Literal(literal) => match literal {
            Literal::Nil => f(&Value::Null),
            Literal::Bool(b) => f(&Value::Bool(*b)),
            Literal::Number(n) => f(&Value::F64(*n)),
            Literal::Text(s) => f(&Value::from(s.as_str())),
            Literal::Regex(_) => false,
        },
        Operand::Now(offset_ms) => f(&Value::F64(scope.now.as_millis() as f64 + offset_ms)),
        Operand::Path(path) => {
            let mut held = false;
            path.visit(scope.root, &mut |v| held = held || f(v));
            held
        }
        Operand::Json(outer, inner) => {
            let mut held = false;
            outer.visit(scope.root, &mut |v| held = held || in_json(v, inner, f));
            held
        }
    }
}

fn in_json(v: &Value<'_>, inner: &hookline_item::Path, f: &mut dyn FnMut(&Value<'_>) -> bool) -> bool {
    let Some(text) = v.as_str() else { return false };
    let parsed = serde_json::from_str(text).ok().or_else(|| {
        let bytes = STANDARD.decode(text).ok()?;
        serde_json::from_slice::<serde_json::Value>(&bytes).ok()
    });
    let Some(parsed) = parsed else { return false };
    if inner.steps.is_empty() {
        return f(&json::from_json(&parsed));
    }
    // A path starts at an object; a document that is a list is given a name to start from.
    let mut held = false;
    match &parsed {
        serde_json::Value::Object(o) => inner.visit(o, &mut |v| held = held || f(v)),
        other => {
            let mut root = serde_json::Map::new();
            root.insert(String::new(), other.clone());
            let mut steps = vec![hookline_item::Step::Name(String::new())];
            steps.extend(inner.steps.iter().cloned());
            hookline_item::Path { steps }.visit(&root, &mut |v| held = held || f(v))
        }
    };
    held
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

fn text_of<'a>(v: &'a Value<'_>) -> Option<Cow<'a, str>> {
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
    })
}
