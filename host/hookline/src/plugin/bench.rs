//! `hookline plugin bench`: what a plugin costs, and whether it keeps within its budget.

use crate::{
    cli::{MacroArgs, PluginBench},
    commands::read::pass,
    config::Config,
    error::{self, usage},
    lane::LaneLimits,
    plugin::name_of,
    plugins::{FILE_NODE, Outlet, Setup, host},
    session::Session,
};
use hookline_capture::file::FileSource;
use hookline_hooks::{PluginStatus, read_plugin};
use serde_json::json;
use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) fn run(args: &PluginBench, config: &Config) -> anyhow::Result<()> {
    let (code, manifest) = read_plugin(&args.file).map_err(usage)?;
    let budget = Duration::from_millis(manifest.run.cpu_ms.into());
    let filters = config.settings(&MacroArgs::default())?;
    // What it says goes nowhere: the sinks' cost is not the plugin's.
    let outlet = Outlet { event: |_| true, line: |_| {} };
    let setup = Setup { env: &args.env, fuel: args.fuel, ..Setup::on_file(&filters) };
    let host = host(&setup, Arc::new(outlet))?;
    host.load(&name_of(&args.file), code, manifest)?;
    let (started, mut passes) = (Instant::now(), 0u64);
    while passes == 0 || started.elapsed() < Duration::from_secs(args.seconds.into()) {
        let mut source = FileSource::open(&args.read).map_err(error::capture)?;
        let mut session = Session::new(FILE_NODE, &source, Some(host.feeder()), LaneLimits::default());
        pass(&mut source, &mut session, &mut |_, _| {}).map_err(error::capture)?;
        passes += 1;
    }
    host.finish();
    let Some(status) = host.status().pop() else { anyhow::bail!("the plugin is gone") };
    let within = status.counts.failed == 0 && Duration::from_nanos(status.call_ns.max) <= budget;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({ "passes": passes, "budget_ns": budget.as_nanos() as u64, "pass": within, "plugin": status }))?;
    } else {
        report(&mut out, &status, passes, budget, within)?;
    }
    out.flush()?;
    match within {
        true => Ok(()),
        false => anyhow::bail!("{}", status.error.unwrap_or_else(|| "a call took longer than the manifest's run.cpu_ms".to_owned())),
    }
}

fn report(out: &mut dyn std::io::Write, status: &PluginStatus, passes: u64, budget: Duration, within: bool) -> std::io::Result<()> {
    let (counts, calls) = (&status.counts, status.call_ns);
    let shown = |nanos: u64| format!("{:.1?}", Duration::from_nanos(nanos));
    writeln!(out, "{} over {passes} passes: {} items or packets in {} calls", status.name, counts.delivered, counts.calls)?;
    match counts.cpu_ns.checked_div(counts.delivered) {
        Some(nanos) => writeln!(out, "CPU an item   {nanos} ns")?,
        None => writeln!(out, "CPU an item   none matched its filters: give another capture")?,
    }
    writeln!(
        out,
        "CPU a call    p50 {}, p90 {}, p99 {}, longest {}",
        shown(calls.p50),
        shown(calls.p90),
        shown(calls.p99),
        shown(calls.max)
    )?;
    if let Some(instructions) = counts.fuel.checked_div(counts.delivered).filter(|n| *n > 0) {
        writeln!(out, "instructions  {instructions} an item")?;
    }
    if let Some(bytes) = counts.bytes_in.checked_div(counts.delivered) {
        let fields = if status.fields.is_empty() { String::new() } else { format!(": {}", status.fields.join(", ")) };
        writeln!(out, "crossed       {bytes} bytes an item{fields}")?;
    }
    writeln!(out, "memory        {} KiB", counts.memory_bytes / 1024)?;
    writeln!(
        out,
        "said          {} events, {} log lines, {} over its rates",
        counts.events,
        counts.log_lines,
        counts.events_refused + counts.log_lines_suppressed
    )?;
    writeln!(
        out,
        "{}          {budget:.0?} of CPU a call (run.cpu_ms), {} calls failed",
        if within { "PASS" } else { "FAIL" },
        counts.traps + counts.overruns
    )
}
