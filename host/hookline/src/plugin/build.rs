//! `hookline plugin build`: a folder with a Rust plugin to a component.

use crate::{
    error::{Hint, usage},
    plugin::toolchain,
};
use anyhow::Context as _;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// The default target: it needs nothing of WASI, and the standard library alone.
const TARGET: &str = "wasm32-unknown-unknown";

pub(crate) fn run(dir: &Path) -> anyhow::Result<()> {
    let manifest = dir.join("Cargo.toml");
    let text = match fs::read_to_string(&manifest) {
        Ok(text) => text,
        Err(_) if has_script(dir) => {
            return Err(usage(format!("{}: a script needs no building; try `hookline plugin test`", dir.display())));
        }
        Err(e) => return Err(usage(format!("{}: {e}; give the folder of a Rust plugin (see `hookline plugin new`)", manifest.display()))),
    };
    let manifest: toml::Table = text.parse().map_err(|e| usage(format!("{}: {e}", manifest.display())))?;
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
    let component = hookline_hooks::encode_component(&bytes).map_err(anyhow::Error::msg)?;
    let file = dir.join(format!("{name}.wasm"));
    fs::write(&file, &component).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(std::io::stdout(), "wrote {} ({} bytes)", file.display(), component.len())?;
    Ok(())
}

fn has_script(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut files| files.any(|f| f.is_ok_and(|f| f.path().extension().is_some_and(|e| e == "js"))))
}
