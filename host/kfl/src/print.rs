//! Filters as text: in KFL1 as they are formatted, and in CEL as they are translated.

use crate::{
    cel::variables,
    expr::{Arithmetic, Expr, Literal, Op, Operand, TextOp},
    kfl1::macros,
};
use hookline_item::{Path, Step};

/// A language to print in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Kubeshark's first filter language.
    Kfl1,
    /// The Common Expression Language, as Kubeshark's second filter language uses it.
    Cel,
}

/// What there is no way to say in the other language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untranslatable(pub String);

impl std::fmt::Display for Untranslatable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no way to say this in the other language: {}", self.0)
    }
}
impl std::error::Error for Untranslatable {}

type Printed = Result<String, Untranslatable>;

/// How tightly a printed expression holds together: brackets stand around what is looser than its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    If,
    Or,
    And,
    Comparison,
    Sum,
    Product,
    Not,
}

/// `expr` in `language`.
pub(crate) fn print(expr: &Expr, language: Language) -> Printed {
    Printer { language }.expr(expr, Tightness::If)
}

/// `operand` in `language`, for explanations.
pub(crate) fn print_operand(operand: &Operand, language: Language) -> String {
    Printer { language }.operand(operand, Tightness::If).unwrap_or_else(|e| e.0)
}

struct Printer {
    language: Language,
}

impl Printer {
    fn expr(&self, expr: &Expr, within: Tightness) -> Printed {
        let cel = self.language == Language::Cel;
        let (text, tightness) = match expr {
            Expr::Const(b) => (b.to_string(), Tightness::Not),
            Expr::And(a, b) => {
                let word = if cel { "&&" } else { "and" };
                (format!("{} {word} {}", self.expr(a, Tightness::And)?, self.expr(b, Tightness::Comparison)?), Tightness::And)
            }
            Expr::Or(a, b) => {
                let word = if cel { "||" } else { "or" };
                (format!("{} {word} {}", self.expr(a, Tightness::Or)?, self.expr(b, Tightness::And)?), Tightness::Or)
            }
            Expr::Not(inner) => (format!("!{}", self.expr(inner, Tightness::Not)?), Tightness::Not),
            Expr::Truthy(operand) if cel => (self.truthy(operand)?, Tightness::Comparison),
            Expr::Truthy(operand) => (self.operand(operand, Tightness::Comparison)?, Tightness::Not),
            Expr::Compare(op, a, b) => (self.comparison(*op, a, b)?, Tightness::Comparison),
            Expr::Text(op, a, b) => (self.text(*op, a, b)?, Tightness::Not),
            Expr::Named(name, inner, _) => return self.named(name, inner, within),
            Expr::Compat(_, text) if cel => return Err(Untranslatable(text.to_string())),
            Expr::Compat(_, text) => (text.to_string(), Tightness::If),
            Expr::Limit(_) | Expr::Redact(_) if cel => ("true".to_owned(), Tightness::Not),
            Expr::Limit(n) => (format!("limit({n})"), Tightness::Not),
            Expr::Redact(paths) => {
                let paths: Vec<_> = paths.iter().map(|p| quoted(&p.to_string().replace("[\"json()\"]", ".json()"))).collect();
                (format!("redact({})", paths.join(", ")), Tightness::Not)
            }
            Expr::If(parts) if cel => {
                let [condition, this, that] = &**parts;
                let [condition, this] = [self.expr(condition, Tightness::Or)?, self.expr(this, Tightness::Or)?];
                (format!("{condition} ? {this} : {}", self.expr(that, Tightness::If)?), Tightness::If)
            }
            // `a ? b : c` is `a and b or !a and c` where nothing fails.
            Expr::If(parts) => {
                let [condition, this, that] = &**parts;
                let [this, that] = [self.expr(this, Tightness::Comparison)?, self.expr(that, Tightness::Comparison)?];
                let condition = self.expr(condition, Tightness::Not)?;
                (format!("{condition} and {this} or !{condition} and {that}"), Tightness::Or)
            }
        };
        Ok(if tightness < within { format!("({text})") } else { text })
    }

    /// A macro: CEL has flags for those that Kubeshark has, of the same meaning.
    fn named(&self, name: &str, inner: &Expr, within: Tightness) -> Printed {
        // CEL's `http` is HTTP/2 too, KFL1's is not.
        let wide = name == "http" && matches!(inner, Expr::Or(..));
        let known = match self.language {
            // What is neither a macro of ours nor a variable is the user's own macro.
            Language::Kfl1 => !wide && (macros::names().any(|n| n == name) || variables::find(name).is_none()),
            Language::Cel => variables::find(name).is_some_and(|v| v.is_flag() && (wide || name != "http")),
        };
        if known { Ok(name.to_owned()) } else { self.expr(inner, within) }
    }

