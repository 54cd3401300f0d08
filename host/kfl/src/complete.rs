//! What may follow in a filter that is being written.

use crate::{
    cel,
    cel::variables::VARIABLES,
    kfl1::{self, macros},
};
use hookline_item::{Field, ITEM_FIELDS, Kind};

/// One thing that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is written, from [`Completion::start`] on.
    pub text: String,
    /// Where it begins in the source: what is written of it already is replaced.
    pub start: usize,
    /// field, macro, function, operator or variable.
    pub kind: &'static str,
    /// What it holds: its type's name, or empty.
    pub holds: &'static str,
    /// One sentence about it.
    pub doc: String,
}

/// The fields of each protocol's request, response and data.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// The protocol's name.
    pub protocol: &'static str,
    /// Fields of `request`.
    pub request: &'static [Field],
    /// Fields of `response`.
    pub response: &'static [Field],
    /// Fields of `data`.
    pub data: &'static [Field],
}

/// Suggestions for one place.
const COMPLETIONS_MAX: usize = 200;
const OPERATORS: &[&str] = &["and", "or", "==", "!=", ">=", "<=", ">", "<"];
const CEL_OPERATORS: &[&str] = &["&&", "||", "==", "!=", ">=", "<=", ">", "<", "in"];

/// What may stand at byte `cursor` of `source`, the likeliest first. `tables` are those of all protocols.
#[must_use]
pub fn complete(source: &str, cursor: usize, tables: &[Tables]) -> Vec<Completion> {
    let before = source.get(..cursor).unwrap_or(source);
    let start = before
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = before.get(start..).unwrap_or_default();
    let is_cel = before.trim_start().starts_with("cel:") || cel::looks_like(before.get(..start).unwrap_or_default());
    let after_value =
        word.is_empty() && before.trim_end().ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '"' | ')' | ']'));
    let after_operator =
        ["and", "or", "not", "in"].iter().any(|w| before.trim_end().rsplit(|c: char| !c.is_ascii_alphanumeric()).next() == Some(w));
    let mut out = if after_value && !after_operator {
        let words = if is_cel { CEL_OPERATORS } else { OPERATORS };
        words.iter().map(|word| item(word, start, "operator", "", String::new())).collect()
    } else if is_cel {
        in_cel(word, start)
    } else {
        in_kfl1(word, start, before, tables)
    };
    out.truncate(COMPLETIONS_MAX);
    out
}

fn item(text: &str, start: usize, kind: &'static str, holds: &'static str, doc: String) -> Completion {
    Completion { text: text.to_owned(), start, kind, holds, doc }
}

fn in_cel(word: &str, start: usize) -> Vec<Completion> {
    if let Some((before, name)) = word.rsplit_once('.')
        && VARIABLES.iter().any(|v| v.name == before && v.kind == crate::Type::Text)
    {
        let methods = cel::METHODS.iter().filter(|m| begins(m.name, name));
        return methods
            .map(|m| item(&format!("{}(", m.name), start + before.len() + 1, "function", "", format!("{}: {}", m.usage, m.doc)))
            .collect();
    }
    let variables =
        VARIABLES.iter().filter(|v| begins(v.name, word)).map(|v| item(v.name, start, "variable", v.kind.name(), v.doc.to_owned()));
    let functions = cel::FUNCTIONS.iter().filter(|f| begins(f.name, word));
    variables.chain(functions.map(|f| item(&format!("{}(", f.name), start, "function", "", format!("{}: {}", f.usage, f.doc)))).collect()
}

fn in_kfl1(word: &str, start: usize, before: &str, tables: &[Tables]) -> Vec<Completion> {
    let Some((path, name)) = word.rsplit_once('.') else {
        let macros = macros::names().filter(|n| begins(n, word)).map(|n| item(n, start, "macro", "bool", format!("items of {n}")));
        let helpers = kfl1::HELPERS.iter().filter(|(n, ..)| begins(n, word));
        let helpers = helpers.map(|(n, usage, doc)| item(&format!("{n}("), start, "function", "", format!("{usage}: {doc}")));
        return fields(ITEM_FIELDS, word, start).chain(macros).chain(helpers).collect();
    };
    let start = start + path.len() + 1;
    let names: Vec<&str> = path.split('.').collect();
    // Protocols that the filter names come first.
    let mut tables: Vec<&Tables> = tables.iter().collect();
    tables.sort_by_key(|t| {
        !before
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|w| w == t.protocol || (t.protocol == "http" && matches!(w, "grpc" | "gql" | "http2")))
    });
    let mut out: Vec<Completion> = Vec::new();
    for below in below(&names, &tables) {
        for field in fields(below, name, start) {
            if !out.iter().any(|c| c.text == field.text) {
                out.push(field);
            }
        }
    }
    let methods = kfl1::METHODS.iter().map(|(n, _)| format!("{n}(")).chain(["json()".to_owned(), "xml()".to_owned()]);
    out.extend(methods.filter(|n| begins(n, name)).map(|n| item(&n, start, "function", "", String::new())));
    out
}

/// The tables of what stands under a path.
fn below(names: &[&str], tables: &[&Tables]) -> Vec<&'static [Field]> {
    let Some((first, rest)) = names.split_first() else { return Vec::new() };
    let roots: Vec<&'static [Field]> = match *first {
        "request" => tables.iter().map(|t| t.request).collect(),
        "response" => tables.iter().map(|t| t.response).collect(),
        "data" => tables.iter().map(|t| t.data).collect(),
        name => ITEM_FIELDS.iter().filter(|f| f.name == name).filter_map(|f| f.below).collect(),
    };
    let down = |mut table: &'static [Field]| {
        for name in rest {
            table = table.iter().find(|f| f.name == *name)?.below?;
        }
        Some(table)
    };
    roots.into_iter().filter_map(down).collect()
}

fn fields(table: &'static [Field], word: &str, start: usize) -> impl Iterator<Item = Completion> {
    table.iter().filter(move |f| begins(f.name, word)).map(move |f| item(f.name, start, "field", kind(f.kind), f.doc.to_owned()))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::U64 | Kind::I64 | Kind::F64 => "number",
        Kind::Str => "text",
        Kind::Bytes => "bytes",
        Kind::List => "list",
        Kind::Object => "object",
    }
}

fn begins(name: &str, word: &str) -> bool {
    name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}
