//! `hookline plugin test`: a plugin on a capture; what it says is printed, or compared with what is expected.

use crate::{
    cli::MacroArgs,
    commands::read::pass,
    config::Config,
    error::{self, usage},
    plugin::name_of,
    plugins::{FILE_NODE, Outlet, Setup, host},
    session::Session,
};
use anyhow::Context as _;
use hookline_bus::Event;
use hookline_capture::file::FileSource;
use hookline_hooks::{LogLine, PluginStatus, Reproduced, read_plugin};
use hookline_item::Timestamp;
use serde_json::Value;
use std::{
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) fn run(file: &Path, read: &Path, expect: Option<&Path>, env: &[String], config: &Config) -> anyhow::Result<()> {
    let expected = expect.map(read_expected).transpose()?;
    let (code, manifest) = read_plugin(file).map_err(usage)?;
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&events);
    let outlet = Outlet {
        event: move |event: Event| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(event.to_cloud_event());
            true
        },
        line: |line: LogLine| eprintln!("{}: {}", line.plugin, line.text),
    };
    let host = host(
        &Setup { env, node: FILE_NODE, replay: true, now: Timestamp(0), filters: &config.settings(&MacroArgs::default())?, data: None },
        Arc::new(outlet),
    )?;
    host.load(&name_of(file), code, manifest)?;
    let mut source = FileSource::open(read).map_err(error::capture)?;
    let mut session = Session::new(FILE_NODE, &source, Some(host.feeder()), Arc::default());
    let result = pass(&mut source, &mut session, &mut |_, _| {});
    host.finish();
    result.map_err(error::capture)?;
    let Some(status) = host.status().pop() else { anyhow::bail!("the plugin is gone") };
    let events: Vec<Value> = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
    let mut out = std::io::stdout().lock();
    if expected.is_none() {
        for event in &events {
            writeln!(out, "{event}")?;
        }
    }
    out.flush()?;
    tell(&status);
    if status.counts.failed > 0 || status.counts.job_failures > 0 {
        anyhow::bail!("the plugin failed: {}", status.error.unwrap_or_default());
    }
    expected.map_or(Ok(()), |expected| compare(&expected, &events))
}

/// Calls the plugin with what a call was given that failed.
pub(crate) fn reproduce(file: &Path, fault: &Path, env: &[String], config: &Config) -> anyhow::Result<()> {
    let (code, manifest) = read_plugin(file).map_err(usage)?;
    let text = std::fs::read_to_string(fault).map_err(|e| usage(format!("{}: {e}", fault.display())))?;
    let outlet = Outlet {
        event: |event: Event| {
            eprintln!("emitted: {}", event.to_cloud_event());
            true
        },
        line: |line: LogLine| eprintln!("{}: {}", line.plugin, line.text),
    };
    let filters = config.settings(&MacroArgs::default())?;
    let host = host(&Setup { env, node: FILE_NODE, replay: true, now: Timestamp(0), filters: &filters, data: None }, Arc::new(outlet))?;
    match host.reproduce(&name_of(file), code, manifest, &text)? {
        Reproduced::Failed(reason) => anyhow::bail!("it failed again: {reason}"),
        Reproduced::Returned => Ok(eprintln!("it returned: the fault is mended, or it needs what the plugin had seen before")),
    }
}

fn tell(status: &PluginStatus) {
    let counts = &status.counts;
    let per_item = counts.cpu_ns / counts.delivered.max(1);
    eprintln!(
        "{}: {} matched, {} delivered in {} calls, {} events, {} refused, {} log lines, {per_item} ns of CPU an item",
        status.name, counts.matched, counts.delivered, counts.calls, counts.events, counts.events_refused, counts.log_lines
    );
}

fn read_expected(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty());
    lines.map(|(n, l)| serde_json::from_str(l).map_err(|e| usage(format!("{}:{n}: {e}", file.display())))).collect()
}

/// Each expected event must be part of the event in its place, and there must be no more.
fn compare(expected: &[Value], events: &[Value]) -> anyhow::Result<()> {
    for (n, (want, is)) in (1..).zip(expected.iter().zip(events)) {
        if !is_part(want, is) {
            anyhow::bail!("event {n} differs\n  expected {want}\n  was      {is}");
        }
    }
    if expected.len() != events.len() {
        anyhow::bail!("{} events were expected, {} came", expected.len(), events.len());
    }
    eprintln!("ok: {} events as expected", events.len());
    Ok(())
}

fn is_part(want: &Value, is: &Value) -> bool {
    match (want, is) {
        (Value::Object(want), Value::Object(is)) => want.iter().all(|(k, v)| is.get(k).is_some_and(|i| is_part(v, i))),
        _ => want == is,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_expected_may_leave_fields_out() {
        let is = [json!({"a": {"b": 1, "c": [1, 2]}, "d": "x"})];
        assert!(compare(&[json!({"a": {"c": [1, 2]}})], &is).is_ok());
        assert!(compare(&[json!({"a": {"c": [1]}})], &is).is_err());
        assert!(compare(&[json!({"e": 1})], &is).is_err());
        assert!(compare(&[], &is).is_err());
    }
}
