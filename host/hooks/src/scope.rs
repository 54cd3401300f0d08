//! What a plugin sees of items: without what its manifest and the site's policy do not grant. A subscription that names something else is
//! refused, so that the plugin's filter cannot tell what it may not see; objects that contain it come without it.

use crate::{manifest::Data, state::Shown};
use hookline_item::{Field, List, Object, Path, Protocol, Step, Value, glob};
use hookline_kfl::{CONTENTS, Filter};
use std::sync::Arc;

/// The part of items that one plugin sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Whether contents of bodies and messages are seen.
    bodies: bool,
    /// Header fields that are not seen, in lower case.
    headers_denied: Vec<String>,
    /// Patterns of namespaces one of which a side must be in; none for all items.
    namespaces: Vec<String>,
}

/// Fields of a request or response in which header fields stand by name.
const HEADERS: &[&str] = &["headers", "trailers"];
/// An object in a request or a response with contents of its own.
const GRPC: &str = "grpc";
/// Header fields as pairs.
const HEADER_LIST: &str = "headerList";
/// Responses before the final one, with headers of their own.
const INTERIM: &str = "interim";
/// Made of the header fields [`COOKIES_FROM`].
const COOKIES: &str = "cookies";
const COOKIES_FROM: &[&str] = &["cookie", "set-cookie"];

impl Scope {
    /// What both the manifest and the policy grant; nothing if that is everything.
    pub(crate) fn of(manifest: &Data, policy: &Data) -> Option<Arc<Self>> {
        let denied = manifest.headers_denied.iter().chain(&policy.headers_denied);
        let mut headers_denied: Vec<_> = denied.map(|name| name.to_ascii_lowercase()).collect();
        headers_denied.sort();
        headers_denied.dedup();
        let narrower = if manifest.namespaces.is_empty() { &policy.namespaces } else { &manifest.namespaces };
        let scope =
            Self { bodies: manifest.bodies.unwrap_or(true) && policy.bodies.unwrap_or(true), headers_denied, namespaces: narrower.clone() };
        let is_everything = scope.bodies && scope.headers_denied.is_empty() && scope.namespaces.is_empty();
        (!is_everything).then(|| Arc::new(scope))
    }

    /// Whether all items are seen, whatever namespaces they are of.
    pub(crate) fn sees_all(&self) -> bool {
        self.namespaces.is_empty()
    }

    /// Whether an item is seen at all.
    pub(crate) fn sees(&self, item: &dyn Object) -> bool {
        let of_side = |side: &str| match item.get(side).as_object().map(|side| side.get("namespace")) {
            Some(Value::Str(namespace)) => self.namespaces.iter().any(|pattern| glob(pattern, &namespace)),
            _ => false,
        };
        self.sees_all() || of_side("src") || of_side("dst")
    }

    /// The item as the plugin sees it.
    pub(crate) fn view(self: &Arc<Self>, item: &Shown) -> Shown {
        if self.sees(item.as_ref()) {
            Arc::new(Scoped { item: Arc::clone(item), scope: Arc::clone(self) })
        } else {
            Arc::new(serde_json::Map::new())
        }
    }

    /// Refuses a filter that asks for what is not seen.
    ///
    /// # Errors
    /// The grant that is missing.
    pub(crate) fn check_filter(&self, filter: &Filter) -> Result<(), String> {
        let plan = filter.plan();
        if plan.fields.is_empty() && plan.bodies {
            return Err("it cannot be told which fields this filter reads, and the plugin does not see all".to_owned());
        }
        plan.fields.iter().try_for_each(|field| match field.parse() {
            Ok(path) => self.check_path(&path),
            Err(e) => Err(format!("{field} cannot be looked at: {e}")),
        })
    }

    /// Refuses a field that is not seen, or may not be.
    ///
    /// # Errors
    /// The grant that is missing.
    pub(crate) fn check_path(&self, path: &Path) -> Result<(), String> {
        if self.bodies && self.headers_denied.is_empty() {
            return Ok(());
        }
        let missing = match path.steps.as_slice() {
            [Step::Each | Step::Deep(_), ..] => Some("a field by its name: this may be any"),
            [Step::Name(half), rest @ ..] if is_half(half) => self.missing(rest),
            _ => None,
        };
        missing.map_or(Ok(()), |grant| Err(format!("{path} is not granted: it needs {grant}")))
    }

