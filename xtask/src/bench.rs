//! `cargo xtask bench`: ratios within one run, written to `benches/runs/`.

use crate::{
    guests,
    setup::{Level, setup},
    sh::{Result, cargo, read, root, run, target_dir},
};
use std::process::Command;

/// CPU seconds of reading a capture, alone and with hooks, beside other tools.
pub(crate) fn pipeline() -> Result {
    setup(Level::Bench)?;
    guests::build()?;
    run(cargo().args(["build", "--release", "--package", "hookline"]))?;
    let date = read(Command::new("date").arg("+%Y-%m-%d"))?;
    let out = root().join("benches/runs").join(format!("{}-pipeline.txt", date.trim()));
    let mut cmd = Command::new("python3");
    cmd.arg(root().join("benches/pipeline.py")).arg("--hookline").arg(target_dir().join("release/hookline"));
    run(cmd.arg("--plugins").arg(root().join("tests/guests/dist")).arg("--out").arg(out))
}
