//! Paths into an item: `response.status`, `request.headers["User-Agent"]`, `request.pathSegments[1]`, `request.*`.

use crate::value::{Field, Object, Value};
use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A name: `.status`, `["User-Agent"]`.
    Name(String),
    /// A position: `[1]`; negative ones count from the end.
    Index(i64),
    /// Each value of an object or list: `.*`, `[*]`.
    Each,
    /// Each value of this name, at any depth below: `..name`.
    Deep(String),
}

/// A path from an object to the values it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The steps, from the root on.
    pub steps: Vec<Step>,
}

/// How deep `..name` looks: deeper than any item goes, and an end for JSON bodies from the wire.
pub const DEPTH_MAX: usize = 32;

impl Path {
    /// Whether the path can name one value at most.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.steps.iter().all(|s| matches!(s, Step::Name(_) | Step::Index(_)))
    }

    /// Calls `f` with each value that the path names in `root`; says whether there was one.
    pub fn visit(&self, root: &dyn Object, f: &mut dyn FnMut(&Value<'_>)) -> bool {
        visit_object(root, &self.steps, f)
    }
}

fn visit_object(root: &dyn Object, steps: &[Step], f: &mut dyn FnMut(&Value<'_>)) -> bool {
    match steps.split_first() {
        Some((Step::Name(name), rest)) => visit(&root.get(name), rest, f),
        Some((Step::Each, rest)) => {
            let mut any = false;
            root.each(&mut |_, v| any |= visit(&v, rest, f));
            any
        }
        Some((Step::Deep(name), rest)) => deep_object(root, name, rest, f, 0),
        Some((Step::Index(_), _)) | None => false,
    }
}

fn visit(value: &Value<'_>, steps: &[Step], f: &mut dyn FnMut(&Value<'_>)) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        if value.is_absent() {
            return false;
        }
        f(value);
        return true;
    };
    match (step, value.as_object(), value.as_list()) {
        (Step::Name(name), Some(o), _) => visit(&o.get(name), rest, f),
        (Step::Index(i), _, Some(l)) => {
            let at = if *i < 0 { l.len().checked_add_signed(isize::try_from(*i).unwrap_or(isize::MIN)) } else { usize::try_from(*i).ok() };
            at.is_some_and(|at| visit(&l.at(at), rest, f))
        }
        (Step::Each, Some(o), _) => {
            let mut any = false;
            o.each(&mut |_, v| any |= visit(&v, rest, f));
            any
        }
        (Step::Each, None, Some(l)) => (0..l.len()).fold(false, |any, i| visit(&l.at(i), rest, f) | any),
        // A name after a list means that name in each of its objects, as in `questions.name`.
        (Step::Name(_), None, Some(l)) => (0..l.len()).fold(false, |any, i| visit(&l.at(i), steps, f) | any),
        (Step::Deep(name), _, _) => deep(value, name, rest, f, 0),
        _ => false,
    }
}

fn deep(value: &Value<'_>, name: &str, rest: &[Step], f: &mut dyn FnMut(&Value<'_>), depth: usize) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    if let Some(o) = value.as_object() {
        return deep_object(o, name, rest, f, depth);
    }
    let Some(l) = value.as_list() else { return false };
    (0..l.len()).fold(false, |any, i| deep(&l.at(i), name, rest, f, depth + 1) | any)
}

fn deep_object(o: &dyn Object, name: &str, rest: &[Step], f: &mut dyn FnMut(&Value<'_>), depth: usize) -> bool {
    let mut any = false;
    o.each(&mut |key, v| {
        if key == name {
            any |= visit(&v, rest, f);
        }
        any |= deep(&v, name, rest, f, depth + 1);
    });
    any
}

/// A path that is read in many objects of the same few types: it remembers where each name stood in the last table, so that reading
/// compares one name per step.
#[derive(Debug, Default)]
pub struct Reader {
    path: Path,
    /// For each step, where its name stood.
    places: Vec<Place>,
}

/// Where a name stood in the table of fields that was looked at last. Tables are few and fixed: the address of one tells it from all others.
#[derive(Debug, Default)]
pub struct Place(AtomicU64);

impl Place {
    /// Bits of the index.
    const INDEX: u32 = 16;
    /// The name is not in the table.
    const NOWHERE: u64 = (1 << Self::INDEX) - 1;

    /// Where `name` is in `fields`.
    #[inline]
    #[must_use]
    pub fn index(&self, fields: &'static [Field], name: &str) -> Option<usize> {
        // Addresses of programs have 47 bits: none is lost.
        let table = (fields.as_ptr().addr() as u64) << Self::INDEX;
        let place = self.0.load(Ordering::Relaxed);
        let index = if place & !Self::NOWHERE == table { place & Self::NOWHERE } else { self.look(table, fields, name) };
        (index != Self::NOWHERE).then_some(index as usize)
    }

    #[cold]
    fn look(&self, table: u64, fields: &[Field], name: &str) -> u64 {
        let index = fields.iter().position(|field| field.name == name).map_or(Self::NOWHERE, |at| at as u64);
        self.0.store(table | index, Ordering::Relaxed);
        index
    }
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self::new(self.path.clone())
    }
}

