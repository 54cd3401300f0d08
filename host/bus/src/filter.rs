//! Which events a consumer wants.

use crate::Kind;
use serde::{Deserialize, Serialize};

/// Which events a consumer wants, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Every event.
    All,
    /// Alerts.
    Alerts,
    /// Actions of this name.
    Action(String),
    /// Actions of any name but these: those that no worker knows.
    OtherActions(Vec<String>),
    /// What one of these wants.
    Any(Vec<Filter>),
}

impl Filter {
    /// True if events of this kind are wanted.
    #[must_use]
    pub fn matches(&self, kind: &Kind) -> bool {
        match (self, kind) {
            (Self::All, _) | (Self::Alerts, Kind::Alert) => true,
            (Self::Action(wanted), Kind::Action(name)) => wanted == name,
            (Self::OtherActions(known), Kind::Action(name)) => !known.contains(name),
            (Self::Any(filters), kind) => filters.iter().any(|f| f.matches(kind)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_their_kinds() {
        let action = |name: &str| Kind::Action(name.into());
        let filter = Filter::Any(vec![Filter::Alerts, Filter::Action("log".into())]);
        assert!(filter.matches(&Kind::Alert) && filter.matches(&action("log")));
        assert!(!filter.matches(&action("slack")) && !filter.matches(&Kind::Result("log".into())));
        let other = Filter::OtherActions(vec!["slack".into()]);
        assert!(other.matches(&action("pager")) && !other.matches(&action("slack")) && !other.matches(&Kind::Alert));
        assert!(Filter::All.matches(&Kind::Result(String::new())));
    }
}
