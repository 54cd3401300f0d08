//! From CEL's tree to a checked filter: names, types, and what each operator means (cel-spec, "Standard Definitions").

use super::{
    parse::{Ast, Node},
    variables::{self, Type, VARIABLES, Variable},
};
use crate::{
    error::{Error, nearest},
    expr::{Arithmetic, Expr, Literal, Op, Operand, Patterns, TextOp},
};
use hookline_item::{Path, Step};
use std::ops::Range;

/// A function, for completion and errors.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) doc: &'static str,
}

const fn function(name: &'static str, usage: &'static str, doc: &'static str) -> Function {
    Function { name, usage, doc }
}

/// What is called alone.
pub(crate) const FUNCTIONS: &[Function] = &[
    function("size", "size(x)", "characters of a text, elements of a list, entries of a map"),
    function("has", "has(request.headers.Host)", "whether a map has an entry"),
    function("map_get", "map_get(request.headers, \"Host\", \"\")", "a map's entry, or a value where there is none"),
    function("timestamp", "timestamp(\"2026-01-31T12:00:00Z\")", "a time, as RFC 3339 writes it"),
    function("duration", "duration(\"1h30m\")", "a span of time: h, m, s, ms, us"),
    function("now", "now()", "the time now"),
    function("int", "int(x)", "a number without its fraction's type"),
    function("double", "double(x)", "a number as a floating-point one"),
];

/// What is called on a value.
pub(crate) const METHODS: &[Function] = &[
    function("contains", "path.contains(\"x\")", "whether a text has another in it"),
    function("startsWith", "path.startsWith(\"/api\")", "whether a text begins with another"),
    function("endsWith", "path.endsWith(\".js\")", "whether a text ends with another"),
    function("matches", "path.matches(\"^/v[0-9]+/\")", "whether a regular expression is found in a text"),
    function("size", "dns_answers.size()", "characters of a text, elements of a list, entries of a map"),
];

/// The filter that a tree says.
pub(super) fn filter(source: &str, ast: &Ast) -> Result<Expr, Error> {
    let checker = Checker { source };
    let checked = checker.check(ast)?;
    checker.condition(checked, &ast.span)
}

/// A checked part.
enum Checked {
    Condition(Expr),
    Value(Operand, Type),
}

impl Checked {
    fn kind(&self) -> Type {
        match self {
            Self::Condition(_) => Type::Bool,
            Self::Value(_, kind) => *kind,
        }
    }

    fn operand(self) -> Operand {
        match self {
            Self::Condition(expr) => Operand::Condition(Box::new(expr)),
            Self::Value(operand, _) => operand,
        }
    }
}

fn literal(literal: Literal, kind: Type) -> Checked {
    Checked::Value(Operand::Literal(literal), kind)
}

struct Checker<'s> {
    source: &'s str,
}

type Result_ = Result<Checked, Error>;

