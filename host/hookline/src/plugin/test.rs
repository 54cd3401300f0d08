//! `hookline plugin test`: a plugin on a capture or on items; what it says is printed, or compared with what is expected.

use crate::{
    cli::{MacroArgs, PluginTest},
    commands::read::pass,
    config::Config,
    error::{self, usage},
    lane::LaneLimits,
    plugin::{cases, cases::Case, name_of},
    plugins::{FILE_NODE, Outlet, Setup, host},
    session::Session,
};
use anyhow::Context as _;
use hookline_bus::Event;
use hookline_capture::file::FileSource;
use hookline_hooks::{HookHost, LogLine, PluginStatus, Reproduced, read_plugin};
use hookline_item::Timestamp;
use serde_json::{Map, Value};
use std::{
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) fn run(args: &PluginTest, config: &Config) -> anyhow::Result<()> {
    if args.plugin.is_dir() {
        return all(args, config);
    }
    if let Some(fault) = &args.repro {
        return reproduce(&args.plugin, fault, &args.env, config);
    }
    let case = Case { read: args.read.clone(), items: args.items.clone(), expect: args.expect.clone(), env: args.env.clone() };
    let (events, status) = said(&args.plugin, &case, config, true)?;
    let Some(expect) = &case.expect else {
        let mut out = std::io::stdout().lock();
        events.iter().try_for_each(|event| writeln!(out, "{event}"))?;
        tell(&status);
        return failures(&status);
    };
    tell(&status);
    failures(&status)?;
    if args.bless {
        return bless(expect, &events);
    }
    compare(&read_expected(expect)?, &events)?;
    eprintln!("ok: {} events as expected", events.len());
    Ok(())
}

/// Every case of a plugin's folder.
fn all(args: &PluginTest, config: &Config) -> anyhow::Result<()> {
    if args.read.is_some() || args.items.is_some() || args.expect.is_some() || args.repro.is_some() {
        return Err(usage(
            "a folder's tests say themselves what they read and expect: leave the other arguments out, or name the plugin's file",
        ));
    }
    let (plugin, cases) = cases::of_folder(&args.plugin)?;
    let mut failed = 0;
    for (name, mut case) in cases {
        case.env.extend(args.env.iter().cloned());
        match one(&plugin, &case, args.bless, config) {
            Ok(events) => eprintln!("ok      {name}   {events} events"),
            Err(error) => {
                failed += 1;
                eprintln!("FAILED  {name}\n        {}", format!("{error:#}").replace('\n', "\n        "));
            }
        }
    }
    if failed > 0 {
        anyhow::bail!("{failed} tests of {} failed", plugin.display());
    }
    Ok(())
}

fn one(plugin: &Path, case: &Case, blesses: bool, config: &Config) -> anyhow::Result<usize> {
    let (events, status) = said(plugin, case, config, false)?;
    failures(&status)?;
    let expect = case.expect.as_deref().context("it says not what it expects")?;
    if blesses {
        bless(expect, &events)?;
    }
    compare(&read_expected(expect)?, &events)?;
    Ok(events.len())
}

/// Runs a plugin through a case: its events, and what was counted.
fn said(plugin: &Path, case: &Case, config: &Config, shows_log: bool) -> anyhow::Result<(Vec<Value>, PluginStatus)> {
    let (code, manifest) = read_plugin(plugin).map_err(usage)?;
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&events);
    let outlet = Outlet {
        event: move |event: Event| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(event.to_cloud_event());
            true
        },
        line: move |line: LogLine| {
            if shows_log {
                eprintln!("{}: {}", line.plugin, line.text);
            }
        },
    };
    let host = test_host(&case.env, config, outlet)?;
    host.load(&name_of(plugin), code, manifest)?;
    feed(&host, case)?;
    host.finish();
    let Some(status) = host.status().pop() else { anyhow::bail!("the plugin is gone") };
    let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((events, status))
}

