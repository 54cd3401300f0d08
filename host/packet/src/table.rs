//! The flow table: entries in a slab, found through a seeded hash table, in a list per time-out so that expiry looks at nothing else
//! than what expires.

use crate::{Limits, key::Key};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::{hash::BuildHasher, time::Duration};

/// A list is put in order only after an entry was used for so long since it was last put there: it saves writing to the two
/// neighbours for most packets. Entries of a list may live longer than their time-out by as much.
const RELIST_NANOS: u64 = 1_000_000_000;

/// Not an entry.
const NONE: u32 = u32::MAX;

/// Which time-out holds for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// TCP, closed: remembered for stray packets.
    Lingering,
    /// TCP, handshake not complete.
    Opening,
    /// TCP.
    Open,
    /// UDP, ICMP.
    Datagrams,
    /// SCTP.
    Association,
}

#[derive(Clone, Copy, Debug)]
struct List {
    oldest: u32,
    newest: u32,
    timeout: u64,
}

/// An entry's place in the table; the fields are the table's own.
#[derive(Debug)]
pub(crate) struct Place {
    key: Key,
    class: Class,
    older: u32,
    newer: u32,
    /// When the entry was last moved to the new end of its list, in elapsed nanoseconds.
    listed: u64,
    /// When the entry was last used.
    used: u64,
}

#[derive(Debug)]
struct Slot<E> {
    place: Place,
    entry: E,
}

/// Slots by number, in chunks: a table that grows is not copied, and has no room for as many again.
#[derive(Debug)]
struct Slab<E> {
    chunks: Vec<Vec<Option<Slot<E>>>>,
    len: u32,
}

/// Slots in a chunk, as a power of two.
const CHUNK_BITS: u32 = 8;
const CHUNK: u32 = 1 << CHUNK_BITS;

impl<E> Slab<E> {
    #[inline]
    fn get(&self, at: u32) -> Option<&Slot<E>> {
        self.chunks.get((at >> CHUNK_BITS) as usize)?.get((at & (CHUNK - 1)) as usize)?.as_ref()
    }

    #[inline]
    fn get_mut(&mut self, at: u32) -> Option<&mut Option<Slot<E>>> {
        self.chunks.get_mut((at >> CHUNK_BITS) as usize)?.get_mut((at & (CHUNK - 1)) as usize)
    }

    /// The number of a new slot, which is empty; `None` if there are as many as can be numbered.
    fn grow(&mut self) -> Option<u32> {
        let at = Some(self.len).filter(|at| *at != NONE)?;
        if at.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK as usize));
        }
        self.chunks.last_mut()?.push(None);
        self.len += 1;
        Some(at)
    }

    /// All slots; none are left.
    fn take(&mut self) -> impl Iterator<Item = Option<Slot<E>>> + use<E> {
        self.len = 0;
        std::mem::take(&mut self.chunks).into_iter().flatten()
    }
}

/// Entries of type `E` by [`Key`].
#[derive(Debug)]
pub(crate) struct Table<E> {
    hasher: FixedState,
    map: HashTable<u32>,
    slots: Slab<E>,
    free: Vec<u32>,
    lists: [List; 5],
}

impl<E> Table<E> {
    pub(crate) fn new(limits: &Limits, seed: u64) -> Self {
        let list = |timeout: Duration| List { oldest: NONE, newest: NONE, timeout: nanos(timeout) };
        Self {
            hasher: FixedState::with_seed(seed),
            map: HashTable::new(),
            slots: Slab { chunks: Vec::new(), len: 0 },
            free: Vec::new(),
            lists: [
                limits.tcp_linger,
                limits.tcp_opening_timeout,
                limits.tcp_idle_timeout,
                limits.udp_idle_timeout,
                limits.sctp_idle_timeout,
            ]
            .map(list),
        }
    }

