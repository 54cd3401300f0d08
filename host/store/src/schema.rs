//! The tables, and how the database is opened.

use crate::error::{StoreError, place};
use rusqlite::{Connection, OpenFlags};
use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Marks our files among SQLite's (`PRAGMA application_id`): "HkIx".
const APPLICATION_ID: i64 = 0x486b_4978;
/// The number of this schema, in the database's `user_version`.
const VERSION: i64 = 1;
/// How long a connection waits for another one's lock: a checkpoint of a large log.
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
create table if not exists items (
    seq integer primary key autoincrement,
    id text not null unique,
    json text not null
);
create table if not exists events (
    seq integer primary key autoincrement,
    id text not null unique,
    kind text not null,
    json text not null
);
create index if not exists events_by_kind on events (kind, seq);
";

/// A connection for the writer and one for readers.
pub(crate) fn open(path: Option<&Path>) -> Result<(Connection, Connection), StoreError> {
    let error = |e| StoreError::new(path, e);
    let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_URI;
    // In memory the two connections share one database by its name, which no other store of this process has.
    static MEMORIES: AtomicU64 = AtomicU64::new(0);
    let name = match path {
        Some(path) => path.as_os_str().to_owned(),
        None => format!("file:hookline-items-{}?mode=memory&cache=shared", MEMORIES.fetch_add(1, Ordering::Relaxed)).into(),
    };
    let connect = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(&name, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    };
    let writer = connect().map_err(error)?;
    check(&writer, path)?;
    let prepare = || {
        if path.is_some() {
            // Items can be had again from the wire: a power cut may cost the last ones, never the file.
            writer.execute_batch("pragma journal_mode = wal; pragma synchronous = normal;")?;
        }
        writer.execute_batch(TABLES)?;
        writer.pragma_update(None, "application_id", APPLICATION_ID)?;
        writer.pragma_update(None, "user_version", VERSION)
    };
    prepare().map_err(error)?;
    let reader = connect().map_err(error)?;
    if path.is_none() {
        // Readers of a shared memory would else be refused while the writer writes.
        reader.pragma_update(None, "read_uncommitted", true).map_err(error)?;
    }
    Ok((writer, reader))
}

/// Looks whose file it is before anything is written into it.
fn check(connection: &Connection, path: Option<&Path>) -> Result<(), StoreError> {
    let ask = |sql: &str| connection.query_row(sql, [], |r| r.get::<_, i64>(0)).map_err(|e| StoreError::new(path, e));
    let (tables, owner) = (ask("select count(*) from sqlite_schema")?, ask("pragma application_id")?);
    let found = ask("pragma user_version")?;
    match owner {
        APPLICATION_ID if found > VERSION => Err(StoreError::Newer { place: place(path), found, known: VERSION }),
        APPLICATION_ID => Ok(()),
        0 if tables == 0 && found == 0 => Ok(()),
        _ => Err(StoreError::Foreign { place: place(path) }),
    }
}

/// Items held, and bytes of their JSON.
pub(crate) fn held(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    connection.query_row("select count(*), coalesce(sum(length(cast(json as blob))), 0) from items", [], |r| Ok((r.get(0)?, r.get(1)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_programs_database_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("items.sqlite");
        let theirs = "create table items (price); pragma user_version = 1;";
        Connection::open(&path).unwrap().execute_batch(theirs).unwrap();
        let error = open(Some(&path)).err().unwrap();
        assert!(matches!(error, StoreError::Foreign { .. }));
        assert!(error.to_string().contains("items.sqlite") && error.to_string().contains("another"), "{error}");
        let tables: i64 = Connection::open(&path).unwrap().query_row("select count(*) from sqlite_schema", [], |r| r.get(0)).unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn our_own_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("items.sqlite");
        drop(open(Some(&path)).unwrap());
        assert!(open(Some(&path)).is_ok());
    }
}
