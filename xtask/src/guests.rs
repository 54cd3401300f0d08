//! Builds what runs inside the sandbox: the gallery's plugins and the JavaScript shim.

use crate::{
    sh::{Result, cargo, root, run, say, target_dir},
    toolchain::{Route, cargo_rustc, route},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Plugins in Rust: their folder, and where they land.
const PLUGINS: &[(&str, &str)] = &[
    ("plugins/http-errors", "plugins/dist"),
    ("plugins/dns-errors", "plugins/dist"),
    ("plugins/dns-storm", "plugins/dist"),
    ("plugins/latency", "plugins/dist"),
    ("plugins/port-scan", "plugins/dist"),
    ("plugins/slow-sql", "plugins/dist"),
    ("plugins/tls-hygiene", "plugins/dist"),
    ("tests/guests/hostile", "tests/guests/dist"),
    ("tests/guests/every-item", "tests/guests/dist"),
    ("tests/guests/item-reader", "tests/guests/dist"),
    ("tests/guests/stateful", "tests/guests/dist"),
    ("tests/guests/talker", "tests/guests/dist"),
    ("tests/guests/by-value", "tests/guests/dist"),
];

/// Builds every guest. Plugins land in `plugins/dist`, the shim in `js-shim/dist`.
pub(crate) fn build() -> Result {
    for (dir, dist) in PLUGINS {
        let dir = root().join(dir);
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let built = build_one(&dir, "wasm32-unknown-unknown", &name.replace('-', "_"), &[])?;
        place(&built, &root().join(dist).join(format!("{name}.wasm")))?;
        // Where `hookline plugin build` would put it, and `plugin test` looks for it.
        place(&built, &dir.join(format!("{name}.wasm")))?;
        let manifest = format!("{name}.toml");
        if dir.join(&manifest).exists() {
            place(&dir.join(&manifest), &root().join(dist).join(&manifest))?;
        }
    }
    // The Javy plugin first: both have one artifact's name, and the shim is the one that is used.
    for (features, file) in [(&["--features", "javy-plugin"][..], "javy-plugin.wasm"), (&[], "js-shim.wasm")] {
        let built = build_one(&root().join("js-shim"), "wasm32-wasip1", "js_shim", features)?;
        place(&built, &root().join("js-shim/dist").join(file))?;
    }
    Ok(())
}

/// The tools of languages that are too large for each run of the tests, by the versions that docs/languages.md speaks of.
const LARGE_TOOLS: &[&str] = &["ziglang==0.15.2", "componentize-py==0.25.1"];

/// Installs the large languages' tools into a folder of their own, and runs their tests.
pub(crate) fn other_languages() -> Result {
    let venv = target_dir().join("languages");
    let python = venv.join("bin/python3");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(LARGE_TOOLS))?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", venv.join("bin").display());
    let mut tests = cargo();
    tests.args(["test", "--package", "hookline", "--test", "it", "--", "--ignored", "large_tool"]);
    run(tests.env("PATH", path))
}

/// The plugins' own unit tests, on this machine: what is no call of the host needs no sandbox.
pub(crate) fn unit_tests() -> Result {
    let mut cmd = cargo();
    cmd.args(["test", "--quiet", "--manifest-path"]).arg(root().join("plugins/Cargo.toml"));
    // The shim is QuickJS and a contract: nothing of it runs outside of the sandbox.
    run(cmd.args(["--workspace", "--exclude", "js-shim"]).env("CARGO_TARGET_DIR", target_dir().join("guests")))
}

fn build_one(dir: &Path, target: &str, artifact: &str, features: &[&str]) -> Result<PathBuf> {
    let mut cmd = cargo_rustc(dir, target, features)?;
    let out = target_dir().join("guests");
    cmd.env("CARGO_TARGET_DIR", &out);
    if target == "wasm32-wasip1" {
        // QuickJS is C: clang compiles it, bindgen reads its headers.
        cmd.env("RQUICKJS_SYS_NO_WASI_SDK", "1")
            .env("LIBCLANG_PATH", "/usr/lib/llvm-19/lib")
            .env("CC_wasm32_wasip1", "clang-19")
            .env("AR_wasm32_wasip1", "llvm-ar-19")
            .env("BINDGEN_EXTRA_CLANG_ARGS_wasm32_wasip1", "--target=wasm32-wasi -fvisibility=default")
            .env("CFLAGS_wasm32_wasip1", "--target=wasm32-wasi -O3");
    }
    let how = if route(target) == Some(Route::Debian) { "Debian's rustc" } else { "the active toolchain" };
    say(&format!("building {} for {target} with {how}", dir.file_name().unwrap_or_default().to_string_lossy()));
    run(&mut cmd)?;
    Ok(out.join(target).join("release").join(format!("{artifact}.wasm")))
}

/// Copies `from` to `to` unless they are the same already, so that nothing that depends on it is built anew.
fn place(from: &Path, to: &Path) -> Result {
    let new = fs::read(from).map_err(|e| format!("{}: {e}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let dir = to.parent().expect("a file lies in a folder");
    fs::create_dir_all(dir).and_then(|()| fs::write(to, new)).map_err(|e| format!("{}: {e}", to.display()))
}