impl Reader {
    /// A reader of `path`.
    #[must_use]
    pub fn new(path: Path) -> Self {
        let places = path.steps.iter().map(|_| Place::default()).collect();
        Self { path, places }
    }

    /// What it reads.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `f` with the first value that the path names in `root`, or with [`Value::Absent`].
    pub fn first(&self, root: &dyn Object, f: impl FnOnce(&Value<'_>)) {
        self.find(root, |value, below| {
            let Some(at) = below else { return f(value) };
            let mut f = Some(f);
            self.visit_below(value, at, &mut |value| {
                if let Some(f) = f.take() {
                    f(value);
                }
            });
            if let Some(f) = f {
                f(&Value::Absent);
            }
        });
    }

    /// Calls `f` with each value that the path names in `root`, as [`Path::visit`] does.
    pub fn visit(&self, root: &dyn Object, f: &mut dyn FnMut(&Value<'_>)) {
        self.find(root, |value, below| match below {
            Some(at) => self.visit_below(value, at, f),
            None if value.is_absent() => {}
            None => f(value),
        });
    }

    /// Calls `f` with each value that the steps from `at` on name below `value`: the rest of what [`Reader::find`] gave.
    pub fn visit_below(&self, value: &Value<'_>, at: usize, f: &mut dyn FnMut(&Value<'_>)) {
        visit(value, self.path.steps.get(at..).unwrap_or_default(), f);
    }

    /// Follows the path from name to name, as far as there is one value only, and calls `found` with that, or with [`Value::Absent`]. With a
    /// number the path goes on from there: its steps from this one on may name several values below.
    #[expect(clippy::inline_always, reason = "what is found is looked at where it was written: to copy it takes as long as a step does")]
    #[inline(always)]
    pub fn find<R>(&self, root: &dyn Object, found: impl FnOnce(&Value<'_>, Option<usize>) -> R) -> R {
        let mut object = root;
        let last = self.places.len().saturating_sub(1);
        for (at, (step, place)) in self.path.steps.iter().zip(&self.places).enumerate() {
            let Step::Name(name) = step else { return found(&Value::Object(object), Some(at)) };
            let value = object.read(name, place);
            if at == last {
                let result = found(&value, None);
                value.let_go();
                return result;
            }
            let Value::Object(below) = value else {
                // What is made for the asking does not outlive this step.
                return found(&value, (!value.is_absent()).then_some(at + 1));
            };
            value.let_go();
            object = below;
        }
        found(&Value::Absent, None)
    }
}

/// Prints the path as it is written in filters.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            match step {
                Step::Name(n) if is_name(n) => write!(f, "{}{n}", if i > 0 { "." } else { "" })?,
                Step::Name(n) => write!(f, "[{n:?}]")?,
                Step::Index(n) => write!(f, "[{n}]")?,
                Step::Each => f.write_str(if i > 0 { ".*" } else { "*" })?,
                Step::Deep(n) => write!(f, "..{n}")?,
            }
        }
        Ok(())
    }
}

