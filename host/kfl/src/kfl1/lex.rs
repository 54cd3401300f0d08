//! Source text to tokens, each with its place.

use crate::error::Error;
use std::ops::Range;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Number(f64),
    Text(String),
    Regex(String),
    Name(String),
    /// An operator or bracket.
    Sign(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) span: Range<usize>,
}

/// Longer ones first, so that `==` is not read as two `=`.
const SIGNS: &[&str] = &["==", "!=", ">=", "<=", "..", "&&", "||", "!", ">", "<", "-", "(", ")", "[", "]", ",", ".", "*", ":"];

/// The tokens of `source`, [`Token::End`] last.
pub(crate) fn tokens(source: &str) -> Result<Vec<Spanned>, Error> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blank(source, at)?;
        let Some(c) = source[at..].chars().next() else { break };
        let (token, end) = match c {
            'r' if source[at + 1..].starts_with('"') => quoted(source, at, at + 1).map(|(raw, end)| (Token::Regex(raw.to_owned()), end))?,
            '"' | '\'' => quoted(source, at, at).map(|(raw, end)| (Token::Text(unescape(raw)), end))?,
            '`' => quoted(source, at, at).map(|(raw, end)| (Token::Text(raw.to_owned()), end))?,
            '0'..='9' => number(source, at)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = word_end(source, at);
                (Token::Name(source[at..end].to_owned()), end)
            }
            _ => match SIGNS.iter().find(|s| source[at..].starts_with(**s)) {
                Some(sign) => (Token::Sign(sign), at + sign.len()),
                None => {
                    let span = at..at + c.len_utf8();
                    return Err(Error::new(source, span, format!("unexpected token {:?}", c.to_string())));
                }
            },
        };
        out.push(Spanned { token, span: at..end });
        at = end;
    }
    out.push(Spanned { token: Token::End, span: source.len()..source.len() });
    Ok(out)
}

/// The first byte at or after `at` that is neither white space nor part of a comment.
fn skip_blank(source: &str, mut at: usize) -> Result<usize, Error> {
    loop {
        let rest = &source[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map(|i| i + 2).ok_or_else(|| Error::new(source, at..at + 2, "comment is never closed"))?;
        } else {
            match rest.chars().next() {
                Some(c) if c.is_whitespace() => at += c.len_utf8(),
                _ => return Ok(at),
            }
        }
    }
}

/// What stands between the quote at `open` and its partner, and where the token ends. A backslash hides a quote, save in backquotes.
fn quoted(source: &str, start: usize, open: usize) -> Result<(&str, usize), Error> {
    let quote = source.as_bytes()[open];
    let mut hidden = false;
    for (i, &b) in source.as_bytes().iter().enumerate().skip(open + 1) {
        match b {
            _ if hidden => hidden = false,
            b'\\' if quote != b'`' => hidden = true,
            b if b == quote => return Ok((&source[open + 1..i], i + 1)),
            _ => {}
        }
    }
    Err(Error::new(source, start..source.len(), "text is never closed").with_help(format!("add a closing {}", char::from(quote))))
}

fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other @ ('"' | '\'' | '\\')) => out.push(other),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            _ => out.push(c),
        }
    }
    out
}

fn number(source: &str, at: usize) -> Result<(Token, usize), Error> {
    let bytes = source.as_bytes();
    let mut end = at;
    while bytes.get(end).is_some_and(|b| b.is_ascii_digit() || (*b == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit))) {
        end += 1;
    }
    if bytes.get(end).is_some_and(|b| matches!(b, b'e' | b'E')) {
        let sign = usize::from(bytes.get(end + 1).is_some_and(|b| matches!(b, b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end += 1 + sign;
            end += bytes[end..].iter().take_while(|b| b.is_ascii_digit()).count();
        }
    }
    match source[at..end].parse::<f64>() {
        Ok(n) if word_end(source, end) == end && n.is_finite() => Ok((Token::Number(n), end)),
        _ => Err(Error::new(source, at..word_end(source, end), "this is not a number")),
    }
}

fn word_end(source: &str, at: usize) -> usize {
    at + source[at..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count()
}
