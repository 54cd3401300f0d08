//! An item by value: what every item has, as `item-hook` takes it.

use crate::bindings::item_hook::{Item, Side};
use hookline_item::{Object, Value};
use std::borrow::Cow;

/// The texts of an item, for as long as a call needs them.
pub(crate) struct ByValue<'a> {
    id: Cow<'a, str>,
    protocol: Cow<'a, str>,
    method: Cow<'a, str>,
    summary: Cow<'a, str>,
    src: Ends<'a>,
    dst: Ends<'a>,
    timestamp: u64,
    status: i64,
    elapsed_us: u64,
}

/// An end of the item's flow.
#[derive(Default)]
struct Ends<'a> {
    ip: Cow<'a, str>,
    name: Cow<'a, str>,
    port: u16,
}

impl<'a> ByValue<'a> {
    pub(crate) fn of(item: &'a dyn Object) -> Self {
        let protocol = item.get("protocol");
        let protocol = protocol.as_object().map(|p| text(p.get("macro")).into_owned());
        Self {
            id: text(item.get("id")),
            protocol: protocol.unwrap_or_default().into(),
            method: text(item.get("method")),
            summary: text(item.get("summary")),
            src: Ends::of(&item.get("src")),
            dst: Ends::of(&item.get("dst")),
            timestamp: unsigned(&item.get("timestamp")),
            status: signed(&item.get("status")),
            elapsed_us: unsigned(&item.get("elapsedTime")),
        }
    }

    /// It as a call takes it, in place `index` of its batch.
    pub(crate) fn view(&self, index: u32) -> Item<'_> {
        Item {
            index,
            id: &self.id,
            timestamp: self.timestamp,
            protocol: &self.protocol,
            src: self.src.view(),
            dst: self.dst.view(),
            method: &self.method,
            summary: &self.summary,
            status: self.status,
            elapsed_us: self.elapsed_us,
        }
    }
}

impl Ends<'_> {
    fn of(side: &Value<'_>) -> Self {
        let Some(side) = side.as_object() else { return Self::default() };
        let owned = |name: &str| Cow::Owned(text(side.get(name)).into_owned());
        Self { ip: owned("ip"), name: owned("name"), port: text(side.get("port")).parse().unwrap_or(0) }
    }

    fn view(&self) -> Side<'_> {
        Side { ip: &self.ip, port: self.port, name: &self.name }
    }
}

/// A text; empty where the item has none.
fn text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Str(text) => text,
        _ => Cow::Borrowed(""),
    }
}

fn unsigned(value: &Value<'_>) -> u64 {
    match value {
        Value::U64(n) => *n,
        // Read back from the store.
        Value::I64(n) => u64::try_from(*n).unwrap_or(0),
        _ => 0,
    }
}

fn signed(value: &Value<'_>) -> i64 {
    match value {
        Value::I64(n) => *n,
        Value::U64(n) => i64::try_from(*n).unwrap_or(i64::MAX),
        _ => 0,
    }
}
