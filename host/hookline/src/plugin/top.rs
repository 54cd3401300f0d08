//! `hookline plugin top`: what plugins do and cost, as it changes.

use crate::{cli::Top, client::Client};
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{ErrorKind, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

pub(crate) fn run(args: &Top) -> anyhow::Result<()> {
    let client = Client::new(&args.api.url)?;
    let every = Duration::from_secs(args.seconds.into());
    let redraws = std::io::stdout().is_terminal();
    // The first table shows what was counted since each plugin's start; those after it, what happened since the one before.
    let mut before = read(&client)?;
    let mut asked = Instant::now();
    let mut rows = table(&before, &HashMap::new(), None);
    loop {
        let clear = if redraws && !args.once { "\x1b[H\x1b[2J" } else { "" };
        match write!(std::io::stdout().lock(), "{clear}{rows}") {
            // A reader that has gone away is no error.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
        if args.once {
            return Ok(());
        }
        std::thread::sleep(every);
        let (now, passed) = (read(&client)?, asked.elapsed());
        asked = Instant::now();
        let former = before.iter().filter_map(|p| Some((p["name"].as_str()?, p))).collect();
        rows = table(&now, &former, Some(passed));
        before = now;
    }
}

type Plugins = Vec<Value>;

fn read(client: &Client) -> anyhow::Result<Plugins> {
    Ok(client.get("api/plugins")?["plugins"].as_array().cloned().unwrap_or_default())
}

/// A row for each plugin; rates where it is known how much time has passed.
fn table(plugins: &[Value], former: &HashMap<&str, &Value>, passed: Option<Duration>) -> String {
    let unit = if passed.is_some() { "/s" } else { "" };
    let mut out = format!(
        "{:<24} {:<12} {:>12} {:>8} {:>9} {:>9} {:>10} {:>9} {:>9}  ERROR\n",
        "PLUGIN",
        "STATE",
        format!("ITEMS{unit}"),
        if passed.is_some() { "CPU %" } else { "CPU s" },
        "ns/ITEM",
        "MEM KiB",
        format!("LOST{unit}"),
        format!("EVENTS{unit}"),
        format!("FAILS{unit}"),
    );
    if plugins.is_empty() {
        out += "no plugins: start `hookline run` with --plugins DIR, and drop one there\n";
    }
    for plugin in plugins {
        let name = plugin["name"].as_str().unwrap_or_default();
        let count = |counter: &str| {
            let at = |p: &Value| p[counter].as_u64().unwrap_or(0);
            at(plugin).saturating_sub(former.get(name).map_or(0, |p| at(p)))
        };
        let seconds = passed.map_or(1.0, |p| p.as_secs_f64().max(0.001));
        let rate = |n: u64| format!("{:.0}", n as f64 / seconds);
        let (items, cpu) = (count("delivered"), count("cpu_ns"));
        let share = if passed.is_some() { cpu as f64 / seconds / 1e7 } else { cpu as f64 / 1e9 };
        let lost = count("dropped_queue_full") + count("skipped_down") + count("failed");
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{name:<24} {:<12} {:>12} {share:>8.2} {:>9} {:>9} {:>10} {:>9} {:>9}  {}",
            plugin["state"].as_str().unwrap_or_default(),
            rate(items),
            cpu.checked_div(items).map_or_else(|| "-".to_owned(), |n| n.to_string()),
            plugin["memory_bytes"].as_u64().unwrap_or(0) / 1024,
            rate(lost),
            rate(count("events")),
            rate(count("traps") + count("overruns")),
            plugin["error"].as_str().unwrap_or_default().lines().next().unwrap_or_default(),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rates_are_of_the_time_that_passed() {
        let plugin =
            |items: u64, cpu: u64| json!({"name": "p", "state": "running", "delivered": items, "cpu_ns": cpu, "memory_bytes": 2048});
        let (before, now) = (plugin(100, 1_000), plugin(1100, 501_000));
        let rows = table(std::slice::from_ref(&now), &HashMap::from([("p", &before)]), Some(Duration::from_secs(2)));
        let row: Vec<&str> = rows.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["p", "running", "500", "0.03", "500", "2", "0", "0", "0"]);
        assert!(table(&[now], &HashMap::new(), None).contains("ITEMS  "));
        assert!(table(&[], &HashMap::new(), None).contains("no plugins"));
    }
}
