//! What plugins keep: a SQLite table of their own each, in a file or in memory.

use crate::refused::Refused;
use hookline_item::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

/// Bytes of a key: a route or two addresses, with names around them.
const KEY_MAX: usize = 512;
/// Keys that are listed at once.
const KEYS_MAX: u32 = 1000;

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        // A full or broken disk: the plugin may try again.
        Self::Quota(format!("the store cannot be used now: {error}"))
    }
}

/// All plugins' stores. A plugin's is shared by its instances, old and new.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    folder: Option<PathBuf>,
    open: Mutex<HashMap<String, Arc<Kv>>>,
}

impl Stores {
    /// Stores in files in `folder`, or in memory.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, open: Mutex::default() }
    }

    /// The store of `plugin`, which may hold so many KiB.
    pub(crate) fn open(&self, plugin: &str, kib: u32) -> Result<Arc<Kv>, Refused> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let max = i64::from(kib) << 10;
        if let Some(kv) = open.get(plugin) {
            // A new manifest may allow more, or less.
            kv.max.store(max, Ordering::Relaxed);
            return Ok(Arc::clone(kv));
        }
        let connection = match &self.folder {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|e| Refused::Quota(format!("{}: {e}", folder.display())))?;
                Connection::open(folder.join(format!("{plugin}.sqlite")))?
            }
            None => Connection::open_in_memory()?,
        };
        // What is lost with the machine's power are the last moments; the database stays whole.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value BLOB NOT NULL, until INTEGER) WITHOUT ROWID;",
        )?;
        let used =
            connection.query_row("SELECT COALESCE(SUM(LENGTH(CAST(key AS BLOB)) + LENGTH(value)), 0) FROM kv", [], |row| row.get(0))?;
        let kv = Arc::new(Kv { inner: Mutex::new(Inner { connection, used }), max: max.into() });
        open.insert(plugin.to_owned(), Arc::clone(&kv));
        Ok(kv)
    }
}

/// One plugin's store.
#[derive(Debug)]
pub(crate) struct Kv {
    inner: Mutex<Inner>,
    /// Bytes of keys and values.
    max: AtomicI64,
}

/// A value, and when its time is over.
type Entry = (Vec<u8>, Option<i64>);

#[derive(Debug)]
struct Inner {
    connection: Connection,
    used: i64,
}

impl Kv {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // SQLite rolls back what a panic left half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn max(&self) -> i64 {
        self.max.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, Refused> {
        Ok(self.lock().value(key, now)?.map(|(value, _)| value))
    }

    pub(crate) fn set(&self, key: &str, value: &[u8], ttl_s: u32, now: Timestamp) -> Result<(), Refused> {
        check(key)?;
        self.lock().put(key, value, end(ttl_s, now), (self.max(), now))
    }

    pub(crate) fn delete(&self, key: &str, now: Timestamp) -> Result<bool, Refused> {
        let mut inner = self.lock();
        let there = inner.value(key, now)?.is_some();
        inner.remove(key)?;
        Ok(there)
    }

    pub(crate) fn add(&self, key: &str, n: i64, ttl_s: u32, now: Timestamp) -> Result<i64, Refused> {
        check(key)?;
        let mut inner = self.lock();
        let (before, until) = match inner.value(key, now)? {
            None => (0, end(ttl_s, now)),
            Some((value, until)) => {
                let bytes = value.try_into().map_err(|_| Refused::Invalid(format!("the value of {key:?} is no number")))?;
                (i64::from_le_bytes(bytes), until)
            }
        };
        let sum = before.saturating_add(n);
        inner.put(key, &sum.to_le_bytes(), until, (self.max(), now))?;
        Ok(sum)
    }

    pub(crate) fn keys(&self, prefix: &str, now: Timestamp) -> Result<Vec<String>, Refused> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT key FROM kv WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 AND (until IS NULL OR until > ?2) ORDER BY key LIMIT ?3",
        )?;
        let keys = statement.query_map(params![prefix, nanos(now), KEYS_MAX], |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }
}

