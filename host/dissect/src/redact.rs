//! Secrets in headers, and in JSON where the user says so: masked in what items show, so that they never leave the lane.
//!
//! What proves who somebody is in the login messages of the other protocols (passwords of Redis, MQTT, NATS, LDAP, RADIUS, …) is not
//! shown at all, whatever is set here.

use crate::made::REDACTED;
use serde_json::Value as Json;
use std::{borrow::Cow, sync::Arc};

/// Header fields whose values are masked unless somebody says otherwise: they let whoever reads them act as the user (RFC 9110 §11, RFC 6265 §8).
const HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// Which values are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    headers: Vec<String>,
    json: Option<JsonRules>,
}

/// Which values in JSON are masked; shared by the messages that may have some.
pub(crate) type JsonRules = Arc<[JsonPath]>;

/// A path into a JSON document: names separated by dots, `*` for every field or element, `..` before a name for any depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A field of this name.
    Name(String),
    /// Every field or element.
    Every,
    /// What follows, at any depth.
    Anywhere,
}

impl JsonPath {
    /// Reads a path: `user.password`, `items.*.token`, `..secret`. `None` if it is empty or has an empty name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text;
        if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Anywhere);
            rest = after;
        }
        for (at, part) in rest.split("..").enumerate() {
            if at > 0 {
                steps.push(Step::Anywhere);
            }
            for name in part.split('.') {
                match name.trim() {
                    "" => return None,
                    "*" => steps.push(Step::Every),
                    name => steps.push(Step::Name(name.to_owned())),
                }
            }
        }
        Some(Self(steps))
    }
}

/// The same for a message that says of itself no type: it is JSON if it begins as an object or a list.
pub(crate) fn json_message(rules: Option<&JsonRules>, message: &mut Vec<u8>) {
    if rules.is_some() && matches!(message.trim_ascii_start().first(), Some(b'{' | b'[')) {
        *message = json(rules, message).into_owned();
    }
}

/// Masks what `steps` lead to.
fn mask(json: &mut Json, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else {
        *json = REDACTED.into();
        return;
    };
    match step {
        Step::Name(name) => json.get_mut(name.as_str()).into_iter().for_each(|value| mask(value, rest)),
        Step::Every => each(json, &mut |value| mask(value, rest)),
        Step::Anywhere => {
            mask(json, rest);
            each(json, &mut |value| mask(value, steps));
        }
    }
}

fn each(json: &mut Json, f: &mut dyn FnMut(&mut Json)) {
    match json {
        Json::Array(list) => list.iter_mut().for_each(f),
        Json::Object(map) => map.values_mut().for_each(f),
        _ => {}
    }
}

/// JSON with what `rules` say masked; as it is where there are no rules. What cannot be read as JSON, because it breaks off or is none, may
/// have secrets anywhere: nothing of it is shown.
pub(crate) fn json<'a>(rules: Option<&JsonRules>, text: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(rules) = rules.filter(|_| !text.trim_ascii().is_empty()) else { return Cow::Borrowed(text) };
    let Ok(mut json) = serde_json::from_slice::<Json>(text) else { return Cow::Borrowed(REDACTED.as_bytes()) };
    let before = json.clone();
    rules.iter().for_each(|path| mask(&mut json, &path.0));
    // What has nothing to mask stays as it was written.
    if json == before { Cow::Borrowed(text) } else { Cow::Owned(json.to_string().into_bytes()) }
}

impl Default for Redaction {
    fn default() -> Self {
        Self { headers: HEADERS.map(str::to_owned).to_vec(), json: None }
    }
}

impl Redaction {
    /// Nothing is masked.
    #[must_use]
    pub const fn none() -> Self {
        Self { headers: Vec::new(), json: None }
    }

