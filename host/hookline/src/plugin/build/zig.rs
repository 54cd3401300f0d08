//! Zig: the folder's source file with the SDK in C beside it, by zig's own C compiler and library.

use super::{Built, compile, component_of, name_of, sources};
use crate::error::usage;
use anyhow::Context as _;
use std::{path::Path, process::Command};

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let (name, sdk) = (name_of(dir), dir.join("hookline-sdk"));
    let root = dir.join(format!("{name}.zig"));
    if !root.exists() {
        return Err(usage(format!("{}: the plugin's file has its folder's name; others are imported from it", root.display())));
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let out = folder.path().join("module.wasm");
    let mut zig = zig();
    zig.args(["build-exe", "-target", "wasm32-wasi", "-mexec-model=reactor", "-rdynamic", "-O", "ReleaseSmall", "-lc", "-I"]).arg(&sdk);
    zig.arg(root).args(sources(&sdk, "c")).arg(format!("-femit-bin={}", out.display()));
    compile(&mut zig, "install zig 0.15: `pip install ziglang==0.15.2`, or put `zig` into the PATH")?;
    component_of(&name, &out)
}

/// `zig` where there is one, else that of Python's package.
fn zig() -> Command {
    let is_there = Command::new("zig").arg("version").output().is_ok_and(|out| out.status.success());
    if is_there {
        return Command::new("zig");
    }
    let mut python = Command::new("python3");
    python.args(["-m", "ziglang"]);
    python
}