    /// A bare field in CEL, which has no truth of its own.
    fn truthy(&self, operand: &Operand) -> Printed {
        let shown = self.operand(operand, Tightness::Comparison)?;
        Ok(match operand {
            Operand::Path(reader) => match variables::of_path(reader.path()) {
                Some(variable) if variable.is_list() || variable.is_map() => format!("size({shown}) > 0"),
                Some(variable) => format!("{shown} != {}", variable.zero()),
                None => format!("has({shown})"),
            },
            Operand::Literal(Literal::Text(text)) => (!text.is_empty()).to_string(),
            Operand::Literal(Literal::Number(n)) => (*n != 0.0).to_string(),
            _ => shown,
        })
    }

    fn comparison(&self, op: Op, a: &Operand, b: &Operand) -> Printed {
        let sign = match op {
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::Lt => "<",
            Op::Le => "<=",
        };
        if self.language == Language::Cel {
            match (op, a, b) {
                // Whether a field is there: of a map's entry that can be asked, a variable is empty instead.
                (_, Operand::Path(reader), Operand::Literal(Literal::Nil)) => {
                    let shown = self.path(reader.path())?;
                    return Ok(match variables::of_path(reader.path()) {
                        Some(variable) if variable.is_list() || variable.is_map() => format!("{shown} {sign} null"),
                        Some(variable) => format!("{shown} {sign} {}", variable.zero()),
                        None if op == Op::Ne => format!("has({shown})"),
                        None => format!("!has({shown})"),
                    });
                }
                (_, value, Operand::Literal(Literal::Regex(r))) | (_, Operand::Literal(Literal::Regex(r)), value) => {
                    let not = if op == Op::Ne { "!" } else { "" };
                    return Ok(format!("{not}{}.matches({})", self.operand(value, Tightness::Not)?, quoted(r.anywhere.as_str())));
                }
                (Op::Eq, element, list @ Operand::List(_)) => {
                    return Ok(format!("{} in {}", self.operand(element, Tightness::Sum)?, self.operand(list, Tightness::Sum)?));
                }
                (Op::Eq, Operand::Path(reader), other) if variables::of_path(reader.path()).is_some_and(|v| v.is_list()) => {
                    return Ok(format!("{} in {}", self.operand(other, Tightness::Sum)?, self.operand(a, Tightness::Sum)?));
                }
                _ => {}
            }
        }
        Ok(format!("{} {sign} {}", self.operand(a, Tightness::Sum)?, self.operand(b, Tightness::Sum)?))
    }

    fn text(&self, op: TextOp, a: &Operand, b: &Operand) -> Printed {
        let a = self.operand(a, Tightness::Not)?;
        let name = match op {
            TextOp::StartsWith => "startsWith",
            TextOp::EndsWith => "endsWith",
            TextOp::Contains => "contains",
            TextOp::Matches => match b {
                Operand::Literal(Literal::Regex(r)) if self.language == Language::Kfl1 => {
                    return Ok(format!("({a} == r\"{}\")", r.anywhere));
                }
                _ => "matches",
            },
        };
        let b = match b {
            Operand::Literal(Literal::Regex(r)) => quoted(r.anywhere.as_str()),
            b => self.operand(b, Tightness::If)?,
        };
        Ok(format!("{a}.{name}({b})"))
    }