fn is_name(s: &str) -> bool {
    let mut bytes = s.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A text that is no path: what was expected, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// Byte offset into the text.
    pub at: usize,
    /// What should stand there.
    pub expected: &'static str,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}
impl std::error::Error for PathError {}

impl FromStr for Path {
    type Err = PathError;

    /// Parses `a.b`, `a["key"]`, `a['key']`, `a[0]`, `a[-1]`, `a.*`, `a[*]`, `a..name`.
    fn from_str(s: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        let mut at = 0;
        while at < s.len() {
            let rest = &s[at..];
            let (step, used) = if let Some(deep) = rest.strip_prefix("..") {
                let name = name_of(deep).ok_or(PathError { at: at + 2, expected: "a name" })?;
                (Step::Deep(name.to_owned()), 2 + name.len())
            } else if rest.starts_with('[') {
                bracket(rest).ok_or(PathError { at, expected: "[\"name\"], [number] or [*]" })?
            } else {
                let dot = usize::from(!steps.is_empty());
                if dot == 1 && !rest.starts_with('.') {
                    return Err(PathError { at, expected: "`.` or `[`" });
                }
                let after = &rest[dot..];
                match name_of(after) {
                    Some(name) => (Step::Name(name.to_owned()), dot + name.len()),
                    None if after.starts_with('*') => (Step::Each, dot + 1),
                    None => return Err(PathError { at: at + dot, expected: "a name" }),
                }
            };
            steps.push(step);
            at += used;
        }
        if steps.is_empty() { Err(PathError { at: 0, expected: "a name" }) } else { Ok(Self { steps }) }
    }
}

fn name_of(s: &str) -> Option<&str> {
    let end = s.bytes().position(|b| !(b.is_ascii_alphanumeric() || b == b'_')).unwrap_or(s.len());
    let name = &s[..end];
    is_name(name).then_some(name)
}

fn bracket(s: &str) -> Option<(Step, usize)> {
    let inner = s.strip_prefix('[')?;
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = inner[1..].find(quote)? + 1;
        return inner[end + 1..].starts_with(']').then(|| (Step::Name(inner[1..end].to_owned()), end + 3));
    }
    let end = inner.find(']')?;
    let step = match &inner[..end] {
        "*" => Step::Each,
        number => Step::Index(number.trim().parse().ok()?),
    };
    Some((step, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Vec<String> {
        let json: serde_json::Map<_, _> = serde_json::from_str(r#"{"a":{"b":[{"c":1},{"c":2}],"x-y":"z"},"c":3,"l":["p","q"]}"#).unwrap();
        let mut out = Vec::new();
        let path: Path = path.parse().unwrap();
        path.visit(&json, &mut |v| {
            let mut text = Vec::new();
            crate::json::write_value(&mut text, v);
            out.push(String::from_utf8(text).unwrap());
        });
        out
    }

    #[test]
    fn names_indexes_wildcards_and_depth() {
        assert_eq!(found("c"), ["3"]);
        assert_eq!(found("a[\"x-y\"]"), ["\"z\""]);
        assert_eq!(found("a.b[1].c"), ["2"]);
        assert_eq!(found("a.b[-1].c"), ["2"]);
        assert_eq!(found("a.b.c"), ["1", "2"]);
        assert_eq!(found("a.b[*].c"), ["1", "2"]);
        assert_eq!(found("a..c"), ["1", "2"]);
        assert_eq!(found("l.*"), ["\"p\"", "\"q\""]);
        assert!(found("a.nothing.c").is_empty());
        assert!(found("l[2]").is_empty());
    }

    #[test]
    fn a_reader_finds_the_first_that_a_path_finds() {
        use crate::{Endpoint, Node};
        let endpoint = Endpoint::new([10, 0, 0, 1].into(), 80);
        let node = Node { ip: "10.0.0.2".into(), name: "n".into() };
        let json: serde_json::Map<_, _> = serde_json::from_str(r#"{"ip":"j","l":[{"ip":"k"}]}"#).unwrap();
        for path in ["ip", "name", "port", "nothing", "l.ip", "l[0].ip", "*"] {
            let path: Path = path.parse().unwrap();
            let reader = Reader::new(path.clone());
            // Twice each, in turn: what is remembered of one type must not be taken for another.
            for object in [&endpoint as &dyn Object, &node, &json, &endpoint, &node, &json] {
                let (mut all, mut read) = (Vec::new(), None);
                path.visit(object, &mut |v| all.push(v.as_str().map(str::to_owned)));
                reader.first(object, |v| read = (!v.is_absent()).then(|| v.as_str().map(str::to_owned)));
                assert_eq!(all.into_iter().next(), read, "{path}");
            }
        }
    }

    #[test]
    fn prints_as_it_parses() {
        for text in ["a.b[1].c", "a[\"x-y\"]", "a.*.c", "a..c", "a[-1]"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn errors_say_where() {
        assert_eq!("a.".parse::<Path>().unwrap_err().at, 2);
        assert_eq!("a[x]".parse::<Path>().unwrap_err().at, 1);
        assert_eq!("".parse::<Path>().unwrap_err().at, 0);
    }
}
