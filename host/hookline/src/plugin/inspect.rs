//! `hookline plugin inspect`: what is in a plugin's file.

use crate::error::usage;
use anyhow::Context as _;
use hookline_hooks::{Contents, Memory};
use std::{fs, io::Write, path::Path};

pub(crate) fn run(file: &Path, json: bool) -> anyhow::Result<()> {
    if file.extension().is_some_and(|e| e == "js") {
        return Err(usage(format!("{}: a script has nothing to be taken apart; try `hookline plugin check`", file.display())));
    }
    let bytes = fs::read(file).map_err(|e| usage(format!("{}: {e}", file.display())))?;
    let contents = hookline_hooks::inspect(&bytes).map_err(anyhow::Error::msg).with_context(|| file.display().to_string())?;
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string(&contents)?)?);
    }
    Ok(describe(&mut out, &contents)?)
}

fn describe(out: &mut dyn Write, contents: &Contents) -> std::io::Result<()> {
    writeln!(out, "kind          {}", contents.kind)?;
    writeln!(out, "size          {} bytes", contents.bytes)?;
    writeln!(out, "sha256        {}", contents.digest)?;
    writeln!(out, "contract      {}", contents.contract.as_deref().unwrap_or("none: it exports nothing of hookline:hooks"))?;
    writeln!(out, "hooks         {}", contents.hooks.join(", "))?;
    for (interface, functions) in &contents.imports {
        writeln!(out, "imports       {interface}{}{}", if functions.is_empty() { "" } else { ": " }, functions.join(", "))?;
    }
    for Memory { pages, pages_max } in &contents.memories {
        let max = pages_max.map_or_else(|| "the manifest's limit".to_owned(), |max| format!("{} KiB", max * 64));
        writeln!(out, "memory        {} KiB at its start, up to {max}", pages * 64)?;
    }
    for (field, tools) in &contents.made_by {
        writeln!(out, "{field:<13} {}", tools.join(", "))?;
    }
    for (name, bytes) in &contents.custom {
        writeln!(out, "section       {name}, {bytes} bytes")?;
    }
    Ok(())
}
