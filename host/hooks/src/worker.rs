//! One thread per plugin: it takes work from a bounded queue, in order, and starts the plugin anew when it fails.

use crate::{
    bindings::query_hook,
    columns::Values,
    engine::Compiler,
    fault::Failed,
    instance::{Failure, Instance, Program, Rows},
    mail::{LETTERS_MAX, Letter, Mailbox},
    manifest::Run,
    state::{Identity, Shown, Surroundings},
    stats::{Hook, State, Stats},
};
use hookline_bus::{Event, Kind};
use hookline_item::Timestamp;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// What a worker is given.
pub(crate) enum Work {
    /// A batch of items, packets or flows, for the hook that is named.
    Batch {
        hook: Hook,
        subscription: u32,
        now: Timestamp,
        count: u32,
        columns: Vec<Values>,
        /// The items themselves, if the plugin can read them.
        items: Arc<[Shown]>,
        back: Sender<Used>,
    },
    Query {
        now: Timestamp,
        filter: String,
        items: Arc<[Shown]>,
        reply: Sender<Vec<query_hook::Verdict>>,
    },
    Tick {
        now: Timestamp,
    },
    /// There are letters in the box.
    Mail,
    /// All that came before is done, with the letters: the sender is dropped.
    Barrier(Sender<()>),
}

/// A batch that was delivered goes back to its lane: its columns are filled again there, and freeing items is several times cheaper on
/// the thread that made them.
pub(crate) struct Used {
    pub(crate) columns: Vec<Values>,
    /// Kept until the lane drops them.
    _items: Arc<[Shown]>,
}

impl Work {
    /// The packets' clock.
    fn now(&self) -> Timestamp {
        match self {
            Self::Batch { now, .. } | Self::Query { now, .. } | Self::Tick { now } => *now,
            Self::Mail | Self::Barrier(_) => Timestamp(0),
        }
    }

    /// Items and packets in it.
    fn count(&self) -> u64 {
        match self {
            Self::Batch { count, .. } => u64::from(*count),
            Self::Query { .. } | Self::Tick { .. } | Self::Mail | Self::Barrier(_) => 0,
        }
    }
}

/// The sending end of a plugin's queue, bounded by the items and packets in it.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: SyncSender<Work>,
    /// Items and packets in the queue.
    queued: Arc<AtomicU64>,
    queued_max: u64,
    pub(crate) stats: Arc<Stats>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// In a replay nothing is dropped: the reader waits.
    pub(crate) waits: bool,
}

/// Messages in a queue whose reader waits: some full batches, so that both threads have work and memory stays small.
const MESSAGES_IN_REPLAY: usize = 8;

impl Queue {
    /// A queue for so many items, and its receiving end.
    pub(crate) fn new(queued_max: u32, waits: bool, stats: &Arc<Stats>) -> (Self, Inbox) {
        // In live capture a batch may hold one item; messages are bounded by the same number.
        let messages = if waits { MESSAGES_IN_REPLAY } else { queued_max as usize };
        let (sender, receiver) = sync_channel(messages);
        let queued = Arc::new(AtomicU64::new(0));
        let (stats, mailbox) = (Arc::clone(stats), Arc::<Mailbox>::default());
        let inbox = Inbox { receiver, queued: Arc::clone(&queued), mailbox: Arc::clone(&mailbox) };
        (Self { sender, queued, queued_max: queued_max.into(), stats, mailbox, waits }, inbox)
    }

    /// Hands work over, or drops it and counts it.
    pub(crate) fn send(&self, work: Work) {
        let count = work.count();
        let before = self.queued.fetch_add(count, Ordering::Relaxed);
        let sent = if self.waits {
            self.sender.send(work).is_ok()
        } else {
            before.saturating_add(count) <= self.queued_max.max(count) && self.try_send(work)
        };
        if !sent {
            self.queued.fetch_sub(count, Ordering::Relaxed);
            self.stats.dropped_queue_full.add(count);
        }
    }

    /// Waits until everything is done that was handed over before, and the letters that had come are read.
    pub(crate) fn settle(&self) {
        let (done, waited) = channel();
        // A worker that is gone has nothing left to do; else the other end is dropped once it is there.
        if self.sender.send(Work::Barrier(done)).is_ok() {
            let _ = waited.recv();
        }
    }

    /// Hands work over that is not missed if there is no room for it; says whether there was.
    pub(crate) fn try_send(&self, work: Work) -> bool {
        !matches!(self.sender.try_send(work), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
    }
}

/// The receiving end of a plugin's queue.
pub(crate) struct Inbox {
    receiver: Receiver<Work>,
    queued: Arc<AtomicU64>,
    mailbox: Arc<Mailbox>,
}

impl Inbox {
    /// The next work; `None` once the last sender is gone.
    fn next(&self) -> Option<Work> {
        let work = self.receiver.recv().ok()?;
        self.queued.fetch_sub(work.count(), Ordering::Relaxed);
        Some(work)
    }
}

/// The wait before the second restart in a row; it doubles up to `BACKOFF_MAX`. The first restart is at once: one bad item must not cost a second of traffic.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// After this long without a failure a plugin is taken to be well.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// A worker's thread; it ends with what its instance hands over.
pub(crate) type Thread = JoinHandle<Option<Vec<u8>>>;

/// What instances of a plugin are made of.
pub(crate) struct Spec {
    pub(crate) compiler: Arc<Compiler>,
    pub(crate) program: Arc<Program>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) around: Arc<Surroundings>,
    pub(crate) stats: Arc<Stats>,
}

