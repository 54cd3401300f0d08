//! Running a filter on an item's JSON.

use super::{Call, Node};
use crate::{
    document,
    kfl1::parse::{Document, MS, datetime},
};
use hookline_item::Timestamp;
use serde_json::Value as Json;

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
enum Is {
    /// A number of the filter.
    Float(f64),
    Json(Json),
    List(Vec<Json>),
    Bool(bool),
}

/// Something is not there: the expression is false up to the nearest brackets.
struct Collapse;

/// Whether the filter holds.
pub(super) fn holds(node: &Node, item: &Json, now: Timestamp) -> bool {
    Scope { now }.eval(node, item).is_ok_and(|is| truthy(&is))
}

struct Scope {
    now: Timestamp,
}

impl Scope {
    fn eval(&self, node: &Node, object: &Json) -> Result<Is, Collapse> {
        Ok(match node {
            Node::Number(n) => Is::Float(*n),
            Node::Text(text) => Is::Json(text.as_str().into()),
            // A pattern alone is a text.
            Node::Regex(regex) => Is::Json(regex.as_str().into()),
            Node::Bool(b) => Is::Bool(*b),
            Node::Nil => Is::Json(Json::Null),
            Node::Brackets(inner) => self.eval(inner, object).unwrap_or(Is::Bool(false)),
            Node::Not(inner) => Is::Bool(!truthy(&self.eval(inner, object)?)),
            Node::Minus(inner) => Is::Float(-float(&self.eval(inner, object)?)),
            Node::Binary(sign, a, b) => Is::Bool(self.binary(sign, a, b, object)?),
            Node::Call(call) => self.call(call, object)?,
        })
    }

    fn binary(&self, sign: &str, a: &Node, b: &Node, object: &Json) -> Result<bool, Collapse> {
        let left = self.eval(a, object)?;
        match sign {
            "and" => return Ok(truthy(&left) && truthy(&self.eval(b, object)?)),
            "or" => return Ok(truthy(&left) || truthy(&self.eval(b, object)?)),
            _ => {}
        }
        if let (Node::Regex(regex), "==" | "!=") = (b, sign) {
            let found = each(&left).iter().any(|text| regex.is_match(text));
            return Ok(found == (sign == "=="));
        }
        let right = self.eval(b, object)?;
        Ok(match sign {
            "==" | "!=" => {
                let equal = match (&left, &right) {
                    (Is::List(a), Is::List(b)) => a == b,
                    _ => each(&left).iter().any(|a| each(&right).contains(a)),
                };
                equal == (sign == "==")
            }
            _ => {
                let ordered = |a: f64, b: f64| match sign {
                    ">=" => a >= b,
                    ">" => a > b,
                    "<=" => a <= b,
                    _ => a < b,
                };
                let (a, b) = (floats(&left), floats(&right));
                let all = matches!((&left, &right), (Is::List(_), Is::List(_)));
                let mut pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
                if all { pairs.all(|(a, b)| ordered(a, b)) } else { pairs.any(|(a, b)| ordered(a, b)) }
            }
        })
    }

    fn call(&self, call: &Call, object: &Json) -> Result<Is, Collapse> {
        let (helper, path) = match &call.arguments {
            Some(arguments) => {
                let (name, path) = call.steps.split_last().ok_or(Collapse)?;
                (Some((name.as_str(), arguments)), path)
            }
            None => (None, &call.steps[..]),
        };
        let mut values = walk(vec![object.clone()], path)?;
        if let Some((name, arguments)) = helper {
            match self.helper(name, arguments, &values, object)? {
                // What a text was read as goes on as the value.
                Helped::Documents(documents) => values = documents,
                Helped::Value(value) => return Ok(value),
            }
        }
        if let Some(at) = call.index {
            values = some(values.into_iter().filter_map(|v| v.get(at).cloned()).collect())?;
        }
        if let Some(key) = &call.key {
            values = walk(values, std::slice::from_ref(key))?;
        }
        if let Some(name) = &call.deep {
            let mut found = Vec::new();
            values.iter().for_each(|value| deep(value, name, &mut found));
            values = some(found)?;
        }
        let many = path.iter().any(|step| step == "*") || call.key.as_deref() == Some("*") || call.deep.is_some();
        match (&call.under, many) {
            (Some(under), _) => self.eval(under, values.first().ok_or(Collapse)?),
            (None, true) => Ok(Is::List(values)),
            (None, false) => match values.into_iter().next().ok_or(Collapse)? {
                Json::Array(list) => Ok(Is::List(list)),
                value => Ok(Is::Json(value)),
            },
        }
    }

