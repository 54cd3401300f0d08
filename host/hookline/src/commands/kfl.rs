//! `hookline kfl`: is this a filter, and what does it make of these items?

use crate::{
    cli::{FilterLanguage, Kfl},
    config::Config,
    delivery::wall_clock,
    error::usage,
    fields::tables,
};
use anyhow::Context as _;
use hookline_kfl::{Filter, Language, Settings};
use serde_json::{Map, Value, json};
use std::{
    io::{Read as _, Write as _},
    path::Path,
};

pub(crate) fn run(args: &Kfl, config: &Config) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.complete {
        return complete(args, &mut out);
    }
    let filter = parse(&args.filter, &config.settings(&args.macros)?, args.json)?;
    if let Some(language) = args.to {
        let translated = filter.to_language(language.into()).map_err(|e| usage(e.to_string()))?;
        return Ok(writeln!(out, "{translated}")?);
    }
    if args.fmt {
        return Ok(writeln!(out, "{}", filter.formatted())?);
    }
    if args.plan {
        return Ok(write!(out, "{}", filter.plan().render())?);
    }
    let Some(file) = &args.item else {
        let said = if args.json { json!({ "valid": true }).to_string() } else { "valid".to_owned() };
        return Ok(writeln!(out, "{said}")?);
    };
    for (line, item) in (1..).zip(read_items(file)?) {
        let matches = filter.matches(&item, wall_clock());
        let id = item.get("id").and_then(Value::as_str).unwrap_or("");
        if args.json {
            writeln!(out, "{}", json!({ "item": id, "line": line, "matches": matches }))?;
        } else {
            writeln!(out, "{}  item {line} {id}", if matches { "match   " } else { "no match" })?;
        }
        if args.explain {
            write!(out, "{}", filter.explain(&item, wall_clock()).render())?;
        }
    }
    Ok(())
}

impl From<FilterLanguage> for Language {
    fn from(language: FilterLanguage) -> Self {
        match language {
            FilterLanguage::Kfl1 => Self::Kfl1,
            FilterLanguage::Cel => Self::Cel,
        }
    }
}

/// What may follow, a line for each.
fn complete(args: &Kfl, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
    for c in hookline_kfl::complete(&args.filter, args.filter.len(), tables()) {
        if args.json {
            writeln!(out, "{}", json!({ "text": c.text, "start": c.start, "kind": c.kind, "type": c.holds, "doc": c.doc }))?;
        } else {
            writeln!(out, "{:<32} {:<9} {:<16} {}", c.text, c.kind, c.holds, c.doc)?;
        }
    }
    Ok(())
}

/// Compiles a filter from the command line; an error is shown with its place.
pub(crate) fn parse(text: &str, settings: &Settings, json: bool) -> anyhow::Result<Filter> {
    settings.parse(text).map_err(|e| {
        if json {
            let said = json!({ "valid": false, "line": e.line, "column": e.column, "start": e.span.start, "end": e.span.end, "message": e.message, "help": e.help });
            return usage(said.to_string());
        }
        usage(format!("this is not a filter\n{}", e.render(text).trim_start_matches("error: ")))
    })
}

/// The objects of a JSON file: one, or one a line.
fn read_items(file: &Path) -> anyhow::Result<Vec<Map<String, Value>>> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut f| f.read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    let items: Result<Vec<_>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    items.map_err(|e| usage(format!("{}: this is not an item: {e}", file.display())))
}
