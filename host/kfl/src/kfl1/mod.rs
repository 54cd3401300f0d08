//! Kubeshark's first filter language, with the meaning that people expect: `http and response.status >= 500`.

pub(crate) mod compat;
mod lex;
pub(crate) mod macros;
mod parse;

pub(crate) use parse::{HELPERS, METHODS, Names, parse};
