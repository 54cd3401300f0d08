//! The project's own commands. `cargo xtask help` lists them.

mod guests;
mod setup;
mod sh;
#[path = "../../host/hookline/src/plugin/toolchain.rs"]
mod toolchain;

use setup::Level;
use sh::Result;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  setup [--bench]   install what is missing for building and testing (idempotent)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("xtask: {text}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result {
    match words {
        ["setup"] => setup::setup(Level::Test),
        ["setup", "--bench"] => setup::setup(Level::Bench),
        ["guests"] => setup::setup(Level::Build).and_then(|()| guests::build()),
        _ => Err(format!("unknown command\n{HELP}")),
    }
}
