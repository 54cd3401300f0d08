//! `hookline plugin build`: a folder with a plugin in Rust, C or C++ to a component.

use crate::{
    error::{Hint, usage},
    plugin::toolchain,
};
use anyhow::Context as _;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The default target: it needs nothing of WASI, and the standard library alone.
const TARGET: &str = "wasm32-unknown-unknown";

pub(crate) fn run(dir: &Path) -> anyhow::Result<()> {
    let (name, component) = match fs::read_to_string(dir.join("Cargo.toml")) {
        Ok(manifest) => rust(dir, &manifest)?,
        Err(_) if !sources(dir, "cpp").is_empty() => clang(dir, CPP)?,
        Err(_) if !sources(dir, "c").is_empty() => clang(dir, C)?,
        Err(_) if !sources(dir, "js").is_empty() => {
            return Err(usage(format!("{}: a script needs no building; try `hookline plugin test`", dir.display())));
        }
        Err(e) => {
            let what = "give the folder of a plugin in Rust, C or C++ (see `hookline plugin new`)";
            return Err(usage(format!("{}: {e}, and there are no .c or .cpp files; {what}", dir.join("Cargo.toml").display())));
        }
    };
    let file = dir.join(format!("{name}.wasm"));
    fs::write(&file, &component).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(std::io::stdout(), "wrote {} ({} bytes)", file.display(), component.len())?;
    Ok(())
}

/// A plugin's name, and its component.
type Built = (String, Vec<u8>);

fn rust(dir: &Path, manifest: &str) -> anyhow::Result<Built> {
    let manifest: toml::Table = manifest.parse().map_err(|e| usage(format!("{}: {e}", dir.join("Cargo.toml").display())))?;
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
    Ok((name, hookline_hooks::encode_component(&bytes).map_err(anyhow::Error::msg)?))
}

/// A language that clang compiles.
#[derive(Clone, Copy)]
struct Clang {
    /// How its files end, besides those in C.
    ending: &'static str,
    options: &'static [&'static str],
    /// Debian's packages.
    packages: &'static str,
}

const C: Clang = Clang { ending: "c", options: &[], packages: "clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32" };
const CPP: Clang = Clang {
    ending: "cpp",
    // Debian's libc++ for WebAssembly throws nothing.
    options: &["-fno-exceptions", "-lc++", "-lc++abi"],
    packages: "clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32",
};

/// Every source file of the folder, and those in C of the SDK's copy in it, by clang and WASI's C library.
fn clang(dir: &Path, language: Clang) -> anyhow::Result<Built> {
    let dir = dir.canonicalize()?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let sdk = dir.join("hookline-sdk");
    let out = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    let hint = || Hint(format!("install clang 19 with what it needs for WebAssembly: apt-get install {}", language.packages));
    let mut files = sources(&dir, "c");
    if language.ending != "c" {
        files.extend(sources(&dir, language.ending));
    }
    files.extend(sources(&sdk, "c"));
    let status = Command::new("clang-19")
        .args(["--target=wasm32-wasi", "-O2", "-mexec-model=reactor", "-Wall", "-Wl,--strip-all", "-I"])
        .arg(&sdk)
        .args(files)
        .args(language.options)
        .arg("-o")
        .arg(out.path())
        .status()
        .context("cannot start clang-19")
        .map_err(|e| e.context(hint()))?;
    if !status.success() {
        let failed = anyhow::Error::msg(format!("clang-19 ended with {status}"));
        let has_library = language.ending == "c" || Path::new(toolchain::WASI_LIBC).join("libc++.a").exists();
        return Err(if has_library { failed } else { failed.context(hint()) });
    }
    let module = fs::read(out.path()).context("clang-19 made no module")?;
    Ok((name, hookline_hooks::encode_c_module(&module).map_err(anyhow::Error::msg)?))
}

/// The files of a folder with this ending, by name.
fn sources(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|f| f.path());
    let mut files: Vec<PathBuf> = files.filter(|f| f.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    files
}
