//! `cargo xtask fuzz`: coverage-guided fuzzing with libFuzzer on the stable toolchain.
//!
//! The sanitizer's instrumentation is asked of rustc by its own flags, as cargo-fuzz does on a nightly one.

use crate::sh::{Result, root, run};
use std::{fs, process::Command};

/// How long a target is fuzzed unless told otherwise.
pub(crate) const SECONDS: u32 = 300;

const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Zsanitizer=address -Cdebug-assertions";
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Fuzzes the target `name` for so many seconds; new inputs go into `fuzz/corpus/NAME`, crashes into `fuzz/artifacts/NAME`.
pub(crate) fn fuzz(name: &str, seconds: u32) -> Result {
    let dir = root().join("fuzz");
    if !dir.join("src/bin").join(format!("{name}.rs")).exists() {
        return Err(format!("there is no fuzz target {name}: see fuzz/src/bin"));
    }
    let (corpus, artifacts) = (dir.join("corpus").join(name), dir.join("artifacts").join(name));
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut cmd = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cmd.current_dir(&dir).args(["run", "--release", "--target", TARGET, "--bin", name, "--"]);
    cmd.arg(&corpus).arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", artifacts.display()));
    run(cmd.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS).env_remove("CARGO_TARGET_DIR"))
}
