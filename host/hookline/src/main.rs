//! `hookline`: the command line, and how the stages are put together.

mod cli;
mod commands;
mod counters;
mod delivery;
mod dissection;
mod embedded;
mod error;
mod fields;
mod lane;
mod output;
mod plugin;
mod plugins;
mod service;
mod session;
mod sorter;

use clap::Parser as _;
use cli::{Cli, Command};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.verbose);
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(error::report(&error)),
    }
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Read(args) => commands::read::run(&args),
        Command::Kfl(args) => commands::kfl::run(&args),
        Command::Script(cli::Script::Run(args)) => commands::script::run(&args),
        Command::Run(args) => commands::run::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Plugin(command) => plugin::run(&command),
    }
}

/// Logs go to standard error: warnings, more with -v, anything with HOOKLINE_LOG.
fn start_logging(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("HOOKLINE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