    /// Entries in the table.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// The slot of `key`.
    #[inline]
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let slots = &self.slots;
        self.map.find(self.hasher.hash_one(key), |&at| slots.get(at).is_some_and(|s| s.place.key == *key)).copied()
    }

    /// The entry in a slot.
    #[inline]
    pub(crate) fn entry(&mut self, at: u32) -> Option<&mut E> {
        self.slots.get_mut(at)?.as_mut().map(|s| &mut s.entry)
    }

    /// Whether the entry's time is over.
    #[inline]
    pub(crate) fn is_idle(&self, at: u32, now: u64) -> bool {
        self.slots.get(at).is_some_and(|s| now >= s.place.used.saturating_add(self.list(s.place.class).timeout))
    }

    /// Adds an entry; `key` must not be in the table. `None` if there are as many as slots can be numbered.
    pub(crate) fn insert(&mut self, key: Key, class: Class, now: u64, entry: E) -> Option<u32> {
        let at = match self.free.pop() {
            Some(at) => at,
            None => self.slots.grow()?,
        };
        let filled = Some(Slot { place: Place { key, class, older: NONE, newer: NONE, listed: now, used: now }, entry });
        *self.slots.get_mut(at)? = filled;
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash = |at: &u32| slots.get(*at).map_or(0, |s| hasher.hash_one(s.place.key));
        self.map.insert_unique(hasher.hash_one(key), at, rehash);
        self.link(at, class);
        Some(at)
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, at: u32) -> Option<E> {
        self.unlink(at);
        let slot = self.slots.get_mut(at)?.take()?;
        if let Ok(found) = self.map.find_entry(self.hasher.hash_one(slot.place.key), |&other| other == at) {
            found.remove();
        }
        self.free.push(at);
        Some(slot.entry)
    }

    /// Notes that the entry is used now, under the time-out of `class`.
    #[inline]
    pub(crate) fn touch(&mut self, at: u32, class: Class, now: u64) {
        let Some(Some(slot)) = self.slots.get_mut(at) else { return };
        slot.place.used = now;
        if slot.place.class != class || now >= slot.place.listed.saturating_add(RELIST_NANOS) {
            self.unlink(at);
            if let Some(place) = self.place(at) {
                (place.class, place.listed) = (class, now);
            }
            self.link(at, class);
        }
    }

    /// The slot whose time was over first, and since when; its entry is to be removed.
    pub(crate) fn expired(&self, now: u64) -> Option<(u64, u32)> {
        let due = |list: &List| {
            let slot = self.slots.get(list.oldest)?;
            let due = slot.place.listed.saturating_add(list.timeout).saturating_add(RELIST_NANOS);
            (due <= now).then_some((due, list.oldest))
        };
        self.lists.iter().filter_map(due).min()
    }

    /// The slot to give up when the table is full: one that is closed already, else the one idle for longest.
    pub(crate) fn oldest(&self) -> Option<u32> {
        let lingering = self.list(Class::Lingering).oldest;
        if lingering != NONE {
            return Some(lingering);
        }
        let listed = |at: u32| self.slots.get(at).map(|s| (s.place.listed, at));
        self.lists.iter().filter_map(|list| listed(list.oldest)).min().map(|(_, at)| at)
    }

    /// Takes everything out.
    pub(crate) fn drain(&mut self) -> Vec<E> {
        self.map.clear();
        self.free.clear();
        for list in &mut self.lists {
            (list.oldest, list.newest) = (NONE, NONE);
        }
        self.slots.take().flatten().map(|s| s.entry).collect()
    }

    fn place(&mut self, at: u32) -> Option<&mut Place> {
        self.slots.get_mut(at)?.as_mut().map(|s| &mut s.place)
    }

    // Every class has its list: `lists` is as long as there are classes.
    #[allow(clippy::indexing_slicing)]
    fn list(&self, class: Class) -> &List {
        &self.lists[class as usize]
    }

    #[allow(clippy::indexing_slicing)]
    fn list_mut(&mut self, class: Class) -> &mut List {
        &mut self.lists[class as usize]
    }

    fn link(&mut self, at: u32, class: Class) {
        let newest = std::mem::replace(&mut self.list_mut(class).newest, at);
        match self.place(newest) {
            Some(place) => place.newer = at,
            None => self.list_mut(class).oldest = at,
        }
        if let Some(place) = self.place(at) {
            (place.older, place.newer) = (newest, NONE);
        }
    }

    fn unlink(&mut self, at: u32) {
        let Some(place) = self.place(at) else { return };
        let (class, older, newer) = (place.class, place.older, place.newer);
        match self.place(older) {
            Some(place) => place.newer = newer,
            None => self.list_mut(class).oldest = newer,
        }
        match self.place(newer) {
            Some(place) => place.older = older,
            None => self.list_mut(class).newest = older,
        }
    }
}

/// A duration in nanoseconds; those beyond 584 years are all the same to us.
pub(crate) fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
