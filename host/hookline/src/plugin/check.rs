//! `hookline plugin check`: would the host take this plugin, and what would it be?

use crate::{
    cli::MacroArgs,
    config::Config,
    error::usage,
    plugin::name_of,
    plugins::{Outlet, Setup, host},
};
use hookline_hooks::{LogLine, PluginStatus, read_plugin};
use std::{io::Write as _, path::Path, sync::Arc};

pub(crate) fn run(file: &Path, json: bool, config: &Config) -> anyhow::Result<()> {
    let (code, manifest) = read_plugin(file).map_err(usage)?;
    let grants = manifest.grants.clone();
    let outlet = Outlet { event: |_| true, line: |line: LogLine| eprintln!("{}: {}", line.plugin, line.text) };
    let filters = config.settings(&MacroArgs::default())?;
    let host = host(&Setup { policy: &config.policy, ..Setup::on_file(&filters) }, Arc::new(outlet))?;
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
    for (what, patterns) in [("may read      env", &grants.env), ("may ask      ", &grants.http), ("may talk of  ", &grants.messages)] {
        if !patterns.is_empty() {
            writeln!(out, "{what} {}", patterns.join(", "))?;
        }
    }
    if grants.packets {
        writeln!(out, "may have      packets, unmasked")?;
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
