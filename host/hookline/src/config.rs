//! The configuration file: what a site says once instead of at each command. The command line adds to it.

use crate::{cli::MacroArgs, error::usage};
use hookline_actions::{Destinations, Route, Routes};
use hookline_hooks::Policy;
use hookline_kfl::Settings;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Read if no other is named and it is there.
pub(crate) const DEFAULT: &str = "/etc/hookline/hookline.toml";

/// `hookline.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// How filters are read, wherever one is written: on the command line, in the dashboard, in plugins.
    filters: Filters,
    /// What plugins may be granted at most.
    pub(crate) policy: Policy,
    /// Places that actions and alerts are sent to, by name.
    destinations: Destinations,
    /// Which alerts are sent where.
    alerts: Vec<Route>,
}

/// `[filters]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filters {
    /// Short names for filters in KFL1.
    macros: BTreeMap<String, String>,
    /// Whose rules filters in KFL1 follow.
    compat: Compat,
}

/// Whose rules filters in KFL1 follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Compat {
    /// Those of `docs/filters.md`.
    #[default]
    None,
    /// Kubeshark's, bug for bug.
    Kubeshark1,
}

impl Config {
    /// Which alerts are sent where, and the places that events may name.
    pub(crate) fn routes(&self) -> Routes {
        Routes { destinations: self.destinations.clone(), routes: self.alerts.clone() }
    }

    /// The file that is named; else the default one, if it is there; else what holds without any.
    ///
    /// # Errors
    /// The file cannot be read or is wrong; the text says where.
    pub(crate) fn load(named: Option<&Path>) -> anyhow::Result<Self> {
        let default = PathBuf::from(DEFAULT);
        let file = named.unwrap_or(&default);
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text).map_err(|e| usage(format!("{}: {e}", file.display()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(Self::default()),
            Err(e) => Err(usage(format!("{}: {e}", file.display()))),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        config.settings(&MacroArgs::default()).map_err(|e| e.to_string())?;
        Ok(config)
    }

    /// What filters are compiled with. A macro of the command line stands for one of the same name in the file.
    ///
    /// # Errors
    /// A macro's name or filter is wrong.
    pub(crate) fn settings(&self, args: &MacroArgs) -> anyhow::Result<Settings> {
        let mut macros = self.filters.macros.clone();
        for text in &args.macros {
            let (name, filter) = text.split_once('=').ok_or_else(|| usage(format!("--macro {text}: write NAME=FILTER")))?;
            macros.insert(name.trim().to_owned(), filter.trim().to_owned());
        }
        let mut settings = Settings::default();
        settings.compat = args.kfl_compat || self.filters.compat == Compat::Kubeshark1;
        if settings.compat && !macros.is_empty() {
            return Err(usage("with Kubeshark's rules (--kfl-compat, filters.compat) there are no macros of your own: Kubeshark has none"));
        }
        settings.macros = macros.into_iter().collect();
        for (name, filter) in &settings.macros {
            if !is_name(name) {
                return Err(usage(format!("macro {name:?}: a name is letters, digits and _, a letter first")));
            }
            settings.parse(filter).map_err(|e| usage(format!("macro {name} is not a filter\n{}", e.render(filter))))?;
        }
        Ok(settings)
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_where_and_which() {
        let error = Config::parse("[filters]\nmacro = 1\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("unknown field `macro`"), "{error}");
        let error = Config::parse("[filters.macros]\nshop = 'dst.name == '\n").unwrap_err();
        assert!(error.contains("macro shop is not a filter"), "{error}");
        assert!(Config::parse("[filters.macros]\n\"a b\" = 'http'\n").unwrap_err().contains("a name is letters"));
        let error = Config::parse("[policy.run]\nmemory = 1\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("unknown field `memory`"), "{error}");
        assert!(Config::parse("[filters]\ncompat = \"kubeshark\"\n").unwrap_err().contains("kubeshark1"));
        assert!(Config::parse("[filters]\ncompat = \"kubeshark1\"\nmacros = { a = \"http\" }\n").unwrap_err().contains("no macros"));
    }

    #[test]
    fn the_command_line_adds_to_the_file() {
        let config = Config::parse("[filters.macros]\nshop = 'dst.name == \"shop\"'\nbad = 'http and response.status >= 500'\n").unwrap();
        let args = MacroArgs { macros: vec!["shop=dst.port == 80".to_owned()], ..MacroArgs::default() };
        let settings = config.settings(&args).unwrap();
        assert!(settings.macros.contains(&("shop".to_owned(), "dst.port == 80".to_owned())));
        assert!(settings.parse("bad and shop").is_ok() && Settings::default().parse("bad and shop").is_err());
    }
}
