//! The filter languages of Hookline: `http and response.status >= 500`, `http && status_code >= 500`.
//!
//! A filter is compiled once to a checked expression and run on anything that is an [`Object`]: items, stored JSON, a script's data.
//! Two languages become that one form: Kubeshark's first (KFL1), with the meaning that people expect (`and` binds tighter than `or`, numbers
//! compare as numbers whatever form they have, a regular expression must match all of a number, and a field that is not there makes its
//! own comparison false and nothing else), and its second (KFL2, which is CEL over a table of variables). Which one is meant is told by the
//! operators, or by a prefix `kfl1:` or `cel:`. Every error says where it is.
//!
//! ```
//! use hookline_kfl::Filter;
//! let filter = Filter::parse(r#"http and (response.status == r"5.." or request.path.startsWith("/admin"))"#).unwrap();
//! let item: serde_json::Map<_, _> = serde_json::from_str(r#"{"protocol":{"abbr":"HTTP"},"response":{"status":503}}"#).unwrap();
//! assert!(filter.matches(&item, hookline_item::Timestamp(0)));
//! assert!(Filter::parse("http && status_code >= 500").unwrap().matches(&item, hookline_item::Timestamp(0)));
//!
//! let error = Filter::parse("http and ?").unwrap_err();
//! assert_eq!(error.to_string(), r#"1:10: unexpected token "?""#);
//! ```

#![forbid(unsafe_code)]

mod cel;
mod complete;
mod document;
mod error;
mod eval;
mod explain;
mod expr;
mod kfl1;
mod plan;
mod print;
mod set;

pub use cel::variables::{Type, VARIABLES, Variable};
pub use complete::{Completion, Tables, complete};
pub use error::Error;
pub use explain::Explained;
pub use plan::{CONTENTS, Plan};
pub use print::{Language, Untranslatable};
pub use set::FilterSet;

use expr::Expr;
use hookline_item::{Object, Timestamp};

/// What filters are compiled with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The user's own macros: names, and the filters in KFL1 that they stand for.
    pub macros: Vec<(String, String)>,
    /// KFL1 is run as Kubeshark runs it, bug for bug; macros of the user are not known there.
    pub compat: bool,
    /// How many macros are being read.
    depth: usize,
}

impl Settings {
    /// Settings with the user's macros.
    #[must_use]
    pub fn with_macros(macros: Vec<(String, String)>) -> Self {
        Self { macros, ..Self::default() }
    }

    /// Compiles `source`; the empty text matches everything. Names that no item has are errors.
    ///
    /// # Errors
    /// The place and kind of the first mistake.
    pub fn parse(&self, source: &str) -> Result<Filter, Error> {
        Filter::with(source, kfl1::Names::Known, self)
    }

    /// Compiles `source` for objects of any shape, as scripts filter them: an unknown name is a field that is not there.
    ///
    /// # Errors
    /// As [`Settings::parse`].
    pub fn parse_for_any(&self, source: &str) -> Result<Filter, Error> {
        Filter::with(source, kfl1::Names::Any, self)
    }
}

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct Filter {
    source: String,
    language: Language,
    pub(crate) expr: Expr,
    limit: Option<u64>,
}

impl Filter {
    /// Compiles `source` without anybody's settings.
    ///
    /// # Errors
    /// As [`Settings::parse`].
    pub fn parse(source: &str) -> Result<Self, Error> {
        Settings::default().parse(source)
    }

    fn with(source: &str, names: kfl1::Names, settings: &Settings) -> Result<Self, Error> {
        let (expr, language) = Self::compile(source, names, settings)?;
        let mut limit = None;
        expr.walk(&mut |e| {
            if let Expr::Limit(n) = e {
                limit = Some(*n);
            }
        });
        Ok(Self { source: source.to_owned(), language, expr, limit })
    }

