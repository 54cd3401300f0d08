//! Which alerts are sent where: each alert that a route wants becomes an action for the route's destination.

use crate::{Destinations, destinations::ARGUMENT, registry};
use hookline_bus::{Event, Kind};
use hookline_item::glob;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A route, as the configuration has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The destination's name.
    pub to: String,
    /// Patterns of the plugins whose alerts are sent; `*` stands for any letters.
    #[serde(default = "every_plugin")]
    pub plugins: Vec<String>,
    /// The least severity: `info`, `warning` or `critical`.
    #[serde(default)]
    pub severity: Severity,
    /// A template (Jinja) of the text, of `plugin`, `node`, `time`, `severity`, `title`, `text` and `item`.
    pub text: Option<String>,
}

fn every_plugin() -> Vec<String> {
    vec!["*".to_owned()]
}

/// How grave an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody may want to know.
    #[default]
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must look now.
    Critical,
}

/// An alert, for the actions that make a message of it.
pub struct Alert<'a> {
    /// The event.
    pub event: &'a Event,
    /// How grave it is.
    pub severity: Severity,
    /// One line.
    pub title: &'a str,
    /// The rest, by the route's template if it has one.
    pub text: String,
}

impl Severity {
    /// As alerts have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Alert<'_> {
    /// The alert in CloudEvents' JSON format, with its text.
    pub(crate) fn to_cloud_event(&self) -> Value {
        let mut event = self.event.to_cloud_event();
        if let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) {
            data.insert("text".to_owned(), self.text.as_str().into());
        }
        event
    }
}

/// All routes, and the places that they lead to.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Where events may be sent to by name.
    pub destinations: Destinations,
    /// In the order of the configuration; an alert goes by every one that wants it.
    pub routes: Vec<Route>,
}

impl Routes {
    /// Refuses routes to places that there are not, and templates that are none.
    ///
    /// # Errors
    /// Which, and why.
    pub fn check(&self) -> Result<(), String> {
        self.destinations.check(&registry::NAMES)?;
        for (number, route) in (1..).zip(&self.routes) {
            let wrong = |what: String| format!("alerts, the {number}. route: {what}");
            let known = || self.destinations.0.keys().cloned().collect::<Vec<_>>().join(", ");
            let destination = self.destinations.0.get(&route.to);
            let destination =
                destination.ok_or_else(|| wrong(format!("there is no destination {:?}; there are: {}", route.to, known())))?;
            if registry::of_alert(&destination.action).is_none() {
                return Err(wrong(format!("the action {} takes no alerts", destination.action)));
            }
            if let Some(text) = &route.text {
                templates().template_from_str(text).map_err(|e| wrong(format!("text: {e:#}")))?;
            }
        }
        Ok(())
    }

    /// What an event becomes besides itself: an action for each route that wants it, if it is an alert.
    #[must_use]
    pub fn actions(&self, event: &Event) -> Vec<Event> {
        if event.kind != Kind::Alert {
            return Vec::new();
        }
        let numbered = self.routes.iter().enumerate();
        numbered.filter_map(|(number, route)| self.action(number, route, event)).collect()
    }

    fn action(&self, number: usize, route: &Route, event: &Event) -> Option<Event> {
        let said = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default();
        let severity = Severity::deserialize(event.data.get("severity")?).unwrap_or_default();
        if severity < route.severity || !route.plugins.iter().any(|pattern| glob(pattern, &event.plugin)) {
            return None;
        }
        let text = match &route.text {
            Some(template) => render(template, event),
            None => said("text").to_owned(),
        };
        let action = &self.destinations.0.get(&route.to)?.action;
        let mut data: Map<String, Value> = registry::of_alert(action)?(&Alert { event, severity, title: said("title"), text });
        data.insert(ARGUMENT.to_owned(), route.to.as_str().into());
        // The same each time that the alert comes, so that it is delivered once.
        let id = Event::make_id(&event.id, &format!("{number} {}", route.to), 0);
        Some(Event { id, kind: Kind::Action(action.clone()), data: Value::Object(data), ..event.clone() })
    }
}

fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    // What an alert does not have is empty, as is what that would have.
    templates.set_undefined_behavior(UndefinedBehavior::Chainable);
    templates
}

fn render(template: &str, event: &Event) -> String {
    let data = &event.data;
    let values = context! {
        plugin => event.plugin,
        node => event.node,
        time => event.time.to_string(),
        severity => data.get("severity"),
        title => data.get("title"),
        text => data.get("text"),
        item => data.get("item"),
    };
    // A template that fails on this alert must not cost the alert.
    templates().render_str(template, values).unwrap_or_else(|error| format!("(the template failed: {error})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_item::Timestamp;
    use serde_json::json;

    fn routes(text: &str) -> Routes {
        #[derive(Deserialize)]
        struct Config {
            destinations: Destinations,
            alerts: Vec<Route>,
        }
        let Config { destinations, alerts } = serde_json::from_str(text).unwrap();
        Routes { destinations, routes: alerts }
    }

    fn alert(plugin: &str, severity: &str) -> Event {
        let data = json!({"severity": severity, "title": "it broke", "text": "badly", "item": {"id": "n/1-0", "status": 500}});
        Event { id: "a".into(), kind: Kind::Alert, plugin: plugin.into(), node: "n".into(), time: Timestamp(0), data }
    }

    const CONFIG: &str = r#"{
        "destinations": {"ops": {"action": "slack", "url": "https://slack/"}, "hook": {"action": "webhook", "url": "https://hook/"}},
        "alerts": [
            {"to": "ops", "severity": "critical"},
            {"to": "hook", "plugins": ["http-*", "dns"], "text": "{{ severity|upper }} {{ item.status }} on {{ node }}{{ item.gone.deep }}"}
        ]
    }"#;

    #[test]
    fn alerts_go_where_the_routes_say() {
        let routes = routes(CONFIG);
        routes.check().unwrap();
        let sent = |plugin: &str, severity: &str| -> Vec<(String, Value)> {
            let actions = routes.actions(&alert(plugin, severity));
            actions.into_iter().map(|e| (e.kind.to_string(), e.data)).collect()
        };
        assert_eq!(sent("dns-errors", "warning"), []);
        let critical = sent("x", "critical");
        assert_eq!(critical.len(), 1);
        assert_eq!((critical[0].0.as_str(), &critical[0].1["destination"]), ("action.slack", &json!("ops")));
        assert!(critical[0].1["pretext"].as_str().unwrap().contains("it broke"));
        let both = sent("http-errors", "critical");
        assert_eq!(both.len(), 2);
        let body: Value = serde_json::from_str(both[1].1["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["data"]["text"], &body["type"]), (&json!("CRITICAL 500 on n"), &json!("io.hookline.alert.v1")));
        let ids: Vec<String> = routes.actions(&alert("http-errors", "critical")).into_iter().map(|e| e.id).collect();
        assert!(ids[0] != ids[1] && ids == routes.actions(&alert("http-errors", "critical")).into_iter().map(|e| e.id).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let said = |from: &str, to: &str| routes(&CONFIG.replacen(from, to, 1)).check().unwrap_err();
        assert!(
            said("\"to\": \"ops\"", "\"to\": \"nobody\"")
                .contains("the 1. route: there is no destination \"nobody\"; there are: hook, ops")
        );
        assert!(said("{{ severity|upper }}", "{{ severity").contains("the 2. route: text: "));
        assert!(said("\"action\": \"slack\"", "\"action\": \"sl\"").contains("there is no action \"sl\""));
    }
}
