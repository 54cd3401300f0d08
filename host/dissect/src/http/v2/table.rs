//! The tables that HPACK's indices point into (RFC 7541 §2.3): one that never changes and one that the encoder fills.

use std::{collections::VecDeque, sync::Arc};

/// Name and value of a field.
pub(super) type Entry = (Arc<[u8]>, Arc<[u8]>);

/// What an index leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An entry of the static table.
    Static(&'static str, &'static str),
    /// An entry that was seen when it was made.
    Dynamic(Entry),
    /// There is such an entry, or may be; it was made before bytes of this side were seen, or in those that were lost.
    Unseen,
    /// There is no such entry.
    Nothing,
}

/// One side's dynamic table, as far as its making was seen.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    entries: VecDeque<Entry>,
    /// RFC 7541 §4.1: lengths and 32 for each entry.
    size: usize,
    max: usize,
    /// Whether older entries than ours may be there.
    unseen: bool,
}

/// The size before the encoder says another (RFC 9113 §6.5.2).
const SIZE_FIRST: usize = 4096;
/// The largest table that is kept, what browsers allow; of larger ones the oldest entries are unseen.
const SIZE_MAX: usize = 64 << 10;
/// What an entry costs besides its bytes (RFC 7541 §4.1).
const ENTRY_COST: usize = 32;

impl Table {
    /// The table of a side that was seen from its start, or not (`unseen`).
    pub(super) fn new(unseen: bool) -> Self {
        // Of a table whose size is not known as much is kept as there may be: what was evicted is not asked for.
        Self { entries: VecDeque::new(), size: 0, max: if unseen { SIZE_MAX } else { SIZE_FIRST }, unseen }
    }

    /// What `index` points to. 0 is none.
    pub(super) fn get(&self, index: u64) -> Found {
        let Some(index) = usize::try_from(index).ok().and_then(|n| n.checked_sub(1)) else { return Found::Nothing };
        if let Some((name, value)) = STATIC.get(index) {
            return Found::Static(name, value);
        }
        match self.entries.get(index - STATIC.len()) {
            Some(entry) => Found::Dynamic(entry.clone()),
            None if self.unseen => Found::Unseen,
            None => Found::Nothing,
        }
    }

    /// A new entry, before which the oldest make room; one that is larger than the table empties it (RFC 7541 §4.4).
    pub(super) fn insert(&mut self, entry: Entry) {
        let cost = cost(&entry);
        self.evict(self.max.saturating_sub(cost));
        if cost <= self.max {
            self.size += cost;
            self.entries.push_front(entry);
        } else {
            // Nothing unseen can be left, if the size is the encoder's own.
            self.unseen |= self.max == SIZE_MAX;
        }
    }

    /// An entry of which nothing is known but that it is there: what is older cannot be told any more.
    pub(super) fn insert_unseen(&mut self) {
        *self = Self { max: self.max, ..Self::new(true) };
    }

    /// A dynamic table size update (RFC 7541 §6.3).
    pub(super) fn resize(&mut self, max: u64) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        self.unseen = max != 0 && (self.unseen || max > SIZE_MAX);
        self.max = max.min(SIZE_MAX);
        self.evict(self.max);
    }

    fn evict(&mut self, room: usize) {
        while self.size > room {
            let Some(entry) = self.entries.pop_back() else { break };
            self.size = self.size.saturating_sub(cost(&entry));
        }
    }
}

fn cost((name, value): &Entry) -> usize {
    name.len() + value.len() + ENTRY_COST
}

/// RFC 7541 Appendix A, from index 1.
#[rustfmt::skip]
static STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"), (":scheme", "http"),
    (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), ("accept-charset", ""), ("accept-encoding", "gzip, deflate"), ("accept-language", ""),
    ("accept-ranges", ""), ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""),
    ("cache-control", ""), ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""), ("expect", ""),
    ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""),
    ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &str) -> Entry {
        (name.as_bytes().into(), value.as_bytes().into())
    }

    #[test]
    fn the_oldest_make_room() {
        let mut table = Table::new(false);
        assert_eq!((table.get(0), table.get(62), table.get(61)), (Found::Nothing, Found::Nothing, Found::Static("www-authenticate", "")));
        table.resize(80);
        table.insert(entry("a", "1"));
        table.insert(entry("b", "2"));
        assert_eq!((table.get(62), table.get(63)), (Found::Dynamic(entry("b", "2")), Found::Dynamic(entry("a", "1"))));
        table.insert(entry("c", "3"));
        assert_eq!(
            (table.get(62), table.get(63), table.get(64)),
            (Found::Dynamic(entry("c", "3")), Found::Dynamic(entry("b", "2")), Found::Nothing)
        );
        table.insert(entry("long", &"x".repeat(99)));
        assert_eq!(table.get(62), Found::Nothing);
    }

    #[test]
    fn what_was_not_seen_is_never_guessed() {
        let mut table = Table::new(true);
        table.insert(entry("a", "1"));
        assert_eq!((table.get(62), table.get(63)), (Found::Dynamic(entry("a", "1")), Found::Unseen));
        table.insert_unseen();
        assert_eq!((table.get(62), table.get(63)), (Found::Unseen, Found::Unseen));
        table.resize(0);
        assert_eq!(table.get(62), Found::Nothing);
    }
}
