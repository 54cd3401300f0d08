//! What each part of a filter comes to on one item.

use crate::{
    eval::{self, Scope, Truth},
    expr::{Expr, Operand},
    print::{self, Language},
};
use hookline_item::json;

/// A part of a filter and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The part, as it is formatted.
    pub text: String,
    /// What it comes to: true, false, error; of a field its values as JSON, or `absent`.
    pub value: String,
    /// Its parts.
    pub parts: Vec<Explained>,
}

/// Characters shown of a value.
const VALUE_MAX: usize = 120;
/// Values shown of a field that has many.
const VALUES_MAX: usize = 8;

pub(crate) fn explain(expr: &Expr, scope: Scope<'_>, language: Language) -> Explained {
    let deeper = |e: &Expr| explain(e, scope, language);
    let operand = |o: &Operand| value(o, scope, language);
    let parts = match expr {
        Expr::And(a, b) | Expr::Or(a, b) => vec![deeper(a), deeper(b)],
        Expr::Not(inner) | Expr::Named(_, inner, _) => vec![deeper(inner)],
        Expr::If(parts) => parts.iter().map(deeper).collect(),
        Expr::Truthy(a) => operand(a).into_iter().collect(),
        Expr::Compare(_, a, b) | Expr::Text(_, a, b) => [operand(a), operand(b)].into_iter().flatten().collect(),
        Expr::Const(_) | Expr::Limit(_) | Expr::Redact(_) | Expr::Compat(..) => Vec::new(),
    };
    let value = match eval::truth(expr, scope) {
        Truth::Yes => "true",
        Truth::No => "false",
        Truth::Error => "error",
    };
    let text = match expr {
        Expr::Named(name, ..) => name.to_string(),
        _ => print::print(expr, language).or_else(|_| print::print(expr, Language::Kfl1)).unwrap_or_else(|e| e.0),
    };
    Explained { text, value: value.to_owned(), parts }
}

/// What an operand comes to, unless it says so itself.
fn value(operand: &Operand, scope: Scope<'_>, language: Language) -> Option<Explained> {
    if matches!(operand, Operand::Literal(_)) {
        return None;
    }
    let mut values = Vec::new();
    let found = eval::any(operand, scope, &mut |v| {
        let mut text = Vec::new();
        json::write_value(&mut text, v);
        let text = String::from_utf8_lossy(&text);
        values.push(match text.char_indices().nth(VALUE_MAX) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text.into_owned(),
        });
        values.len() >= VALUES_MAX
    });
    let value = match (found, values.is_empty()) {
        (Err(_), _) => "error: there is no such entry".to_owned(),
        (_, true) => "absent".to_owned(),
        _ => values.join(", "),
    };
    Some(Explained { text: print::print_operand(operand, language), value, parts: Vec::new() })
}

impl Explained {
    /// The tree, a line for each part: its value, then its text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.lines(0, &mut out);
        out
    }

    fn lines(&self, depth: usize, out: &mut String) {
        let indent = "  ".repeat(depth);
        let line = if self.parts.is_empty() && !matches!(self.value.as_str(), "true" | "false" | "error") {
            format!("{indent}{} = {}\n", self.text, self.value)
        } else {
            format!("{indent}{:<5} {}\n", self.value, self.text)
        };
        out.push_str(&line);
        self.parts.iter().for_each(|part| part.lines(depth + 1, out));
    }
}
