//! `hookline plugin`: write, build, check and test plugins.

mod build;
mod check;
mod new;
mod test;
mod toolchain;

use crate::cli::Plugin;

pub(crate) fn run(command: &Plugin) -> anyhow::Result<()> {
    match command {
        Plugin::New { name, lang } => new::run(name, *lang),
        Plugin::Build { dir } => build::run(dir),
        Plugin::Check { file, json } => check::run(file, *json),
        Plugin::Test { file, read, expect, env } => test::run(file, read, expect.as_deref(), env),
    }
}

/// A plugin's name: its file's without the ending.
pub(crate) fn name_of(file: &std::path::Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
