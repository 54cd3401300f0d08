//! What a site allows its plugins, whatever their manifests ask for.

use crate::{
    manifest::{Data, Instances, Manifest, Run, covers},
    scope::Scope,
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// The most that manifests may grant. What is left out is not restricted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Patterns of the environment values that plugins may read.
    pub env: Option<Vec<String>>,
    /// Actions that plugins may ask for, each with patterns of its destinations.
    pub actions: Option<BTreeMap<String, Vec<String>>>,
    /// Patterns of the servers that plugins may send requests to.
    pub http: Option<Vec<String>>,
    /// Patterns of the topics of messages between plugins.
    pub messages: Option<Vec<String>>,
    /// Whether plugins may have packets as they were captured.
    pub packets: Option<bool>,
    /// What plugins see of items at most: every plugin, also one without a manifest.
    pub data: Data,
    /// The largest budgets.
    pub run: Most,
}

/// The largest budgets that a manifest may ask for; see [`Run`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Most {
    /// MiB of memory.
    pub memory_mib: Option<u32>,
    /// CPU milliseconds of a call.
    pub cpu_ms: Option<u32>,
    /// CPU milliseconds of a job.
    pub job_cpu_ms: Option<u32>,
    /// Items that may wait.
    pub queue: Option<u32>,
    /// Log lines a second.
    pub log_lines_per_second: Option<u32>,
    /// Events a second.
    pub events_per_second: Option<u32>,
    /// KiB of what it keeps.
    pub kv_kib: Option<u32>,
    /// KiB of its files.
    pub files_kib: Option<u32>,
    /// Requests to servers a second.
    pub http_per_second: Option<u32>,
    /// Whether plugins may run in the lanes, where capture waits for them.
    pub per_lane: Option<bool>,
}

impl Policy {
    /// What a plugin with this manifest sees; nothing if it sees everything. Budgets that are as they are without a word are made to fit.
    ///
    /// # Errors
    /// The line of the manifest that asks for more than is allowed, and what would allow it.
    pub(crate) fn admit(&self, manifest: &mut Manifest) -> Result<Option<Arc<Scope>>, String> {
        self.check_grants(manifest)?;
        self.check_data(&manifest.data)?;
        self.check_run(&mut manifest.run)?;
        Ok(Scope::of(&manifest.data, &self.data))
    }

    fn check_grants(&self, manifest: &Manifest) -> Result<(), String> {
        let grants = &manifest.grants;
        if grants.packets && self.packets == Some(false) {
            return Err(refused("grants.packets = true", "policy.packets"));
        }
        let lists = [("env", &self.env, &grants.env), ("http", &self.http, &grants.http), ("messages", &self.messages, &grants.messages)];
        for (name, allowed, asked) in lists {
            if let Some(allowed) = allowed
                && let Some(asked) = asked.iter().find(|asked| !covers(allowed, asked))
            {
                return Err(refused(&format!("grants.{name} = [{asked:?}]"), &format!("policy.{name}")));
            }
        }
        let Some(allowed) = &self.actions else { return Ok(()) };
        for (action, destinations) in &manifest.grants.actions {
            let patterns =
                allowed.get(action).ok_or_else(|| refused(&format!("grants.actions.{action}"), &format!("policy.actions.{action}")))?;
            if let Some(destination) = destinations.iter().find(|destination| !covers(patterns, destination)) {
                return Err(refused(&format!("grants.actions.{action} = [{destination:?}]"), &format!("policy.actions.{action}")));
            }
        }
        Ok(())
    }

    fn check_data(&self, data: &Data) -> Result<(), String> {
        if data.bodies == Some(true) && self.data.bodies == Some(false) {
            return Err(refused("data.bodies = true", "policy.data.bodies"));
        }
        let allowed = &self.data.namespaces;
        match data.namespaces.iter().find(|namespace| !allowed.is_empty() && !covers(allowed, namespace)) {
            Some(namespace) => Err(refused(&format!("data.namespaces = [{namespace:?}]"), "policy.data.namespaces")),
            None => Ok(()),
        }
    }

