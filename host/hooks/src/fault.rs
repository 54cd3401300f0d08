//! What a plugin was called with when it failed, kept in a file: its author calls it with the same again.

use crate::{columns::Values, state::Shown, stats::Hook};
use hookline_item::{Timestamp, json};
use serde_json::{Map, Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Faults kept of one plugin, the newest.
const FAULTS_MAX: usize = 5;
/// Bytes of one: a batch of large bodies is not worth the disk.
const FAULT_BYTES_MAX: usize = 16 << 20;
const FORMAT: &str = "hookline-fault/1";

/// The arguments of one call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) hook: Hook,
    pub(crate) subscription: u32,
    pub(crate) now: Timestamp,
    pub(crate) count: u32,
    pub(crate) columns: Vec<Values>,
    pub(crate) items: Vec<Map<String, Value>>,
}

/// A call that failed, borrowed from the worker.
pub(crate) struct Failed<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) error: &'a str,
    pub(crate) hook: Hook,
    pub(crate) subscription: u32,
    pub(crate) now: Timestamp,
    pub(crate) count: u32,
    pub(crate) columns: &'a [Values],
    pub(crate) items: &'a [Shown],
}

impl Failed<'_> {
    /// Writes it into `folder` and removes the plugin's oldest beyond [`FAULTS_MAX`]. Says where it is.
    ///
    /// # Errors
    /// The folder cannot be written, or the call is larger than [`FAULT_BYTES_MAX`].
    pub(crate) fn keep(&self, folder: &Path) -> io::Result<PathBuf> {
        let parse = |item: &Shown| serde_json::from_str::<Value>(&json::to_string(item.as_ref())).unwrap_or_default();
        let text = json!({
            "format": FORMAT,
            "plugin": self.plugin,
            "digest": self.digest,
            "error": self.error,
            "hook": self.hook.name(),
            "subscription": self.subscription,
            "now": self.now.0,
            "count": self.count,
            "columns": self.columns.iter().map(Values::to_json).collect::<Vec<_>>(),
            "items": self.items.iter().map(parse).collect::<Vec<_>>(),
        })
        .to_string();
        if text.len() > FAULT_BYTES_MAX {
            return Err(io::Error::other(format!("the call has {} bytes; at most {FAULT_BYTES_MAX} are kept", text.len())));
        }
        fs::create_dir_all(folder)?;
        let prefix = format!("{}@", self.plugin);
        let named = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok().filter(|name| name.starts_with(&prefix));
        let mut kept: Vec<String> = fs::read_dir(folder)?.filter_map(named).collect();
        // Names end with a number that grows, padded: the order of names is that of time.
        kept.sort();
        let last = kept.last().and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(".json")?.parse::<u64>().ok());
        let file = folder.join(format!("{prefix}{:06}.json", last.map_or(1, |n| n + 1)));
        fs::write(&file, text)?;
        let surplus = (kept.len() + 1).saturating_sub(FAULTS_MAX);
        kept.iter().take(surplus).try_for_each(|name| fs::remove_file(folder.join(name)))?;
        Ok(file)
    }
}

impl Call {
    /// Reads what [`Failed::keep`] wrote.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fault: Map<String, Value> = serde_json::from_str(text).map_err(|e| format!("this is not JSON: {e}"))?;
        let wrong = |name: &str| format!("this is no fault of a plugin: {name} is missing or not what it should be");
        if fault.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(wrong("format"));
        }
        let number = |name: &str| fault.get(name).and_then(Value::as_u64).ok_or_else(|| wrong(name));
        let list = |name: &str| fault.get(name).and_then(Value::as_array).ok_or_else(|| wrong(name));
        let hook = match fault.get("hook").and_then(Value::as_str) {
            Some("items") => Hook::Items,
            Some("packets") => Hook::Packets,
            Some("flows") => Hook::Flows,
            _ => return Err(wrong("hook")),
        };
        let columns: Option<Vec<Values>> = list("columns")?.iter().map(Values::from_json).collect();
        let items: Option<Vec<_>> = list("items")?.iter().map(|item| item.as_object().cloned()).collect();
        Ok(Self {
            hook,
            subscription: u32::try_from(number("subscription")?).map_err(|_| wrong("subscription"))?,
            now: Timestamp(number("now")?),
            count: u32::try_from(number("count")?).map_err(|_| wrong("count"))?,
            columns: columns.ok_or_else(|| wrong("columns"))?,
            items: items.ok_or_else(|| wrong("items"))?,
        })
    }

    /// The items, as a call takes them.
    pub(crate) fn shown(&self) -> Arc<[Shown]> {
        self.items.iter().map(|item| Arc::new(item.clone()) as Shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(columns: &[Values]) -> Failed<'_> {
        Failed {
            plugin: "p",
            digest: "d",
            error: "e",
            hook: Hook::Items,
            subscription: 1,
            now: Timestamp(7),
            count: 2,
            columns,
            items: &[],
        }
    }

    #[test]
    fn what_is_kept_is_what_is_called_again() {
        let dir = tempfile::tempdir().unwrap();
        let texts = Values::Texts { ends: vec![2, 2], bytes: "é".into() };
        let columns = [Values::U8s(vec![1, 255]), Values::U64s(vec![0, u64::MAX]), Values::F64s(vec![0.5, f64::NAN]), texts];
        let file = failed(&columns).keep(dir.path()).unwrap();
        let call = Call::parse(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!((call.subscription, call.now, call.count, call.hook), (1, Timestamp(7), 2, Hook::Items));
        assert_eq!(format!("{:?}", call.columns), format!("{columns:?}"));
        assert!(Call::parse("{}").unwrap_err().contains("format"));
    }

    #[test]
    fn the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        (0..FAULTS_MAX + 3).for_each(|_| drop(failed(&[]).keep(dir.path()).unwrap()));
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!((names.len(), names[0].as_str()), (FAULTS_MAX, "p@000004.json"));
    }
}
