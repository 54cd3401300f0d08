//! `hookline plugin build`: a folder with a plugin to what the host runs.

mod clang;
mod python;
mod rust;
mod typescript;
mod zig;

use crate::error::{Hint, usage};
use anyhow::Context as _;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// What a build makes: the file's name, and what is in it.
struct Built {
    file: String,
    bytes: Vec<u8>,
}

impl Built {
    fn component(name: &str, bytes: Vec<u8>) -> Self {
        Self { file: format!("{name}.wasm"), bytes }
    }
}

/// Builds the plugin in a folder.
type Build = fn(&Path) -> anyhow::Result<Built>;

/// The languages, by the ending of their files; the first that a folder has is the plugin's: all that are compiled may have parts in C.
const LANGUAGES: &[(&str, Build)] =
    &[("zig", zig::build), ("cpp", clang::cpp), ("c", clang::c), ("py", python::build), ("ts", typescript::build)];

pub(crate) fn run(dir: &Path) -> anyhow::Result<()> {
    let Built { file, bytes } = build(dir)?;
    let file = dir.join(file);
    fs::write(&file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(std::io::stdout(), "wrote {} ({} bytes)", file.display(), bytes.len())?;
    Ok(())
}

/// Whether the plugin in a folder has to be built; a script in JavaScript is run as it is.
pub(crate) fn is_needed(dir: &Path) -> bool {
    dir.join("Cargo.toml").exists() || LANGUAGES.iter().any(|(ending, _)| !sources(dir, ending).is_empty())
}

fn build(dir: &Path) -> anyhow::Result<Built> {
    let manifest = dir.join("Cargo.toml");
    if manifest.exists() {
        return rust::build(dir);
    }
    if let Some((_, build)) = LANGUAGES.iter().find(|(ending, _)| !sources(dir, ending).is_empty()) {
        return build(&dir.canonicalize()?);
    }
    if !sources(dir, "js").is_empty() {
        return Err(usage(format!("{}: a script needs no building; try `hookline plugin test`", dir.display())));
    }
    let endings: Vec<String> = LANGUAGES.iter().map(|(ending, _)| format!(".{ending}")).collect();
    let what = format!("there is no Cargo.toml, and no file that ends in {}", endings.join(", "));
    Err(usage(format!("{}: {what}; `hookline plugin new` makes a folder to start from", dir.display())))
}

/// A plugin's name: its folder's.
fn name_of(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs a compiler, or says what is missing.
fn compile(command: &mut Command, missing: &str) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let hint = || Hint(missing.to_owned());
    let status = command.status().with_context(|| format!("cannot start {name}")).map_err(|e| e.context(hint()))?;
    match status.success() {
        true => Ok(()),
        false => Err(anyhow::Error::msg(format!("{name} ended with {status}"))),
    }
}

/// A module of a compiler that knows nothing of WIT, made a component.
fn component_of(name: &str, module: &Path) -> anyhow::Result<Built> {
    let module = fs::read(module).context("the compiler made no module")?;
    Ok(Built::component(name, hookline_hooks::encode_c_module(&module).map_err(anyhow::Error::msg)?))
}

/// The files of a folder with this ending, by name.
fn sources(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|f| f.path());
    let mut files: Vec<PathBuf> = files.filter(|f| f.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    files
}
