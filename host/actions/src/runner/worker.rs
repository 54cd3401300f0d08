//! One action's deliveries.

use super::{ActionStatus, LastError, RunnerConfig, Settled, backoff};
use crate::{Action, Outcome};
use hookline_bus::{Bus, BusError, Delivery, Filter, Retry};
use hookline_item::Timestamp;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

/// The longest time between looks at the bus: other processes' events come without a wake.
const POLL_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// The shortest: what is due "now" by one clock may not be by the other.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// The wait after the bus failed, so that a full disk is not asked a thousand times a second.
const BUS_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Fetches one action's events and answers for each.
pub(super) struct Worker {
    bus: Arc<dyn Bus>,
    config: Arc<RunnerConfig>,
    action: Arc<dyn Action>,
    consumer: String,
    wake: Arc<Notify>,
    settled: Arc<Notify>,
    delivered: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
    in_flight: AtomicU64,
    last_error: Mutex<Option<LastError>>,
}

/// What to do with a delivery that did not go out.
enum Failed {
    Again { after: Duration, reason: String },
    Dead(String),
}

impl Worker {
    pub(super) fn new(bus: Arc<dyn Bus>, config: Arc<RunnerConfig>, action: Arc<dyn Action>, settled: Arc<Notify>) -> Self {
        Self {
            // A NATS consumer's name has no dots.
            consumer: format!("action-{}", action.name()),
            bus,
            config,
            action,
            settled,
            wake: Arc::default(),
            delivered: AtomicU64::default(),
            retried: AtomicU64::default(),
            dead: AtomicU64::default(),
            in_flight: AtomicU64::default(),
            last_error: Mutex::default(),
        }
    }

    pub(super) fn consumer(&self) -> &str {
        &self.consumer
    }

    pub(super) fn filter(&self) -> Filter {
        self.action.filter()
    }

    pub(super) fn wake(&self) -> &Arc<Notify> {
        &self.wake
    }

