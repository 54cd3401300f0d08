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
    let out = run_file("pipeline")?;
    let mut cmd = Command::new("python3");
    cmd.arg(root().join("benches/pipeline.py")).arg("--hookline").arg(target_dir().join("release/hookline"));
    run(cmd.arg("--plugins").arg(root().join("tests/guests/dist")).arg("--out").arg(out))
}

/// Packets a second, linearity, a second lane and memory, on a large capture; `args` go to `benches/large.py`.
pub(crate) fn large(args: &[&str]) -> Result {
    run(cargo().args(["build", "--release", "--package", "hookline", "--package", "hookline-benches"]))?;
    let release = target_dir().join("release");
    let mut cmd = Command::new("python3");
    cmd.arg(root().join("benches/large.py")).arg("--hookline").arg(release.join("hookline"));
    cmd.arg("--amplify").arg(release.join("amplify")).arg("--captures").arg(root().join("tests/pcaps"));
    run(cmd.arg("--out").arg(run_file("large")?).args(args))
}

/// What hooks cost an item.
pub(crate) fn hooks() -> Result {
    setup(Level::Bench)?;
    guests::build()?;
    recorded("hooks")
}

/// Packets a second of each way to capture. Needs root.
pub(crate) fn capture() -> Result {
    recorded("capture")
}

/// What filters cost an item.
pub(crate) fn kfl() -> Result {
    recorded("kfl")
}

/// Runs a bench in Rust; what it prints is kept as today's run.
fn recorded(bench: &str) -> Result {
    let table = read(cargo().args(["run", "--release", "--quiet", "--package", "hookline-benches", "--bin", bench]))?;
    eprint!("{table}");
    let head = read(
        Command::new("python3")
            .arg("-c")
            .arg("import sys; from pipeline import head; print(head(sys.argv[1]))")
            .arg(bench)
            .env("PYTHONPATH", root().join("benches")),
    )?;
    let file = run_file(bench)?;
    std::fs::write(&file, head + &table).map_err(|e| format!("{}: {e}", file.display()))
}

/// Where today's run of a bench is kept.
fn run_file(bench: &str) -> Result<std::path::PathBuf> {
    let date = read(Command::new("date").arg("+%Y-%m-%d"))?;
    Ok(root().join("benches/runs").join(format!("{}-{bench}.txt", date.trim())))
}

/// How much more instructions than the baseline's a case may take.
const GROWTH_MAX: f64 = 0.03;

/// Counts the instructions of each case of `benches/src/bin/gates.rs` and writes them as the baseline, or compares them with it.
pub(crate) fn instructions(check: bool) -> Result {
    setup(Level::Bench)?;
    run(cargo().args(["build", "--release", "--package", "hookline-benches"]))?;
    let gates = target_dir().join("release/gates");
    let file = root().join("benches/instructions.tsv");
    let baseline = std::fs::read_to_string(&file).unwrap_or_default();
    let before = |case: &str| baseline.lines().filter_map(|l| l.split_once('\t')).find(|(name, _)| *name == case)?.1.parse::<u64>().ok();
    let (mut table, mut grown) = (String::new(), Vec::new());
    eprintln!("{:<16} {:>14} {:>14} {:>8}", "", "baseline", "now", "");
    for case in read(Command::new(&gates).arg("--list"))?.lines() {
        let now = count(&gates, case)?;
        let change = before(case).map(|before| now as f64 / before as f64 - 1.0);
        let [was, by] =
            [before(case).map(|n| n.to_string()), change.map(|c| format!("{:+.1} %", c * 100.0))].map(Option::unwrap_or_default);
        eprintln!("{case:<16} {was:>14} {now:>14} {by:>8}");
        table += &format!("{case}\t{now}\n");
        if change.is_none_or(|c| c > GROWTH_MAX) {
            grown.push(case.to_owned());
        }
    }
    if !check {
        return std::fs::write(&file, table).map_err(|e| format!("{}: {e}", file.display()));
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} take over {} % more instructions than benches/instructions.tsv says: find out why, or write it anew with `cargo xtask bench instructions`",
        grown.join(", "),
        GROWTH_MAX * 100.0
    ))
}

/// The instructions that a case takes inside `measured`, by callgrind.
fn count(gates: &std::path::Path, case: &str) -> Result<u64> {
    let mut cmd = Command::new("valgrind");
    cmd.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", "--toggle-collect=*measured*"]);
    let out = cmd.arg(gates).arg(case).output().map_err(|e| format!("cannot start valgrind: {e}"))?;
    let log = String::from_utf8_lossy(&out.stderr);
    let counted = log.lines().find_map(|l| l.split_once("Collected :")?.1.trim().parse().ok());
    counted.filter(|n| *n > 0).ok_or_else(|| format!("callgrind counted nothing in `{} {case}`:\n{log}", gates.display()))
}