impl Checker<'_> {
    fn check(&self, ast: &Ast) -> Result_ {
        Ok(match &ast.node {
            Node::Null => literal(Literal::Nil, Type::Null),
            Node::Bool(b) => Checked::Condition(Expr::Const(*b)),
            Node::Int(n) => literal(Literal::Number(*n as f64), Type::Int),
            Node::Double(n) => literal(Literal::Number(*n), Type::Double),
            Node::Text(text) => literal(Literal::Text(text.clone()), Type::Text),
            Node::Name(_) | Node::Select(..) => self.member(ast)?,
            Node::Index(of, at) => self.index(of, at)?,
            Node::Call(name, args) => self.call(name, args, &ast.span)?,
            Node::Method(of, name, args) => self.method(of, name, args, &ast.span)?,
            Node::Not(inner) => Checked::Condition(Expr::Not(Box::new(self.condition_of(inner)?))),
            Node::Minus(inner) => self.minus(inner)?,
            Node::Binary(sign, a, b) => self.binary(sign, a, b, &ast.span)?,
            Node::If(parts) => self.choice(parts)?,
            Node::List(list) => {
                let checked = list.iter().map(|a| self.check(a).map(Checked::operand)).collect::<Result<Vec<_>, _>>()?;
                Checked::Value(Operand::List(checked), Type::Texts)
            }
        })
    }

    fn condition_of(&self, ast: &Ast) -> Result<Expr, Error> {
        self.condition(self.check(ast)?, &ast.span)
    }

    fn condition(&self, checked: Checked, span: &Range<usize>) -> Result<Expr, Error> {
        match checked {
            Checked::Condition(expr) => Ok(expr),
            Checked::Value(operand, Type::Bool) => Ok(Expr::Truthy(operand)),
            Checked::Value(operand, Type::Any) => Ok(Expr::Compare(Op::Eq, operand, Operand::Literal(Literal::Bool(true)))),
            Checked::Value(_, kind) => {
                let error = self.error(span, format!("a condition is needed here, this is {}", article(kind)));
                Err(error.with_help(match kind {
                    Type::Int | Type::Double => "compare it, as in `… > 0`",
                    Type::Text => "compare it, as in `… != \"\"`",
                    Type::Texts | Type::Map => "ask for its size, as in `size(…) > 0`, or whether something is `in` it",
                    _ => "compare it with something",
                }))
            }
        }
    }

    /// A variable, or an entry of one that is a map.
    fn member(&self, ast: &Ast) -> Result_ {
        if let Some(name) = dotted(ast)
            && let Some(variable) = variables::find(&name)
        {
            return self.variable(variable, &ast.span);
        }
        match &ast.node {
            Node::Select(of, name) if variable_before(of) => self.entry(self.check(of)?, Step::Name(name.clone()), ast),
            _ => Err(self.unknown(&dotted(ast).unwrap_or_default(), &ast.span)),
        }
    }

    fn variable(&self, variable: &'static Variable, span: &Range<usize>) -> Result_ {
        let known = if variable.is_flag() {
            variable.condition().map(Checked::Condition)
        } else {
            variable.operand().map(|operand| Checked::Value(operand, variable.kind))
        };
        known.ok_or_else(|| self.error(span, format!("`{}` cannot be read", variable.name)))
    }

    fn unknown(&self, name: &str, span: &Range<usize>) -> Error {
        let error = self.error(span, format!("unknown variable `{name}`"));
        // The end of a path in KFL1 may say which variable is meant.
        let of_kfl1 = name.parse::<Path>().ok().and_then(|path| variables::of_path(&path)).map(|v| v.name);
        match of_kfl1.or_else(|| nearest(name, VARIABLES.iter().map(|v| v.name))) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    /// An entry of a map, an element of a list: one that is not there is an error when it is run.
    fn entry(&self, of: Checked, step: Step, ast: &Ast) -> Result_ {
        let kind = of.kind();
        let fits = matches!((kind, &step), (Type::Map | Type::Any, Step::Name(_)) | (Type::Texts | Type::Any, Step::Index(_)));
        let path = match of.operand() {
            Operand::Path(reader) => Some(reader.path().clone()),
            Operand::Strict(inner) => {
                if let Operand::Path(reader) = *inner {
                    Some(reader.path().clone())
                } else {
                    None
                }
            }
            _ => None,
        };
        let Some(mut path) = path.filter(|_| fits) else {
            return Err(self.error(&ast.span, format!("{} has no such entries", article(kind))));
        };
        path.steps.push(step);
        let kind = if kind == Type::Texts { Type::Text } else { Type::Any };
        Ok(Checked::Value(Operand::Strict(Box::new(Operand::path(path))), kind))
    }

    fn index(&self, of: &Ast, at: &Ast) -> Result_ {
        let step = match &at.node {
            Node::Text(name) => Step::Name(name.clone()),
            Node::Int(n) => Step::Index(*n),
            _ => return Err(self.error(&at.span, "write the name or number itself: what is computed cannot be looked up".to_owned())),
        };
        self.entry(self.check(of)?, step, of)
    }

    fn minus(&self, inner: &Ast) -> Result_ {
        match &inner.node {
            Node::Int(n) => return Ok(literal(Literal::Number(-(*n as f64)), Type::Int)),
            Node::Double(n) => return Ok(literal(Literal::Number(-n), Type::Double)),
            _ => {}
        }
        let checked = self.check(inner)?;
        let kind = checked.kind();
        if !matches!(kind, Type::Int | Type::Double | Type::Any | Type::Span) {
            return Err(self.error(&inner.span, format!("`-` needs a number, this is {}", article(kind))));
        }
        let zero = Operand::Literal(Literal::Number(0.0));
        Ok(Checked::Value(Operand::Arithmetic(Arithmetic::Subtract, Box::new(zero), Box::new(checked.operand())), kind))
    }

    fn binary(&self, sign: &str, a: &Ast, b: &Ast, span: &Range<usize>) -> Result_ {
        match sign {
            "&&" => Ok(Checked::Condition(Expr::And(Box::new(self.condition_of(a)?), Box::new(self.condition_of(b)?)))),
            "||" => Ok(Checked::Condition(Expr::Or(Box::new(self.condition_of(a)?), Box::new(self.condition_of(b)?)))),
            "in" => self.inside(a, b),
            "+" | "-" | "*" | "/" | "%" => self.arithmetic(sign, a, b, span),
            _ => self.comparison(sign, a, b, span),
        }
    }

    fn comparison(&self, sign: &str, left: &Ast, right: &Ast, span: &Range<usize>) -> Result_ {
        let op = match sign {
            "==" => Op::Eq,
            "!=" => Op::Ne,
            "<" => Op::Lt,
            "<=" => Op::Le,
            ">" => Op::Gt,
            _ => Op::Ge,
        };
        let (a, b) = (self.check(left)?, self.check(right)?);
        let kinds = (a.kind(), b.kind());
        let number = |kind| matches!(kind, Type::Int | Type::Double | Type::Any);
        let equality = matches!(op, Op::Eq | Op::Ne);
        let fits = match kinds {
            (Type::Null, _) | (_, Type::Null) | (Type::Bool, Type::Bool) => equality,
            (Type::Texts | Type::Map, _) | (_, Type::Texts | Type::Map) => {
                let error = self.error(span, "lists and maps have no order, and are not compared whole".to_owned());
                return Err(error.with_help("ask whether something is `in` it, or for its `size`"));
            }
            (Type::Any, _) | (_, Type::Any) => true,
            (a, b) => a == b || (number(a) && number(b)),
        };
        if !fits {
            let error = self.error(span, format!("cannot compare {} with {}", article(kinds.0), article(kinds.1)));
            let quoted = |kind: Type, ast: &Ast| kind == Type::Text && matches!(&ast.node, Node::Text(t) if t.parse::<f64>().is_ok());
            return Err(if quoted(kinds.0, left) || quoted(kinds.1, right) {
                error.with_help("write the number without quotes")
            } else {
                error
            });
        }
        Ok(Checked::Condition(Expr::Compare(op, a.operand(), b.operand())))
    }

    /// `element in list`, `key in map`.
    fn inside(&self, element: &Ast, of: &Ast) -> Result_ {
        let (what, within) = (self.check(element)?, self.check(of)?);
        match within.kind() {
            Type::Texts | Type::Any => match within.operand() {
                list @ Operand::List(_) => Ok(Checked::Condition(Expr::Compare(Op::Eq, what.operand(), list))),
                list => Ok(Checked::Condition(Expr::Compare(Op::Eq, list, what.operand()))),
            },
            Type::Map => {
                let Node::Text(name) = &element.node else {
                    return Err(self.error(&element.span, "write the name itself: what is computed cannot be looked up".to_owned()));
                };
                self.there(self.entry(within, Step::Name(name.clone()), of)?)
            }
            kind => Err(self.error(&of.span, format!("`in` needs a list or a map, this is {}", article(kind)))),
        }
    }

    /// Whether an entry is there.
    fn there(&self, entry: Checked) -> Result_ {
        let operand = match entry.operand() {
            Operand::Strict(inner) => *inner,
            operand => operand,
        };
        Ok(Checked::Condition(Expr::Compare(Op::Ne, operand, Operand::Literal(Literal::Nil))))
    }

    fn arithmetic(&self, sign: &str, left: &Ast, right: &Ast, span: &Range<usize>) -> Result_ {
        let (a, b) = (self.check(left)?, self.check(right)?);
        let kind = match (sign, a.kind(), b.kind()) {
            (_, Type::Int, Type::Int) => Type::Int,
            ("+" | "-" | "*" | "/", Type::Int | Type::Double | Type::Any, Type::Int | Type::Double | Type::Any) => Type::Double,
            ("+", Type::Text, Type::Text | Type::Any) | ("+", Type::Any, Type::Text) => Type::Text,
            ("+" | "-", Type::Time, Type::Span) | ("+", Type::Span, Type::Time) => Type::Time,
            ("-", Type::Time, Type::Time) | ("+" | "-", Type::Span, Type::Span) => Type::Span,
            (_, a, b) => return Err(self.error(span, format!("`{sign}` cannot join {} and {}", article(a), article(b)))),
        };
        let op = match sign {
            "+" => Arithmetic::Add,
            "-" => Arithmetic::Subtract,
            "*" => Arithmetic::Multiply,
            "/" if kind == Type::Int => Arithmetic::Divide,
            "/" => Arithmetic::Quotient,
            _ => Arithmetic::Modulo,
        };
        Ok(Checked::Value(Operand::Arithmetic(op, Box::new(a.operand()), Box::new(b.operand())), kind))
    }

    fn choice(&self, parts: &[Ast; 3]) -> Result_ {
        let [condition, this, that] = parts;
        let condition = self.condition_of(condition)?;
        let (a, b) = (self.check(this)?, self.check(that)?);
        if a.kind() == Type::Bool && b.kind() == Type::Bool {
            let [a, b] = [self.condition(a, &this.span)?, self.condition(b, &that.span)?];
            return Ok(Checked::Condition(Expr::If(Box::new([condition, a, b]))));
        }
        let kind = a.kind();
        if kind != b.kind() {
            let message = format!("both sides of `:` must be of one type, these are {} and {}", article(kind), article(b.kind()));
            return Err(self.error(&(this.span.start..that.span.end), message));
        }
        Ok(Checked::Value(Operand::If(Box::new(condition), Box::new([a.operand(), b.operand()])), kind))
    }

    fn call(&self, name: &str, args: &[Ast], span: &Range<usize>) -> Result_ {
        match (name, args) {
            ("now", []) => Ok(Checked::Value(Operand::Now(0.0), Type::Time)),
            ("size", [of]) => self.size(of),
            ("has", [of]) => match self.check(of)? {
                entry @ Checked::Value(Operand::Strict(_), _) => self.there(entry),
                _ => Err(self.error(&of.span, "has() asks for an entry of a map: has(request.headers.Host)".to_owned())),
            },
            ("map_get", [of, name, default]) => self.map_get(of, name, default),
            ("timestamp", [Ast { node: Node::Text(text), span }]) => match time(text) {
                Some(ms) => Ok(Checked::Value(Operand::Time(text.as_str().into(), ms), Type::Time)),
                None => Err(self.error(span, "this is no time".to_owned()).with_help("write it as \"2026-01-31T12:00:00Z\" (RFC 3339)")),
            },
            ("duration", [Ast { node: Node::Text(text), span }]) => match duration(text) {
                Some(ms) => Ok(Checked::Value(Operand::Span(text.as_str().into(), ms), Type::Span)),
                None => Err(self.error(span, "this is no duration".to_owned()).with_help("write it as \"1h30m\", \"10s\" or \"250ms\"")),
            },
            ("int" | "double", [of]) => {
                let checked = self.check(of)?;
                match checked.kind() {
                    Type::Int | Type::Double | Type::Any | Type::Time | Type::Span => {
                        Ok(Checked::Value(checked.operand(), if name == "int" { Type::Int } else { Type::Double }))
                    }
                    kind => Err(self.error(&of.span, format!("{name}() needs a number, this is {}", article(kind)))),
                }
            }
            _ => Err(self.no_call("function", FUNCTIONS, name, span)),
        }
    }

    fn no_call(&self, what: &str, known: &[Function], name: &str, span: &Range<usize>) -> Error {
        match known.iter().find(|f| f.name == name) {
            Some(function) => self.error(span, format!("wrong arguments for {name}()")).with_help(function.usage),
            None => {
                let error = self.error(span, format!("unknown {what} `{name}`"));
                match nearest(name, known.iter().map(|f| f.name)) {
                    Some(near) => error.with_help(format!("did you mean `{near}`?")),
                    None => error,
                }
            }
        }
    }

    fn size(&self, of: &Ast) -> Result_ {
        let checked = self.check(of)?;
        match checked.kind() {
            Type::Text | Type::Texts | Type::Map | Type::Any => Ok(Checked::Value(Operand::Size(Box::new(checked.operand())), Type::Int)),
            kind => Err(self.error(&of.span, format!("{} has no size", article(kind)))),
        }
    }

    fn map_get(&self, of: &Ast, name: &Ast, default: &Ast) -> Result_ {
        let Node::Text(key) = &name.node else {
            return Err(self.error(&name.span, "write the name itself: what is computed cannot be looked up".to_owned()));
        };
        let Checked::Value(Operand::Strict(entry), _) = self.entry(self.check(of)?, Step::Name(key.clone()), of)? else {
            return Err(self.error(&of.span, "map_get() needs a map".to_owned()));
        };
        match self.check(default)? {
            Checked::Value(Operand::Literal(zero), kind) => Ok(Checked::Value(Operand::Or(entry, zero), kind)),
            _ => Err(self.error(&default.span, "write the value itself".to_owned())),
        }
    }

    fn method(&self, of: &Ast, name: &str, args: &[Ast], span: &Range<usize>) -> Result_ {
        let op = match (name, args) {
            ("size", []) => return self.size(of),
            ("contains", [_]) => TextOp::Contains,
            ("startsWith", [_]) => TextOp::StartsWith,
            ("endsWith", [_]) => TextOp::EndsWith,
            ("matches", [_]) => TextOp::Matches,
            _ => return Err(self.no_call("method", METHODS, name, span)),
        };
        let (value, [arg]) = (self.check(of)?, args) else { return Err(self.no_call("method", METHODS, name, span)) };
        if !matches!(value.kind(), Type::Text | Type::Any) {
            let error = self.error(&of.span, format!("{name}() is asked of a text, this is {}", article(value.kind())));
            return Err(if value.kind() == Type::Texts { error.with_help("ask whether a text is `in` the list") } else { error });
        }
        let sought = match (&arg.node, op) {
            (Node::Text(pattern), TextOp::Matches) => {
                let wrong = |reason| self.error(&arg.span, format!("invalid regular expression: {reason}"));
                Operand::Literal(Literal::Regex(Box::new(Patterns::new(pattern).map_err(wrong)?)))
            }
            (_, TextOp::Matches) => return Err(self.error(&arg.span, "write the pattern itself: it is compiled once".to_owned())),
            _ => {
                let checked = self.check(arg)?;
                if !matches!(checked.kind(), Type::Text | Type::Any) {
                    return Err(self.error(&arg.span, format!("{name}() takes a text, this is {}", article(checked.kind()))));
                }
                checked.operand()
            }
        };
        Ok(Checked::Condition(Expr::Text(op, value.operand(), sought)))
    }

    fn error(&self, span: &Range<usize>, message: String) -> Error {
        Error::new(self.source, span.clone(), message)
    }
}