    fn check_run(&self, run: &mut Run) -> Result<(), String> {
        let (most, usual) = (&self.run, Run::default());
        let budgets = [
            ("memory_mib", &mut run.memory_mib, usual.memory_mib, most.memory_mib),
            ("cpu_ms", &mut run.cpu_ms, usual.cpu_ms, most.cpu_ms),
            ("job_cpu_ms", &mut run.job_cpu_ms, usual.job_cpu_ms, most.job_cpu_ms),
            ("queue", &mut run.queue, usual.queue, most.queue),
            ("log_lines_per_second", &mut run.log_lines_per_second, usual.log_lines_per_second, most.log_lines_per_second),
            ("events_per_second", &mut run.events_per_second, usual.events_per_second, most.events_per_second),
            ("kv_kib", &mut run.kv_kib, usual.kv_kib, most.kv_kib),
            ("files_kib", &mut run.files_kib, usual.files_kib, most.files_kib),
            ("http_per_second", &mut run.http_per_second, usual.http_per_second, most.http_per_second),
        ];
        for (name, asked, usual, most) in budgets {
            match most {
                Some(most) if *asked > most && *asked == usual => *asked = most,
                Some(most) if *asked > most => {
                    return Err(refused(&format!("run.{name} = {asked}"), &format!("policy.run.{name}, which is {most}")));
                }
                _ => {}
            }
        }
        if run.instances == Instances::PerLane && self.run.per_lane == Some(false) {
            return Err(refused("run.instances = \"per-lane\"", "policy.run.per_lane"));
        }
        Ok(())
    }
}

fn refused(asked: &str, allows: &str) -> String {
    format!(
        "the manifest asks for {asked}, and the site's policy does not allow it: ask for less, or have it added to {allows} in hookline.toml"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(policy: &str, manifest: &str) -> Result<Option<Arc<Scope>>, String> {
        toml::from_str::<Policy>(policy).unwrap().admit(&mut Manifest::parse(manifest).unwrap())
    }

    #[test]
    fn asking_for_more_is_refused_with_what_is_missing() {
        let table = [
            ("env = [\"SLACK_*\"]", "[grants]\nenv = [\"SLACK_A\", \"SLACK_*\"]", ""),
            ("env = [\"SLACK_*\"]", "[grants]\nenv = [\"*\"]", "policy.env"),
            ("env = []", "[grants]\nenv = [\"A\"]", "policy.env"),
            (
                "[actions]\nslack = [\"https://hooks.slack.com/*\"]",
                "[grants.actions]\nslack = [\"https://hooks.slack.com/services/*\"]",
                "",
            ),
            ("[actions]\nslack = [\"https://hooks.slack.com/*\"]", "[grants.actions]\nslack = [\"*\"]", "policy.actions.slack"),
            ("[actions]", "[grants.actions]\nwebhook = []", "policy.actions.webhook"),
            ("http = [\"*.internal\"]", "[grants]\nhttp = [\"a.internal\"]", ""),
            ("http = [\"*.internal\"]", "[grants]\nhttp = [\"*\"]", "policy.http"),
            ("packets = false", "[grants]\npackets = true", "policy.packets"),
            ("messages = []", "[grants]\nmessages = [\"t\"]", "policy.messages"),
            ("[data]\nbodies = false", "", ""),
            ("[data]\nbodies = false", "[data]\nbodies = true", "policy.data.bodies"),
            ("[data]\nnamespaces = [\"shop-*\"]", "[data]\nnamespaces = [\"shop-a\"]", ""),
            ("[data]\nnamespaces = [\"shop-*\"]", "[data]\nnamespaces = [\"*\"]", "policy.data.namespaces"),
            ("[run]\nmemory_mib = 64", "[run]\nmemory_mib = 65", "policy.run.memory_mib, which is 64"),
            ("[run]\nper_lane = false", "[run]\ninstances = \"per-lane\"\ncpu_ms = 1", "policy.run.per_lane"),
        ];
        for (policy, manifest, missing) in table {
            match admit(policy, manifest) {
                Ok(_) => assert_eq!(missing, "", "{policy} {manifest}"),
                Err(said) => assert!(!missing.is_empty() && said.contains(missing), "{policy} {manifest}: {said}"),
            }
        }
    }

    #[test]
    fn a_plugin_without_a_manifest_is_narrowed_too() {
        assert!(admit("[data]\nbodies = false", "").unwrap().is_some());
        assert!(admit("", "").unwrap().is_none());
        let (policy, mut manifest) =
            (Policy { run: Most { memory_mib: Some(8), ..Most::default() }, ..Policy::default() }, Manifest::default());
        policy.admit(&mut manifest).unwrap();
        assert_eq!((manifest.run.memory_mib, manifest.run.cpu_ms), (8, 50));
    }
}
