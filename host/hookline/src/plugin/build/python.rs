//! Python: componentize-py puts the interpreter and the folder's modules into a component of the world `simple`.

use super::{Built, compile, name_of};
use anyhow::Context as _;
use std::{fs, path::Path, process::Command};

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let name = name_of(dir);
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let out = folder.path().join("component.wasm");
    let mut tool = Command::new("componentize-py");
    tool.arg("--wit-path").arg(dir.join("hookline-sdk/wit")).args(["--world", "simple", "componentize"]);
    // A module's name has no hyphens.
    tool.arg(name.replace('-', "_")).arg("--python-path").arg(dir).arg("--output").arg(&out);
    // It tells each run what it made; that is ours to say.
    tool.stdout(std::process::Stdio::null());
    compile(&mut tool, "install componentize-py: `pip install componentize-py==0.25.1`")?;
    Ok(Built::component(&name, fs::read(&out).context("componentize-py made no component")?))
}