    fn operand(&self, operand: &Operand, within: Tightness) -> Printed {
        let cel = self.language == Language::Cel;
        let (text, tightness) = match operand {
            Operand::Literal(l) => (literal(l, cel), Tightness::Not),
            Operand::Path(reader) => (self.path(reader.path())?, Tightness::Not),
            Operand::Json(..) | Operand::Xml(..) if cel => return Err(Untranslatable(print_operand(operand, Language::Kfl1))),
            Operand::Json(outer, inner) => (format!("{}.json(){}", outer.path(), after(inner)), Tightness::Not),
            Operand::Xml(outer, inner) => (format!("{}.xml(){}", outer.path(), after(inner)), Tightness::Not),
            Operand::Now(ms) => (moment(*ms, cel), if cel { Tightness::Sum } else { Tightness::Not }),
            Operand::Time(text, _) if cel => (format!("timestamp({})", quoted(text)), Tightness::Not),
            Operand::Time(text, _) => (format!("datetime({})", quoted(text)), Tightness::Not),
            Operand::Span(text, _) if cel => (format!("duration({})", quoted(text)), Tightness::Not),
            Operand::Span(_, ms) => (ms.to_string(), Tightness::Not),
            Operand::Or(inner, default) if cel && entry(inner).is_some() => {
                let (map, name) = entry(inner).unwrap_or_default();
                (format!("map_get({}, {}, {})", self.path(&map)?, quoted(&name), literal(default, cel)), Tightness::Not)
            }
            Operand::Or(inner, _) | Operand::Strict(inner) => return self.operand(inner, within),
            _ if !cel => return Err(Untranslatable(print_operand(operand, Language::Cel))),
            Operand::Arithmetic(op, a, b) => {
                let (sign, tightness, right) = match op {
                    Arithmetic::Add => ("+", Tightness::Sum, Tightness::Product),
                    Arithmetic::Subtract => ("-", Tightness::Sum, Tightness::Product),
                    Arithmetic::Multiply => ("*", Tightness::Product, Tightness::Not),
                    Arithmetic::Divide | Arithmetic::Quotient => ("/", Tightness::Product, Tightness::Not),
                    Arithmetic::Modulo => ("%", Tightness::Product, Tightness::Not),
                };
                let side = |o: &Operand, tightness| match o {
                    // The point says that what is left over is kept.
                    Operand::Literal(Literal::Number(n)) if *op == Arithmetic::Quotient && n.fract() == 0.0 => Ok(format!("{n:.1}")),
                    o => self.operand(o, tightness),
                };
                (format!("{} {sign} {}", side(a, tightness)?, side(b, right)?), tightness)
            }
            Operand::Size(inner) => (format!("size({})", self.operand(inner, Tightness::If)?), Tightness::Not),
            Operand::List(list) => {
                let list = list.iter().map(|o| self.operand(o, Tightness::If)).collect::<Result<Vec<_>, _>>()?;
                (format!("[{}]", list.join(", ")), Tightness::Not)
            }
            Operand::Condition(expr) => return self.expr(expr, within),
            Operand::If(condition, both) => {
                let [this, that] = &**both;
                let condition = self.expr(condition, Tightness::Or)?;
                (format!("{condition} ? {} : {}", self.operand(this, Tightness::Or)?, self.operand(that, Tightness::If)?), Tightness::If)
            }
        };
        Ok(if tightness < within { format!("({text})") } else { text })
    }

    fn path(&self, path: &Path) -> Printed {
        if self.language == Language::Kfl1 {
            return Ok(path.to_string());
        }
        // The longest path that a variable stands for, and what follows it.
        for len in (1..=path.steps.len()).rev() {
            let (front, rest) = path.steps.split_at(len);
            let Some(variable) = variables::of_path(&Path { steps: front.to_vec() }) else { continue };
            let single = rest.iter().all(|step| matches!(step, Step::Name(_) | Step::Index(0..)));
            if rest.is_empty() || (single && variable.is_map()) {
                let rest = Path { steps: [&[Step::Name(String::new())][..], rest].concat() }.to_string();
                return Ok(format!("{}{}", variable.name, rest.trim_start_matches("[\"\"]")));
            }
        }
        Err(Untranslatable(path.to_string()))
    }
}

/// The map and the name of an entry; nothing if an operand is a variable.
fn entry(operand: &Operand) -> Option<(Path, String)> {
    let Operand::Path(reader) = operand else { return None };
    if variables::of_path(reader.path()).is_some() {
        return None;
    }
    let (last, map) = reader.path().steps.split_last()?;
    let Step::Name(name) = last else { return None };
    Some((Path { steps: map.to_vec() }, name.clone()))
}

/// A path inside a document, with what joins it to the call before it.
fn after(path: &Path) -> String {
    let text = path.to_string();
    if text.is_empty() || text.starts_with(['[', '.']) { text } else { format!(".{text}") }
}

fn literal(literal: &Literal, cel: bool) -> String {
    match literal {
        Literal::Nil if cel => "null".to_owned(),
        Literal::Nil => "nil".to_owned(),
        Literal::Bool(b) => b.to_string(),
        Literal::Number(n) => n.to_string(),
        Literal::Text(text) => quoted(text),
        Literal::Regex(r) => format!("r\"{}\"", r.anywhere),
    }
}

/// A text in quotes, with the escapes that both languages have.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Now, and so many milliseconds later.
fn moment(ms: f64, cel: bool) -> String {
    if ms == 0.0 {
        return "now()".to_owned();
    }
    if cel {
        let sign = if ms < 0.0 { '-' } else { '+' };
        return format!("now() {sign} duration(\"{}ms\")", ms.abs());
    }
    format!("seconds({})", ms / 1000.0)
}
