//! KFL, the filter language of Hookline: `http and response.status >= 500`.
//!
//! A filter is compiled once to a checked expression and run on anything that is an [`Object`]: items, stored JSON, a script's data.
//! The language is Kubeshark's first one (KFL1) with the meaning that people expect: `and` binds tighter than `or`, numbers compare
//! as numbers whatever form they have, a regular expression must match all of a number, and a field that is not there makes its
//! own comparison false and nothing else. Every error says where it is.
//!
//! ```
//! use hookline_kfl::Filter;
//! let filter = Filter::parse(r#"http and (response.status == r"5.." or request.path.startsWith("/admin"))"#).unwrap();
//! let item: serde_json::Map<_, _> = serde_json::from_str(r#"{"protocol":{"abbr":"HTTP"},"response":{"status":503}}"#).unwrap();
//! assert!(filter.matches(&item, hookline_item::Timestamp(0)));
//!
//! let error = Filter::parse("http and ?").unwrap_err();
//! assert_eq!(error.to_string(), r#"1:10: unexpected token "?""#);
//! ```

#![forbid(unsafe_code)]

mod error;
mod eval;
mod expr;
mod lex;
mod macros;
mod parse;
mod set;

pub use error::Error;
pub use set::FilterSet;

use hookline_item::{Object, Timestamp};

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct Filter {
    source: String,
    pub(crate) expr: expr::Expr,
    limit: Option<u64>,
}

impl Filter {
    /// Compiles `source`; the empty text matches everything. Names that no item has are errors.
    ///
    /// # Errors
    /// The place and kind of the first mistake.
    pub fn parse(source: &str) -> Result<Self, Error> {
        Self::with(source, parse::Names::Known)
    }

    /// Compiles `source` for objects of any shape, as scripts filter them: an unknown name is a field that is not there.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn parse_for_any(source: &str) -> Result<Self, Error> {
        Self::with(source, parse::Names::Any)
    }

    fn with(source: &str, names: parse::Names) -> Result<Self, Error> {
        let parse::Parsed { expr, limit } = parse::parse(source, names)?;
        Ok(Self { source: source.to_owned(), expr, limit })
    }

    /// Whether `root` matches, `now()` being `now`.
    #[must_use]
    pub fn matches(&self, root: &dyn Object, now: Timestamp) -> bool {
        eval::holds(&self.expr, eval::Scope { root, now })
    }

    /// The text that it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many items the filter lets through at most: `limit(n)`.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }
}

#[cfg(test)]
mod tests;
