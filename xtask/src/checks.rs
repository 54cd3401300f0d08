//! Lint, tests and generated pages: what the CI runs is these, and nothing more.

use crate::{
    guests,
    setup::{Level, setup},
    sh::{Result, cargo, root, run, say},
};
use std::process::Command;

/// The plugins' and shim's crates are linted with the flags of their own workspace.
const GUESTS: &str = "plugins";

/// All tests of the workspace, or of one crate by its folder's name (`hooks`). Documentation's examples come first, so that the output
/// ends with the tests' own summary.
pub(crate) fn test(name: Option<&str>) -> Result {
    prepare()?;
    if name.is_none() {
        guests::unit_tests()?;
    }
    run(cargo_test(name).arg("--doc"))?;
    run(cargo_test(name).args(["--lib", "--bins", "--tests"]))
}

/// Tests that take their output as what is expected from now on.
pub(crate) fn bless(name: Option<&str>) -> Result {
    prepare()?;
    run(cargo_test(name).args(["--lib", "--bins", "--tests"]).env("BLESS", "1"))
}

fn prepare() -> Result {
    setup(Level::Test)?;
    node_packages()?;
    guests::build()
}

fn cargo_test(name: Option<&str>) -> Command {
    let mut cmd = cargo();
    cmd.arg("test");
    match name {
        Some(name) => cmd.args(["--package", &package(name)]),
        // Our own commands have no tests.
        None => cmd.args(["--workspace", "--exclude", "xtask"]),
    };
    cmd
}

/// The package in `host/NAME`; a full package name is taken as it is.
fn package(name: &str) -> String {
    let in_host = root().join("host").join(name).exists() && name != "hookline";
    if in_host { format!("hookline-{name}") } else { name.to_owned() }
}

/// The browser tests' driver, and what bundles TypeScript, from the npm registry by their lock file.
fn node_packages() -> Result {
    let dir = root().join("tests/browser");
    if ["playwright-core", "esbuild"].iter().all(|package| dir.join("node_modules").join(package).exists()) {
        return Ok(());
    }
    say("installing the browser tests' driver and esbuild");
    run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(dir))
}

/// Formatting and clippy, of the host and of the guests. The arrows between crates are a test (`layers`).
pub(crate) fn lint() -> Result {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["fmt", "--all", "--check"]).current_dir(root().join(GUESTS)))?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

/// Everything, tests last: their summary is the end of the output.
pub(crate) fn ci() -> Result {
    prepare()?;
    lint()?;
    run(cargo().args(["doc", "--workspace", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "--deny warnings"))?;
    test(None)
}

/// Writes the generated pages of `docs/`, or compares them.
pub(crate) fn generate(check: bool) -> Result {
    for package in ["hookline", "hookline-hooks"] {
        let mut cmd = cargo();
        cmd.args(["test", "--package", package, "--tests", "--", "generated"]);
        if !check {
            cmd.env("BLESS", "1");
        }
        run(&mut cmd)?;
    }
    Ok(())
}
