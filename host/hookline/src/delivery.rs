//! From what plugins emit to what workers did: a bounded queue, a thread that publishes to the bus, and the runner.

use crate::{error::usage, fetcher::Fetcher};
use anyhow::Context as _;
use hookline_actions::{ActionStatus, OnSettled, Routes, RunnerConfig, RunnerHandle, Setup, http, registry};
use hookline_bus::{Bus, EmbeddedBus, Event, Limits};
use hookline_hooks::{Fetch, HookHost, Reporter, Settled};
use hookline_item::Timestamp;
use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Runtime;

/// Events between plugins and the bus: what plugins may emit while one transaction is written to a slow disk.
const QUEUE: usize = 10_000;
/// Events published at once.
const BATCH: usize = 256;
/// How long the end of a program waits for workers.
const PATIENCE: Duration = Duration::from_secs(10);

/// The wall clock. Only edges use it: what plugins see is packet time.
#[expect(clippy::disallowed_methods, reason = "the edge: live capture, queues and the API run by the wall clock")]
pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(since.as_secs(), since.subsec_nanos())
}

/// Takes events from plugins.
#[derive(Clone)]
pub(crate) struct Emitter {
    sender: SyncSender<Event>,
    waits: bool,
}

impl Emitter {
    /// Takes an event; false if there is no room. In a replay it waits for room.
    pub(crate) fn event(&self, event: Event) -> bool {
        if self.waits {
            return self.sender.send(event).is_ok();
        }
        !matches!(self.sender.try_send(event), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
    }
}

impl Emitter {
    /// What an outbox does with an event: emits it, or in a dry run shows it on standard error.
    pub(crate) fn or_show(self, dry_run: bool) -> impl Fn(Event) -> bool + Send + Sync {
        move |event| {
            if dry_run {
                eprintln!("would be delivered: {}", event.to_cloud_event());
                return true;
            }
            self.event(event)
        }
    }
}

/// The bus with its publisher and its workers.
pub(crate) struct Delivery {
    bus: Arc<dyn Bus>,
    publisher: JoinHandle<()>,
    runner: RunnerHandle,
    refused: Arc<AtomicU64>,
    reporter: Arc<OnceLock<Reporter>>,
    client: http::Client,
}

/// Sees every event before it is published.
pub(crate) type Watch = Box<dyn Fn(&Event) + Send>;

impl Delivery {
    /// Starts everything; the queue lies in `folder`, or in memory.
    pub(crate) fn start(
        runtime: &Runtime,
        folder: Option<&Path>,
        waits: bool,
        lines: Arc<dyn hookline_actions::LineSink>,
        routes: Routes,
        watch: Watch,
    ) -> anyhow::Result<(Self, Emitter)> {
        routes.check().map_err(|e| usage(format!("the configuration: {e}")))?;
        let file = folder.map(|f| f.join("events.sqlite"));
        let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::open(file.as_deref(), Limits::default()).context("cannot open the event queue")?);
        let (sender, receiver) = sync_channel(QUEUE);
        let refused = Arc::new(AtomicU64::new(0));
        let publisher = {
            let (bus, refused, routes) = (Arc::clone(&bus), Arc::clone(&refused), routes.clone());
            std::thread::Builder::new().name("publisher".into()).spawn(move || publish(&receiver, &*bus, &refused, &routes, &watch))?
        };
        let client = http::Client::new(http::Timeouts::default(), hookline_actions::wall_clock());
        let setup = Setup { client: client.clone(), lines, destinations: Arc::new(routes.destinations) };
        let reporter = Arc::<OnceLock<Reporter>>::default();
        let config = RunnerConfig { on_settled: Some(tell(Arc::clone(&reporter))), ..RunnerConfig::default() };
        let guard = runtime.enter();
        let runner = hookline_actions::Runner::start(Arc::clone(&bus), config, registry(&setup))?;
        drop(guard);
        Ok((Self { bus, publisher, runner, refused, reporter, client }, Emitter { sender, waits }))
    }

    /// From now on the plugins of `host` are told what became of their actions.
    pub(crate) fn report_to(&self, host: &HookHost) {
        // Set once: a second host would be told nothing, and there is none.
        let _ = self.reporter.set(host.reporter());
    }

    /// What makes plugins' requests, with the actions' client.
    pub(crate) fn fetcher(&self, runtime: &Runtime) -> Arc<dyn Fetch> {
        Arc::new(Fetcher { client: self.client.clone(), runtime: runtime.handle().clone() })
    }

    /// What each action did.
    pub(crate) fn status(&self) -> Vec<ActionStatus> {
        self.runner.status()
    }

    /// Prometheus text.
    pub(crate) fn metrics(&self) -> String {
        let mut out = self.runner.prometheus();
        out.push_str("# HELP hookline_bus_events_refused_total Events that the queue did not take\n# TYPE hookline_bus_events_refused_total counter\n");
        out.push_str(&format!("hookline_bus_events_refused_total {}\n", self.refused.load(Ordering::Relaxed)));
        if let Ok(totals) = self.bus.totals() {
            out.push_str(
                "# HELP hookline_bus_events_held Events in the queue, delivered ones included\n# TYPE hookline_bus_events_held gauge\n",
            );
            out.push_str(&format!("hookline_bus_events_held {}\n", totals.events));
        }
        out
    }

    /// Waits until everything emitted is delivered or given up, up to a limit, and ends the workers. All emitters must be gone: plugins have ended.
    pub(crate) fn finish(self, runtime: &Runtime) -> Vec<ActionStatus> {
        // A publisher that panicked has nothing left to publish.
        let _ = self.publisher.join();
        runtime.block_on(async {
            match self.runner.drain(PATIENCE).await {
                Ok(0) => {}
                Ok(left) => tracing::warn!(message = "events are left that were not delivered yet", left),
                Err(error) => tracing::error!(message = "the event queue cannot be asked what is left", %error),
            }
            let status = self.runner.status();
            self.runner.stop().await;
            status
        })
    }
}

/// Passes outcomes on, once there is somebody to be told.
fn tell(reporter: Arc<OnceLock<Reporter>>) -> OnSettled {
    Arc::new(move |settled| {
        let Some(reporter) = reporter.get() else { return };
        let (delivered, detail) = match settled.outcome {
            Ok(answer) => (true, answer),
            Err(reason) => (false, reason),
        };
        let id = &settled.event.id;
        reporter.settled(wall_clock(), id, || Settled {
            id: id.clone(),
            action: settled.action.to_owned(),
            delivered,
            detail: detail.to_owned(),
            attempts: settled.attempts,
        });
    })
}

/// Publishes what comes until the last emitter is gone.
fn publish(receiver: &Receiver<Event>, bus: &dyn Bus, refused: &AtomicU64, routes: &Routes, watch: &Watch) {
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        batch.extend(receiver.try_iter().take(BATCH - 1));
        batch.iter().for_each(watch);
        let routed: Vec<Event> = batch.iter().flat_map(|event| routes.actions(event)).collect();
        batch.extend(routed);
        match bus.publish(&batch, wall_clock()) {
            Ok(published) => drop(refused.fetch_add(published.refused(), Ordering::Relaxed)),
            Err(error) => {
                refused.fetch_add(batch.len() as u64, Ordering::Relaxed);
                tracing::error!(message = "events were not taken by the queue", %error, events = batch.len());
            }
        }
    }
}
