//! What can go wrong with a store.

use std::path::Path;

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite says no.
    #[error("the database {place} cannot be used: {source}; check the file and its folder, or choose another --data folder")]
    Database {
        /// The file, or "in memory".
        place: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is a database, of another program.
    #[error("{place} is the database of another program, not an item index: choose another --data folder")]
    Foreign {
        /// The file.
        place: String,
    },
    /// A newer program wrote it.
    #[error(
        "the item index {place} was written by a newer version (schema {found}, this one knows {known}): use that version, or another --data folder"
    )]
    Newer {
        /// The file.
        place: String,
        /// Its schema's number.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A file cannot be read or written.
    #[error("{place}: {source}")]
    Io {
        /// The file or folder.
        place: String,
        /// Why.
        source: std::io::Error,
    },
}

impl StoreError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { place: place(Some(path)), source }
    }

    pub(crate) fn new(path: Option<&Path>, source: rusqlite::Error) -> Self {
        Self::Database { place: place(path), source }
    }
}

pub(crate) fn place(path: Option<&Path>) -> String {
    path.map_or_else(|| "in memory".to_owned(), |p| p.display().to_string())
}
