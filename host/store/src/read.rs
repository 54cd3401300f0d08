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

impl Store {
    /// Items that match, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn items(&self, query: &ItemQuery<'_>) -> Result<ItemPage, StoreError> {
        let mut page = ItemPage { items: Vec::new(), next: query.before, scanned: 0 };
        while page.scanned < SCAN_MAX {
            let rows = self.rows_before(page.next).map_err(|e| self.error(e))?;
            let last = rows.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
            for (seq, id, text) in rows {
                page.scanned += 1;
                page.next = Some(Cursor(seq));
                // What we wrote ourselves parses.
                let Ok(json) = serde_json::from_str::<Map<_, _>>(&text) else { continue };
                if query.filter.matches(&json, query.now) {
                    page.items.push(StoredItem { id, json });
                    if page.items.len() >= query.limit {
                        return Ok(page);
                    }
                }
            }
            if last {
                page.next = None;
                break;
            }
        }
        Ok(page)
    }

    fn rows_before(&self, before: Option<Cursor>) -> rusqlite::Result<Vec<(u64, String, String)>> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("select seq, id, json from items where seq < ?1 order by seq desc limit ?2")?;
        let before = before.map_or(i64::MAX, |c| i64::try_from(c.0).unwrap_or(i64::MAX));
        statement.query_map((before, CHUNK), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect()
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
