//! Which segments there are, and which blocks of them hold which streams: a SQLite file beside them.

use rusqlite::{Connection, OptionalExtension as _, params};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// The number of this schema, in the database's `user_version`.
const VERSION: i64 = 1;
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
create table if not exists segments (
    id integer primary key, file text not null unique, first integer not null, last integer not null, bytes integer not null,
    packets integer not null
);
create table if not exists blocks (
    segment integer not null, number integer not null, offset integer not null, length integer not null, first integer not null,
    last integer not null, primary key (segment, number)
) without rowid;
create table if not exists streams (
    stream integer not null, segment integer not null, blocks blob not null, primary key (stream, segment)
) without rowid;
create index if not exists streams_by_segment on streams (segment);
";

/// Where in a segment a block lies, and when its packets were captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What is known of a segment.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) blocks: Vec<Block>,
    pub(super) packets: u64,
    /// The numbers of the blocks that hold packets of a stream.
    pub(super) streams: BTreeMap<u64, Vec<u32>>,
}

impl Contents {
    /// Adds a block with packets of these streams.
    pub(super) fn add(&mut self, block: Block, packets: u64, streams: impl Iterator<Item = u64>) {
        let number = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        self.blocks.push(block);
        self.packets += packets;
        for stream in streams {
            let blocks = self.streams.entry(stream).or_default();
            if blocks.last() != Some(&number) {
                blocks.push(number);
            }
        }
    }

    pub(super) fn first(&self) -> u64 {
        self.blocks.iter().map(|b| b.first).min().unwrap_or(0)
    }

    pub(super) fn last(&self) -> u64 {
        self.blocks.iter().map(|b| b.last).max().unwrap_or(0)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.blocks.iter().map(|b| b.length).sum()
    }
}

/// The index. Readers of other processes may have it open too.
pub(super) struct Index(Connection);

impl Index {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        // Segments can be indexed again: a power cut may cost the last entries, never the file.
        connection.execute_batch("pragma journal_mode = wal; pragma synchronous = normal;")?;
        connection.execute_batch(TABLES)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        Ok(Self(connection))
    }

    /// The files that are indexed.
    pub(super) fn files(&self) -> rusqlite::Result<Vec<String>> {
        self.0.prepare("select file from segments order by id")?.query_map([], |row| row.get(0))?.collect()
    }

    /// Adds a segment that is complete.
    pub(super) fn add(&mut self, file: &str, contents: &Contents) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        let values = params![file, contents.first() as i64, contents.last() as i64, contents.bytes() as i64, contents.packets as i64];
        transaction.execute("insert into segments (file, first, last, bytes, packets) values (?1, ?2, ?3, ?4, ?5)", values)?;
        let id = transaction.last_insert_rowid();
        {
            let sql = "insert into blocks (segment, number, offset, length, first, last) values (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut insert = transaction.prepare_cached(sql)?;
            for (number, b) in contents.blocks.iter().enumerate() {
                insert.execute(params![id, number as i64, b.offset as i64, b.length as i64, b.first as i64, b.last as i64])?;
            }
            let mut insert = transaction.prepare_cached("insert into streams (stream, segment, blocks) values (?1, ?2, ?3)")?;
            for (stream, blocks) in &contents.streams {
                let blocks: Vec<u8> = blocks.iter().flat_map(|b| b.to_le_bytes()).collect();
                insert.execute(params![*stream as i64, id, blocks])?;
            }
        }
        transaction.commit()
    }

    /// The oldest segment, if it is not the only one: its file and bytes, and when its last packet was captured.
    pub(super) fn oldest(&self) -> rusqlite::Result<Option<(String, u64)>> {
        let sql = "select file, last from segments order by last, id limit 1";
        self.0.query_row(sql, [], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))).optional()
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> rusqlite::Result<u64> {
        self.0.query_row("select coalesce(sum(bytes), 0) from segments", [], |row| row.get::<_, i64>(0)).map(|n| n as u64)
    }

    /// Forgets a segment.
    pub(super) fn remove(&mut self, file: &str) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        let id: Option<i64> = transaction.query_row("select id from segments where file = ?1", [file], |row| row.get(0)).optional()?;
        if let Some(id) = id {
            for table in ["blocks", "streams"] {
                transaction.execute(&format!("delete from {table} where segment = ?1"), [id])?;
            }
            transaction.execute("delete from segments where id = ?1", [id])?;
        }
        transaction.commit()
    }

    /// The blocks of a file that hold a packet of one of `streams` (of any, without), and may hold one between `from` and `to`.
    pub(super) fn blocks(&self, file: &str, streams: Option<&[u64]>, from: u64, to: u64) -> rusqlite::Result<Vec<Block>> {
        let wanted = streams.map(|streams| self.numbers(file, streams)).transpose()?;
        let sql = "select number, offset, length, first, last from blocks where segment = (select id from segments where file = ?1) \
                   and last >= ?2 and first <= ?3 order by number";
        let limit = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params![file, limit(from), limit(to)], |row| {
            let number = |column| row.get::<_, i64>(column).map(|n| n as u64);
            Ok((row.get::<_, u32>(0)?, Block { offset: number(1)?, length: number(2)?, first: number(3)?, last: number(4)? }))
        })?;
        let found: Vec<(u32, Block)> = rows.collect::<Result<_, _>>()?;
        Ok(found.into_iter().filter(|(number, _)| wanted.as_ref().is_none_or(|w| w.contains(number))).map(|(_, block)| block).collect())
    }

    fn numbers(&self, file: &str, streams: &[u64]) -> rusqlite::Result<std::collections::BTreeSet<u32>> {
        let sql = "select blocks from streams where stream = ?1 and segment = (select id from segments where file = ?2)";
        let mut statement = self.0.prepare_cached(sql)?;
        let mut numbers = std::collections::BTreeSet::new();
        for stream in streams {
            let blocks: Option<Vec<u8>> = statement.query_row(params![*stream as i64, file], |row| row.get(0)).optional()?;
            let blocks = blocks.unwrap_or_default();
            numbers.extend(blocks.chunks_exact(4).filter_map(|b| b.try_into().ok().map(u32::from_le_bytes)));
        }
        Ok(numbers)
    }
}
