//! `hookline plugin`: write, build, check and test plugins.

mod bench;
mod build;
mod cases;
mod check;
mod dev;
mod inspect;
mod new;
mod test;
mod toolchain;
mod top;

use crate::{cli::Plugin, config::Config};
use std::path::Path;

pub(crate) fn run(command: &Plugin, config: &Config) -> anyhow::Result<()> {
    match command {
        Plugin::New { name, lang } => new::run(name, *lang),
        Plugin::Build { dir } => build::run(dir),
        Plugin::Check { file, json } => check::run(file, *json, config),
        Plugin::Inspect { file, json } => inspect::run(file, *json),
        Plugin::Test(args) => test::run(args, config),
        Plugin::Dev(args) => dev::run(args, config),
        Plugin::Bench(args) => bench::run(args, config),
        Plugin::Top(args) => top::run(args),
    }
}

/// A plugin's name: its file's without the ending.
pub(crate) fn name_of(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
