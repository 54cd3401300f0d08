//! What a filter needs, known without an item: what packets and protocols it can be about, and what it reads.

use crate::expr::{Expr, Literal, Op, Operand};
use hookline_item::{Path, Step};
use std::collections::BTreeSet;

/// What can be known of a filter before there are items. Each of the first fields is the values of which an item that matches must have one, or
/// nothing if that cannot be said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Protocols, by name or short name: known when a flow's protocol is.
    pub protocols: Option<BTreeSet<String>>,
    /// Ports of either side: known with the first packet.
    pub ports: Option<BTreeSet<String>>,
    /// Addresses of either side: known with the first packet.
    pub addresses: Option<BTreeSet<String>>,
    /// VLAN identifiers: known with the first packet.
    pub vlans: Option<BTreeSet<String>>,
    /// The fields that it reads.
    pub fields: BTreeSet<String>,
    /// Whether it reads bodies or payloads, which cost the most.
    pub bodies: bool,
}

const PROTOCOLS: &[&str] = &["protocol.name", "protocol.abbr"];
const PORTS: &[&str] = &["src.port", "dst.port"];
const ADDRESSES: &[&str] = &["src.ip", "dst.ip"];
const VLANS: &[&str] = &["capture.vlan.id"];
/// Names of fields of requests, responses and `data` in which contents of bodies and messages stand.
pub const CONTENTS: &[&str] = &[
    "content",
    "body",
    "postData",
    "payload",
    "document",
    "graphql",
    "messages",
    "args",
    "value",
    "values",
    "parameters",
    "entries",
    "changes",
    "copy",
    "data",
    "firstBytes",
    "will",
];

pub(crate) fn of(expr: &Expr) -> Plan {
    let mut fields = BTreeSet::new();
    // What is run as Kubeshark runs it is not looked into.
    let mut bodies = false;
    expr.walk(&mut |e| bodies |= matches!(e, Expr::Compat(..)));
    expr.paths(&mut |path| {
        let text = path.to_string();
        bodies |= match path.steps.split_first() {
            Some((Step::Name(_), below)) => below.iter().any(may_be_contents),
            _ => true,
        };
        fields.insert(text);
    });
    let one_of = |paths| required(expr, paths);
    Plan { protocols: one_of(PROTOCOLS), ports: one_of(PORTS), addresses: one_of(ADDRESSES), vlans: one_of(VLANS), fields, bodies }
}

fn may_be_contents(step: &Step) -> bool {
    match step {
        Step::Name(name) => CONTENTS.contains(&name.as_str()),
        Step::Each | Step::Deep(_) => true,
        Step::Index(_) => false,
    }
}

impl Plan {
    /// What an item must be about that either of two filters wants.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let joined = |a: Option<BTreeSet<String>>, b: Option<BTreeSet<String>>| Some(&a? | &b?);
        Self {
            protocols: joined(self.protocols, other.protocols),
            ports: joined(self.ports, other.ports),
            addresses: joined(self.addresses, other.addresses),
            vlans: joined(self.vlans, other.vlans),
            fields: &self.fields | &other.fields,
            bodies: self.bodies || other.bodies,
        }
    }

    /// The plan for people, a line for each thing.
    #[must_use]
    pub fn render(&self) -> String {
        let list =
            |set: &Option<BTreeSet<String>>| set.as_ref().map_or("any".to_owned(), |s| s.iter().cloned().collect::<Vec<_>>().join(", "));
        format!(
            "at a packet      ports {}; addresses {}; VLANs {}\nat detection     protocols {}\nat an item       reads {}{}\n",
            list(&self.ports),
            list(&self.addresses),
            list(&self.vlans),
            list(&self.protocols),
            if self.fields.is_empty() { "nothing".to_owned() } else { self.fields.iter().cloned().collect::<Vec<_>>().join(", ") },
            if self.bodies { " (contents among them)" } else { "" },
        )
    }
}

/// The values of which one of `paths` must have one for `expr` to hold; nothing if that cannot be said.
fn required(expr: &Expr, paths: &[&str]) -> Option<BTreeSet<String>> {
    match expr {
        Expr::And(a, b) => match (required(a, paths), required(b, paths)) {
            // Two demands may be met by two sides: the smaller one is kept.
            (Some(a), Some(b)) => Some(if a.len() <= b.len() { a } else { b }),
            (a, b) => a.or(b),
        },
        Expr::Or(a, b) => Some(&required(a, paths)? | &required(b, paths)?),
        Expr::Named(_, inner, _) => required(inner, paths),
        Expr::Const(false) => Some(BTreeSet::new()),
        Expr::Compare(Op::Eq, a, b) => {
            equation(a, b).or_else(|| equation(b, a)).filter(|(path, _)| paths.contains(&path.to_string().as_str())).map(|(_, v)| v)
        }
        _ => None,
    }
}

/// The path that is compared, and the literals that it may equal.
fn equation<'e>(a: &'e Operand, b: &'e Operand) -> Option<(&'e Path, BTreeSet<String>)> {
    let path = match a {
        Operand::Path(reader) => reader.path(),
        Operand::Or(inner, _) => match &**inner {
            Operand::Path(reader) => reader.path(),
            _ => return None,
        },
        _ => return None,
    };
    let value = |operand: &Operand| match operand {
        Operand::Literal(Literal::Text(text)) => Some(text.clone()),
        Operand::Literal(Literal::Number(n)) => Some(n.to_string()),
        _ => None,
    };
    let values = match b {
        Operand::List(list) => list.iter().map(value).collect::<Option<BTreeSet<_>>>()?,
        operand => [value(operand)?].into(),
    };
    Some((path, values))
}
