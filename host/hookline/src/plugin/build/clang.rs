//! C and C++: every source file of the folder, and those in C of the SDK's copy in it, by clang and WASI's C library.

use super::{Built, compile, component_of, name_of, sources};
use crate::{error::Hint, plugin::toolchain};
use anyhow::Context as _;
use std::{path::Path, process::Command};

const C_PACKAGES: &str = "clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32";
const CPP_PACKAGES: &str = "clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32";

pub(super) fn c(dir: &Path) -> anyhow::Result<Built> {
    build(dir, &["c"], &[], C_PACKAGES)
}

pub(super) fn cpp(dir: &Path) -> anyhow::Result<Built> {
    let built = build(dir, &["c", "cpp"], &["-fno-exceptions", "-lc++", "-lc++abi"], CPP_PACKAGES);
    // Without the library clang says what it does not find, which is not how to get it.
    let has_library = Path::new(toolchain::WASI_LIBC).join("libc++.a").exists();
    built.map_err(|e| if has_library { e } else { e.context(hint(CPP_PACKAGES)) })
}

/// Debian's libc++ for WebAssembly throws nothing.
fn build(dir: &Path, endings: &[&str], options: &[&str], packages: &str) -> anyhow::Result<Built> {
    let (name, sdk) = (name_of(dir), dir.join("hookline-sdk"));
    let out = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    let mut clang = Command::new("clang-19");
    clang.args(["--target=wasm32-wasi", "-O2", "-mexec-model=reactor", "-Wall", "-Wl,--strip-all", "-I"]).arg(&sdk);
    clang.args(endings.iter().flat_map(|ending| sources(dir, ending))).args(sources(&sdk, "c"));
    compile(clang.args(options).arg("-o").arg(out.path()), &hint(packages).0)?;
    component_of(&name, out.path())
}

fn hint(packages: &str) -> Hint {
    Hint(format!("install clang 19 with what it needs for WebAssembly: apt-get install {packages}"))
}
