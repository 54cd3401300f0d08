//! `GET /metrics`: every stage's counters, for Prometheus.

use crate::WebDeps;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use hookline_hooks::PluginStatus;
use std::fmt::Write as _;

pub(crate) async fn metrics(State(deps): State<WebDeps>) -> Response {
    let mut out = (deps.metrics)();
    store(&mut out, &deps);
    hooks(&mut out, &deps.host.status());
    out.push_str(&deps.host.metrics());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}

fn store(out: &mut String, deps: &WebDeps) {
    let s = deps.store.stats();
    for (name, kind, help, value) in [
        ("items", "gauge", "Items in the index", s.items),
        ("bytes", "gauge", "Bytes of items in the index", s.bytes),
        ("written_items_total", "counter", "Items written to the index", s.written),
        ("dropped_items_total", "counter", "Items not indexed because the queue was full", s.dropped_queue_full),
        ("evicted_items_total", "counter", "Items that went to make room", s.evicted),
        ("failed_items_total", "counter", "Items lost because the database could not be written", s.failed),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP hookline_store_{name} {help}\n# TYPE hookline_store_{name} {kind}\nhookline_store_{name} {value}");
    }
}

/// CPU time of each plugin's calls.
fn call_times(out: &mut String, plugins: &[PluginStatus]) {
    let _ = writeln!(out, "# HELP hookline_hooks_call_seconds CPU time of a call\n# TYPE hookline_hooks_call_seconds summary");
    for plugin in plugins {
        let (name, q) = (label(&plugin.name), plugin.call_ns);
        for (quantile, nanos) in [("0.5", q.p50), ("0.9", q.p90), ("0.99", q.p99), ("1", q.max)] {
            let seconds = nanos as f64 / 1e9;
            let _ = writeln!(out, "hookline_hooks_call_seconds{{plugin=\"{name}\",quantile=\"{quantile}\"}} {seconds}");
        }
        let (sum, count) = (plugin.counts.cpu_ns as f64 / 1e9, plugin.counts.calls);
        let _ = writeln!(
            out,
            "hookline_hooks_call_seconds_sum{{plugin=\"{name}\"}} {sum}\nhookline_hooks_call_seconds_count{{plugin=\"{name}\"}} {count}"
        );
    }
}

/// What each hook of a plugin was called for, and took.
fn by_hook(out: &mut String, plugins: &[PluginStatus]) {
    type Pick = fn(&hookline_hooks::HookCalls) -> f64;
    let rows: [(&str, &str, Pick); 2] = [
        ("calls_total", "Calls of a hook", |calls| calls.calls as f64),
        ("cpu_seconds_total", "CPU time in a hook", |calls| calls.cpu_ns as f64 / 1e9),
    ];
    for (name, help, pick) in rows {
        let _ = writeln!(out, "# HELP hookline_hook_{name} {help}\n# TYPE hookline_hook_{name} counter");
        for (plugin, calls) in plugins.iter().flat_map(|plugin| plugin.by_hook.iter().map(move |calls| (plugin, calls))) {
            let (plugin, hook) = (label(&plugin.name), calls.hook.name());
            let _ = writeln!(out, "hookline_hook_{name}{{plugin=\"{plugin}\",hook=\"{hook}\"}} {}", pick(calls));
        }
    }
}

fn label(name: &str) -> String {
    name.replace(['"', '\\', '\n'], "_")
}

fn hooks(out: &mut String, plugins: &[PluginStatus]) {
    let Some(first) = plugins.first() else { return };
    call_times(out, plugins);
    by_hook(out, plugins);
    for (name, help, _) in first.counts.each() {
        let (suffix, kind) = if name == "memory_bytes" { ("", "gauge") } else { ("_total", "counter") };
        let _ = writeln!(out, "# HELP hookline_hooks_{name}{suffix} {help}\n# TYPE hookline_hooks_{name}{suffix} {kind}");
        for plugin in plugins {
            let value = plugin.counts.each().find(|(n, ..)| *n == name).map_or(0, |(_, _, v)| v);
            let _ = writeln!(out, "hookline_hooks_{name}{suffix}{{plugin=\"{}\"}} {value}", label(&plugin.name));
        }
    }
}
