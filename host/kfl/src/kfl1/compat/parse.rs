//! The grammar, as Kubeshark's parser reads it: every level takes all that follows as its right side.

use super::{Call, Compat, Node};
use crate::{error::Error, kfl1::macros};
use regex::Regex;
use std::ops::Range;

/// How deep expressions may nest: `and` and `or` nest to the right.
const DEPTH_MAX: usize = 128;

/// Compiles a filter.
pub(crate) fn parse(source: &str) -> Result<Compat, Error> {
    let text = with_macros(source);
    let mut parser = Parser { source, text: &text, at: 0, depth: 0 };
    let node = parser.logical()?;
    parser.blank();
    if parser.at < text.len() { Err(parser.unexpected()) } else { Ok(Compat(node)) }
}

/// Macros replaced by what they stand for, the longest first, outside of texts in double quotes.
fn with_macros(source: &str) -> String {
    let mut names: Vec<(&str, &str)> = macros::texts().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let (mut out, mut rest, mut quoted) = (String::new(), source, false);
    while let Some(c) = rest.chars().next() {
        quoted ^= c == '"';
        // A path's names are left alone, as those of fields are not macros' names there.
        let after_dot = out.ends_with('.');
        match names.iter().find(|(name, _)| !quoted && !after_dot && starts_word(&out) && rest.starts_with(name)) {
            Some((name, text)) => {
                out.push_str(text);
                rest = rest.get(name.len()..).unwrap_or_default();
            }
            None => {
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

fn starts_word(before: &str) -> bool {
    !before.ends_with(|c: char| c == '_' || c.is_ascii_alphanumeric())
}

struct Parser<'s> {
    source: &'s str,
    /// The source with its macros replaced.
    text: &'s str,
    at: usize,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn logical(&mut self) -> Result<Node, Error> {
        self.binary(&["and", "or"], Self::equality, Self::logical)
    }

    fn equality(&mut self) -> Result<Node, Error> {
        self.binary(&["==", "!="], Self::comparison, Self::equality)
    }

    fn comparison(&mut self) -> Result<Node, Error> {
        self.binary(&[">=", ">", "<=", "<"], Self::unary, Self::comparison)
    }

    /// An operand and, after one of `signs`, all the rest.
    fn binary(
        &mut self,
        signs: &[&'static str],
        left: fn(&mut Self) -> Result<Node, Error>,
        right: fn(&mut Self) -> Result<Node, Error>,
    ) -> Result<Node, Error> {
        self.deeper()?;
        let node = left(self)?;
        let node = match signs.iter().find(|sign| self.take(sign)) {
            Some(sign) => Node::Binary(sign, Box::new(node), Box::new(right(self)?)),
            None => node,
        };
        self.depth -= 1;
        Ok(node)
    }

    fn unary(&mut self) -> Result<Node, Error> {
        self.deeper()?;
        let node = if self.take("!") {
            Node::Not(Box::new(self.unary()?))
        } else if self.take("-") {
            Node::Minus(Box::new(self.unary()?))
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, Error> {
        if self.take("(") {
            let inner = self.logical()?;
            self.expect(")")?;
            return Ok(Node::Brackets(Box::new(inner)));
        }
        self.blank();
        let rest = self.rest();
        if rest.starts_with("r\"") {
            self.at += 1;
            let start = self.at;
            let pattern = self.quoted('"')?;
            let wrong = |_| Error::new(self.source, self.place(start..self.at), "invalid regular expression");
            return Regex::new(&pattern).map(Node::Regex).map_err(wrong);
        }
        match rest.chars().next() {
            Some('"') => self.quoted('"').map(Node::Text),
            // These quotes are not taken away.
            Some(quote @ ('\'' | '`')) => self.quoted(quote).map(|text| Node::Text(format!("{quote}{text}{quote}"))),
            Some('0'..='9') => {
                let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
                let number = rest.get(..len).and_then(|text| text.parse().ok()).ok_or_else(|| self.unexpected())?;
                self.at += len;
                Ok(Node::Number(number))
            }
            Some(c) if c == '_' || c.is_ascii_alphabetic() => self.name(),
            _ => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Result<Node, Error> {
        let first = self.word()?;
        match first.as_str() {
            "true" => return Ok(Node::Bool(true)),
            "false" => return Ok(Node::Bool(false)),
            "nil" => return Ok(Node::Nil),
            _ => {}
        }
        let mut call = Call { steps: vec![first], ..Call::default() };
        while !self.rest().starts_with("..") && self.rest().starts_with('.') {
            self.at += 1;
            let step = if self.take("*") { "*".to_owned() } else { self.word()? };
            call.steps.push(step);
        }
        if self.take("(") {
            let mut arguments = Vec::new();
            while !self.take(")") {
                if !arguments.is_empty() {
                    self.expect(",")?;
                }
                arguments.push(self.logical()?);
            }
            call.arguments = Some(arguments);
        }
        if self.is("[") && self.rest().get(1..).is_some_and(|r| r.trim_start().starts_with(|c: char| c.is_ascii_digit())) {
            self.expect("[")?;
            let digits = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or_default();
            call.index = self.rest().get(..digits).and_then(|d| d.parse().ok());
            self.at += digits;
            self.expect("]")?;
        }
        if self.take("[") {
            call.key = Some(if self.take("*") { "*".to_owned() } else { self.quoted('"')? });
            self.expect("]")?;
        }
        if self.rest().starts_with("..") {
            self.at += 2;
            call.deep = Some(self.word()?);
        }
        if self.rest().starts_with('.') {
            self.at += 1;
            call.under = Some(Box::new(self.logical()?));
        }
        Ok(Node::Call(call))
    }

    fn word(&mut self) -> Result<String, Error> {
        self.blank();
        let len = self.rest().bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
        let word = self.rest().get(..len).filter(|word| !word.is_empty()).ok_or_else(|| self.unexpected())?.to_owned();
        self.at += len;
        Ok(word)
    }

    /// A text between two quotes, as it stands: nothing is unescaped.
    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        self.blank();
        let mut hidden = false;
        for (at, c) in self.rest().char_indices() {
            match c {
                _ if at == 0 && c == quote => {}
                _ if at == 0 => return Err(self.unexpected()),
                _ if hidden => hidden = false,
                '\\' if quote != '`' => hidden = true,
                c if c == quote => {
                    let text = self.rest().get(quote.len_utf8()..at).unwrap_or_default().to_owned();
                    self.at += at + quote.len_utf8();
                    return Ok(text);
                }
                _ => {}
            }
        }
        Err(Error::new(self.source, self.place(self.at..self.text.len()), "text is never closed"))
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Goes over white space and comments.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            let len = rest.len() - rest.trim_start().len();
            let after = rest.get(len..).unwrap_or_default();
            let comment = match () {
                () if after.starts_with("//") => after.find('\n').unwrap_or(after.len()),
                () if after.starts_with("/*") => after.find("*/").map_or(after.len(), |end| end + 2),
                () => 0,
            };
            self.at += len + comment;
            if comment == 0 {
                return;
            }
        }
    }

    fn is(&mut self, sign: &str) -> bool {
        self.blank();
        let rest = self.rest();
        let word = sign.chars().all(|c| c.is_ascii_alphabetic());
        let ends = !rest.get(sign.len()..).is_some_and(|r| r.starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric()));
        rest.starts_with(sign) && (!word || ends)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        self.at += if is { sign.len() } else { 0 };
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn deeper(&mut self) -> Result<(), Error> {
        self.depth += 1;
        let error = || Error::new(self.source, self.place(self.at..self.at), format!("nested deeper than {DEPTH_MAX}"));
        if self.depth > DEPTH_MAX { Err(error()) } else { Ok(()) }
    }

    /// A place in the text as one in the source: macros before it have moved it.
    fn place(&self, span: Range<usize>) -> Range<usize> {
        let end = self.source.len();
        let tail = |at: usize| end.saturating_sub(self.text.len().saturating_sub(at));
        let start = (0..=tail(span.start)).rev().find(|at| self.source.is_char_boundary(*at)).unwrap_or_default();
        start..tail(span.end).max(start)
    }

    fn unexpected(&self) -> Error {
        let at = self.at + (self.rest().len() - self.rest().trim_start().len());
        let Some(c) = self.text.get(at..).and_then(|r| r.chars().next()) else {
            return Error::new(self.source, self.source.len()..self.source.len(), "unexpected end of filter");
        };
        Error::new(self.source, self.place(at..at + c.len_utf8()), format!("unexpected token {:?}", c.to_string()))
    }
}
