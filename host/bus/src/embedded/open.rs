//! Opening the file: whose it is, which version, and clear words when it cannot be used.

use super::limits::BUSY_TIMEOUT;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::{Path, PathBuf};

/// Marks our files among SQLite's (`PRAGMA application_id`): "HkBs".
const APPLICATION_ID: i32 = 0x486b_4273;

/// The schema's version (`PRAGMA user_version`).
const VERSION: i32 = 1;

/// The write-ahead log is cut back to this after a burst, so that it does not keep the burst's size.
const WAL_BYTES_MAX: u32 = 16 << 20;

/// Why the bus's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is something else.
    #[error("{} is not an event bus: it is no SQLite database, or a damaged one; move it away or choose another path", .0.display())]
    NotADatabase(PathBuf),
    /// The file is a database of another program.
    #[error("{} is a database of another program; choose another path", .0.display())]
    Foreign(PathBuf),
    /// The file was written by a later Hookline.
    #[error(
        "{} has version {found} and this Hookline knows version {VERSION}: use the newer Hookline that wrote it, or move it away",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
    },
    /// The file or its directory may not be written.
    #[error("{} cannot be written: allow writing the file and its directory (the log stands beside it), or choose another path", .0.display())]
    ReadOnly(PathBuf),
    /// The file cannot be made or opened.
    #[error("{} cannot be opened: its directory must exist and be accessible, and the path be a file's: {source}", path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// Another process holds the file.
    #[error("{} is locked by another process: stop that one, or choose another path", .0.display())]
    Locked(PathBuf),
    /// Anything else: a full disk, a failing one.
    #[error("the event bus {} cannot be used: {source}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
}

impl OpenError {
    fn new(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::NotADatabase(path),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Inaccessible { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            _ => Self::Other { path, source },
        }
    }
}

/// The database at `path`, in memory without one, with the schema in place.
pub(super) fn open(path: Option<&Path>) -> Result<Connection, OpenError> {
    let named = path.unwrap_or(Path::new(":memory:"));
    let opened = match path {
        Some(path) => Connection::open(path),
        None => Connection::open_in_memory(),
    };
    let mut connection = opened.map_err(|e| OpenError::new(named, e))?;
    check(&connection).map_err(|e| OpenError::new(named, e))?.into_result(named)?;
    prepare(&mut connection).map_err(|e| OpenError::new(named, e))?;
    Ok(connection)
}

/// Whose file it is.
enum Owner {
    Ours,
    Nobody,
    Newer(i32),
    Foreign,
    ReadOnly,
}

impl Owner {
    fn into_result(self, path: &Path) -> Result<(), OpenError> {
        match self {
            Self::Ours | Self::Nobody => Ok(()),
            Self::Newer(found) => Err(OpenError::Newer { path: path.to_owned(), found }),
            Self::Foreign => Err(OpenError::Foreign(path.to_owned())),
            Self::ReadOnly => Err(OpenError::ReadOnly(path.to_owned())),
        }
    }
}

/// Looks before anything is written.
fn check(connection: &Connection) -> rusqlite::Result<Owner> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(match (application, version) {
        (APPLICATION_ID, found) if found > VERSION => Owner::Newer(found),
        _ if connection.is_readonly("main")? => Owner::ReadOnly,
        (APPLICATION_ID, _) => Owner::Ours,
        (0, 0) if tables == 0 => Owner::Nobody,
        _ => Owner::Foreign,
    })
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    // A journal in memory is what ":memory:" answers here. NORMAL: a crash of the process loses nothing, a power cut at most the last
    // transactions and never the file (https://sqlite.org/wal.html#performance_considerations); JetStream syncs every two minutes.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_MAX, |_| Ok(()))?;
    // Another process may make the schema at the same moment: look again with the lock held.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn refusal(prepare: impl FnOnce(&Path)) -> OpenError {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bus.sqlite");
        prepare(&path);
        let error = open(Some(&path)).unwrap_err();
        assert!(error.to_string().contains("bus.sqlite"), "{error}");
        error
    }

    #[test]
    fn other_files_are_left_alone() {
        let text = "x".repeat(4096);
        assert!(matches!(refusal(|path| std::fs::write(path, &text).unwrap()), OpenError::NotADatabase(_)));
        assert!(matches!(
            refusal(|path| Connection::open(path).unwrap().execute_batch("CREATE TABLE a (b)").unwrap()),
            OpenError::Foreign(_)
        ));
        assert!(matches!(refusal(|path| std::fs::create_dir(path).unwrap()), OpenError::Inaccessible { .. }));
        assert!(matches!(open(Some(Path::new("/nonexistent/bus.sqlite"))).unwrap_err(), OpenError::Inaccessible { .. }));
    }

    #[test]
    fn newer_files_are_refused_and_ours_reopened() {
        let newer = refusal(|path| {
            drop(open(Some(path)).unwrap());
            drop(open(Some(path)).unwrap());
            Connection::open(path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        });
        assert!(matches!(newer, OpenError::Newer { found: 2, .. }));
        assert!(newer.to_string().contains("use the newer Hookline"));
    }

    #[test]
    fn codes_have_clear_words() {
        let error = |code| OpenError::new(Path::new("b"), rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(matches!(error(ffi::SQLITE_READONLY), OpenError::ReadOnly(_)));
        assert!(matches!(error(ffi::SQLITE_READONLY_DIRECTORY), OpenError::ReadOnly(_)));
        assert!(matches!(error(ffi::SQLITE_BUSY), OpenError::Locked(_)));
        assert!(matches!(error(ffi::SQLITE_FULL), OpenError::Other { .. }));
    }
}
