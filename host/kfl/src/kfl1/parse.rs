//! Tokens to a checked expression, by precedence climbing: `or`, then `and`, then `!`, then comparisons.

use super::{
    lex::{Spanned, Token, tokens},
    macros,
};
use crate::{
    Settings,
    document::JSON_CALL,
    error::{Error, nearest},
    expr::{Expr, Literal, Op, Operand, Patterns, TextOp},
};
use hookline_item::{Civil, Field, ITEM_FIELDS, Kind, Path, Reader, Step};
use std::ops::Range;

/// How deep brackets and negations may nest: far beyond what people write, and short of the stack's end.
const DEPTH_MAX: usize = 64;
/// Conditions in one filter: lists of hosts are generated, but not longer; a tree of more could not be dropped without recursion.
const CONDITIONS_MAX: usize = 2000;
/// Macros of the user that use each other.
const MACRO_DEPTH_MAX: usize = 8;
pub(super) const MS: &[(&str, f64)] = &[
    ("seconds", 1e3),
    ("minutes", 6e4),
    ("hours", 3.6e6),
    ("days", 8.64e7),
    ("weeks", 6.048e8),
    ("months", 2.592e9),
    ("years", 3.1536e10),
];
/// Methods of a field: name, and what it does.
pub(crate) const METHODS: &[(&str, TextOp)] =
    &[("startsWith", TextOp::StartsWith), ("endsWith", TextOp::EndsWith), ("contains", TextOp::Contains)];

/// Whether names that no item has are errors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    Known,
    Any,
}

/// Functions that stand alone: name, how it is written, what it gives.
pub(crate) const HELPERS: &[(&str, &str, &str)] = &[
    ("now", "now()", "the time now, in milliseconds since the epoch"),
    ("seconds", "seconds(-5)", "so many seconds from now"),
    ("minutes", "minutes(-5)", "so many minutes from now"),
    ("hours", "hours(-1)", "so many hours from now"),
    ("days", "days(-1)", "so many days from now"),
    ("weeks", "weeks(-1)", "so many weeks from now"),
    ("months", "months(-1)", "so many months of 30 days from now"),
    ("years", "years(-1)", "so many years of 365 days from now"),
    ("datetime", "datetime(\"1/2/2006, 3:04:05.000 PM\")", "a time in UTC"),
    ("limit", "limit(100)", "true; lets so many items through"),
    ("redact", "redact(\"request.headers.Authorization\")", "true; what the paths name is shown as [REDACTED]"),
];

/// Compiles a filter.
pub(crate) fn parse(source: &str, names: Names, settings: &Settings) -> Result<Expr, Error> {
    let tokens = tokens(source)?;
    if tokens.len() == 1 {
        return Ok(Expr::Const(true));
    }
    let mut parser = Parser { source, tokens, at: 0, depth: 0, names, settings, comparisons: 0 };
    let expr = parser.or()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("`and`, `or` or the end")),
    }
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Spanned>,
    at: usize,
    depth: usize,
    names: Names,
    settings: &'s Settings,
    /// Conditions read so far.
    comparisons: usize,
}

/// What a text is read as.
#[derive(Clone, Copy)]
pub(super) enum Document {
    Json,
    Xml,
}

