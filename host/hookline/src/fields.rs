//! The kinds of all fields: the envelope's table joined with every dissector's.

use hookline_dissect::protocols;
use hookline_item::{Field, ITEM_FIELDS, Kind, Path, Step};
use hookline_kfl::Tables;
use std::sync::LazyLock;

/// What the field at `path` holds; `None` for names from the wire (headers). Where protocols differ, the first in their registry decides, so
/// that a column keeps its kind when a protocol is added: `response.status` is a number because HTTP's is.
pub(crate) fn kind_of(path: &Path) -> Option<Kind> {
    let names: Vec<&str> = path
        .steps
        .iter()
        .map(|s| match s {
            Step::Name(n) => Some(n.as_str()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let (first, rest) = names.split_first()?;
    let field = ITEM_FIELDS.iter().find(|f| f.name == *first)?;
    if rest.is_empty() {
        return Some(field.kind);
    }
    match *first {
        "request" => of_first(protocols().map(|p| p.request), rest),
        "response" => of_first(protocols().map(|p| p.response), rest),
        "data" => of_first(protocols().map(|p| p.data), rest),
        _ => field.below.and_then(|below| find(below, rest)),
    }
}

/// The fields of each protocol, for completion.
pub(crate) fn tables() -> &'static [Tables] {
    static TABLES: LazyLock<Vec<Tables>> = LazyLock::new(|| {
        let table = |p: &hookline_dissect::Dissector| Tables { protocol: p.name, request: p.request, response: p.response, data: p.data };
        protocols().map(table).collect()
    });
    &TABLES
}

/// The kind that the first table which has the field gives it.
fn of_first(mut tables: impl Iterator<Item = &'static [Field]>, names: &[&str]) -> Option<Kind> {
    tables.find_map(|t| find(t, names))
}

fn find(table: &[Field], names: &[&str]) -> Option<Kind> {
    let (first, rest) = names.split_first()?;
    let field = table.iter().find(|f| f.name == *first)?;
    if rest.is_empty() { Some(field.kind) } else { find(field.below?, rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_from_the_tables() {
        let kind = |p: &str| kind_of(&p.parse().unwrap());
        assert_eq!(kind("response.status"), Some(Kind::U64));
        assert_eq!(kind("request.path"), Some(Kind::Str));
        assert_eq!(kind("elapsedTime"), Some(Kind::U64));
        assert_eq!(kind("src.ip"), Some(Kind::Str));
        assert_eq!(kind("request.headers[\"Host\"]"), None);
    }

    #[test]
    fn variables_of_cel_name_fields_that_are_there() {
        // Filled in by name resolution, which the tables do not have yet.
        let later = ["pod", "namespace", "service", "node", "labels", "processName"];
        for variable in hookline_kfl::VARIABLES.iter().filter(|v| v.kind != hookline_kfl::Type::Bool) {
            for path in variable.is.split(", ").filter(|p| !later.iter().any(|name| p.ends_with(&format!(".{name}")))) {
                assert!(kind_of(&path.parse().unwrap()).is_some(), "{}: no item has {path}", variable.name);
            }
        }
    }
}
