//! The project's own commands. `cargo xtask help` lists them.

mod bench;
mod checks;
mod fuzz;
mod guests;
mod setup;
mod sh;
#[path = "../../host/hookline/src/plugin/toolchain.rs"]
mod toolchain;

use setup::Level;
use sh::{Result, cargo, root, run};
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask COMMAND

  setup [--bench]      install what is missing for building and testing (with --bench: what benches compare with)
  guests [--all]       build the plugins and the JavaScript shim; --all: try the languages whose tools are large (Zig, Python)
  demo [ARGS]          build everything and run `hookline demo ARGS`
  test [CRATE]         all tests, or those of one crate (hooks, kfl, …)
  lint                 formatting, clippy, the arrows between crates
  ci                   what the CI runs: lint, docs, test
  gen [--check]        write the generated pages of docs/ anew (--check: compare)
  bless [CRATE]        run tests and take their output as expected
  bench [pipeline]     CPU time of reading a capture, alone, with hooks, and beside other tools
  bench large [ARGS]   packets a second, linearity, lanes and memory on a large capture; ARGS go to benches/large.py
  bench hooks          nanoseconds an item of hooks, beside native code and a bare call
  bench capture        packets a second of each way to capture, as root, in network namespaces of its own
  bench kfl            nanoseconds of filters, beside the cel crate's interpreter
  bench instructions   count the instructions of the main cases and write them to benches/instructions.tsv
  bench --check        count them and fail where a case takes more than 3 % more than is written there
  fuzz NAME [--seconds N]   fuzz one target of fuzz/src/bin: a protocol, pcap or streams
  oracle DIR TRUTHDIR  compare `hookline read` with tshark's ground truth; writes docs/conformance.md
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => {
            eprintln!("xtask: {text}\n\n{HELP}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(text)) => {
            eprintln!("xtask: {text}");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    Usage(String),
    Failed(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

fn dispatch(words: &[&str]) -> std::result::Result<(), Failure> {
    match words {
        ["help" | "--help" | "-h"] => print_help(),
        ["setup"] => setup::setup(Level::Test)?,
        ["setup", "--bench"] => setup::setup(Level::Bench)?,
        ["guests"] => build_guests()?,
        ["guests", "--all"] => guests::other_languages()?,
        ["demo", args @ ..] => demo(args)?,
        ["test"] => checks::test(None)?,
        ["test", name] => checks::test(Some(name))?,
        ["lint"] => checks::lint()?,
        ["ci"] => checks::ci()?,
        ["gen"] => checks::generate(false)?,
        ["gen", "--check"] => checks::generate(true)?,
        ["bless"] => checks::bless(None)?,
        ["bless", name] => checks::bless(Some(name))?,
        ["bench"] | ["bench", "pipeline"] => bench::pipeline()?,
        ["bench", "large", args @ ..] => bench::large(args)?,
        ["bench", "hooks"] => bench::hooks()?,
        ["bench", "capture"] => bench::capture()?,
        ["bench", "kfl"] => bench::kfl()?,
        ["bench", "instructions"] => bench::instructions(false)?,
        ["bench", "--check"] => bench::instructions(true)?,
        ["fuzz", name] => fuzz::fuzz(name, fuzz::SECONDS)?,
        ["fuzz", name, "--seconds", seconds] => {
            let seconds = seconds.parse().map_err(|_| Failure::Usage(format!("{seconds} is no number of seconds")))?;
            fuzz::fuzz(name, seconds)?;
        }
        ["oracle", captures, truth] => oracle(captures, truth)?,
        [] => return Err(Failure::Usage("give a command".to_owned())),
        other => return Err(Failure::Usage(format!("unknown command `{}`", other.join(" ")))),
    }
    Ok(())
}

fn print_help() {
    eprint!("{HELP}");
}

fn build_guests() -> Result {
    setup::setup(Level::Build)?;
    guests::build()
}

fn demo(args: &[&str]) -> Result {
    build_guests()?;
    run(cargo().args(["run", "--package", "hookline", "--bin", "hookline", "--", "demo"]).args(args))
}

fn oracle(captures: &str, truth: &str) -> Result {
    run(cargo().args(["build", "--package", "hookline"]))?;
    let hookline = sh::target_dir().join("debug/hookline");
    let script = root().join("tests/oracle/oracle.py");
    let page = root().join("docs/conformance.md");
    run(Command::new("python3").arg(script).arg("--hookline").arg(hookline).arg("--page").arg(page).args([captures, truth]))
}
