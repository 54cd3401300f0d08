//! CEL's tokens (cel-spec, "Syntax").

use crate::error::Error;
use std::ops::Range;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Int(i64),
    Double(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

const SIGNS: &[&str] =
    &["==", "!=", ">=", "<=", "&&", "||", "!", ">", "<", "-", "+", "*", "/", "%", "?", ":", "(", ")", "[", "]", "{", "}", ",", "."];

/// The tokens of `source`, [`Token::End`] last.
pub(super) fn tokens(source: &str) -> Result<Vec<Spanned>, Error> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blank(source, at);
        let rest = source.get(at..).unwrap_or_default();
        let Some(c) = rest.chars().next() else { break };
        let (token, len) = match c {
            '"' | '\'' => text(source, at, 0, false)?,
            'r' | 'R' if rest[1..].starts_with(['"', '\'']) => text(source, at, 1, true)?,
            '0'..='9' => number(source, at)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(source, at)?,
            c if c == '_' || c.is_ascii_alphabetic() => {
                let len = rest.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
                (Token::Name(rest[..len].to_owned()), len)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(Error::new(source, at..at + c.len_utf8(), format!("unexpected token {:?}", c.to_string()))),
            },
        };
        out.push(Spanned { token, span: at..at + len });
        at += len;
    }
    out.push(Spanned { token: Token::End, span: source.len()..source.len() });
    Ok(out)
}

fn skip_blank(source: &str, mut at: usize) -> usize {
    loop {
        let rest = source.get(at..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        let comment = rest[blank..].starts_with("//");
        at += blank;
        if !comment {
            return at;
        }
        at += source[at..].find('\n').unwrap_or(source.len() - at);
    }
}

fn number(source: &str, at: usize) -> Result<(Token, usize), Error> {
    let rest = &source[at..];
    if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let digits = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
        let value = i64::from_str_radix(&hex[..digits], 16).map_err(|_| Error::new(source, at..at + 2 + digits, "this is not a number"))?;
        return Ok((Token::Int(value), 2 + digits));
    }
    let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let mut len = digits(0);
    let mut whole = true;
    if rest[len..].starts_with('.') && digits(len + 1) > 0 {
        whole = false;
        len += 1 + digits(len + 1);
    }
    let exponent = rest[len..].strip_prefix(['e', 'E']).map(|after| usize::from(after.starts_with(['+', '-'])));
    if let Some(sign) = exponent.filter(|sign| digits(len + 1 + sign) > 0) {
        whole = false;
        len += 1 + sign + digits(len + 1 + sign);
    }
    let text = &rest[..len];
    let unsigned = usize::from(whole && rest[len..].starts_with(['u', 'U']));
    let after = rest[len + unsigned..].chars().next();
    let token =
        if whole { text.parse().map(Token::Int).ok() } else { text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Token::Double) };
    match token {
        Some(token) if !after.is_some_and(|c| c == '_' || c.is_ascii_alphanumeric()) => Ok((token, len + unsigned)),
        _ => Err(Error::new(source, at..at + len + unsigned, "this is not a number, or one of more than 64 bits")),
    }
}

/// A text whose quote stands `prefix` bytes after `at`.
fn text(source: &str, at: usize, prefix: usize, raw: bool) -> Result<(Token, usize), Error> {
    let rest = &source[at + prefix..];
    let quote = &rest[..1];
    let triple = quote.repeat(3);
    let delimiter = if rest.starts_with(&triple) { triple.as_str() } else { quote };
    let unclosed = || Error::new(source, at..source.len(), "text is never closed").with_help(format!("add a closing {delimiter}"));
    let mut out = String::new();
    let mut chars = rest[delimiter.len()..].char_indices();
    while let Some((offset, c)) = chars.next() {
        let here = delimiter.len() + offset;
        if rest[here..].starts_with(delimiter) {
            return Ok((Token::Text(out), prefix + here + delimiter.len()));
        }
        match c {
            '\\' if !raw => {
                let escape = chars.next().ok_or_else(unclosed)?.1;
                let wrong = || {
                    Error::new(source, at + prefix + here..at + prefix + here + 1 + escape.len_utf8(), format!("unknown escape \\{escape}"))
                };
                let mut code = |digits: usize, radix: u32| {
                    let text: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                    u32::from_str_radix(&text, radix).ok().and_then(char::from_u32).ok_or_else(wrong)
                };
                out.push(match escape {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'v' => '\u{b}',
                    '\\' | '"' | '\'' | '`' | '?' => escape,
                    'x' | 'X' => code(2, 16)?,
                    'u' => code(4, 16)?,
                    'U' => code(8, 16)?,
                    _ => return Err(wrong()),
                });
            }
            '\n' if delimiter.len() == 1 => return Err(unclosed()),
            c => out.push(c),
        }
    }
    Err(unclosed())
}
