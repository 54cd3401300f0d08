//! Reading: newest first.

use crate::{Store, StoreError};
use hookline_item::Timestamp;
use hookline_kfl::Filter;
use rusqlite::OptionalExtension as _;
use serde_json::{Map, Value};

/// Items looked at in one call: some tenths of a second. A filter that finds less goes on from the page's cursor.
const SCAN_MAX: u64 = 20_000;
/// Rows read at once.
const CHUNK: u64 = 500;
/// Bytes read at once, reached by few rows with large bodies (an item's JSON may have some MiB): what a reader holds beside its page.
const CHUNK_BYTES: usize = 8 << 20;
/// Bytes of JSON in one page. A page that is full goes on from its cursor, as one that scanned enough.
const PAGE_BYTES: usize = 32 << 20;

/// A place in the index: what was written before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub u64);

/// Which items are wanted.
#[derive(Clone, Copy, Debug)]
pub struct ItemQuery<'a> {
    /// What they must match.
    pub filter: &'a Filter,
    /// Only those before this place; `None` = from the newest on.
    pub before: Option<Cursor>,
    /// How many at most.
    pub limit: usize,
    /// What `now()` means.
    pub now: Timestamp,
}

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredItem {
    /// Its id.
    pub id: String,
    /// The item.
    pub json: Map<String, Value>,
}

/// Some items, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemPage {
    /// Those that match.
    pub items: Vec<StoredItem>,
    /// Where to go on; `None` when there are no more.
    pub next: Option<Cursor>,
    /// Items looked at.
    pub scanned: u64,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Its place.
    pub cursor: Cursor,
    /// The event, in CloudEvents' JSON form.
    pub json: Value,
}

/// One row of the table.
struct Row {
    seq: u64,
    id: String,
    json: String,
}

/// Some rows, and whether there are none after them.
struct Chunk {
    rows: Vec<Row>,
    is_last: bool,
}

impl Store {
    /// Items that match, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn items(&self, query: &ItemQuery<'_>) -> Result<ItemPage, StoreError> {
        let mut page = ItemPage { items: Vec::new(), next: query.before, scanned: 0 };
        let mut bytes = 0;
        while page.scanned < SCAN_MAX {
            let chunk = self.rows_before(page.next).map_err(|e| self.error(e))?;
            for row in chunk.rows {
                page.scanned += 1;
                page.next = Some(Cursor(row.seq));
                // What we wrote ourselves parses.
                let Ok(json) = serde_json::from_str::<Map<_, _>>(&row.json) else { continue };
                if query.filter.matches(&json, query.now) {
                    bytes += row.json.len();
                    page.items.push(StoredItem { id: row.id, json });
                    if page.items.len() >= query.limit || bytes >= PAGE_BYTES {
                        return Ok(page);
                    }
                }
            }
            if chunk.is_last {
                page.next = None;
                break;
            }
        }
        Ok(page)
    }

    fn rows_before(&self, before: Option<Cursor>) -> rusqlite::Result<Chunk> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("select seq, id, json from items where seq < ?1 order by seq desc limit ?2")?;
        let before = before.map_or(i64::MAX, |c| i64::try_from(c.0).unwrap_or(i64::MAX));
        let mut found = statement.query((before, CHUNK))?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < CHUNK_BYTES {
            let Some(r) = found.next()? else {
                let is_last = rows.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
                return Ok(Chunk { rows, is_last });
            };
            let row = Row { seq: r.get(0)?, id: r.get(1)?, json: r.get(2)? };
            bytes += row.json.len();
            rows.push(row);
        }
        Ok(Chunk { rows, is_last: false })
    }

    /// The item of this id, if it is still kept.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn item(&self, id: &str) -> Result<Option<StoredItem>, StoreError> {
        let sql = "select json from items where id = ?1";
        let text: Option<String> = self.reader().query_row(sql, [id], |r| r.get(0)).optional().map_err(|e| self.error(e))?;
        Ok(text.and_then(|t| serde_json::from_str(&t).ok()).map(|json| StoredItem { id: id.to_owned(), json }))
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn alerts(&self, before: Option<Cursor>, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(u64, String)>> {
            let reader = self.reader();
            let sql = "select seq, json from events where kind = 'alert' and seq < ?1 order by seq desc limit ?2";
            let before = before.map_or(i64::MAX, |c| i64::try_from(c.0).unwrap_or(i64::MAX));
            reader.prepare_cached(sql)?.query_map((before, limit), |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
        };
        let rows = read().map_err(|e| self.error(e))?;
        let parse = |(seq, text): (u64, String)| Some(StoredEvent { cursor: Cursor(seq), json: serde_json::from_str(&text).ok()? });
        Ok(rows.into_iter().filter_map(parse).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;
    use rusqlite::params;

    /// A store with `count` items of `bytes` each.
    fn store(count: usize, bytes: usize) -> Store {
        let store = Store::open(StoreOptions { path: None, items_max: 1000, bytes_max: u64::MAX }).unwrap();
        let connection = crate::lock(&store.inner.writer).take().unwrap();
        for i in 0..count {
            let json = format!(r#"{{"index":{i},"body":"{}"}}"#, "x".repeat(bytes));
            connection.execute("insert into items (id, json) values (?1, ?2)", params![i.to_string(), json]).unwrap();
        }
        *crate::lock(&store.inner.writer) = Some(connection);
        store
    }

    #[test]
    fn large_items_are_read_few_at_a_time() {
        let store = store(12, 1 << 20);
        let chunk = store.rows_before(None).unwrap();
        assert_eq!((chunk.rows.len(), chunk.is_last), (8, false));
        let chunk = store.rows_before(Some(Cursor(chunk.rows[7].seq))).unwrap();
        assert_eq!((chunk.rows.len(), chunk.is_last), (4, true));
    }

    #[test]
    fn a_page_is_bounded_in_bytes_and_goes_on() {
        let store = store(40, 1 << 20);
        let filter = Filter::parse("").unwrap();
        let page = |before| store.items(&ItemQuery { filter: &filter, before, limit: 1000, now: Timestamp(0) }).unwrap();
        let first = page(None);
        assert_eq!((first.items.len(), first.scanned), (32, 32));
        let second = page(first.next);
        assert_eq!((second.items.len(), second.next), (8, None));
        assert_eq!(second.items[0].json["index"], 7);
    }
}
