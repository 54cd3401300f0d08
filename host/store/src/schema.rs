//! The tables, and how the database is opened.

use crate::error::{StoreError, place};
use rusqlite::{Connection, OpenFlags};
use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

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
    let found: i64 = writer.query_row("pragma user_version", [], |r| r.get(0)).map_err(error)?;
    if found > VERSION {
        return Err(StoreError::Newer { place: place(path), found, known: VERSION });
    }
    let prepare = || {
        if path.is_some() {
            // Items can be had again from the wire: a power cut may cost the last ones, never the file.
            writer.execute_batch("pragma journal_mode = wal; pragma synchronous = normal;")?;
        }
        writer.execute_batch(TABLES)?;
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

/// Items held, and bytes of their JSON.
pub(crate) fn held(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    connection.query_row("select count(*), coalesce(sum(length(cast(json as blob))), 0) from items", [], |r| Ok((r.get(0)?, r.get(1)?)))
}
