//! `hookline plugin check`: would the host take this plugin, and what would it be?

use crate::{
    cli::MacroArgs,
    config::Config,
    error::usage,
    plugin::name_of,
    plugins::{FILE_NODE, Outlet, Setup, host},
};
use hookline_hooks::{LogLine, PluginStatus, read_plugin};
use hookline_item::Timestamp;
use std::{io::Write as _, path::Path, sync::Arc};

pub(crate) fn run(file: &Path, json: bool, config: &Config) -> anyhow::Result<()> {
    let (code, manifest) = read_plugin(file).map_err(usage)?;
    let grants = manifest.grants.clone();
    let outlet = Outlet { event: |_| true, line: |line: LogLine| eprintln!("{}: {}", line.plugin, line.text) };
    let host = host(
        &Setup {
            env: &[],
            node: FILE_NODE,
            replay: true,
            now: Timestamp(0),
            filters: &config.settings(&MacroArgs::default())?,
            policy: &config.policy,
            data: None,
            fetch: None,
            packets: None,
            fuel: false,
        },
        Arc::new(outlet),
    )?;
    host.load(&name_of(file), code, manifest)?;
    let Some(status) = host.status().pop() else { anyhow::bail!("the plugin is gone") };
    host.finish();
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string(&status)?)?);
    }
    describe(&mut out, &status)?;
    for (action, destinations) in &grants.actions {
        writeln!(out, "may ask for   {action} to {}", destinations.join(", "))?;
    }
    if !grants.env.is_empty() {
        writeln!(out, "may read      env {}", grants.env.join(", "))?;
    }
    Ok(())
}

fn describe(out: &mut dyn std::io::Write, status: &PluginStatus) -> std::io::Result<()> {
    writeln!(out, "plugin        {} {} ({})", status.name, status.version, status.kind)?;
    if !status.description.is_empty() {
        writeln!(out, "description   {}", status.description)?;
    }
    writeln!(out, "sha256        {}", status.digest)?;
    writeln!(out, "hooks         {}", status.hooks.join(", "))?;
    for filter in &status.filters {
        writeln!(out, "items         {}", if filter.is_empty() { "all" } else { filter })?;
    }
    writeln!(out, "memory        {} KiB after its start", status.counts.memory_bytes / 1024)
}