fn test_host<E, L>(env: &[String], config: &Config, outlet: Outlet<E, L>) -> anyhow::Result<HookHost>
where
    E: Fn(Event) -> bool + Send + Sync + 'static,
    L: Fn(LogLine) + Send + Sync + 'static,
{
    let filters = config.settings(&MacroArgs::default())?;
    host(&Setup { env, ..Setup::on_file(&filters) }, Arc::new(outlet))
}

fn feed(host: &HookHost, case: &Case) -> anyhow::Result<()> {
    if let Some(file) = &case.read {
        let mut source = FileSource::open(file).map_err(error::capture)?;
        let mut session = Session::new(FILE_NODE, &source, Some(host.feeder()), LaneLimits::default());
        return pass(&mut source, &mut session, &mut |_, _| {}).map_err(error::capture);
    }
    let file = case.items.as_deref().ok_or_else(|| usage("give a capture with --read, or items with --items"))?;
    let text = std::fs::read_to_string(file).map_err(|e| usage(format!("{}: {e}", file.display())))?;
    let mut feeder = host.feeder();
    let mut now = Timestamp(0);
    for item in serde_json::Deserializer::from_str(&text).into_iter::<Map<String, Value>>() {
        let item = item.map_err(|e| usage(format!("{}:{}:{}: this is not an item: {e}", file.display(), e.line(), e.column())))?;
        let millis = item.get("timestamp").and_then(Value::as_u64).unwrap_or(0);
        now = now.max(Timestamp(millis.saturating_mul(1_000_000)));
        feeder.advance(now);
        feeder.item(&Arc::new(item), now);
    }
    feeder.flush(now);
    Ok(())
}

/// Calls the plugin with what a call was given that failed.
fn reproduce(file: &Path, fault: &Path, env: &[String], config: &Config) -> anyhow::Result<()> {
    let (code, manifest) = read_plugin(file).map_err(usage)?;
    let text = std::fs::read_to_string(fault).map_err(|e| usage(format!("{}: {e}", fault.display())))?;
    let outlet = Outlet {
        event: |event: Event| {
            eprintln!("emitted: {}", event.to_cloud_event());
            true
        },
        line: |line: LogLine| eprintln!("{}: {}", line.plugin, line.text),
    };
    match test_host(env, config, outlet)?.reproduce(&name_of(file), code, manifest, &text)? {
        Reproduced::Failed(reason) => anyhow::bail!("it failed again: {reason}"),
        Reproduced::Returned => eprintln!("it returned: the fault is mended, or it needs what the plugin had seen before"),
    }
    Ok(())
}

fn tell(status: &PluginStatus) {
    let counts = &status.counts;
    let per_item = counts.cpu_ns / counts.delivered.max(1);
    eprintln!(
        "{}: {} matched, {} delivered in {} calls, {} events, {} refused, {} log lines, {per_item} ns of CPU an item",
        status.name, counts.matched, counts.delivered, counts.calls, counts.events, counts.events_refused, counts.log_lines
    );
}

/// A plugin that failed on something has not passed, whatever it said.
fn failures(status: &PluginStatus) -> anyhow::Result<()> {
    if status.counts.failed > 0 || status.counts.job_failures > 0 {
        anyhow::bail!("the plugin failed: {}", status.error.clone().unwrap_or_default());
    }
    Ok(())
}

fn read_expected(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty());
    lines.map(|(n, l)| serde_json::from_str(l).map_err(|e| usage(format!("{}:{n}: {e}", file.display())))).collect()
}

/// Writes what the plugin said as what is expected of it: what each event is, and what it says.
fn bless(file: &Path, events: &[Value]) -> anyhow::Result<()> {
    let line =
        |event: &Value| serde_json::json!({ "type": event["type"], "time": event["time"], "data": event["data"] }).to_string() + "\n";
    std::fs::write(file, events.iter().map(line).collect::<String>()).with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("wrote {} ({} events)", file.display(), events.len());
    Ok(())
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
