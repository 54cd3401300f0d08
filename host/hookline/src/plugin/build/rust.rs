//! Rust: cargo, by whatever compiler for WebAssembly there is.

use super::Built;
use crate::{
    error::{Hint, usage},
    plugin::toolchain,
};
use anyhow::Context as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The default target: it needs nothing of WASI, and the standard library alone.
const TARGET: &str = "wasm32-unknown-unknown";

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let file = dir.join("Cargo.toml");
    let manifest = fs::read_to_string(&file).map_err(|e| usage(format!("{}: {e}", file.display())))?;
    let manifest: toml::Table = manifest.parse().map_err(|e| usage(format!("{}: {e}", file.display())))?;
    let name = manifest.get("package").and_then(|p| p.get("name")).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let target_dir = dir.canonicalize()?.join("target");
    let mut cmd =
        toolchain::cargo_rustc(dir, TARGET, &[]).map_err(|hint| anyhow::Error::msg("cannot build for WebAssembly").context(Hint(hint)))?;
    let status = cmd.env("CARGO_TARGET_DIR", &target_dir).status().context("cannot start cargo")?;
    if !status.success() {
        anyhow::bail!("cargo ended with {status}");
    }
    let module: PathBuf = target_dir.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    let bytes =
        fs::read(&module).with_context(|| format!("cargo made no {}: has Cargo.toml crate-type = [\"cdylib\"]?", module.display()))?;
    Ok(Built::component(&name, hookline_hooks::encode_component(&bytes).map_err(anyhow::Error::msg)?))
}