impl Spec {
    /// Starts an instance.
    pub(crate) fn start(&self, now: Timestamp) -> Result<Instance, String> {
        Instance::start(&self.compiler, &self.program, &self.identity, &self.around, &self.stats, now)
    }
}

/// An instance of a plugin, with what is needed to start it anew: on a thread of its own, or in a lane.
pub(crate) struct Worker {
    spec: Arc<Spec>,
    instance: Option<Instance>,
    faults: Faults,
    /// Whether it runs on a thread of its own, not in a lane.
    has_thread: bool,
}

/// When a plugin failed, of late.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Since it was last well.
    in_a_row: u32,
    last: Option<Instant>,
    /// Those that count for quarantine.
    recent: VecDeque<Instant>,
    quarantined: bool,
}

impl Faults {
    /// Notes one; says whether it is one too many.
    fn note(&mut self, at: Instant, run: &Run) -> bool {
        if self.last.is_some_and(|t| at.duration_since(t) > WELL_AFTER) {
            self.in_a_row = 0;
        }
        self.in_a_row += 1;
        self.last = Some(at);
        let window = Duration::from_secs(60 * u64::from(run.quarantine_minutes));
        self.recent.retain(|t| at.duration_since(*t) <= window);
        self.recent.push_back(at);
        self.quarantined = run.quarantine_after > 0 && self.recent.len() >= run.quarantine_after as usize;
        self.quarantined
    }

    /// Whether it may be started at `at`.
    fn may_start(&self, at: Instant) -> bool {
        !self.quarantined && self.last.is_none_or(|t| at.duration_since(t) >= backoff(self.in_a_row))
    }
}

impl Worker {
    pub(crate) fn new(spec: Arc<Spec>, instance: Option<Instance>) -> Self {
        Self { spec, instance, faults: Faults::default(), has_thread: false }
    }

    /// What it is made of.
    pub(crate) fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// Works until the queue's last sender is gone. `predecessor`, the worker of the plugin's former version, is waited for, so that
    /// the new version's work comes after all of the old one's. Returns what the instance hands over.
    pub(crate) fn run(mut self, inbox: &Inbox, predecessor: Option<Thread>) -> Option<Vec<u8>> {
        self.has_thread = true;
        // If it panicked, its end has come all the same.
        if let Some(state) = predecessor.and_then(|former| former.join().ok().flatten()) {
            self.restore(&state);
        }
        let mut now = Timestamp(0);
        while let Some(work) = inbox.next() {
            // A barrier falls when the letters are read.
            let _barrier = match work {
                Work::Mail => None,
                Work::Barrier(done) => Some(done),
                work => {
                    now = now.max(work.now());
                    self.handle(work);
                    None
                }
            };
            // No more than were there: a plugin that answers itself must not keep its items waiting. Whatever came meanwhile has sent `Mail`.
            for (at, letter) in std::iter::from_fn(|| inbox.mailbox.take()).take(LETTERS_MAX) {
                now = now.max(at);
                self.give(now, &letter);
            }
        }
        self.spec.stats.letters_dropped.add(std::iter::from_fn(|| inbox.mailbox.take()).count() as u64);
        self.finish(now)
    }

    /// Gives the instance a letter; one that is down does not get it.
    fn give(&mut self, now: Timestamp, letter: &Letter) {
        self.revive(now);
        let Some(instance) = &mut self.instance else {
            self.spec.stats.letters_dropped.add(1);
            return;
        };
        if let Err(failure) = instance.letter(now, letter) {
            self.fail(&failure, now);
        }
    }

    /// Ends the instance. Returns what it hands over.
    pub(crate) fn finish(mut self, now: Timestamp) -> Option<Vec<u8>> {
        let mut instance = self.instance.take()?;
        let state = instance.save(now);
        instance.shutdown();
        state
    }

    /// Gives the instance what the former version's handed over.
    pub(crate) fn restore(&mut self, state: &[u8]) {
        let Some(instance) = &mut self.instance else { return };
        let now = instance.state().now;
        if let Err(failure) = instance.restore(now, state) {
            self.fail(&failure, now);
        }
    }

    /// Does one piece of work, or counts it as skipped while the plugin is down.
    pub(crate) fn handle(&mut self, work: Work) {
        let count = work.count();
        let now = work.now();
        self.revive(now);
        let Some(instance) = &mut self.instance else {
            self.spec.stats.skipped_down.add(count);
            return;
        };
        let result = match work {
            Work::Batch { hook, subscription, now, count, columns, items, back } => {
                let rows = Rows { subscription, count, columns: &columns };
                let result = instance.batch(hook, now, rows, Arc::clone(&items));
                self.keep_fault(&result, (hook, now), rows, &items);
                // A lane that has ended leaves the freeing to us.
                let _ = back.send(Used { columns, _items: items });
                result
            }
            Work::Tick { now } => instance.run_due_jobs(now),
            // Nobody waits for the answer any more if the receiver is gone.
            Work::Query { now, filter, items, reply } => instance.query(now, &filter, items).map(|v| drop(reply.send(v))),
            Work::Mail | Work::Barrier(_) => Ok(()),
        };
        match result {
            Ok(()) => self.spec.stats.delivered.add(count),
            Err(failure) => {
                self.spec.stats.failed.add(count);
                self.fail(&failure, now);
            }
        }
    }