    pub(super) fn status(&self) -> ActionStatus {
        ActionStatus {
            action: self.action.name(),
            delivered: self.delivered.load(Relaxed),
            retried: self.retried.load(Relaxed),
            dead: self.dead.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Delivers until told to stop, then waits for what is under way.
    pub(super) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut attempts = JoinSet::new();
        // An error means that the handle is gone.
        while !*stop.borrow() && stop.has_changed().is_ok() {
            let wait = self.clone().take_due(&mut attempts).await;
            tokio::select! {
                _ = stop.changed() => {}
                Some(_) = attempts.join_next() => {}
                () = self.wake.notified() => {}
                () = sleep(wait) => {}
            }
        }
        while attempts.join_next().await.is_some() {}
    }

    /// Starts as many due deliveries as there is room for; returns how long nothing more is expected.
    async fn take_due(self: Arc<Self>, attempts: &mut JoinSet<()>) -> Duration {
        while attempts.try_join_next().is_some() {}
        let room = self.config.concurrency.max(1).saturating_sub(attempts.len());
        if room == 0 {
            return POLL_INTERVAL_MAX;
        }
        let now = (self.config.clock)();
        let fetched = self.on_bus(move |bus, consumer| Ok((bus.fetch(consumer, room, now)?, bus.next_due(consumer)?))).await;
        let Some((deliveries, next_due)) = fetched else { return BUS_RETRY_INTERVAL };
        for delivery in deliveries {
            attempts.spawn(self.clone().attempt(delivery));
        }
        next_due.map_or(POLL_INTERVAL_MAX, |due| due.since(now)).clamp(POLL_INTERVAL_MIN, POLL_INTERVAL_MAX)
    }

    async fn attempt(self: Arc<Self>, delivery: Delivery) {
        let _counted = InFlight::new(&self.in_flight);
        match self.try_once(&delivery).await {
            Ok(answer) => self.acknowledge(delivery, &answer).await,
            Err(Failed::Again { after, reason }) => self.put_back(delivery, after, reason).await,
            Err(Failed::Dead(reason)) => self.bury(delivery, reason).await,
        }
        self.settled.notify_waiters();
    }

    /// One attempt, and what follows from its outcome: what the sink answered, or what is to be done.
    async fn try_once(&self, delivery: &Delivery) -> Result<String, Failed> {
        let (attempt, attempts_max) = (delivery.attempt, self.config.attempts_max.max(1));
        if attempt > attempts_max {
            return Err(Failed::Dead(format!("given up after {attempts_max} attempts: the last ended without an outcome")));
        }
        let limit = self.config.attempt_timeout;
        let outcome = timeout(limit, self.action.handle(&delivery.event)).await;
        match outcome.unwrap_or_else(|_| Outcome::retry(format!("no outcome within {limit:?}"))) {
            Outcome::Delivered(answer) => Ok(answer),
            Outcome::Retry { reason, .. } if attempt == attempts_max => {
                Err(Failed::Dead(format!("given up after {attempts_max} attempts: {reason}")))
            }
            Outcome::Retry { after, reason } => {
                Err(Failed::Again { after: backoff::wait(&self.config, &delivery.event.id, attempt, after), reason })
            }
            Outcome::Permanent(reason) => Err(Failed::Dead(format!("refused: {reason}"))),
            Outcome::Misconfigured(reason) => Err(Failed::Dead(format!("misconfigured: {reason}"))),
        }
    }

    async fn acknowledge(&self, delivery: Delivery, answer: &str) {
        let now = (self.config.clock)();
        self.delivered.fetch_add(1, Relaxed);
        tracing::debug!(action = self.action.name(), event = %delivery.event.id, "delivered");
        self.tell(&delivery, Ok(answer));
        self.on_bus(move |bus, consumer| bus.ack(consumer, &delivery, now)).await;
    }

    async fn put_back(&self, delivery: Delivery, after: Duration, reason: String) {
        let now = (self.config.clock)();
        self.retried.fetch_add(1, Relaxed);
        tracing::info!(action = self.action.name(), event = %delivery.event.id, attempt = delivery.attempt, ?after, reason, "not delivered, will be tried again");
        self.remember(now, &reason);
        self.on_bus(move |bus, consumer| bus.nack(consumer, &delivery, &Retry { now, at: now.plus(after), reason: &reason })).await;
    }

    async fn bury(&self, delivery: Delivery, reason: String) {
        let now = (self.config.clock)();
        self.dead.fetch_add(1, Relaxed);
        tracing::warn!(action = self.action.name(), event = %delivery.event.id, attempt = delivery.attempt, reason, "not delivered, kept as a dead letter");
        self.remember(now, &reason);
        self.tell(&delivery, Err(&reason));
        self.on_bus(move |bus, consumer| bus.dead_letter(consumer, &delivery, &reason, now)).await;
    }

    /// Tells whoever wants to know what became of an event.
    fn tell(&self, delivery: &Delivery, outcome: Result<&str, &str>) {
        if let Some(tell) = &self.config.on_settled {
            tell(&Settled { event: &delivery.event, action: self.action.name(), outcome, attempts: delivery.attempt });
        }
    }

    fn remember(&self, at: Timestamp, reason: &str) {
        let error = LastError { at: at.to_string(), reason: reason.to_owned() };
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Asks the bus, which blocks. Without an answer the event becomes due again by itself.
    async fn on_bus<T: Send + 'static>(&self, ask: impl FnOnce(&dyn Bus, &str) -> Result<T, BusError> + Send + 'static) -> Option<T> {
        let (bus, consumer) = (self.bus.clone(), self.consumer.clone());
        let answer = spawn_blocking(move || ask(&*bus, &consumer)).await;
        match answer.unwrap_or_else(|error| Err(BusError::Backend(Box::new(error)))) {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::error!(action = self.action.name(), %error, "the event bus did not answer");
                self.remember((self.config.clock)(), &error.to_string());
                None
            }
        }
    }
}

/// Counts an attempt for as long as it lives, whichever way it ends.
struct InFlight<'a>(&'a AtomicU64);

impl<'a> InFlight<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
