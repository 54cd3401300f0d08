//! Pages of docs/ that are made of the code: compared here, written by `cargo xtask gen`.

use crate::support::{compare, root};
use hookline_dissect::protocols;
use hookline_item::{Field, ITEM_FIELDS};
use std::fmt::Write as _;

#[test]
fn generated_fields_page() {
    let mut page = String::from(
        "# Fields\n\nEvery field of every item: the names in JSON, filters, columns and scripts. Absent values are left out. Written by `cargo xtask gen`.\n\n\
         ## Every item\n\n",
    );
    table(&mut page, "", ITEM_FIELDS);
    for protocol in protocols() {
        let _ = write!(page, "\n## {}\n\n{}\n", protocol.name, protocol.doc);
        for (side, fields) in [("request", protocol.request), ("response", protocol.response), ("data", protocol.data)] {
            if !fields.is_empty() {
                let _ = write!(page, "\n### {side}\n\n");
                table(&mut page, side, fields);
            }
        }
        if !protocol.anomalies.is_empty() {
            let _ = write!(page, "\n### anomalies\n\n| name | meaning |\n|---|---|\n");
            for anomaly in protocol.anomalies {
                let _ = writeln!(page, "| `{}` | {} |", anomaly.name, anomaly.doc);
            }
        }
    }
    compare(&root().join("docs/fields.md"), &page);
}

fn table(page: &mut String, prefix: &str, fields: &[Field]) {
    page.push_str("| field | kind | meaning |\n|---|---|---|\n");
    rows(page, prefix, fields);
}

fn rows(page: &mut String, prefix: &str, fields: &[Field]) {
    for field in fields {
        let path = if prefix.is_empty() { field.name.to_owned() } else { format!("{prefix}.{}", field.name) };
        let _ = writeln!(page, "| `{path}` | {:?} | {} |", field.kind, field.doc.replace('|', "\\|"));
        rows(page, &path, field.below.unwrap_or(&[]));
    }
}

#[test]
fn generated_cel_page() {
    let mut page = String::from(
        "# CEL\n\nWhat filters in CEL may name, and where items have it. Written by `cargo xtask gen`.\n\n## Functions\n\n| example | meaning |\n|---|---|\n",
    );
    for (usage, doc) in hookline_kfl::functions(hookline_kfl::Language::Cel) {
        let _ = writeln!(page, "| `{usage}` | {doc} |");
    }
    page.push_str("\n## Variables\n\nFlags are given as filters in KFL1, the others as fields.\n\n| variable | type | where | meaning |\n|---|---|---|---|\n");
    for variable in hookline_kfl::VARIABLES {
        let _ = writeln!(page, "| `{}` | {} | `{}` | {} |", variable.name, variable.kind.name(), variable.is, variable.doc);
    }
    compare(&root().join("docs/cel.md"), &page);
}
