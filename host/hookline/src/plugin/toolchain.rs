//! How Rust is compiled to WebAssembly on this machine. Std alone: `xtask` uses this file too.
//!
//! Where the active Rust toolchain has the target's standard library, plain cargo does it. Else Debian's own compiler (package
//! `rustc-web`) builds the standard library from its sources (`rust-web-src`), and the active toolchain gives the linker.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Debian's own rustc, which comes with the sources of its standard library.
pub(crate) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// Debian's wasi-libc.
pub(crate) const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/std";

/// How a target can be compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The active toolchain has its standard library.
    Active,
    /// Debian's compiler and sources.
    Debian,
}

/// The route for `target`, if there is one.
pub(crate) fn route(target: &str) -> Option<Route> {
    if has_std(target) {
        return Some(Route::Active);
    }
    (Path::new(DEBIAN_STD).exists() && Path::new(DEBIAN_RUSTC).exists()).then_some(Route::Debian)
}

/// `cargo rustc` for the crate in `dir` with these arguments, set up to compile it for `target`.
///
/// # Errors
/// What to do where no compiler for the target is to be had.
pub(crate) fn cargo_rustc(dir: &Path, target: &str, args: &[&str]) -> Result<Command, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cmd = Command::new(cargo);
    cmd.current_dir(dir).args(["rustc", "--release", "--target", target]).args(args);
    // The host's target folder and flags are no business of a guest's.
    cmd.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    match route(target) {
        Some(Route::Active) => {}
        Some(Route::Debian) => {
            let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
            cmd.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").env(linker, toolchain_bin()?.join("rust-lld"));
            cmd.arg("-Zbuild-std=std,panic_abort");
            if target == "wasm32-wasip1" {
                cmd.args(["--", "-L", &format!("native={WASI_LIBC}")]);
            }
        }
        None => {
            return Err(format!(
                "no Rust compiler for {target} here: run `rustup target add {target}`, or on Debian `apt-get install rustc-web rust-web-src`"
            ));
        }
    }
    Ok(cmd)
}

/// Whether the active Rust toolchain has the standard library of `target`.
fn has_std(target: &str) -> bool {
    let Ok(out) = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output() else { return false };
    let dir = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let Ok(files) = fs::read_dir(dir) else { return false };
    files.flatten().any(|f| f.file_name().to_string_lossy().starts_with("libstd-"))
}

/// The folder of the linkers that ship with the active toolchain (`rust-lld` and its kin).
fn toolchain_bin() -> Result<PathBuf, String> {
    let ask = |args: &[&str]| {
        let out = Command::new("rustc").args(args).output().map_err(|e| format!("cannot start rustc: {e}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let sysroot = ask(&["--print", "sysroot"])?;
    let version = ask(&["-vV"])?;
    let host = version.lines().find_map(|l| l.strip_prefix("host: ")).ok_or("`rustc -vV` names no host")?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin"))
}
