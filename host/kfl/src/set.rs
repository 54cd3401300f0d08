//! Many filters at once: an item is shown only to the filters that it can match at all.
//!
//! Each filter has *guards*, found when it is added: tests of which one must hold for the filter to hold, an equation `path == literal`, or a
//! text that must be in a field. Equations are indexed by path and literal, texts by an automaton for each path, so that any number of
//! filters that ask for another protocol, status or host cost one look-up together. Only filters one of whose guards holds, and those without
//! any, are run.

use crate::{
    Filter,
    eval::{number_of, text_of},
    expr::{Expr, Literal, Op, Operand, TextOp},
};
use aho_corasick::AhoCorasick;
// Keys come from filters, not from the wire: nobody can make them collide.
use foldhash::fast::FixedState;
use hookline_item::{Object, Path, Reader, Timestamp, Value};
use std::{collections::HashMap, sync::OnceLock};

/// Filters by number, asked together.
#[derive(Default)]
pub struct FilterSet {
    filters: Vec<Filter>,
    /// Filters without a guard: always run.
    always: Vec<usize>,
    /// Whether a filter has several guards, so that it may be found more than once.
    several: Vec<bool>,
    equations: Vec<Equations>,
    texts: Vec<Texts>,
}

/// The filters that compare one path with something.
struct Equations {
    path: Reader,
    numbers: HashMap<u64, Vec<usize>, FixedState>,
    texts: HashMap<Box<str>, Vec<usize>, FixedState>,
}

/// The filters that look for a text in one path.
struct Texts {
    path: Reader,
    patterns: Vec<(String, usize)>,
    /// Made of the patterns when it is first needed.
    automaton: OnceLock<Option<AhoCorasick>>,
}

/// A test that must hold.
enum Guard<'e> {
    Number(&'e Path, u64),
    Text(&'e Path, &'e str),
    Within(&'e Path, &'e str),
}

/// A filter with more guards than this is always run: finding it would cost more than running it.
const GUARDS_MAX: usize = 64;

impl FilterSet {
    /// Adds a filter; its number is how many were added before.
    pub fn add(&mut self, filter: Filter) -> usize {
        let index = self.filters.len();
        let guards = guards(&filter.expr).filter(|guards| guards.len() <= GUARDS_MAX);
        self.several.push(guards.as_ref().is_some_and(|guards| guards.len() > 1));
        match guards {
            None => self.always.push(index),
            Some(guards) => {
                for guard in guards {
                    match guard {
                        Guard::Number(path, n) => equations(&mut self.equations, path).numbers.entry(n).or_default().push(index),
                        Guard::Text(path, text) => equations(&mut self.equations, path).texts.entry(text.into()).or_default().push(index),
                        Guard::Within(path, text) => {
                            let texts = texts(&mut self.texts, path);
                            texts.patterns.push((text.to_owned(), index));
                            texts.automaton = OnceLock::new();
                        }
                    }
                }
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
        let holds = |index: usize| self.filters.get(index).is_some_and(|filter| filter.matches(root, now));
        let several = |index: usize| self.several.get(index).copied().unwrap_or_default();
        let mut run = |index: usize| {
            if !(several(index) && hits.contains(&index)) && holds(index) {
                hits.push(index);
            }
        };
        self.always.iter().for_each(|index| run(*index));
        for equations in &self.equations {
            equations.path.visit(root, &mut |value| {
                // What is equal has an equal number, or an equal text.
                let found = match number_of(value) {
                    Some(n) => equations.numbers.get(&key(n)),
                    None => text_of(value).and_then(|text| equations.texts.get(&*text)),
                };
                found.into_iter().flatten().for_each(|index| run(*index));
            });
        }
        for texts in &self.texts {
            texts.path.visit(root, &mut |value| texts.find(value, &mut run));
        }
    }
}

impl Texts {
    fn find(&self, value: &Value<'_>, run: &mut dyn FnMut(usize)) {
        let Some(text) = text_of(value) else { return };
        let automaton = self.automaton.get_or_init(|| AhoCorasick::new(self.patterns.iter().map(|(pattern, _)| pattern)).ok());
        let Some(automaton) = automaton else { return self.patterns.iter().for_each(|(_, index)| run(*index)) };
        let mut last = None;
        for found in automaton.find_overlapping_iter(&*text) {
            // A text that is there twice in a row is one reason.
            if last != Some(found.pattern()) {
                last = Some(found.pattern());
                self.patterns.get(found.pattern().as_usize()).into_iter().for_each(|(_, index)| run(*index));
            }
        }
    }
}

fn equations<'s>(all: &'s mut Vec<Equations>, path: &Path) -> &'s mut Equations {
    let at = all.iter().position(|e| e.path.path() == path).unwrap_or(all.len());
    if at == all.len() {
        all.push(Equations { path: Reader::new(path.clone()), numbers: HashMap::default(), texts: HashMap::default() });
    }
    &mut all[at]
}

