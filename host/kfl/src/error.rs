//! What is wrong with a filter, where, and what was meant perhaps.

use std::{fmt, ops::Range};

/// A filter that does not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The bytes of the source that are wrong; empty at the end of the text.
    pub span: Range<usize>,
    /// Line of the span's start, from 1.
    pub line: usize,
    /// Column of the span's start in characters, from 1.
    pub column: usize,
    /// What is wrong: `unexpected token "?"`.
    pub message: String,
    /// What to do: `did you mean …?`
    pub help: Option<String>,
}

impl Error {
    pub(crate) fn new(source: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let before = source.get(..span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Self { span, line, column, message: message.into(), help: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The error as a compiler shows it: the line, carets below the span, and the help.
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        let text = source.lines().nth(self.line - 1).unwrap_or("");
        let width = source.get(self.span.clone()).map_or(1, |s| s.lines().next().unwrap_or("").chars().count()).max(1);
        let gutter = self.line.to_string();
        let pad = " ".repeat(gutter.len());
        let carets = format!("{}{}", " ".repeat(self.column - 1), "^".repeat(width));
        let mut out = format!("error: {}\n{pad} |\n{gutter} | {text}\n{pad} | {carets}", self.message);
        if let Some(help) = &self.help {
            out.push_str(&format!("\n{pad} = help: {help}"));
        }
        out
    }
}

/// `1:5: unexpected token "?"`, as scripts expect it, and the help after it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}
impl std::error::Error for Error {}

/// The one of `names` that `word` was meant to be, if one is near: at most a third of the letters differ.
pub(crate) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.map(|n| (distance(word, n), n)).min().filter(|(d, n)| *d * 3 <= n.len().max(3)).map(|(_, n)| n)
}

/// Levenshtein distance, letters' case apart.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
