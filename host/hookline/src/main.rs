//! `hookline`: the command line, and how the stages are put together.

mod cli;
mod client;
mod commands;
mod config;
mod counters;
mod delivery;
mod dissection;
mod embedded;
mod error;
mod fetcher;
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
use config::Config;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.verbose);
    match Config::load(cli.config.as_deref()).and_then(|config| dispatch(cli.command, &config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(error::report(&error)),
    }
}

fn dispatch(command: Command, config: &Config) -> anyhow::Result<()> {
    match command {
        Command::Read(args) => commands::read::run(&args, config),
        Command::Kfl(args) => commands::kfl::run(&args, config),
        Command::Script(cli::Script::Run(args)) => commands::script::run(&args, config),
        Command::Run(args) => commands::run::run(&args, config),
        Command::Demo(args) => commands::demo::run(&args, config),
        Command::Dlq(args) => commands::dlq::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Snapshot(args) => commands::snapshot::run(&args, config),
        Command::Logs(args) => commands::logs::run(&args),
        Command::Plugin(command) => plugin::run(&command, config),
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