fn texts<'s>(all: &'s mut Vec<Texts>, path: &Path) -> &'s mut Texts {
    let at = all.iter().position(|t| t.path.path() == path).unwrap_or(all.len());
    if at == all.len() {
        all.push(Texts { path: Reader::new(path.clone()), patterns: Vec::new(), automaton: OnceLock::new() });
    }
    &mut all[at]
}

/// The tests of which one must hold for `expr` to hold; nothing if there are none.
fn guards(expr: &Expr) -> Option<Vec<Guard<'_>>> {
    match expr {
        // Equations tell more than texts; of several, the last one does: people write the protocol first and the particular after it.
        Expr::And(a, b) => match (guards(a), guards(b)) {
            (Some(a), Some(b)) if b.iter().any(|g| matches!(g, Guard::Within(..))) && !a.iter().any(|g| matches!(g, Guard::Within(..))) => {
                Some(a)
            }
            (a, b) => b.or(a),
        },
        Expr::Or(a, b) => {
            let mut all = guards(a)?;
            all.extend(guards(b)?);
            Some(all)
        }
        Expr::Named(_, inner, _) => guards(inner),
        Expr::Compare(Op::Eq, a, b) => equation(a, b).or_else(|| equation(b, a)),
        Expr::Text(TextOp::StartsWith | TextOp::EndsWith | TextOp::Contains, a, Operand::Literal(Literal::Text(text)))
            if !text.is_empty() =>
        {
            Some(vec![Guard::Within(scalar(a)?, text)])
        }
        _ => None,
    }
}

/// `path == literal` or `path in [literals]`.
fn equation<'e>(a: &'e Operand, b: &'e Operand) -> Option<Vec<Guard<'e>>> {
    let path = scalar(a)?;
    let one = |operand: &'e Operand| match operand {
        Operand::Literal(l) if !is_default(a, l) => guard(path, l),
        _ => None,
    };
    match b {
        Operand::List(list) => list.iter().map(one).collect(),
        operand => one(operand).map(|guard| vec![guard]),
    }
}

fn guard<'e>(path: &'e Path, literal: &'e Literal) -> Option<Guard<'e>> {
    match literal {
        Literal::Number(n) => Some(Guard::Number(path, key(*n))),
        Literal::Text(text) => Some(match number_of(&Value::from(text.as_str())) {
            Some(n) => Guard::Number(path, key(n)),
            None => Guard::Text(path, text),
        }),
        Literal::Bool(b) => Some(Guard::Text(path, if *b { "true" } else { "false" })),
        Literal::Nil | Literal::Regex(_) => None,
    }
}

/// -0.0 equals 0.0 and must have its key.
fn key(n: f64) -> u64 {
    (n + 0.0).to_bits()
}

/// Whether an operand has this value where its path has none: then the path tells nothing.
fn is_default(operand: &Operand, literal: &Literal) -> bool {
    match (operand, literal) {
        (Operand::Or(_, Literal::Number(a)), Literal::Number(b)) => a == b,
        (Operand::Or(_, Literal::Text(a)), Literal::Text(b)) => a == b,
        _ => false,
    }
}

/// The path that is read, where one look-up can decide: it does not pass through a list (a name after a list names it in each element), nor
/// end in one.
fn scalar(operand: &Operand) -> Option<&Path> {
    const SCALAR_PATHS: &[&str] = &[
        "protocol.name",
        "protocol.abbr",
        "protocol.version",
        "response.status",
        "request.method",
        "request.path",
        "request.url",
        "request.host",
        "status",
        "method",
        "summary",
        "src.ip",
        "dst.ip",
        "src.port",
        "dst.port",
        "src.name",
        "dst.name",
        "src.namespace",
        "dst.namespace",
        "response.rcode",
        "response.code",
        "tls",
    ];
    let path = match operand {
        Operand::Path(reader) => reader.path(),
        Operand::Or(inner, _) => return scalar(inner),
        _ => return None,
    };
    SCALAR_PATHS.contains(&path.to_string().as_str()).then_some(path)
}
