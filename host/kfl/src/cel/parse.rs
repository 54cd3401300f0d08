//! CEL's grammar (cel-spec, "Syntax"), by precedence climbing.

use super::lex::{Spanned, Token, tokens};
use crate::error::Error;
use std::ops::Range;

/// How deep brackets may nest: far beyond what people write, and short of the stack's end.
const DEPTH_MAX: usize = 64;
/// Parts of one filter: lists of hosts are generated, but not longer.
const PARTS_MAX: usize = 8000;

/// A part of a filter, and where it stands.
#[derive(Debug)]
pub(super) struct Ast {
    pub(super) node: Node,
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Name(String),
    Select(Box<Ast>, String),
    Index(Box<Ast>, Box<Ast>),
    Call(String, Vec<Ast>),
    Method(Box<Ast>, String, Vec<Ast>),
    Not(Box<Ast>),
    Minus(Box<Ast>),
    Binary(&'static str, Box<Ast>, Box<Ast>),
    If(Box<[Ast; 3]>),
    List(Vec<Ast>),
}

/// The tree of `source`; nothing for the empty text.
pub(super) fn parse(source: &str) -> Result<Option<Ast>, Error> {
    let tokens = tokens(source)?;
    if tokens.len() == 1 {
        return Ok(None);
    }
    let mut parser = Parser { source, tokens, at: 0, depth: 0, parts: 0 };
    let ast = parser.condition()?;
    match parser.peek() {
        Token::End => Ok(Some(ast)),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Spanned>,
    at: usize,
    depth: usize,
    parts: usize,
}

/// Binary operators, the loosest first.
const LEVELS: &[&[&str]] = &[&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

impl Parser<'_> {
    fn condition(&mut self) -> Result<Ast, Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(self.source, self.span(), format!("nested deeper than {DEPTH_MAX}")));
        }
        let condition = self.binary(0)?;
        let ast = if self.sign("?") {
            let this = self.binary(0)?;
            self.expect(":")?;
            let that = self.condition()?;
            let span = condition.span.start..that.span.end;
            self.part(Node::If(Box::new([condition, this, that])), span)?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(ast)
    }

    fn binary(&mut self, level: usize) -> Result<Ast, Error> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.is(sign)) {
            self.at += 1;
            let right = self.binary(level + 1)?;
            let span = left.span.start..right.span.end;
            left = self.part(Node::Binary(sign, Box::new(left), Box::new(right)), span)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Ast, Error> {
        let start = self.span().start;
        let node = if self.sign("!") {
            Node::Not
        } else if self.sign("-") {
            Node::Minus
        } else {
            return self.member();
        };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(self.source, self.span(), format!("nested deeper than {DEPTH_MAX}")));
        }
        let inner = self.unary()?;
        self.depth -= 1;
        let span = start..inner.span.end;
        self.part(node(Box::new(inner)), span)
    }

    fn member(&mut self) -> Result<Ast, Error> {
        let mut ast = self.primary()?;
        loop {
            let start = ast.span.start;
            let node = if self.sign(".") {
                let Token::Name(name) = self.peek().clone() else { return Err(self.unexpected("a name")) };
                self.at += 1;
                if self.is("(") { Node::Method(Box::new(ast), name, self.list("(", ")")?) } else { Node::Select(Box::new(ast), name) }
            } else if self.sign("[") {
                let index = self.condition()?;
                self.expect("]")?;
                Node::Index(Box::new(ast), Box::new(index))
            } else {
                return Ok(ast);
            };
            let span = start..self.end();
            ast = self.part(node, span)?;
        }
    }

    fn primary(&mut self) -> Result<Ast, Error> {
        let span = self.span();
        let node = match self.peek().clone() {
            Token::Int(n) => self.take(Node::Int(n)),
            Token::Double(n) => self.take(Node::Double(n)),
            Token::Text(text) => self.take(Node::Text(text)),
            Token::Name(name) => {
                self.at += 1;
                match name.as_str() {
                    "true" => Node::Bool(true),
                    "false" => Node::Bool(false),
                    "null" => Node::Null,
                    "in" => {
                        self.at -= 1;
                        return Err(self.unexpected("a value before `in`"));
                    }
                    _ if self.is("(") => Node::Call(name, self.list("(", ")")?),
                    _ => Node::Name(name),
                }
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.condition()?;
                self.expect(")")?;
                return Ok(Ast { span: span.start..self.end(), ..inner });
            }
            Token::Sign("[") => Node::List(self.list("[", "]")?),
            _ => return Err(self.unexpected("a variable, a text or a number")),
        };
        let span = span.start..self.end();
        self.part(node, span)
    }

    /// What stands between two brackets, with commas between.
    fn list(&mut self, open: &'static str, close: &'static str) -> Result<Vec<Ast>, Error> {
        self.expect(open)?;
        let mut list = Vec::new();
        while !self.sign(close) {
            if !list.is_empty() {
                self.expect(",")?;
            }
            list.push(self.condition()?);
        }
        Ok(list)
    }

    fn part(&mut self, node: Node, span: Range<usize>) -> Result<Ast, Error> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(Error::new(self.source, span, format!("more than {PARTS_MAX} parts")));
        }
        Ok(Ast { node, span })
    }

    fn take(&mut self, node: Node) -> Node {
        self.at += 1;
        node
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |t| &t.token)
    }

    fn span(&self) -> Range<usize> {
        self.tokens.get(self.at).map_or(self.source.len()..self.source.len(), |t| t.span.clone())
    }

    /// Where the token before this one ends.
    fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |t| t.span.end)
    }

    fn is(&self, word: &str) -> bool {
        match self.peek() {
            Token::Sign(sign) => *sign == word,
            Token::Name(name) => name == word && word == "in",
            _ => false,
        }
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Error> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, expected: &str) -> Error {
        let span = self.span();
        let text = self.source.get(span.clone()).unwrap_or_default();
        let help = match text {
            "and" => "write `&&`".to_owned(),
            "or" => "write `||`".to_owned(),
            "not" => "write `!`".to_owned(),
            _ => format!("expected {expected}"),
        };
        let message = if *self.peek() == Token::End { "unexpected end of filter".to_owned() } else { format!("unexpected token {text:?}") };
        Error::new(self.source, span, message).with_help(help)
    }
}