    /// What a path below a request or a response needs that is not granted.
    fn missing(&self, path: &[Step]) -> Option<&'static str> {
        let headers = "header fields that `data.headers_denied` hides, in the manifest or in the site's policy";
        let denies_some = !self.headers_denied.is_empty();
        match path {
            [Step::Each | Step::Deep(_), ..] => Some("a field by its name: this may be any"),
            [Step::Name(name), ..] if !self.bodies && CONTENTS.contains(&name.as_str()) => {
                Some("`data.bodies`, in the manifest and in the site's policy")
            }
            [Step::Name(name), below @ ..] if name == GRPC => self.missing(below),
            [Step::Name(name), Step::Name(field), ..] if HEADERS.contains(&name.as_str()) => self.denies(field).then_some(headers),
            [Step::Name(name), _, ..] if HEADERS.contains(&name.as_str()) || name == INTERIM => denies_some.then_some(headers),
            [Step::Name(name), ..] if name == COOKIES => self.denies_cookies().then_some(headers),
            [Step::Name(name), ..] if name == HEADER_LIST => denies_some.then_some(headers),
            _ => None,
        }
    }

    fn denies(&self, header: &str) -> bool {
        self.headers_denied.iter().any(|denied| denied.eq_ignore_ascii_case(header))
    }

    fn denies_cookies(&self) -> bool {
        COOKIES_FROM.iter().any(|name| self.denies(name))
    }

    /// `value`, which stands under `name` in `within`, as it is seen.
    fn show<'a>(&'a self, within: Within, name: &str, value: Value<'a>) -> Value<'a> {
        let below = match within {
            Within::Item if is_half(name) => Within::Half,
            Within::Half if !self.bodies && CONTENTS.contains(&name) => return Value::Absent,
            Within::Half if name == COOKIES && self.denies_cookies() => return Value::Absent,
            Within::Half if HEADERS.contains(&name) => Within::Headers,
            Within::Half if name == HEADER_LIST => Within::HeaderList,
            Within::Half if name == INTERIM || name == GRPC => Within::Half,
            Within::Headers if self.denies(name) => return Value::Absent,
            _ => return value,
        };
        self.part(below, value)
    }

    fn part<'a>(&'a self, within: Within, value: Value<'a>) -> Value<'a> {
        match &value {
            Value::Object(_) | Value::MadeObject(_) => Value::MadeObject(Box::new(Part { scope: self, within, value, kept: Vec::new() })),
            Value::List(_) | Value::MadeList(_) => {
                let kept = value.as_list().map(|list| self.kept(within, list)).unwrap_or_default();
                Value::MadeList(Box::new(Part { scope: self, within, value, kept }))
            }
            _ => value,
        }
    }

    /// Which elements of a list are seen.
    fn kept(&self, within: Within, list: &dyn List) -> Vec<usize> {
        let is_denied = |pair: Value<'_>| match pair.as_list().map(|pair| pair.at(0)) {
            Some(Value::Str(name)) => self.denies(&name),
            _ => false,
        };
        (0..list.len()).filter(|at| within != Within::HeaderList || !is_denied(list.at(*at))).collect()
    }
}

/// A side of an exchange, or the message of a protocol without exchanges.
fn is_half(name: &str) -> bool {
    matches!(name, "request" | "response" | "data")
}

/// Where in an item a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Item,
    /// A request, a response (also an interim one), or what is neither.
    Half,
    Headers,
    HeaderList,
}

/// An item as a plugin sees it.
struct Scoped {
    item: Shown,
    scope: Arc<Scope>,
}

impl Object for Scoped {
    fn fields(&self) -> &'static [Field] {
        self.item.fields()
    }

    fn protocol(&self) -> Option<&'static Protocol> {
        self.item.protocol()
    }

    fn get(&self, name: &str) -> Value<'_> {
        self.scope.show(Within::Item, name, self.item.get(name))
    }

    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        // Asked for one by one: a value that `each` lends lives too short to be shown in part.
        let mut names = Vec::new();
        self.item.each(&mut |name, _| names.push(name.to_owned()));
        names.iter().for_each(|name| f(name, self.get(name)));
    }
}

/// A value below an item of which something may be hidden.
struct Part<'a> {
    scope: &'a Scope,
    within: Within,
    value: Value<'a>,
    /// Of a list: which elements are seen.
    kept: Vec<usize>,
}

impl Object for Part<'_> {
    fn fields(&self) -> &'static [Field] {
        self.value.as_object().map_or(&[], |object| object.fields())
    }

    fn get(&self, name: &str) -> Value<'_> {
        self.value.as_object().map_or(Value::Absent, |object| self.scope.show(self.within, name, object.get(name)))
    }

    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        let mut names = Vec::new();
        if let Some(object) = self.value.as_object() {
            object.each(&mut |name, _| names.push(name.to_owned()));
        }
        names.iter().for_each(|name| f(name, self.get(name)));
    }
}

