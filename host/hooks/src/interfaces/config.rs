//! `config`: settings, and where the plugin runs.

use crate::{bindings::config, state::State};

impl config::Host for State {
    fn get(&mut self, key: String) -> Option<String> {
        self.identity.manifest.config.get(&key).map(|v| match v {
            toml::Value::String(s) => s.clone(),
            other => other.to_string(),
        })
    }

    fn env(&mut self, key: String) -> Option<String> {
        self.identity.manifest.grants.allows_env(&key).then(|| self.around.env.get(&key).cloned()).flatten()
    }

    fn all_env(&mut self) -> Vec<(String, String)> {
        let grants = &self.identity.manifest.grants;
        let granted = self.around.env.iter().filter(|(k, _)| grants.allows_env(k));
        granted.map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    fn plugin_name(&mut self) -> String {
        self.identity.name.clone()
    }

    fn node_name(&mut self) -> String {
        self.around.node.clone()
    }

    fn now(&mut self) -> u64 {
        self.now.0
    }
}
