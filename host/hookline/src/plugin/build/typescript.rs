//! TypeScript: esbuild bundles the folder's script, with what it imports, to one file for the shim.

use super::{Built, compile, name_of};
use anyhow::Context as _;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let name = name_of(dir);
    let source = dir.join(format!("{name}.ts"));
    let text = fs::read_to_string(&source)
        .with_context(|| format!("{}: the plugin's file has its folder's name; others are imported from it", source.display()))?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let out = folder.path().join("bundle.js");
    let mut esbuild = Command::new(esbuild(dir));
    // The hooks are what the script exports; the shim looks for them among the globals. Its QuickJS knows ES2023.
    esbuild.arg(&source).args(["--bundle", "--format=iife", "--global-name=__exports", "--target=es2023", "--log-level=warning"]);
    esbuild.arg("--footer:js=Object.assign(globalThis, __exports);").arg(format!("--outfile={}", out.display()));
    if let Some(title) = text.lines().next().filter(|line| line.starts_with("//")) {
        // A script's first comment is its title.
        esbuild.arg(format!("--banner:js={title}"));
    }
    compile(&mut esbuild, "install esbuild: `npm install esbuild` in the plugin's folder, or anywhere in the PATH")?;
    Ok(Built { file: format!("{name}.js"), bytes: fs::read(&out).context("esbuild made no bundle")? })
}

/// The esbuild of the nearest `node_modules`, else the one in the PATH.
fn esbuild(dir: &Path) -> PathBuf {
    let local = dir.ancestors().map(|folder| folder.join("node_modules/.bin/esbuild")).find(|file| file.exists());
    local.unwrap_or_else(|| "esbuild".into())
}