impl List for Part<'_> {
    fn len(&self) -> usize {
        self.kept.len()
    }

    fn at(&self, index: usize) -> Value<'_> {
        let (Some(at), Some(list)) = (self.kept.get(index), self.value.as_list()) else { return Value::Absent };
        match self.within {
            Within::Half => self.scope.part(Within::Half, list.at(*at)),
            _ => list.at(*at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_item::json;

    fn scope(bodies: bool, headers: &[&str], namespaces: &[&str]) -> Arc<Scope> {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let data = Data { bodies: Some(bodies), headers_denied: texts(headers), namespaces: texts(namespaces) };
        Scope::of(&data, &Data::default()).unwrap()
    }

    fn item() -> Shown {
        let json = r#"{"src":{"namespace":"web"},"dst":{"namespace":"shop-a"},"protocol":{"name":"http"},"request":{"path":"/",
            "headers":{"Cookie":"k","Host":"h","X-Key":"s"},"headerList":[["cookie","k"],["host","h"]],"cookies":{"k":""},
            "postData":{"text":"secret"},"body":{"text":"secret"}},"response":{"status":200,"content":{"text":"secret"},
            "trailers":{"x-key":"s"},"interim":[{"status":103,"headers":{"x-key":"s","Link":"l"}}]}}"#;
        Arc::new(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json).unwrap())
    }

    fn seen(scope: &Arc<Scope>) -> serde_json::Value {
        serde_json::from_str(&json::to_string(scope.view(&item()).as_ref())).unwrap()
    }

    #[test]
    fn what_is_not_granted_is_in_no_view_of_the_item() {
        let seen = seen(&scope(false, &["COOKIE", "x-key"], &[]));
        let want = serde_json::json!({"src": {"namespace": "web"}, "dst": {"namespace": "shop-a"}, "protocol": {"name": "http"},
            "request": {"path": "/", "headers": {"Host": "h"}, "headerList": [["host", "h"]]},
            "response": {"status": 200, "trailers": {}, "interim": [{"status": 103, "headers": {"Link": "l"}}]}});
        assert_eq!(seen, want);
        let view = scope(false, &["x-key"], &[]).view(&item());
        for hidden in ["request.headers[\"x-key\"]", "request.postData.text", "response.interim[0].headers[\"x-key\"]", "response..text"] {
            let mut found = 0;
            hidden.parse::<Path>().unwrap().visit(view.as_ref(), &mut |_| found += 1);
            assert_eq!(found, 0, "{hidden}");
        }
    }

    /// WebSocket and server-sent events are no exchanges; gRPC has messages of its own.
    #[test]
    fn contents_are_hidden_in_every_kind_of_item() {
        let item = r#"{"protocol":{"name":"ws"},"data":{"payload":"secret","data":"secret","firstBytes":{"client":"secret"},"opCode":"Text"},
            "request":{"grpc":{"messages":[{"text":"secret"}],"messageCount":1},"will":{"payload":"secret"},"copy":{"data":"secret"}}}"#;
        let item: Shown = Arc::new(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(item).unwrap());
        let scope = scope(false, &[], &[]);
        let seen: serde_json::Value = serde_json::from_str(&json::to_string(scope.view(&item).as_ref())).unwrap();
        let want = serde_json::json!({"protocol": {"name": "ws"}, "data": {"opCode": "Text"}, "request": {"grpc": {"messageCount": 1}}});
        assert_eq!(seen, want);
        for hidden in ["data.payload", "data.data", "request.grpc.messages[0].text", "data.*", "request.will.payload"] {
            assert!(scope.check_path(&hidden.parse().unwrap()).is_err(), "{hidden}");
        }
        assert!(scope.check_path(&"request.grpc.messageCount".parse().unwrap()).is_ok());
    }

    #[test]
    fn items_of_other_namespaces_are_not_seen() {
        assert!(scope(true, &[], &["shop-*"]).sees(item().as_ref()) && scope(true, &[], &["web"]).sees(item().as_ref()));
        let other = scope(true, &[], &["pay"]);
        assert!(!other.sees(item().as_ref()) && seen(&other) == serde_json::json!({}));
    }

    #[test]
    fn asking_for_it_is_refused_with_the_grant_that_is_missing() {
        let scope = scope(false, &["x-key", "cookie"], &[]);
        let says = |filter: &str| scope.check_filter(&Filter::parse(filter).unwrap()).err().unwrap_or_default();
        assert_eq!(says("http and response.status == 500 and request.headers[\"Host\"] == \"a\""), "");
        assert!(says("request.postData.text.contains(\"a\")").contains("`data.bodies`"));
        for hidden in ["request.headers[\"X-Key\"] == \"a\"", "request.cookies.k == \"a\"", "response.trailers[\"x-key\"] == \"a\""] {
            assert!(says(hidden).contains("`data.headers_denied`"), "{hidden}: {}", says(hidden));
        }
        for any in ["request.* == \"a\"", "request..text == \"a\"", "request.headers.* == \"a\""] {
            assert!(!says(any).is_empty(), "{any}");
        }
        let mut compat = hookline_kfl::Settings::default();
        compat.compat = true;
        assert!(scope.check_filter(&compat.parse("http").unwrap()).is_err());
    }

    #[test]
    fn the_narrower_of_manifest_and_policy_holds() {
        let data = |bodies, header: &str| Data { bodies, headers_denied: vec![header.to_owned()], namespaces: Vec::new() };
        let both = Scope::of(&data(None, "A"), &data(Some(false), "b")).unwrap();
        assert!(!both.bodies && both.denies("a") && both.denies("B"));
        assert_eq!(Scope::of(&Data::default(), &Data::default()), None);
    }
}
