//! Letters to plugins: messages of other plugins, and what became of actions. They wait in a box of the plugin's own, beside its queue, so
//! that a plugin that writes to itself never waits for itself.

use crate::{
    feeder::Letters,
    stats::Stats,
    worker::{Queue, Work},
};
use hookline_item::{Timestamp, glob};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// Letters that wait for one plugin.
pub(crate) const LETTERS_MAX: usize = 1024;
/// Actions whose outcome is waited for: the last so many that were asked for.
const AWAITED_MAX: usize = 10_000;

/// What a plugin is told beside its items.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    Message(Arc<Message>),
    Settled(Arc<Settled>),
}

/// What a plugin sent with `hub.send`.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) from: String,
    pub(crate) node: String,
}

/// What became of an action.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The event's id.
    pub id: String,
    /// The action's name.
    pub action: String,
    /// Whether the sink took it.
    pub delivered: bool,
    /// Why not, or what the sink answered.
    pub detail: String,
    /// Attempts it took.
    pub attempts: u32,
}

/// The letters that wait for one plugin.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<VecDeque<(Timestamp, Letter)>>);

impl Mailbox {
    /// Puts a letter in; false if there is no room.
    fn put(&self, at: Timestamp, letter: Letter) -> bool {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = letters.len() < LETTERS_MAX;
        if fits {
            letters.push_back((at, letter));
        }
        fits
    }

    /// The oldest letter.
    pub(crate) fn take(&self) -> Option<(Timestamp, Letter)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Where a plugin's letters go.
pub(crate) struct Address {
    pub(crate) plugin: String,
    pub(crate) letters: Letters,
    pub(crate) queue: Queue,
}

/// Knows every plugin's address.
#[derive(Default)]
pub(crate) struct Post {
    addresses: Mutex<Vec<Address>>,
    awaited: Mutex<Awaited>,
}

/// Who waits for the outcome of which event.
#[derive(Default)]
struct Awaited {
    plugins: HashMap<String, String>,
    oldest_first: VecDeque<String>,
}

impl Post {
    /// Replaces all addresses.
    pub(crate) fn deliver_to(&self, addresses: Vec<Address>) {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// Gives a message to every plugin that is granted its topic.
    pub(crate) fn send(&self, at: Timestamp, message: Message) {
        let message = Arc::new(message);
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        for address in addresses.iter().filter(|a| a.letters.topics.iter().any(|pattern| glob(pattern, &message.topic))) {
            address.put(at, Letter::Message(Arc::clone(&message)));
        }
    }

    /// Notes that `plugin` waits for the outcome of an event.
    pub(crate) fn await_outcome(&self, id: &str, plugin: &str) {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        if awaited.plugins.insert(id.to_owned(), plugin.to_owned()).is_none() {
            awaited.oldest_first.push_back(id.to_owned());
        }
        while awaited.oldest_first.len() > AWAITED_MAX {
            let Some(oldest) = awaited.oldest_first.pop_front() else { break };
            awaited.plugins.remove(&oldest);
        }
    }

    /// Tells whoever waits for it what became of the event `id`; `outcome` is asked if somebody does.
    pub(crate) fn settled(&self, at: Timestamp, id: &str, outcome: impl FnOnce() -> Settled) {
        let plugin = self.awaited.lock().unwrap_or_else(PoisonError::into_inner).plugins.remove(id);
        let Some(plugin) = plugin else { return };
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = addresses.iter().find(|a| a.plugin == plugin && a.letters.results) {
            address.put(at, Letter::Settled(Arc::new(outcome())));
        }
    }
}

impl Address {
    fn put(&self, at: Timestamp, letter: Letter) {
        let stats: &Stats = &self.queue.stats;
        if !self.queue.mailbox.put(at, letter) {
            stats.letters_dropped.add(1);
            return;
        }
        // A queue that is full has work in it, after which the plugin looks into its box.
        let _ = self.queue.try_send(Work::Mail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_awaited_are_forgotten() {
        let post = Post::default();
        (0..=AWAITED_MAX).for_each(|n| post.await_outcome(&n.to_string(), "p"));
        let awaited = post.awaited.lock().unwrap();
        assert_eq!((awaited.plugins.len(), awaited.plugins.contains_key("0")), (AWAITED_MAX, false));
    }

    #[test]
    fn a_full_box_takes_no_more() {
        let mailbox = Mailbox::default();
        let message = Message { topic: "t".into(), payload: "1".into(), from: "p".into(), node: "n".into() };
        let letter = Letter::Message(Arc::new(message));
        assert!((0..LETTERS_MAX).all(|n| mailbox.put(Timestamp(n as u64), letter.clone())));
        assert!(!mailbox.put(Timestamp(0), letter) && mailbox.take().unwrap().0 == Timestamp(0));
    }
}
