//! Kubeshark's second filter language: CEL (the Common Expression Language, cel-spec) over a table of variables, checked when it is compiled.
//!
//! Read: literals, `&& || ! ?:`, comparisons, `in`, arithmetic, methods of texts, `size`, `has`, `map_get`, `timestamp`, `duration`, `now`. Not
//! read: bytes, map literals, comprehensions (`exists`, `all`, `map`, `filter`), user-defined types. The `cel` crate interprets a tree per item
//! and has no types; this one becomes the same compiled form as KFL1.

mod check;
mod lex;
mod parse;
pub(crate) mod variables;

use crate::{error::Error, expr::Expr};

pub(crate) use check::{FUNCTIONS, METHODS};

/// Compiles a filter; the empty text matches everything.
pub(crate) fn parse(source: &str) -> Result<Expr, Error> {
    match parse::parse(source)? {
        Some(ast) => check::filter(source, &ast),
        None => Ok(Expr::Const(true)),
    }
}

/// Whether a text that is no filter looks as if it was meant to be CEL: by operators and functions that KFL1 does not have.
pub(crate) fn looks_like(source: &str) -> bool {
    let Ok(tokens) = lex::tokens(source) else { return source.contains("&&") || source.contains("||") };
    let of_cel = |name: &str| {
        // Names without an underscore may be fields in KFL1.
        let variable = name.contains('_') && variables::find(name).is_some();
        name == "in" || variable || FUNCTIONS.iter().any(|f| f.name == name && name != "now")
    };
    tokens.iter().enumerate().any(|(at, t)| match &t.token {
        lex::Token::Sign(sign) => matches!(*sign, "&&" | "||" | "+" | "%" | "/"),
        // What stands behind a dot is a field of something.
        lex::Token::Name(name) => {
            let field = at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|t| t.token == lex::Token::Sign("."));
            !field && of_cel(name)
        }
        _ => false,
    })
}
