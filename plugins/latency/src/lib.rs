//! Latency of HTTP routes: a histogram of each for Prometheus, and on the minute a message `latency` with the count and the percentiles of
//! each route. Numbers and identifiers in paths are taken out, so that `/users/7` and `/users/8` are one route.

use hookline_sdk::{Batch, Histogram, Items, Plugin, jobs, publish, row, setting, text};
use std::{collections::HashMap, fmt::Write as _};

row! {
    struct Exchange<'a> {
        method: &'a str = "request.method",
        path: &'a str = "request.path",
        micros: Option<u64> = "elapsedTime",
    }
}

/// Routes of their own; the rest is one route together. With 12 buckets each, more would be over the host's limit of series.
const ROUTES_MAX: usize = 60;
/// Values of one route in one period: beyond, those that come are left out of the percentiles.
const VALUES_MAX: usize = 10_000;
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

struct Route {
    seconds: Histogram,
    micros: Vec<u64>,
    count: u64,
}

struct Latency {
    routes: HashMap<String, Route>,
}

impl Plugin for Latency {
    fn init() -> Result<Self, String> {
        Items::matching("http and response != nil").rows::<Exchange>()?;
        let every = setting("every", "0 * * * * *".to_owned())?;
        jobs::schedule("report", &every, 0).map_err(|e| text(&e))?;
        Ok(Self { routes: HashMap::new() })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, _) in batch.rows::<Exchange>() {
            let Some(micros) = row.micros else { continue };
            let mut name = format!("{} {}", row.method, route(row.path));
            if self.routes.len() >= ROUTES_MAX && !self.routes.contains_key(&name) {
                "other".clone_into(&mut name);
            }
            if !self.routes.contains_key(&name) {
                let Ok(seconds) = Histogram::new("route_seconds", "Time to the first byte of a response.", &[("route", &name)], SECONDS)
                else {
                    continue;
                };
                self.routes.insert(name.clone(), Route { seconds, micros: Vec::new(), count: 0 });
            }
            if let Some(route) = self.routes.get_mut(&name) {
                route.seconds.observe(micros as f64 / 1e6);
                route.count += 1;
                if route.micros.len() < VALUES_MAX {
                    route.micros.push(micros);
                }
            }
        }
    }

    fn job(&mut self, _tag: &str) -> Result<(), String> {
        let mut names: Vec<&String> = self.routes.iter().filter(|(_, r)| r.count > 0).map(|(name, _)| name).collect();
        names.sort();
        let mut rows = String::new();
        for name in names {
            let Some(Route { micros, count, .. }) = self.routes.get(name) else { continue };
            let mut sorted = micros.clone();
            sorted.sort_unstable();
            let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)];
            let comma = if rows.is_empty() { "" } else { "," };
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            // Writing to a String cannot fail.
            let _ = write!(rows, r#"{comma}{{"route":"{quoted}","count":{count},"p50":{},"p90":{},"p99":{}}}"#, at(50), at(90), at(99));
        }
        for route in self.routes.values_mut() {
            route.micros.clear();
            route.count = 0;
        }
        if rows.is_empty() {
            return Ok(());
        }
        publish("latency", &format!(r#"{{"unit":"microseconds","routes":[{rows}]}}"#)).map_err(|e| text(&e))
    }
}

/// The path with `:id` for segments that name one thing: numbers, UUIDs, long hexadecimal texts. Control characters are left out.
fn route(path: &str) -> String {
    let is_id = |s: &str| {
        let hex = s.len() >= 16 && s.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        hex || (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()))
    };
    let segments: Vec<&str> = path.split('/').map(|s| if is_id(s) { ":id" } else { s }).collect();
    segments.join("/").chars().filter(|c| !c.is_control()).take(150).collect()
}

hookline_sdk::export!(Latency);