/// What a primary turned out to be: something with values, or a condition already.
enum Term {
    Operand(Operand),
    Condition(Expr),
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expr, Error> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Error> {
        let mut left = self.not()?;
        while self.word("and") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, Error> {
        if !(self.sign("!") || self.word("not")) {
            return self.comparison();
        }
        self.deeper()?;
        let inner = self.not()?;
        self.depth -= 1;
        Ok(Expr::Not(Box::new(inner)))
    }

    fn comparison(&mut self) -> Result<Expr, Error> {
        self.comparisons += 1;
        if self.comparisons > CONDITIONS_MAX {
            return Err(Error::new(self.source, self.span(), format!("more than {CONDITIONS_MAX} conditions")));
        }
        let start = self.span().start;
        let left = self.term()?;
        let Some(op) = self.comparison_sign() else {
            return Ok(match left {
                Term::Condition(e) => e,
                Term::Operand(o) => Expr::Truthy(o),
            });
        };
        let Term::Operand(a) = left else { return Err(self.no_value(start..self.tokens[self.at - 1].span.start)) };
        let start = self.span().start;
        let Term::Operand(b) = self.term()? else { return Err(self.no_value(start..self.tokens[self.at - 1].span.end)) };
        if self.comparison_sign().is_some() {
            self.at -= 1;
            return Err(self.unexpected("`and` or `or`: comparisons cannot be chained"));
        }
        Ok(Expr::Compare(op, a, b))
    }

    fn comparison_sign(&mut self) -> Option<Op> {
        let op = match self.peek() {
            Token::Sign("==") => Op::Eq,
            Token::Sign("!=") => Op::Ne,
            Token::Sign(">=") => Op::Ge,
            Token::Sign("<=") => Op::Le,
            Token::Sign(">") => Op::Gt,
            Token::Sign("<") => Op::Lt,
            _ => return None,
        };
        self.at += 1;
        Some(op)
    }

    fn term(&mut self) -> Result<Term, Error> {
        let spanned = self.tokens[self.at].clone();
        let literal = |p: &mut Self, l| {
            p.at += 1;
            Ok(Term::Operand(Operand::Literal(l)))
        };
        match spanned.token {
            Token::Number(n) => literal(self, Literal::Number(n)),
            Token::Text(s) => literal(self, Literal::Text(s)),
            Token::Regex(pattern) => {
                let patterns = self.regex(&pattern, spanned.span)?;
                literal(self, Literal::Regex(Box::new(patterns)))
            }
            Token::Sign("-") => {
                self.at += 1;
                match self.peek() {
                    Token::Number(n) => {
                        let n = -*n;
                        literal(self, Literal::Number(n))
                    }
                    _ => Err(self.unexpected("a number")),
                }
            }
            Token::Sign("(") => {
                self.deeper()?;
                self.at += 1;
                let inner = self.or()?;
                self.expect(")")?;
                self.depth -= 1;
                // Brackets around a bare value leave it one: `(response.status) == 500`.
                Ok(match inner {
                    Expr::Truthy(o) => Term::Operand(o),
                    e => Term::Condition(e),
                })
            }
            Token::Name(name) => {
                self.at += 1;
                self.name(&name, spanned.span)
            }
            _ => Err(self.unexpected("a field, a text or a number")),
        }
    }

    /// A name just read: a constant, a helper's call, a macro or a path.
    fn name(&mut self, name: &str, span: Range<usize>) -> Result<Term, Error> {
        let literal = |l| Ok(Term::Operand(Operand::Literal(l)));
        match name {
            "true" => return literal(Literal::Bool(true)),
            "false" => return literal(Literal::Bool(false)),
            "nil" | "null" => return literal(Literal::Nil),
            _ => {}
        }
        match self.peek() {
            Token::Sign("(") => self.helper(name, span),
            Token::Sign("." | ".." | "[") => self.path(name, span),
            Token::Sign(":") => Err(self.unexpected("an operator")),
            // `tls == true` asks the field of that name, not the macro.
            Token::Sign("==" | "!=") if ITEM_FIELDS.iter().any(|f| f.name == name) => self.path(name, span),
            _ => match self.settings.macros.iter().find(|(n, _)| n == name) {
                Some((_, text)) => self.of_user(name, text, span),
                None => match macros::find(name) {
                    Some(expr) => Ok(Term::Condition(Expr::named(name.into(), expr))),
                    None => self.path(name, span),
                },
            },
        }
    }

    /// A macro that the user has defined: a filter of its own.
    fn of_user(&self, name: &str, text: &str, span: Range<usize>) -> Result<Term, Error> {
        let deeper = Settings { depth: self.settings.depth + 1, ..self.settings.clone() };
        if deeper.depth > MACRO_DEPTH_MAX {
            return Err(Error::new(self.source, span, format!("the macro `{name}` uses itself, or too many others")));
        }
        let expr = parse(text, self.names, &deeper)
            .map_err(|e| Error::new(self.source, span, format!("in the macro `{name}`: {e}")).with_help(format!("it says: {text}")))?;
        Ok(Term::Condition(Expr::named(name.into(), expr)))
    }

    /// `redact("path", …)`: paths as texts, into documents by `.json()` and `.xml()`.
    fn redact(&self, args: &[Literal], at: Range<usize>) -> Result<Term, Error> {
        let wrong = |text: &str| {
            Error::new(self.source, at.clone(), format!("{text:?} is no path")).with_help("redact(\"request.headers.Cookie\", …)")
        };
        let path = |arg: &Literal| match arg {
            Literal::Text(text) => {
                // What is inside of XML is hidden with all of it.
                let text = text.split(".xml()").next().unwrap_or_default();
                text.replace(".json()", &format!("[\"{JSON_CALL}\"]")).parse::<Path>().map_err(|_| wrong(text))
            }
            _ => Err(wrong("what is not a text")),
        };
        let paths = args.iter().map(path).collect::<Result<Vec<_>, _>>()?;
        if paths.is_empty() { Err(wrong("")) } else { Ok(Term::Condition(Expr::Redact(paths))) }
    }

    fn helper(&mut self, name: &str, span: Range<usize>) -> Result<Term, Error> {
        let args = self.arguments()?;
        let at = span.start..self.tokens[self.at - 1].span.end;
        let wrong = |p: &Self, usage: &str| Err(Error::new(p.source, at.clone(), format!("wrong arguments for {name}()")).with_help(usage));
        if let Some((_, ms)) = MS.iter().find(|(n, _)| *n == name) {
            return match args[..] {
                [Literal::Number(n)] if (n * ms).is_finite() => Ok(Term::Operand(Operand::Now(n * ms))),
                _ => wrong(self, &format!("{name}(NUMBER), counted from now: {name}(-5)")),
            };
        }
        match (name, &args[..]) {
            ("now", []) => Ok(Term::Operand(Operand::Now(0.0))),
            ("now", _) => wrong(self, "now() takes none"),
            ("datetime", [Literal::Text(text)]) => match datetime(text) {
                Some(ms) => Ok(Term::Operand(Operand::Time(text.as_str().into(), ms))),
                None => wrong(self, "write it as datetime(\"1/2/2006, 3:04:05.000 PM\") in UTC"),
            },
            ("datetime", _) => wrong(self, "datetime(\"1/2/2006, 3:04:05.000 PM\")"),
            ("limit", [Literal::Number(n)]) if *n >= 0.0 => Ok(Term::Condition(Expr::Limit(*n as u64))),
            ("limit", _) => wrong(self, "limit(NUMBER)"),
            ("redact", args) => self.redact(args, at),
            _ => Err(self.unknown("helper", name, span, HELPERS.iter().map(|(n, ..)| *n))),
        }
    }

    fn path(&mut self, first: &str, span: Range<usize>) -> Result<Term, Error> {
        let mut steps = vec![Step::Name(first.to_owned())];
        let mut spans = vec![span];
        let mut outer: Option<(Path, Document)> = None;
        loop {
            let at = self.span();
            if self.sign("..") {
                steps.push(Step::Deep(self.any_name()?));
            } else if self.sign("[") {
                steps.push(self.bracket()?);
            } else if self.sign(".") {
                if self.sign("*") {
                    steps.push(Step::Each);
                } else {
                    let word = self.any_name()?;
                    if matches!(self.peek(), Token::Sign("(")) {
                        let document = [("json", Document::Json), ("xml", Document::Xml)].into_iter().find(|(n, _)| *n == word);
                        if let Some((_, document)) = document.filter(|_| outer.is_none()) {
                            self.no_arguments(&word)?;
                            self.check(&steps, &spans)?;
                            outer = Some((Path { steps: std::mem::take(&mut steps) }, document));
                            continue;
                        }
                        let operand = self.operand(outer, steps, &spans)?;
                        return self.method(&word, operand);
                    }
                    steps.push(Step::Name(word));
                }
            } else {
                return Ok(Term::Operand(self.operand(outer, steps, &spans)?));
            }
            spans.push(at.start..self.tokens[self.at - 1].span.end);
        }
    }

    fn operand(&self, outer: Option<(Path, Document)>, steps: Vec<Step>, spans: &[Range<usize>]) -> Result<Operand, Error> {
        match outer {
            Some((outer, Document::Json)) => Ok(Operand::Json(Reader::new(outer), Path { steps })),
            Some((outer, Document::Xml)) => Ok(Operand::Xml(Reader::new(outer), Path { steps })),
            None => {
                self.check(&steps, spans)?;
                Ok(Operand::path(Path { steps }))
            }
        }
    }

    fn method(&mut self, word: &str, operand: Operand) -> Result<Term, Error> {
        let span = self.tokens[self.at - 1].span.clone();
        let Some((_, op)) = METHODS.iter().find(|(n, _)| *n == word) else {
            return Err(self.unknown("method", word, span, METHODS.iter().map(|(n, _)| *n).chain(["json", "xml"])));
        };
        let args = self.arguments()?;
        match <[Literal; 1]>::try_from(args) {
            Ok([arg @ (Literal::Text(_) | Literal::Number(_))]) => Ok(Term::Condition(Expr::Text(*op, operand, Operand::Literal(arg)))),
            _ => Err(Error::new(self.source, span, format!("{word}() takes one text")).with_help(format!("{word}(\"…\")"))),
        }
    }

    /// The literals between brackets, both brackets read.
    fn arguments(&mut self) -> Result<Vec<Literal>, Error> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.sign(")") {
            if !args.is_empty() {
                self.expect(",")?;
            }
            match self.term()? {
                Term::Operand(Operand::Literal(l)) => args.push(l),
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected("a text or a number"));
                }
            }
        }
        Ok(args)
    }

    fn no_arguments(&mut self, name: &str) -> Result<(), Error> {
        let span = self.span();
        match self.arguments()?.is_empty() {
            true => Ok(()),
            false => Err(Error::new(self.source, span, format!("{name}() takes no argument"))),
        }
    }

    fn bracket(&mut self) -> Result<Step, Error> {
        let negative = self.sign("-");
        let step = match self.peek().clone() {
            Token::Text(s) if !negative => Step::Name(s),
            Token::Sign("*") if !negative => Step::Each,
            Token::Number(n) if n.fract() == 0.0 && n < 1e9 => Step::Index(if negative { -(n as i64) } else { n as i64 }),
            _ => return Err(self.unexpected("[\"name\"], [number] or [*]")),
        };
        self.at += 1;
        self.expect("]")?;
        Ok(step)
    }

    /// A name in a path may be a word of the language: `request.and`.
    fn any_name(&mut self) -> Result<String, Error> {
        match self.peek().clone() {
            Token::Name(n) => {
                self.at += 1;
                Ok(n)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    /// Checks the names of a path as far as the field table is fixed for every protocol.
    fn check(&self, steps: &[Step], spans: &[Range<usize>]) -> Result<(), Error> {
        if self.names == Names::Any {
            return Ok(());
        }
        let mut fields: Option<&[Field]> = Some(ITEM_FIELDS);
        for (i, (step, span)) in steps.iter().zip(spans).enumerate() {
            let (Step::Name(name), Some(known)) = (step, fields) else { return Ok(()) };
            let Some(field) = known.iter().find(|f| f.name == name) else {
                let names = known.iter().map(|f| f.name);
                return Err(match i {
                    0 => self.unknown("field", name, span.clone(), names.chain(macros::names())),
                    _ => self.unknown("field", name, span.start + 1..span.end, names),
                });
            };
            fields = field.below;
            if !matches!(field.kind, Kind::Object | Kind::List) && steps.len() > i + 1 {
                let rest = spans.get(i + 1).map_or(span.clone(), Clone::clone);
                return Err(Error::new(self.source, rest, format!("`{name}` has no fields")).with_help(field.doc));
            }
        }
        Ok(())
    }

    fn regex(&self, pattern: &str, span: Range<usize>) -> Result<Patterns, Error> {
        Patterns::new(pattern).map_err(|reason| Error::new(self.source, span, format!("invalid regular expression: {reason}")))
    }

    fn deeper(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(self.source, self.span(), format!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(())
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].span.clone()
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Token::Sign(s) if *s == sign);
        self.at += usize::from(is);
        is
    }

    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.peek(), Token::Name(n) if n == word);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Error> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, expected: &str) -> Error {
        let span = self.span();
        let text = self.source.get(span.clone()).unwrap_or("");
        let error = match self.peek() {
            Token::End => Error::new(self.source, span, "unexpected end of filter"),
            _ => Error::new(self.source, span, format!("unexpected token {text:?}")),
        };
        match text {
            _ if text.eq_ignore_ascii_case("and") || text.eq_ignore_ascii_case("or") => {
                error.with_help("`and` and `or` are written in small letters")
            }
            _ => error.with_help(format!("expected {expected}")),
        }
    }

    fn no_value(&self, span: Range<usize>) -> Error {
        Error::new(self.source, span, "a condition has no value to compare")
            .with_help("compare a field, or join conditions with `and` and `or`")
    }

    fn unknown<'a>(&self, what: &str, name: &str, span: Range<usize>, known: impl Iterator<Item = &'a str>) -> Error {
        let error = Error::new(self.source, span, format!("unknown {what} `{name}`"));
        match nearest(name, known) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        }
    }
}

/// Milliseconds since the epoch of `1/2/2006, 3:04:05.000 PM` in UTC; the milliseconds may be left out.
pub(super) fn datetime(text: &str) -> Option<f64> {
    let (date, time) = text.split_once(", ")?;
    let mut date = date.split('/').map(str::parse::<u64>);
    let (month, day, year) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, half) = time.split_once(' ')?;
    let mut clock = clock.split(':');
    let (hour, minute) = (clock.next()?.parse::<u8>().ok()?, clock.next()?.parse::<u8>().ok()?);
    let seconds = clock.next()?.parse::<f64>().ok()?;
    let hour = match (half, hour) {
        ("AM", 12) => 0,
        ("AM", h @ 1..12) => h,
        ("PM", 12) => 12,
        ("PM", h @ 1..12) => h + 12,
        _ => return None,
    };
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && minute < 60 && (0.0..60.0).contains(&seconds);
    let civil = Civil { year, month: month as u8, day: day as u8, hour, minute, second: 0, weekday: 0 };
    valid.then(|| civil.to_secs()).flatten().map(|s| s as f64 * 1e3 + (seconds * 1e3).round())
}
