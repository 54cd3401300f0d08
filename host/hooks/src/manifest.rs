//! `NAME.toml` beside a plugin: what it is, what it may use and see.

use hookline_item::glob;
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// A plugin's manifest. Without one a plugin may read items, log, count and raise alerts.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// What the plugin is.
    pub plugin: About,
    /// How it is run.
    pub run: Run,
    /// What it may do.
    pub grants: Grants,
    /// What it sees of items.
    pub data: Data,
    /// Settings for `config.get`; values that are no texts are given as TOML.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, serde_json::Value>"))]
    pub config: BTreeMap<String, toml::Value>,
}

/// `[plugin]`: for people.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct About {
    /// Its version.
    pub version: String,
    /// One sentence.
    pub description: String,
}

/// `[run]`: budgets.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Memory limit of its instance in MiB.
    #[cfg_attr(test, schemars(range(min = 1, max = MEMORY_MAX_MIB)))]
    pub memory_mib: u32,
    /// CPU milliseconds for one call (one batch of items, one query).
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub cpu_ms: u32,
    /// CPU milliseconds for one job, and for `on-init`.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub job_cpu_ms: u32,
    /// Where its hooks for items and packets run.
    pub instances: Instances,
    /// Items that may wait for it; more are dropped and counted in live capture.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub queue: u32,
    /// Log lines a second that are shown; more are counted.
    pub log_lines_per_second: u32,
    /// Events (alerts, actions, messages) a second that are taken; more are refused and counted.
    pub events_per_second: u32,
    /// KiB of what it keeps (`kv`): keys and values.
    pub kv_kib: u32,
    /// KiB of its files.
    pub files_kib: u32,
    /// Requests to servers a second; more are refused and counted.
    pub http_per_second: u32,
    /// After so many failures within `quarantine_minutes` it is not started again until a new file comes; 0 = never.
    pub quarantine_after: u32,
    /// The minutes in which these failures count.
    pub quarantine_minutes: u32,
}

/// Where hooks for items and packets run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// One instance on a thread of its own sees everything in order; what it costs, capture does not pay.
    #[default]
    Single,
    /// An instance in each lane, on the lane's own thread, sees that lane's items: cheaper, and capture waits for it.
    PerLane,
}

/// `[data]`: what is seen of items. What is not never reaches the plugin, in no form; a subscription that asks for it is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Whether the contents of bodies and messages are seen; left out, as far as the site's policy allows.
    pub bodies: Option<bool>,
    /// Header fields that are not seen, by name, nor cookies if `cookie` or `set-cookie` is among them.
    pub headers_denied: Vec<String>,
    /// Only items of which a side is in one of these namespaces; `*` stands for any letters. Left out, all of them.
    pub namespaces: Vec<String>,
}

/// CPU milliseconds of a call that capture waits for: what its ring holds is then far from full.
const LANE_CPU_MS_MAX: u32 = 10;

/// `[grants]`: what crosses the wall.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Names of environment values it may read; `*` stands for any letters.
    pub env: Vec<String>,
    /// Actions it may ask for, each with patterns of its destinations: `slack = ["https://hooks.slack.com/*"]`.
    pub actions: BTreeMap<String, Vec<String>>,
    /// Servers it may send requests to, by name, with a port if only that one: `api.example.com`, `*.internal:8443`.
    pub http: Vec<String>,
    /// Topics of messages that it may send to plugins, and is given.
    pub messages: Vec<String>,
    /// Whether it may have packets as they were captured, unmasked.
    pub packets: bool,
}

/// The most memory that a manifest may ask for: what the engine's pool has room for.
pub const MEMORY_MAX_MIB: u32 = 512;

impl Default for Run {
    fn default() -> Self {
        // A batch of 1,024 items costs a Rust hook tens of microseconds, one of 256 a script some milliseconds; 50 ms is far beyond honest work.
        // Five failures in ten minutes are no accident; a plugin that fails at each start has them within a second.
        Self {
            memory_mib: 64,
            cpu_ms: 50,
            job_cpu_ms: 1000,
            instances: Instances::Single,
            queue: 4096,
            log_lines_per_second: 1000,
            events_per_second: 1000,
            kv_kib: 1024,
            files_kib: 10 * 1024,
            http_per_second: 10,
            quarantine_after: 5,
            quarantine_minutes: 10,
        }
    }
}

