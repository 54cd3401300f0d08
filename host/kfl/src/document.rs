//! Documents inside texts: `json()` and `xml()`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookline_item::{Path, Step, Value, json};
use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value as Json};

/// Whether `f` holds for a value that `inner` names in the JSON text `v`.
pub(crate) fn in_json(v: &Value<'_>, inner: &Path, f: &mut dyn FnMut(&Value<'_>) -> bool) -> bool {
    within(v, inner, f, |bytes| serde_json::from_slice(bytes).ok())
}

/// The same for an XML text.
pub(crate) fn in_xml(v: &Value<'_>, inner: &Path, f: &mut dyn FnMut(&Value<'_>) -> bool) -> bool {
    within(v, inner, f, xml)
}

/// A text as a document, after base64 where it is that.
pub(crate) fn parsed(text: &str, is_xml: bool) -> Option<Json> {
    let parse = |bytes: &[u8]| if is_xml { xml(bytes) } else { serde_json::from_slice(bytes).ok() };
    parse(text.as_bytes()).or_else(|| parse(&STANDARD.decode(text).ok()?))
}

fn within(v: &Value<'_>, inner: &Path, f: &mut dyn FnMut(&Value<'_>) -> bool, parse: impl Fn(&[u8]) -> Option<Json>) -> bool {
    let parsed = match v {
        Value::Bytes(bytes) => parse(bytes),
        Value::Str(text) => parse(text.as_bytes()).or_else(|| parse(&STANDARD.decode(text.as_bytes()).ok()?)),
        _ => None,
    };
    let Some(parsed) = parsed else { return false };
    if inner.steps.is_empty() {
        return f(&json::from_json(&parsed));
    }
    // A path starts at an object; a document that is a list is given a name to start from.
    let mut held = false;
    match &parsed {
        Json::Object(o) => inner.visit(o, &mut |v| held = held || f(v)),
        other => {
            let mut root = Map::new();
            root.insert(String::new(), other.clone());
            let mut steps = vec![Step::Name(String::new())];
            steps.extend(inner.steps.iter().cloned());
            Path { steps }.visit(&root, &mut |v| held = held || f(v))
        }
    };
    held
}

/// Elements that may be inside each other.
const DEPTH_MAX: usize = 64;
/// Elements read of one document.
const ELEMENTS_MAX: usize = 20_000;

/// An XML document as JSON: an element is its text where it has nothing else, else an object of its attributes (`-name`), its elements, and
/// its text (`#text`); elements of the same name are a list.
fn xml(bytes: &[u8]) -> Option<Json> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).ok()?);
    let mut open: Vec<(String, Map<String, Json>)> = vec![(String::new(), Map::new())];
    for _ in 0..ELEMENTS_MAX {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() > DEPTH_MAX {
                    return None;
                }
                open.push((start.name().local_name().as_ref().to_owned(), attributes(&start)));
            }
            Event::Empty(start) => {
                let (element, attributes) = (start.name().local_name().as_ref().to_owned(), attributes(&start));
                add(&mut open.last_mut()?.1, element, closed(attributes));
            }
            Event::End(_) => {
                let (element, content) = open.pop()?;
                add(&mut open.last_mut()?.1, element, closed(content));
            }
            Event::Text(text) => add_text(&mut open.last_mut()?.1, &text),
            Event::CData(text) => add_text(&mut open.last_mut()?.1, &text),
            Event::GeneralRef(reference) => {
                let resolved = reference.resolve_char_ref().ok().flatten().map(String::from);
                let named = || quick_xml::escape::resolve_predefined_entity(&reference).map(str::to_owned);
                add_text(&mut open.last_mut()?.1, &resolved.or_else(named).unwrap_or_default());
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let (_, root) = open.into_iter().next()?;
    root.keys().any(|name| name != TEXT).then_some(Json::Object(root))
}

const TEXT: &str = "#text";

fn attributes(start: &quick_xml::events::BytesStart<'_>) -> Map<String, Json> {
    let attribute = |a: quick_xml::events::attributes::Attribute<'_>| {
        let value = quick_xml::escape::unescape(&a.value).ok()?.into_owned();
        Some((format!("-{}", a.key.local_name().as_ref()), Json::String(value)))
    };
    start.attributes().flatten().filter_map(attribute).collect()
}

fn add(to: &mut Map<String, Json>, name: String, value: Json) {
    match to.get_mut(&name) {
        Some(Json::Array(list)) => list.push(value),
        Some(first) => *first = Json::Array(vec![first.take(), value]),
        None => drop(to.insert(name, value)),
    }
}

fn add_text(to: &mut Map<String, Json>, text: &str) {
    match to.get_mut(TEXT) {
        Some(Json::String(before)) => before.push_str(text),
        _ if text.trim().is_empty() => {}
        _ => drop(to.insert(TEXT.to_owned(), Json::String(text.to_owned()))),
    }
}

/// An element that is over.
fn closed(mut content: Map<String, Json>) -> Json {
    if let Some(Json::String(text)) = content.get_mut(TEXT) {
        *text = text.trim().to_owned();
    }
    if content.len() == 1 && content.contains_key(TEXT) {
        return content.remove(TEXT).unwrap_or_default();
    }
    if content.is_empty() { Json::String(String::new()) } else { Json::Object(content) }
}

/// What stands in the place of what a filter hides, as in Kubeshark.
const HIDDEN: &str = "[REDACTED]";

/// Hides what `path` names in `json`; a path may lead into a text by `.json()`, which is written anew.
pub(crate) fn redact(json: &mut Json, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else {
        *json = HIDDEN.into();
        return;
    };
    match (step, &mut *json) {
        (Step::Name(name), Json::String(text)) if name == JSON_CALL => {
            let decoded = STANDARD.decode(text.as_bytes()).ok().filter(|bytes| serde_json::from_slice::<Json>(bytes).is_ok());
            let Ok(mut inner) = serde_json::from_slice::<Json>(decoded.as_deref().unwrap_or(text.as_bytes())) else { return };
            redact(&mut inner, rest);
            let shown = inner.to_string();
            *text = if decoded.is_some() { STANDARD.encode(shown) } else { shown };
        }
        (Step::Name(name), Json::Object(map)) => map.get_mut(name).into_iter().for_each(|v| redact(v, rest)),
        (Step::Name(_), Json::Array(list)) => list.iter_mut().for_each(|v| redact(v, steps)),
        (Step::Index(at), Json::Array(list)) => {
            let at = usize::try_from(*at).ok().or_else(|| list.len().checked_add_signed(isize::try_from(*at).ok()?));
            at.and_then(|at| list.get_mut(at)).into_iter().for_each(|v| redact(v, rest));
        }
        (Step::Each, Json::Object(map)) => map.values_mut().for_each(|v| redact(v, rest)),
        (Step::Each, Json::Array(list)) => list.iter_mut().for_each(|v| redact(v, rest)),
        (Step::Deep(name), Json::Object(map)) => map.iter_mut().for_each(|(key, v)| {
            redact(v, steps);
            if key == name {
                redact(v, rest);
            }
        }),
        (Step::Deep(_), Json::Array(list)) => list.iter_mut().for_each(|v| redact(v, steps)),
        _ => {}
    }
}

/// The step that stands for `.json()` in a path to what is hidden: no name of the wire has brackets after it in a path.
pub(crate) const JSON_CALL: &str = "json()";
