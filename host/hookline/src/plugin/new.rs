//! `hookline plugin new`: a folder to start from.

use crate::{cli::Language, error::usage};
use anyhow::Context as _;
use std::{fs, path::Path};

/// The SDK, as it lies in this repository: a new plugin gets a copy, so that it builds anywhere.
const SDK: &[(&str, &str)] = &[
    ("src/lib.rs", include_str!("../../../../sdk/rust/src/lib.rs")),
    ("src/emit.rs", include_str!("../../../../sdk/rust/src/emit.rs")),
    ("src/metrics.rs", include_str!("../../../../sdk/rust/src/metrics.rs")),
    ("src/rows.rs", include_str!("../../../../sdk/rust/src/rows.rs")),
];
const SDK_MANIFEST: &str = include_str!("../../../../sdk/rust/Cargo.toml");
/// The same for C and C++.
const C_SDK: &[(&str, &str)] = &[
    ("hookline.c", include_str!("../../../../sdk/c/hookline.c")),
    ("hookline.h", include_str!("../../../../sdk/c/hookline.h")),
    ("hookline_sdk.c", include_str!("../../../../sdk/c/hookline_sdk.c")),
    ("hookline_sdk.h", include_str!("../../../../sdk/c/hookline_sdk.h")),
    ("hookline_sdk.hpp", include_str!("../../../../sdk/c/hookline_sdk.hpp")),
];
/// The contract, for tools that make their own bindings of it.
const WIT: &[(&str, &str)] = &[
    ("wit/types.wit", include_str!("../../../../wit/types.wit")),
    ("wit/host.wit", include_str!("../../../../wit/host.wit")),
    ("wit/plugin.wit", include_str!("../../../../wit/plugin.wit")),
];
/// The types of what scripts are given and may call.
const JS_SDK: &[(&str, &str)] = &[("hookline.d.ts", include_str!("../../../../sdk/js/hookline.d.ts"))];
const C: &str = include_str!("templates/hook.c");
const CPP: &str = include_str!("templates/hook.cpp");
const ZIG: &str = include_str!("templates/hook.zig");
const PYTHON: &str = include_str!("templates/hook.py");
const TS: &str = include_str!("templates/script.ts");
const RUST: &str = include_str!("templates/lib.rs");
const JS: &str = include_str!("templates/script.js");
const MANIFEST: &str = include_str!("templates/manifest.toml");

pub(crate) fn run(dir: &Path, language: Language) -> anyhow::Result<()> {
    let name = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let valid = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !valid {
        return Err(usage(format!("{name:?} is no name for a plugin: use small letters, digits and -, a letter first")));
    }
    if dir.exists() {
        return Err(usage(format!("{} exists already; nothing was changed", dir.display())));
    }
    write(&dir.join(format!("{name}.toml")), &MANIFEST.replace("NAME", &name))?;
    // The file to begin with, and what lies beside it.
    let (file, text, sdk): (String, &str, &[_]) = match language {
        Language::Rust => ("src/lib.rs".to_owned(), RUST, SDK),
        Language::C => (format!("{name}.c"), C, C_SDK),
        Language::Cpp => (format!("{name}.cpp"), CPP, C_SDK),
        Language::Zig => (format!("{name}.zig"), ZIG, C_SDK),
        Language::Python => (format!("{}.py", name.replace('-', "_")), PYTHON, WIT),
        Language::Ts => (format!("{name}.ts"), TS, JS_SDK),
        Language::Js => (format!("{name}.js"), JS, &[]),
    };
    write(&dir.join(file), text)?;
    sdk.iter().try_for_each(|(file, text)| write(&dir.join("hookline-sdk").join(file), text))?;
    if language == Language::Rust {
        write_cargo(dir, &name)?;
    }
    let built = if matches!(language, Language::Js | Language::Ts) { "js" } else { "wasm" };
    let build = if language == Language::Js { String::new() } else { format!("hookline plugin build {}\n  ", dir.display()) };
    println_out(&format!("made {0}; next:\n  {build}hookline plugin test {0}/{name}.{built} --read CAPTURE", dir.display()))
}

/// What cargo needs beside the sources.
fn write_cargo(dir: &Path, name: &str) -> anyhow::Result<()> {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\nhookline-sdk = {{ path = \"hookline-sdk\" }}\n\n[profile.release]\nopt-level = 3\nlto = true\ncodegen-units = 1\n\
         panic = \"abort\"\nstrip = \"debuginfo\"\n\n[workspace]\n"
    );
    write(&dir.join("Cargo.toml"), &manifest)?;
    write(&dir.join(".gitignore"), "/target\n")?;
    // In our repository the SDK is part of the guests' workspace; a copy is part of its plugin's.
    let sdk: String = SDK_MANIFEST.lines().filter(|l| !l.starts_with("workspace")).flat_map(|l| [l, "\n"]).collect();
    write(&dir.join("hookline-sdk/Cargo.toml"), &sdk)?;
    WIT.iter().try_for_each(|(file, text)| write(&dir.join("hookline-sdk").join(file), text))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).and_then(|()| fs::write(file, text)).with_context(|| format!("cannot write {}", file.display()))
}

fn println_out(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
