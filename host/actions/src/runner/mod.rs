//! Delivers what the bus holds, for all actions: bounded, again if it failed, and never lost silently.
//!
//! Each action has a durable consumer of its own, so a sink that hangs holds up its own events only. One more consumer takes the actions
//! that nobody knows and makes them dead letters that say which names there are.

mod backoff;
mod status;
mod unknown;
mod worker;

pub use status::{ActionStatus, LastError};

use crate::{Action, Clock, wall_clock};
use hookline_bus::{Bus, BusError, Event};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::{JoinHandle, spawn_blocking},
    time::{Instant, timeout_at},
};
use unknown::Unknown;
use worker::Worker;

/// How to deliver.
#[derive(Clone)]
pub struct RunnerConfig {
    /// Deliveries at once, of each action.
    pub concurrency: usize,
    /// Attempts at an event before it becomes a dead letter.
    pub attempts_max: u32,
    /// The wait after the first failure; it doubles with each.
    pub backoff_base: Duration,
    /// The longest wait between attempts, unless a sink asks for more.
    pub backoff_max: Duration,
    /// Where the jitter of waits starts from; the same seed gives the same waits.
    pub jitter_seed: u64,
    /// Time for one attempt. Must be shorter than the bus's acknowledgement wait, or a slow sink gets the event twice.
    pub attempt_timeout: Duration,
    /// Tells the time.
    pub clock: Clock,
    /// Called about every event that is delivered or given up. Must return quickly.
    pub on_settled: Option<OnSettled>,
}

/// Is told what became of events.
pub type OnSettled = Arc<dyn Fn(&Settled<'_>) + Send + Sync>;

/// What became of an event.
pub struct Settled<'a> {
    /// The event.
    pub event: &'a Event,
    /// The action that it was for.
    pub action: &'static str,
    /// What the sink answered; or why it was given up.
    pub outcome: Result<&'a str, &'a str>,
    /// Attempts it took.
    pub attempts: u32,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            // One sink's worth of parallel requests; more is what rate limits are made for.
            concurrency: 8,
            // With these waits an event is given up after about an hour: longer than most deployments and outages last.
            attempts_max: 16,
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(600),
            jitter_seed: 0,
            // Above the client's 10 s, whose error says more.
            attempt_timeout: Duration::from_secs(15),
            clock: wall_clock(),
            on_settled: None,
        }
    }
}

/// Starts the delivery.
pub struct Runner;

impl Runner {
    /// Subscribes every action and starts to deliver. Blocks shortly for the subscriptions.
    ///
    /// # Errors
    /// [`BusError`] if a consumer cannot be made, or if this is called outside a tokio runtime (which needs time and I/O).
    pub fn start(bus: Arc<dyn Bus>, config: RunnerConfig, actions: Vec<Arc<dyn Action>>) -> Result<RunnerHandle, BusError> {
        let runtime = Handle::try_current().map_err(|error| BusError::Backend(Box::new(error)))?;
        let unknown = Arc::new(Unknown::new(actions.iter().map(|action| action.name()).collect()));
        let (stop, stopped) = watch::channel(false);
        let settled = Arc::new(Notify::new());
        let config = Arc::new(config);
        let mut workers = Vec::with_capacity(actions.len() + 1);
        for action in actions.into_iter().chain([unknown as Arc<dyn Action>]) {
            let worker = Arc::new(Worker::new(bus.clone(), config.clone(), action, settled.clone()));
            bus.subscribe(worker.consumer(), &worker.filter())?;
            let wake = Arc::downgrade(worker.wake());
            bus.on_publish(Box::new(move || wake.upgrade().map(|wake| wake.notify_one()).is_some()));
            workers.push(worker);
        }
        let tasks = workers.iter().map(|worker| runtime.spawn(worker.clone().run(stopped.clone()))).collect();
        Ok(RunnerHandle { bus, clock: config.clock.clone(), workers, stop, settled, tasks: Mutex::new(tasks) })
    }
}

/// Deliveries under way. They stop when it is dropped.
pub struct RunnerHandle {
    bus: Arc<dyn Bus>,
    clock: Clock,
    workers: Vec<Arc<Worker>>,
    stop: watch::Sender<bool>,
    settled: Arc<Notify>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// How often [`RunnerHandle::drain`] looks for itself: another process may have settled the last event.
const DRAIN_CHECK_INTERVAL: Duration = Duration::from_secs(1);

impl RunnerHandle {
    /// Waits until nothing waits or is in flight, at most for `deadline`. Returns how many events are left: 0 if all went out or became
    /// dead letters.
    ///
    /// # Errors
    /// [`BusError`] if the bus cannot count.
    pub async fn drain(&self, deadline: Duration) -> Result<u64, BusError> {
        let end = Instant::now() + deadline;
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            let left = self.left().await?;
            let now = Instant::now();
            if left == 0 || now >= end {
                return Ok(left);
            }
            // Either way the loop looks again.
            let _ = timeout_at(end.min(now + DRAIN_CHECK_INTERVAL), settled).await;
        }
    }

    async fn left(&self) -> Result<u64, BusError> {
        let (bus, now) = (self.bus.clone(), (self.clock)());
        let consumers: Vec<_> = self.workers.iter().map(|worker| worker.consumer().to_owned()).collect();
        let count = move || consumers.iter().map(|name| bus.counts(name, now).map(|c| c.pending + c.in_flight)).sum();
        spawn_blocking(count).await.unwrap_or_else(|error| Err(BusError::Backend(Box::new(error))))
    }

    /// Fetches nothing more and waits for what is under way, each attempt at most its timeout. The rest stays on the bus.
    pub async fn stop(&self) {
        // No receiver means that all workers have ended.
        let _ = self.stop.send(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "an action worker ended");
            }
        }
    }

    /// The numbers of each action since the start, and of `unknown` ones.
    #[must_use]
    pub fn status(&self) -> Vec<ActionStatus> {
        self.workers.iter().map(|worker| worker.status()).collect()
    }

    /// The same numbers as metrics in Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        status::prometheus(&self.status())
    }
}

#[cfg(test)]
mod tests;
