//! Many filters at once: an item is shown only to the filters that it can match at all.
//!
//! Each filter has a *guard*, found when it is added: an equation `path == literal` that must hold for the filter to hold. Filters are
//! indexed by the guard's path and literal, so that any number of filters that ask for another protocol or another status cost
//! one look-up together. Only filters whose guard holds, and those without one, are run.

use crate::{
    Filter,
    eval::number_of,
    expr::{Expr, Literal, Op, Operand},
};
use hookline_item::{Object, Path, Timestamp, Value};
use std::collections::HashMap;

/// Filters by number, asked together.
#[derive(Default)]
pub struct FilterSet {
    filters: Vec<Filter>,
    /// Filters without a guard: always run.
    always: Vec<usize>,
    guarded: Vec<Guarded>,
}

/// The filters that compare one path with something.
struct Guarded {
    path: Path,
    by_key: HashMap<Key, Vec<usize>>,
}

/// A literal or a value, made so that values which may be equal have equal keys.
#[derive(PartialEq, Eq, Hash, Clone)]
enum Key {
    Number(u64),
    Text(String),
}

impl FilterSet {
    /// Adds a filter; its number is how many were added before.
    pub fn add(&mut self, filter: Filter) -> usize {
        let index = self.filters.len();
        let mut guards = Vec::new();
        collect_guards(&filter.expr, &mut guards);
        // The last equation is the most telling one: people write the protocol first and the particular after it.
        match guards.pop() {
            None => self.always.push(index),
            Some((path, key)) => {
                let at = self.guarded.iter().position(|g| g.path == *path).unwrap_or_else(|| {
                    self.guarded.push(Guarded { path: path.clone(), by_key: HashMap::new() });
                    self.guarded.len() - 1
                });
                self.guarded[at].by_key.entry(key).or_default().push(index);
            }
        }
        self.filters.push(filter);
        index
    }

    /// How many filters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Puts the numbers of the filters that hold for `root` into `hits`, in no particular order; `hits` is emptied first.
    pub fn matches(&self, root: &dyn Object, now: Timestamp, hits: &mut Vec<usize>) {
        hits.clear();
        hits.extend(self.always.iter().filter(|i| self.filters[**i].matches(root, now)));
        for guarded in &self.guarded {
            guarded.path.visit(root, &mut |value| {
                let Some(found) = key_of(value).and_then(|k| guarded.by_key.get(&k)) else { return };
                hits.extend(found.iter().filter(|i| self.filters[**i].matches(root, now)));
            });
        }
    }
}

/// The equations that must hold for `expr` to hold, in the order they are written.
fn collect_guards<'e>(expr: &'e Expr, out: &mut Vec<(&'e Path, Key)>) {
    match expr {
        Expr::And(a, b) => {
            collect_guards(a, out);
            collect_guards(b, out);
        }
        Expr::Compare(Op::Eq, Operand::Path(p), Operand::Literal(l)) | Expr::Compare(Op::Eq, Operand::Literal(l), Operand::Path(p))
            if p.is_single() && !may_be_list(p) =>
        {
            let key = match l {
                Literal::Number(n) => Some(Key::Number(n.to_bits())),
                Literal::Text(s) => key_of(&Value::from(s.as_str())),
                Literal::Bool(b) => key_of(&Value::Bool(*b)),
                Literal::Nil | Literal::Regex(_) => None,
            };
            out.extend(key.map(|k| (p, k)));
        }
        _ => {}
    }
}

/// Whether a path can pass through a list (a name after a list names it in each element) or end in one: then one look-up cannot decide.
fn may_be_list(path: &Path) -> bool {
    const SCALAR_PATHS: &[&str] = &[
        "protocol.name",
        "protocol.abbr",
        "protocol.version",
        "response.status",
        "request.method",
        "request.path",
        "request.url",
        "status",
        "method",
        "src.ip",
        "dst.ip",
        "src.port",
        "dst.port",
        "src.name",
        "dst.name",
        "response.rcode",
        "response.code",
        "tls",
    ];
    !SCALAR_PATHS.contains(&path.to_string().as_str())
}

fn key_of(v: &Value<'_>) -> Option<Key> {
    if let Some(n) = number_of(v) {
        // -0.0 equals 0.0 and must have its key.
        return Some(Key::Number((n + 0.0).to_bits()));
    }
    match v {
        Value::Str(s) => Some(Key::Text(s.as_ref().to_owned())),
        Value::Bool(b) => Some(Key::Text(b.to_string())),
        _ => None,
    }
}