    fn helper(&self, name: &str, arguments: &[Node], values: &[Json], object: &Json) -> Result<Helped, Collapse> {
        let argument = || arguments.first().ok_or(Collapse).and_then(|a| self.eval(a, object));
        let document = [("json", Document::Json), ("xml", Document::Xml)].into_iter().find(|(n, _)| *n == name);
        if let Some((_, document)) = document {
            let parsed = values.iter().filter_map(|v| document::parsed(v.as_str()?, matches!(document, Document::Xml))).collect();
            return some(parsed).map(Helped::Documents);
        }
        let ms = MS.iter().find(|(n, _)| *n == name).map(|(_, ms)| *ms);
        let test = |f: fn(&str, &str) -> bool| {
            let sought = each(&argument()?);
            let texts = values.iter().map(text);
            Ok(Helped::Value(Is::Bool(texts.into_iter().any(|t| sought.iter().any(|s| f(&t, s))))))
        };
        match name {
            "startsWith" => test(|a, b| a.starts_with(b)),
            "endsWith" => test(|a, b| a.ends_with(b)),
            "contains" => test(|a, b| a.contains(b)),
            "limit" | "redact" => Ok(Helped::Value(Is::Bool(true))),
            "now" => Ok(Helped::Value(Is::Float(self.now.as_millis() as f64))),
            _ if ms.is_some() => Ok(Helped::Value(Is::Float(self.now.as_millis() as f64 + float(&argument()?) * ms.unwrap_or_default()))),
            "datetime" => {
                let Is::Json(Json::String(text)) = argument()? else { return Err(Collapse) };
                let with_ms = text.split(' ').nth(1).is_some_and(|clock| clock.contains('.'));
                Ok(Helped::Value(Is::Float(if with_ms { datetime(&text).unwrap_or_default() } else { 0.0 })))
            }
            _ => Err(Collapse),
        }
    }
}

enum Helped {
    Value(Is),
    Documents(Vec<Json>),
}

/// What the steps lead to; it collapses where one leads nowhere.
fn walk(mut values: Vec<Json>, steps: &[String]) -> Result<Vec<Json>, Collapse> {
    for step in steps {
        let below = values.iter().flat_map(|value| match (step.as_str(), value) {
            ("*", Json::Object(map)) => map.values().cloned().collect(),
            ("*", Json::Array(list)) => list.clone(),
            (name, value) => value.get(name).cloned().into_iter().collect::<Vec<_>>(),
        });
        values = some(below.collect())?;
    }
    Ok(values)
}

fn some(values: Vec<Json>) -> Result<Vec<Json>, Collapse> {
    if values.is_empty() { Err(Collapse) } else { Ok(values) }
}

fn deep(value: &Json, name: &str, found: &mut Vec<Json>) {
    match value {
        Json::Object(map) => map.iter().for_each(|(key, value)| {
            if key == name {
                found.push(value.clone());
            }
            deep(value, name, found);
        }),
        Json::Array(list) => list.iter().for_each(|value| deep(value, name, found)),
        _ => {}
    }
}

fn truthy(is: &Is) -> bool {
    match is {
        Is::Bool(b) | Is::Json(Json::Bool(b)) => *b,
        Is::Float(n) => *n > 0.0,
        Is::List(list) => !list.is_empty(),
        Is::Json(Json::String(text)) => !text.is_empty(),
        Is::Json(Json::Number(n)) => n.as_f64().is_some_and(|n| n > 0.0),
        Is::Json(_) => false,
    }
}

/// The texts by which something is compared; a list's are those of its elements.
fn each(is: &Is) -> Vec<String> {
    match is {
        Is::Float(n) => vec![six_digits(*n)],
        Is::Bool(b) => vec![b.to_string()],
        Is::Json(value) => vec![text(value)],
        Is::List(list) => list.iter().map(text).collect(),
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(n) if n.is_f64() => six_digits(n.as_f64().unwrap_or_default()),
        Json::Null => String::new(),
        value => value.to_string(),
    }
}

/// A number as C's `%g` writes it: six digits, an exponent where they do not reach.
fn six_digits(n: f64) -> String {
    if n == 0.0 || !n.is_finite() {
        return n.to_string();
    }
    let scientific = format!("{n:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trimmed =
        |text: &str| if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() };
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).unwrap_or_default();
        return trimmed(&format!("{n:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

fn float(is: &Is) -> f64 {
    floats(is).first().copied().unwrap_or_default()
}

/// Numbers; a text that is none counts as 0.
fn floats(is: &Is) -> Vec<f64> {
    let of = |value: &Json| match value {
        Json::Number(n) => n.as_f64().unwrap_or_default(),
        Json::String(text) => text.parse().unwrap_or_default(),
        Json::Bool(b) => f64::from(u8::from(*b)),
        _ => 0.0,
    };
    match is {
        Is::Float(n) => vec![*n],
        Is::Bool(b) => vec![f64::from(u8::from(*b))],
        Is::Json(value) => vec![of(value)],
        Is::List(list) => list.iter().map(of).collect(),
    }
}