    /// Keeps what a call that failed was given, where there is a folder for it.
    fn keep_fault(
        &self,
        result: &Result<(), Failure>,
        (hook, now): (Hook, Timestamp),
        Rows { subscription, count, columns }: Rows<'_>,
        items: &[Shown],
    ) {
        let (Err(failure), Some(folder)) = (result, &self.spec.around.faults) else { return };
        let Identity { name, digest, .. } = &*self.spec.identity;
        let failed = Failed { plugin: name, digest, error: failure.text(), hook, subscription, now, count, columns, items };
        match failed.keep(folder) {
            Ok(file) => tracing::info!(message = "the call that failed is kept", plugin = name, file = %file.display()),
            Err(error) => tracing::warn!(message = "the call that failed cannot be kept", plugin = name, %error),
        }
    }

    /// Notes a failure and throws the instance away.
    fn fail(&mut self, failure: &Failure, now: Timestamp) {
        match failure {
            Failure::Trap(_) => self.spec.stats.traps.add(1),
            Failure::Overrun(_) => self.spec.stats.overruns.add(1),
        }
        tracing::warn!(message = "a hook failed; its plugin is started anew", plugin = self.spec.identity.name, error = failure.text());
        self.instance = None;
        self.note_failure(failure.text(), now);
    }

    fn note_failure(&mut self, text: &str, now: Timestamp) {
        if self.has_thread {
            step_back();
        }
        let run = &self.spec.identity.manifest.run;
        if !self.faults.note(Instant::now(), run) {
            self.spec.stats.set_state(State::Faulted, Some(text.to_owned()));
            return;
        }
        let reason = format!(
            "{text}; it failed {} times within {} minutes and is not started again until a new file comes",
            run.quarantine_after, run.quarantine_minutes
        );
        self.spec.stats.quarantines.add(1);
        self.spec.stats.set_state(State::Quarantined, Some(reason.clone()));
        self.raise_alert(&reason, now);
    }

    /// Tells whoever takes care of alerts that the plugin is out of service.
    fn raise_alert(&self, reason: &str, now: Timestamp) {
        let Identity { name, digest, .. } = &*self.spec.identity;
        let event = Event {
            id: Event::make_id(digest, &format!("quarantine@{}", now.0), self.spec.stats.restarts.get()),
            kind: Kind::Alert,
            plugin: name.clone(),
            node: self.spec.around.node.clone(),
            time: now,
            data: serde_json::json!({ "severity": "critical", "title": format!("plugin {name} is quarantined"), "text": reason }),
        };
        if !self.spec.around.outbox.event(event) {
            tracing::error!(message = "no room for the alert that a plugin is quarantined", plugin = name, reason);
        }
    }

    /// Starts the plugin again, if it is down and has waited long enough.
    fn revive(&mut self, now: Timestamp) {
        if self.instance.is_some() || !self.faults.may_start(Instant::now()) {
            return;
        }
        self.spec.stats.restarts.add(1);
        match self.spec.start(now) {
            Ok(instance) => {
                self.instance = Some(instance);
                let error = self.spec.stats.state().1;
                self.spec.stats.set_state(State::Running, error);
            }
            Err(text) => self.note_failure(&text, now),
        }
    }
}

/// Puts this thread behind all others: a plugin that failed may fail again, and what it burns until it is quarantined is not taken from those
/// that work. A new file is run by a new thread.
fn step_back() {
    const BEHIND: i32 = 5;
    // Anybody may lower a priority; if it cannot be, the plugin only costs others more.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), BEHIND);
}

/// How long a plugin waits after so many failures in a row.
fn backoff(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => BACKOFF.saturating_mul(1 << (n - 2).min(16)).min(BACKOFF_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit() {
        let tenths: Vec<u128> = (0..15).map(|n| backoff(n).as_millis() / 100).collect();
        assert_eq!(tenths, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3000]);
    }

    #[test]
    fn five_failures_in_ten_minutes_are_one_too_many() {
        let (run, start) = (Run::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut faults = Faults::default();
        assert!((0..20).all(|n| !faults.note(at(n * 200), &run)), "one in three minutes");
        assert!(faults.may_start(at(19 * 200)), "the first restart is at once");
        assert!(!faults.note(at(3801), &run) && !faults.may_start(at(3801)) && faults.may_start(at(3802)));
        assert!(faults.note(at(3802), &run) && !faults.may_start(at(1_000_000)));
        let never = Run { quarantine_after: 0, ..Run::default() };
        assert!((0..100).all(|_| !Faults::default().note(start, &never)));
    }
}
