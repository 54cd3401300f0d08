//! `batch`: lazy reads of the items now being delivered.

use crate::{
    bindings::{batch, types},
    state::{Shown, State},
};
use hookline_item::{Value, json};
use std::sync::Arc;
use wasmtime::component::Resource;

/// What an `item-batch` handle stands for.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Batch {
    items: Arc<[Shown]>,
}

impl Batch {
    pub(crate) fn new(items: Arc<[Shown]>) -> Self {
        Self { items }
    }
}

impl State {
    fn item(&self, handle: &Resource<Batch>, index: u32) -> Option<Shown> {
        let batch = self.table.get(handle).ok()?;
        batch.items.get(usize::try_from(index).ok()?).cloned()
    }
}

impl batch::Host for State {}

impl batch::HostItemBatch for State {
    fn len(&mut self, handle: Resource<Batch>) -> u32 {
        self.table.get(&handle).map_or(0, |b| u32::try_from(b.items.len()).unwrap_or(u32::MAX))
    }

    fn get(&mut self, handle: Resource<Batch>, index: u32, path: String) -> types::Value {
        let Some(item) = self.item(&handle, index) else { return types::Value::Absent };
        let Some(path) = self.paths.get(&path, &self.stats) else { return types::Value::Absent };
        let mut found = types::Value::Absent;
        path.visit(item.as_ref(), &mut |v| {
            if matches!(found, types::Value::Absent) {
                found = lift(v);
            }
        });
        self.stats.bytes_in.add(match &found {
            types::Value::Text(text) | types::Value::Json(text) => text.len() as u64,
            _ => 8,
        });
        found
    }

    fn kind(&mut self, handle: Resource<Batch>, index: u32, path: String) -> types::Kind {
        let Some(item) = self.item(&handle, index) else { return types::Kind::Absent };
        let Some(path) = self.paths.get(&path, &self.stats) else { return types::Kind::Absent };
        let mut found = types::Kind::Absent;
        path.visit(item.as_ref(), &mut |v| {
            if found == types::Kind::Absent {
                found = kind_of(v);
            }
        });
        found
    }

    fn json(&mut self, handle: Resource<Batch>, index: u32) -> String {
        let text = self.item(&handle, index).map_or_else(|| "null".to_owned(), |item| json::to_string(item.as_ref()));
        self.stats.bytes_in.add(text.len() as u64);
        text
    }

    fn matches(&mut self, handle: Resource<Batch>, index: u32, filter: u32) -> bool {
        let Some(item) = self.item(&handle, index) else { return false };
        self.filters.get(filter).is_some_and(|f| f.matches(item.as_ref(), self.now))
    }

    fn drop(&mut self, handle: Resource<Batch>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn kind_of(v: &Value<'_>) -> types::Kind {
    match v {
        Value::Absent => types::Kind::Absent,
        Value::Null => types::Kind::Null,
        Value::Bool(_) => types::Kind::Boolean,
        Value::U64(_) | Value::I64(_) | Value::F64(_) => types::Kind::Number,
        Value::Str(_) | Value::Bytes(_) => types::Kind::Text,
        Value::List(_) | Value::MadeList(_) => types::Kind::List,
        Value::Object(_) | Value::MadeObject(_) => types::Kind::Object,
    }
}

fn lift(v: &Value<'_>) -> types::Value {
    match v {
        Value::Absent => types::Value::Absent,
        Value::Null => types::Value::Null,
        Value::Bool(b) => types::Value::Boolean(*b),
        Value::Str(s) => types::Value::Text(s.as_ref().to_owned()),
        other => match other.as_f64() {
            Some(n) => types::Value::Number(n),
            None => {
                let mut text = Vec::new();
                json::write_value(&mut text, other);
                types::Value::Json(String::from_utf8(text).unwrap_or_default())
            }
        },
    }
}