    /// Also masks the header fields of these names, in any case.
    #[must_use]
    pub fn with_headers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.headers.extend(names.into_iter().map(str::to_ascii_lowercase));
        self
    }

    /// Also masks these values in JSON: bodies of HTTP messages, messages of WebSockets, server-sent events.
    #[must_use]
    pub fn with_json(mut self, paths: Vec<JsonPath>) -> Self {
        self.json = (!paths.is_empty()).then(|| paths.into());
        self
    }

    /// The rules for JSON, if there are any.
    pub(crate) fn json_rules(&self) -> Option<JsonRules> {
        self.json.clone()
    }

    /// What is shown of a header field's value, where that is masked. The scheme of credentials, the names of cookies and the attributes
    /// of Set-Cookie are no secrets and stay.
    pub(crate) fn header(&self, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let rule = self.headers.iter().find(|rule| rule.as_bytes().eq_ignore_ascii_case(name))?;
        Some(match rule.as_str() {
            "authorization" | "proxy-authorization" => match value.iter().position(|b| *b == b' ') {
                Some(space) => [value.get(..=space).unwrap_or_default(), REDACTED.as_bytes()].concat(),
                None => REDACTED.into(),
            },
            "cookie" => value.split(|b| *b == b';').map(pair).collect::<Vec<_>>().join(&b';'),
            "set-cookie" => {
                let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
                let (cookie, attributes) = value.split_at_checked(end).unwrap_or((value, &[]));
                [&pair(cookie), attributes].concat()
            }
            _ => REDACTED.into(),
        })
    }
}

/// `name=value` without the value.
fn pair(pair: &[u8]) -> Vec<u8> {
    match pair.iter().position(|b| *b == b'=') {
        Some(equals) => [pair.get(..=equals).unwrap_or_default(), REDACTED.as_bytes()].concat(),
        None if pair.trim_ascii().is_empty() => pair.to_vec(),
        None => REDACTED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_what_is_masked() {
        let rules = |paths: &[&str]| Some(paths.iter().map(|p| JsonPath::parse(p).unwrap()).collect::<JsonRules>());
        let shown = |paths: &[&str], text: &str| String::from_utf8(json(rules(paths).as_ref(), text.as_bytes()).into_owned()).unwrap();
        let text = r#"{"user":{"name":"a","password":"p"},"items":[{"token":1},{"token":[2]}]}"#;
        for (paths, want) in [
            (&["user.password"][..], r#"{"user":{"name":"a","password":"REDACTED"},"items":[{"token":1},{"token":[2]}]}"#),
            (&["items.*.token"], r#"{"user":{"name":"a","password":"p"},"items":[{"token":"REDACTED"},{"token":"REDACTED"}]}"#),
            (
                &["..password", "..token"],
                r#"{"user":{"name":"a","password":"REDACTED"},"items":[{"token":"REDACTED"},{"token":"REDACTED"}]}"#,
            ),
            (&["user..name"], r#"{"user":{"name":"REDACTED","password":"p"},"items":[{"token":1},{"token":[2]}]}"#),
            (&["nothing", "items.token"], text),
        ] {
            assert_eq!(shown(paths, text), want, "{paths:?}");
        }
        assert_eq!(shown(&["a"], r#"{"a": "hush"#), "REDACTED", "what breaks off is not shown");
        assert_eq!(json(None, b"{"), &b"{"[..]);
        for wrong in ["", ".", "a.", ".a", "a...b", ".."] {
            assert_eq!(JsonPath::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_and_schemes_stay() {
        let redaction = Redaction::default().with_headers(["X-Api-Key"]);
        let shown = |name: &str, value: &str| redaction.header(name.as_bytes(), value.as_bytes()).map(|v| String::from_utf8(v).unwrap());
        for (name, value, want) in [
            ("Authorization", "Bearer abc.def", "Bearer REDACTED"),
            ("authorization", "token", "REDACTED"),
            ("Cookie", "sid=1; theme=dark; odd", "sid=REDACTED; theme=REDACTED;REDACTED"),
            ("Set-Cookie", "sid=1; Path=/; HttpOnly", "sid=REDACTED; Path=/; HttpOnly"),
            ("x-api-key", "k", "REDACTED"),
        ] {
            assert_eq!(shown(name, value).as_deref(), Some(want), "{name}: {value}");
        }
        assert_eq!((shown("Accept", "*/*"), Redaction::none().header(b"Cookie", b"a=b")), (None, None));
    }
}
