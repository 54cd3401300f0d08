//! `hub`: messages between plugins.

use crate::{
    bindings::{hub, log::Level, types::Error},
    mail::Message,
    state::State,
};
use hookline_item::glob;

/// Bytes of a topic.
const TOPIC_MAX: usize = 128;

impl hub::Host for State {
    fn send(&mut self, topic: String, payload: String) -> Result<(), Error> {
        self.admit_message(&topic, &payload).inspect_err(|_| self.stats.messages_refused.add(1))?;
        self.stats.messages.add(1);
        let (from, node) = (self.identity.name.clone(), self.around.node.clone());
        self.around.post.send(self.now, Message { topic, payload, from, node });
        Ok(())
    }
}

impl State {
    fn admit_message(&mut self, topic: &str, payload: &str) -> Result<(), Error> {
        if topic.is_empty() || topic.len() > TOPIC_MAX {
            return Err(Error::Invalid(format!("a topic has 1 to {TOPIC_MAX} bytes")));
        }
        if !self.identity.manifest.grants.messages.iter().any(|pattern| glob(pattern, topic)) {
            let missing = format!("topic {topic:?} is not granted: add `messages = [{topic:?}]` to `[grants]`");
            return Err(Error::Denied(missing));
        }
        self.parse_payload(payload)?;
        if !self.event_quota.take(self.now) {
            return Err(Error::Quota(format!("run.events_per_second = {}", self.identity.manifest.run.events_per_second)));
        }
        Ok(())
    }

    /// A plugin's own word that it could not do what a message asks.
    pub(crate) fn message_failed(&mut self, topic: &str, error: &str) {
        self.stats.messages_failed.add(1);
        self.write_line(Level::Error, format!("(message {topic}) {error}"));
    }
}