/// The name that a chain of selections writes, if it is one.
fn dotted(ast: &Ast) -> Option<String> {
    match &ast.node {
        Node::Name(name) => Some(name.clone()),
        Node::Select(of, name) => Some(format!("{}.{name}", dotted(of)?)),
        _ => None,
    }
}

/// Whether what stands before a selection is itself a value: a variable or an entry.
fn variable_before(ast: &Ast) -> bool {
    match &ast.node {
        Node::Index(..) | Node::Call(..) | Node::Method(..) => true,
        Node::Select(of, _) => dotted(ast).is_some_and(|name| variables::find(&name).is_some()) || variable_before(of),
        Node::Name(name) => variables::find(name).is_some(),
        _ => false,
    }
}

fn article(kind: Type) -> String {
    let article = if kind == Type::Int { "an" } else { "a" };
    if kind == Type::Null { "null".to_owned() } else { format!("{article} {}", kind.name()) }
}

/// Milliseconds since the epoch of a time as RFC 3339 writes it.
fn time(text: &str) -> Option<f64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let zone = rest.find(['Z', 'z', '+']).or_else(|| rest.rfind('-'))?;
    let (clock, zone) = rest.split_at_checked(zone)?;
    let mut date = date.split('-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut clock = clock.split(':');
    let (hour, minute) = (clock.next()?.parse::<u8>().ok()?, clock.next()?.parse::<u8>().ok()?);
    let seconds = clock.next()?.parse::<f64>().ok()?;
    let offset = if zone.eq_ignore_ascii_case("z") {
        0.0
    } else {
        let (hours, minutes) = zone.get(1..)?.split_once(':')?;
        let minutes = hours.parse::<f64>().ok()? * 60.0 + minutes.parse::<f64>().ok()?;
        if zone.starts_with('-') { -minutes } else { minutes }
    };
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && (0.0..61.0).contains(&seconds);
    let civil = hookline_item::Civil { year, month: month as u8, day: day as u8, hour, minute, second: 0, weekday: 0 };
    valid.then(|| civil.to_secs()).flatten().map(|s| s as f64 * 1e3 + (seconds * 1e3).round() - offset * 6e4)
}

/// Milliseconds of a duration as Go writes it: `1h30m`, `-1.5s`.
fn duration(text: &str) -> Option<f64> {
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit)?;
        let ms = match unit {
            "h" => 3.6e6,
            "m" => 6e4,
            "s" => 1e3,
            "ms" => 1.0,
            "us" | "µs" => 1e-3,
            "ns" => 1e-6,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * ms;
        rest = after;
    }
    Some(if negative { -total } else { total }).filter(|ms: &f64| ms.is_finite())
}