    /// Finds out the language. What is a filter in both is one in KFL1; what is one in neither has the error of the language that it looks like.
    fn compile(source: &str, names: kfl1::Names, settings: &Settings) -> Result<(Expr, Language), Error> {
        let start = source.len() - source.trim_start().len();
        let prefixed = |prefix: &str| source.get(start..).is_some_and(|s| s.starts_with(prefix)).then_some(start + prefix.len());
        // Blanks in the prefix's place keep every position as it is.
        let blanked = |len: usize| format!("{}{}", " ".repeat(len), source.get(len..).unwrap_or_default());
        if settings.compat && prefixed("cel:").is_none() && !source.trim().is_empty() {
            let text = prefixed("kfl1:").map_or_else(|| source.to_owned(), blanked);
            let compat = kfl1::compat::parse(&text)?;
            return Ok((Expr::Compat(Box::new(compat), text.trim().into()), Language::Kfl1));
        }
        if let Some(len) = prefixed("kfl1:") {
            return Ok((kfl1::parse(&blanked(len), names, settings)?, Language::Kfl1));
        }
        if let Some(len) = prefixed("cel:") {
            return Ok((cel::parse(&blanked(len))?, Language::Cel));
        }
        let as_kfl1 = match kfl1::parse(source, names, settings) {
            // Any name is a field where names are not known: CEL's variables would be taken for fields that are not there.
            Ok(expr) if names == kfl1::Names::Known || !cel::looks_like(source) => return Ok((expr, Language::Kfl1)),
            other => other,
        };
        match (as_kfl1, cel::parse(source)) {
            (_, Ok(expr)) => Ok((expr, Language::Cel)),
            (Ok(expr), Err(_)) => Ok((expr, Language::Kfl1)),
            (Err(_), Err(error)) if cel::looks_like(source) => Err(error),
            (Err(error), Err(_)) => Err(error),
        }
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

    /// The language that it is written in.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// How many items the filter lets through at most: `limit(n)`.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Whether it hides values: `redact("path")`.
    #[must_use]
    pub fn redacts(&self) -> bool {
        let mut redacts = false;
        self.expr.walk(&mut |e| redacts |= matches!(e, Expr::Redact(_)));
        redacts
    }

    /// Hides in an item's JSON what `redact("path")` names.
    pub fn redact(&self, item: &mut serde_json::Value) {
        self.expr.walk(&mut |e| {
            if let Expr::Redact(paths) = e {
                paths.iter().for_each(|path| document::redact(item, &path.steps));
            }
        });
    }

    /// The filter as it is best written, in its own language.
    #[must_use]
    pub fn formatted(&self) -> String {
        // Everything can be said in the language that it was said in.
        self.to_language(self.language).unwrap_or_else(|_| self.source.clone())
    }

    /// The filter in a language.
    ///
    /// # Errors
    /// What that language has no words for.
    pub fn to_language(&self, language: Language) -> Result<String, Untranslatable> {
        if self.expr_is_everything() { Ok(String::new()) } else { print::print(&self.expr, language) }
    }

    fn expr_is_everything(&self) -> bool {
        let text = self.source.trim();
        ["kfl1:", "cel:"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text).trim().is_empty()
    }

    /// What each part of the filter comes to on `root`.
    #[must_use]
    pub fn explain(&self, root: &dyn Object, now: Timestamp) -> Explained {
        explain::explain(&self.expr, eval::Scope { root, now }, self.language)
    }

    /// What can be known before there are items, and what it reads of them.
    #[must_use]
    pub fn plan(&self) -> Plan {
        plan::of(&self.expr)
    }
}

/// The functions of a language: how each is written, and what it gives.
pub fn functions(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    let kfl1 = kfl1::HELPERS.iter().filter(move |_| language == Language::Kfl1).map(|(_, usage, doc)| (*usage, *doc));
    let cel = cel::FUNCTIONS.iter().chain(cel::METHODS).filter(move |_| language == Language::Cel);
    kfl1.chain(cel.map(|f| (f.usage, f.doc)))
}

/// Any bytes as a filter: what fuzzing calls. A filter that compiles is run, printed, and compiled again.
///
/// # Panics
///
/// If what is printed is no filter, or one that prints otherwise: what fuzzing looks for.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for prefix in ["", "kfl1:", "cel:"] {
        let Ok(filter) = Filter::parse(&format!("{prefix}{text}")) else { continue };
        let empty = serde_json::Map::new();
        let _ = filter.matches(&empty, Timestamp(0));
        let printed = filter.formatted();
        let language = if filter.language == Language::Cel { "cel:" } else { "kfl1:" };
        let again = Filter::parse(&format!("{language}{printed}")).unwrap_or_else(|e| panic!("{text:?} prints as {printed:?}: {e}"));
        assert_eq!(again.formatted(), printed, "{text:?}");
    }
}

#[cfg(test)]
mod tests;