impl Run {
    /// The budget of a hook's call.
    pub(crate) fn call_budget(&self) -> Duration {
        Duration::from_millis(self.cpu_ms.into())
    }
    /// The budget of a job.
    pub(crate) fn job_budget(&self) -> Duration {
        Duration::from_millis(self.job_cpu_ms.into())
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        let run = &manifest.run;
        if !(1..=MEMORY_MAX_MIB).contains(&run.memory_mib) {
            return Err(format!("run.memory_mib = {}: give 1 to {MEMORY_MAX_MIB}", run.memory_mib));
        }
        if run.cpu_ms == 0 || run.job_cpu_ms == 0 || run.queue == 0 {
            return Err("run.cpu_ms, run.job_cpu_ms and run.queue must be at least 1".to_owned());
        }
        if run.instances == Instances::PerLane && run.cpu_ms > LANE_CPU_MS_MAX {
            return Err(format!(
                "run.instances = \"per-lane\" makes capture wait for the plugin: give run.cpu_ms of at most {LANE_CPU_MS_MAX}, it is {}",
                run.cpu_ms
            ));
        }
        Ok(manifest)
    }

    /// The manifest of something that its user runs by hand and trusts: all environment values given to it, every action.
    #[must_use]
    pub fn trusted() -> Self {
        let actions = ["elastic", "influxdb", "log", "slack", "webhook"].map(|a| (a.to_owned(), vec!["*".to_owned()]));
        let all = || vec!["*".to_owned()];
        let grants = Grants { env: all(), actions: BTreeMap::from(actions), http: all(), messages: all(), packets: true };
        Self { grants, ..Self::default() }
    }
}

impl Grants {
    /// Whether the environment value `key` may be read.
    pub(crate) fn allows_env(&self, key: &str) -> bool {
        self.env.iter().any(|p| glob(p, key))
    }

    /// Whether action `kind` may be asked for with `destination` (empty where the action has none).
    ///
    /// # Errors
    /// The grant that is missing, as it is to be written.
    pub(crate) fn check_action(&self, kind: &str, destination: &str) -> Result<(), String> {
        let Some(patterns) = self.actions.get(kind) else {
            return Err(format!("the manifest has no grant for it: add `[grants.actions]` with `{kind} = [\"…\"]`"));
        };
        if destination.is_empty() || patterns.iter().any(|p| glob(p, destination)) {
            return Ok(());
        }
        Err(format!("none of the patterns in `grants.actions.{kind}` allows this destination"))
    }
}

impl Grants {
    /// Whether requests may be sent to `host` at `port`.
    ///
    /// # Errors
    /// The grant that is missing, as it is to be written.
    pub(crate) fn check_http(&self, host: &str, port: u16) -> Result<(), String> {
        let with_port = format!("{host}:{port}");
        if self.http.iter().any(|p| glob(p, host) || glob(p, &with_port)) {
            return Ok(());
        }
        Err(format!("requests to {with_port} are not granted: add `http = [\"{host}\"]` to `[grants]`"))
    }
}

/// Whether everything that `narrow` matches `wide` matches: the stars of `narrow` can only be met by stars of `wide`.
pub(crate) fn covers(wide: &[String], narrow: &str) -> bool {
    wide.iter().any(|pattern| glob(pattern, narrow))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the schema with BLESS=1, else compares.
    #[test]
    fn generated_manifest_schema() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manifest.schema.json");
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Manifest)).unwrap() + "\n";
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, schema).unwrap();
        } else {
            let written = std::fs::read_to_string(&file).unwrap();
            assert_eq!(written, schema, "{} is not what manifests are: run `cargo xtask gen`", file.display());
        }
    }

    #[test]
    fn errors_say_where() {
        let error = Manifest::parse("[run]\nmemory = 3\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("unknown field `memory`"), "{error}");
        assert!(Manifest::parse("[run]\nmemory_mib = 100000").unwrap_err().contains("1 to 512"));
        assert!(Manifest::parse("[run]\ninstances = \"per-lane\"").unwrap_err().contains("at most 10, it is 50"));
        assert!(Manifest::parse("[run]\ninstances = \"per-lane\"\ncpu_ms = 5").is_ok());
    }

    #[test]
    fn grants_name_what_is_missing() {
        let m = Manifest::parse("[grants]\nenv = [\"SLACK_*\"]\nactions = { slack = [\"https://hooks.slack.com/*\"] }").unwrap();
        assert!(m.grants.allows_env("SLACK_WEBHOOK") && !m.grants.allows_env("HOME"));
        assert!(m.grants.check_action("slack", "https://hooks.slack.com/services/x").is_ok());
        assert!(m.grants.check_action("slack", "https://evil.example/").unwrap_err().contains("grants.actions.slack"));
        assert!(m.grants.check_action("webhook", "https://a/").unwrap_err().contains("webhook = "));
        let m = Manifest::parse("[grants]\nhttp = [\"api.example.com\", \"*.internal:8443\"]").unwrap();
        assert!(m.grants.check_http("api.example.com", 443).is_ok() && m.grants.check_http("a.internal", 8443).is_ok());
        assert!(m.grants.check_http("a.internal", 443).is_err() && m.grants.check_http("api.example.com.evil.example", 443).is_err());
        assert!(m.grants.check_http("b", 80).unwrap_err().contains("http = [\"b\"]"));
    }
}