impl Inner {
    fn value(&self, key: &str, now: Timestamp) -> Result<Option<Entry>, Refused> {
        let mut statement =
            self.connection.prepare_cached("SELECT value, until FROM kv WHERE key = ?1 AND (until IS NULL OR until > ?2)")?;
        Ok(statement.query_row(params![key, nanos(now)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    fn put(&mut self, key: &str, value: &[u8], until: Option<i64>, (max, now): (i64, Timestamp)) -> Result<(), Refused> {
        let len = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let size = len(key.len()).saturating_add(len(value.len()));
        let before = self.size(key)?;
        if self.used - before + size > max {
            self.forget_old(now)?;
        }
        if self.used - before + size > max {
            return Err(Refused::Quota(format!(
                "run.kv_kib = {}: keys and values would have {} bytes",
                max >> 10,
                self.used - before + size
            )));
        }
        let sql = "INSERT INTO kv (key, value, until) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET value = ?2, until = ?3";
        self.connection.prepare_cached(sql)?.execute(params![key, value, until])?;
        self.used += size - before;
        Ok(())
    }

    /// Bytes of an entry, whether its time is over or not.
    fn size(&self, key: &str) -> Result<i64, Refused> {
        let sql = "SELECT LENGTH(CAST(key AS BLOB)) + LENGTH(value) FROM kv WHERE key = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    fn remove(&mut self, key: &str) -> Result<(), Refused> {
        self.used -= self.size(key)?;
        self.connection.prepare_cached("DELETE FROM kv WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Makes room: entries whose time is over.
    fn forget_old(&mut self, now: Timestamp) -> Result<(), Refused> {
        self.connection.prepare_cached("DELETE FROM kv WHERE until <= ?1")?.execute([nanos(now)])?;
        let sql = "SELECT COALESCE(SUM(LENGTH(CAST(key AS BLOB)) + LENGTH(value)), 0) FROM kv";
        self.used = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(())
    }
}

fn check(key: &str) -> Result<(), Refused> {
    if key.len() <= KEY_MAX {
        return Ok(());
    }
    Err(Refused::Invalid(format!("a key has {} bytes; at most {KEY_MAX}", key.len())))
}

fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn end(ttl_s: u32, now: Timestamp) -> Option<i64> {
    (ttl_s > 0).then(|| nanos(now).saturating_add(i64::from(ttl_s) * 1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);
    const LATER: Timestamp = Timestamp(61_000_000_000);

    #[test]
    fn values_are_kept_until_their_time_is_over() {
        let kv = Stores::default().open("p", 1).unwrap();
        kv.set("a/1", b"x", 60, NOW).unwrap();
        kv.set("a/2", b"", 0, NOW).unwrap();
        assert_eq!(kv.get("a/1", NOW).unwrap().as_deref(), Some(&b"x"[..]));
        assert_eq!((kv.get("a/1", LATER).unwrap(), kv.get("a/2", LATER).unwrap()), (None, Some(Vec::new())));
        assert_eq!(
            (kv.keys("a/", NOW).unwrap().len(), kv.keys("a/", LATER).unwrap(), kv.keys("A", NOW).unwrap()),
            (2, vec!["a/2".into()], vec![])
        );
        assert!(kv.delete("a/2", NOW).unwrap() && !kv.delete("a/2", NOW).unwrap() && !kv.delete("a/1", LATER).unwrap());
    }

    #[test]
    fn numbers_are_added_to() {
        let kv = Stores::default().open("p", 1).unwrap();
        assert_eq!((kv.add("n", 2, 60, NOW).unwrap(), kv.add("n", -5, 60, NOW).unwrap()), (2, -3));
        assert_eq!(kv.add("n", 1, 60, LATER).unwrap(), 1, "its time was over");
        kv.set("t", b"text", 0, NOW).unwrap();
        assert_eq!(kv.add("t", 1, 0, NOW), Err(Refused::Invalid("the value of \"t\" is no number".into())));
    }

    #[test]
    fn room_is_bounded_and_what_is_over_makes_room() {
        let kv = Stores::default().open("p", 1).unwrap();
        kv.set("a", &[0; 1000], 60, NOW).unwrap();
        assert!(matches!(kv.set("b", &[0; 100], 0, NOW), Err(Refused::Quota(_))));
        kv.set("a", &[0; 900], 60, NOW).unwrap();
        kv.set("b", &[0; 100], 0, NOW).unwrap();
        kv.set("c", &[0; 900], 0, LATER).unwrap();
        assert!(matches!(kv.set(&"k".repeat(600), b"", 0, NOW), Err(Refused::Invalid(_))));
    }

    #[test]
    fn a_new_manifest_changes_the_room() {
        let stores = Stores::default();
        let kv = stores.open("p", 1).unwrap();
        assert!(kv.set("a", &[0; 1500], 0, NOW).is_err());
        stores.open("p", 2).unwrap();
        kv.set("a", &[0; 1500], 0, NOW).unwrap();
    }

    #[test]
    fn files_keep_it_from_run_to_run() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Stores::new(Some(dir.path().join("kv"))).open("p", 1).unwrap();
        open().set("a", b"x", 0, NOW).unwrap();
        let kv = open();
        assert_eq!(kv.get("a", NOW).unwrap().as_deref(), Some(&b"x"[..]));
        assert!(matches!(kv.set("b", &[0; 1023], 0, NOW), Err(Refused::Quota(_))));
    }
}
