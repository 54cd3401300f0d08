//! What a connection has named and refers to later: prepared statements, portals.

use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// Names kept: drivers cache some hundred statements per connection (JDBC: 256).
const ENTRIES_MAX: usize = 512;
/// Bytes that the values may hold together, in one flow.
const BYTES_MAX: usize = 1 << 20;

/// Values by name, bounded: the one that was not used for longest makes room.
#[derive(Debug)]
pub(crate) struct Remembered<K, V> {
    entries: HashMap<K, Entry<V>>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    cost: usize,
    used: u64,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), bytes: 0, clock: 0 }
    }
}

impl<K: Eq + Hash + Clone, V> Remembered<K, V> {
    /// Remembers `value`, which holds `cost` bytes, in place of what had this name before; not if it alone is too large.
    pub(crate) fn insert(&mut self, name: K, value: V, cost: usize) {
        self.remove(&name);
        if cost > BYTES_MAX {
            return;
        }
        while self.entries.len() >= ENTRIES_MAX || self.bytes + cost > BYTES_MAX {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, e)| e.used).map(|(k, _)| k.clone()) else { break };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += cost;
        self.entries.insert(name, Entry { value, cost, used: self.clock });
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&mut self, name: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.clock += 1;
        let entry = self.entries.get_mut(name)?;
        entry.used = self.clock;
        Some(&mut entry.value)
    }

    pub(crate) fn remove<Q: Eq + Hash + ?Sized>(&mut self, name: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some(entry) = self.entries.remove(name) {
            self.bytes = self.bytes.saturating_sub(entry.cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_makes_room() {
        let mut names = Remembered::default();
        for n in 0..ENTRIES_MAX {
            names.insert(n, n, 1);
        }
        assert_eq!(names.get(&0), Some(&mut 0));
        names.insert(ENTRIES_MAX, 7, 1);
        assert_eq!((names.get(&0).is_some(), names.get(&1).is_some(), names.get(&ENTRIES_MAX).is_some()), (true, false, true));
        names.insert(9999, 7, BYTES_MAX);
        assert_eq!((names.entries.len(), names.bytes), (1, BYTES_MAX));
        names.remove(&9999);
        assert_eq!(names.bytes, 0);
    }
}
