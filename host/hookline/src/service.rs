//! The whole program around a session: plugins, delivery, item index, dashboard.

use crate::{
    cli::{PluginArgs, Serve},
    commands::snapshot,
    delivery::{Delivery, Emitter, wall_clock},
    error::usage,
    plugins::{self, Outlet, Setup},
};
use anyhow::Context as _;
use hookline_actions::{ActionStatus, Routes};
use hookline_bus::Event;
use hookline_hooks::{Change, Fetch, Folder, HookHost, LogLevel, LogLine, Packets, Policy, Watch};
use hookline_item::{Item, Timestamp};
use hookline_kfl::Settings;
use hookline_store::{
    Store, StoreOptions, Writer,
    ring::{self, PacketQuery, Ring, RingLane, RingOptions, RingStats},
};
use hookline_web::{About, Console, Live, Web, WebDeps};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{runtime::Runtime, sync::oneshot};

/// How often the plugin folder is looked at where the kernel tells of no change.
const FOLDER_INTERVAL: Duration = Duration::from_secs(2);
/// How long it must be quiet after a change, so that a plugin and its manifest that are copied together are taken together.
const FOLDER_QUIET: Duration = Duration::from_millis(50);
const FOLDER_ROUNDS_MAX: usize = 20;
/// How often whoever follows the folder looks whether it is to end.
const STOP_INTERVAL: Duration = Duration::from_millis(200);

/// Everything that runs beside the capture.
pub(crate) struct Service {
    runtime: Runtime,
    pub(crate) host: HookHost,
    delivery: Arc<Delivery>,
    store: Store,
    writer: Arc<Writer>,
    ring: Option<Arc<Ring>>,
    live: Live,
    addr: SocketAddr,
    web_stop: oneshot::Sender<()>,
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<()>,
}

/// What a service is made of.
pub(crate) struct Parts<'a> {
    pub(crate) serve: &'a Serve,
    pub(crate) plugins: &'a PluginArgs,
    pub(crate) node: &'a str,
    /// Packets come from a file: nothing is dropped, the reader waits for plugins.
    pub(crate) replay: bool,
    /// What filters are compiled with.
    pub(crate) filters: &'a Settings,
    /// What plugins may be granted at most.
    pub(crate) policy: &'a Policy,
    /// Which alerts are sent where.
    pub(crate) routes: Routes,
    /// What is captured, for people.
    pub(crate) source: String,
    /// Plain text with the counters of the stages before the plugins.
    pub(crate) metrics: Metrics,
}

impl Service {
    /// Binds the dashboard's address, opens the data, starts workers and plugins, in this order: what is wrong is told before traffic is touched.
    pub(crate) fn start(parts: &Parts<'_>, lines: Arc<dyn hookline_actions::LineSink>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let bound = runtime.block_on(Web::bind(parts.serve.listen)).map_err(|e| usage(e.to_string()))?;
        let folder = parts.serve.data.as_deref();
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|e| usage(format!("--data {}: {e}", folder.display())))?;
        }
        let store = Store::open(StoreOptions {
            path: folder.map(|f| f.join("items.sqlite")),
            items_max: parts.serve.keep_items,
            bytes_max: parts.serve.keep_mib.saturating_mul(1 << 20),
        })?;
        let ring = open_ring(parts.serve)?.map(Arc::new);
        let writer = Arc::new(store.writer().context("the index is being written by somebody else")?);
        let console = Console::new();
        let (delivery, emitter) = {
            let writer = Arc::clone(&writer);
            // An index that is behind has counted what it did not take.
            let watch = move |event: &Event| {
                let _ = writer.event(event);
            };
            Delivery::start(&runtime, folder, parts.replay, lines, parts.routes.clone(), Box::new(watch))?
        };
        let host = make_host(parts, &console, emitter, delivery.fetcher(&runtime), ring.clone())?;
        delivery.report_to(&host);
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = watch_folder(parts.plugins.plugins.as_deref(), &host, &stop)?;
        let delivery = Arc::new(delivery);
        let live = Live::new();
        let (web_stop, stopped) = oneshot::channel::<()>();
        let addr = bound.addr();
        let deps = WebDeps {
            store: store.clone(),
            host: host.clone(),
            live: live.clone(),
            console,
            ring: ring.clone(),
            metrics: metrics(&parts.metrics, &delivery, ring.as_ref()),
            now: Arc::new(wall_clock),
            filters: Arc::new(parts.filters.clone()),
            tables: crate::fields::tables(),
            about: About { version: env!("CARGO_PKG_VERSION").to_owned(), node: parts.node.to_owned(), source: parts.source.clone() },
        };
        runtime.spawn(async move {
            // An error of the sender means that the program ends without saying so: that ends the server too.
            let result = bound.serve(deps, async { drop(stopped.await) }).await;
            if let Err(error) = result {
                tracing::error!(message = "the dashboard ended", %error);
            }
        });
        Ok(Self { runtime, host, delivery, store, writer, ring, live, addr, web_stop, stop, watcher })
    }

    /// Where the dashboard is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// What becomes of an item, apart from the plugins.
    pub(crate) fn on_item(&self) -> impl FnMut(Arc<Item>, Timestamp) + use<> {
        let (writer, live) = (Arc::clone(&self.writer), self.live.clone());
        move |item, _| {
            // A full queue is counted by the store.
            let _ = writer.item(&item);
            live.send(item);
        }
    }

    /// What keeps the packets of a lane, if packets are kept.
    pub(crate) fn record(&self, lane: u32) -> Option<RingLane> {
        self.ring.as_ref().map(|ring| ring.lane(lane))
    }

    /// True once Ctrl-C was pressed or the program was told to end.
    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        self.runtime.spawn(async move {
            wait_for_signal().await;
            flag.store(true, Ordering::Relaxed);
            // A second signal does not wait for workers.
            wait_for_signal().await;
            std::process::exit(130);
        });
        stop
    }

    /// Ends everything in order: plugins, delivery, index, dashboard. Returns what the actions did.
    pub(crate) fn finish(self) -> Vec<ActionStatus> {
        self.stop.store(true, Ordering::Relaxed);
        // A watcher that panicked watches no more.
        let _ = self.watcher.join();
        self.host.finish();
        drop(self.web_stop);
        let status = self.delivery.status();
        drop((self.host, self.store));
        let status = match Arc::try_unwrap(self.delivery) {
            Ok(delivery) => delivery.finish(&self.runtime),
            Err(_) => status,
        };
        if let Ok(writer) = Arc::try_unwrap(self.writer) {
            writer.finish();
        }
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        if let Some(ring) = self.ring.and_then(Arc::into_inner) {
            ring.finish();
        }
        status
    }
}

fn make_host(
    parts: &Parts<'_>,
    console: &Console,
    emitter: Emitter,
    fetch: Arc<dyn Fetch>,
    ring: Option<Arc<Ring>>,
) -> anyhow::Result<HookHost> {
    let console = console.clone();
    let outlet = Outlet {
        event: emitter.or_show(parts.plugins.dry_run),
        line: move |line: LogLine| {
            print_line(&line);
            console.push(line);
        },
    };
    let setup = Setup {
        env: &parts.plugins.env,
        node: parts.node,
        replay: parts.replay,
        now: if parts.replay { Timestamp(0) } else { wall_clock() },
        filters: parts.filters,
        policy: parts.policy,
        data: parts.serve.data.clone(),
        fetch: Some(fetch),
        packets: ring.map(|ring| Arc::new(Kept(ring)) as Arc<dyn Packets>),
        fuel: false,
    };
    plugins::host(&setup, Arc::new(outlet))
}

/// A script's console on ours: errors on standard error, the rest on standard output.
pub(crate) fn print_line(line: &LogLine) {
    let LogLine { plugin, text, level, .. } = line;
    if *level == LogLevel::Error {
        eprintln!("{plugin}: {text}");
    } else {
        print_out(&format!("{plugin}: {text}"));
    }
}

/// A line on standard output; a reader that has gone away is no error.
pub(crate) fn print_out(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}

type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

fn metrics(stages: &Metrics, delivery: &Arc<Delivery>, ring: Option<&Arc<Ring>>) -> Metrics {
    let (stages, delivery, ring) = (Arc::clone(stages), Arc::downgrade(delivery), ring.map(Arc::downgrade));
    Arc::new(move || {
        let delivered = delivery.upgrade().map_or_else(String::new, |d| d.metrics());
        let kept = ring.as_ref().and_then(Weak::upgrade).map_or_else(String::new, |ring| ring_metrics(&ring.stats()));
        stages() + &delivered + &kept
    })
}

fn ring_metrics(stats: &RingStats) -> String {
    let counters = [
        ("packets", "Packets kept", stats.packets),
        ("drops", "Packets not kept because the disk did not keep up", stats.dropped),
        ("failed", "Packets not kept because the disk could not be written", stats.failed),
        ("torn_bytes", "Bytes cut off at the start because a run had ended while it wrote them", stats.torn),
    ];
    let counter = |(name, help, value)| {
        format!("# HELP hookline_ring_{name}_total {help}\n# TYPE hookline_ring_{name}_total counter\nhookline_ring_{name}_total {value}\n")
    };
    let held = format!(
        "# HELP hookline_ring_bytes Bytes of the files with packets\n# TYPE hookline_ring_bytes gauge\nhookline_ring_bytes {}\n",
        stats.bytes
    );
    counters.into_iter().map(counter).collect::<String>() + &held
}

/// The ring of packets, if the user wants one.
fn open_ring(serve: &Serve) -> anyhow::Result<Option<Ring>> {
    if serve.record_mib == 0 {
        return Ok(None);
    }
    let Some(data) = &serve.data else {
        return Err(usage("--record-mib keeps packets in the data folder: give --data DIR".to_owned()));
    };
    let (bytes_max, age_max) = (serve.record_mib.saturating_mul(1 << 20), serve.record_last);
    let folder = data.join(snapshot::FOLDER);
    Ok(Some(Ring::open(&RingOptions { folder, bytes_max, age_max }).context("the packet ring cannot be opened")?))
}

/// The ring, as plugins may ask it.
struct Kept(Arc<Ring>);

impl Packets for Kept {
    fn pcapng(&self, streams: &[u64]) -> Result<(u64, Vec<u8>), String> {
        let query = PacketQuery { streams: Some(streams.to_vec()), ..PacketQuery::default() };
        let packets = self.0.read(&query).map_err(|e| e.to_string())?;
        Ok((packets.len() as u64, ring::to_pcapng(&packets, &BTreeMap::new(), &|_| None)))
    }
}

/// Loads the plugin folder, and follows it until told to stop.
fn watch_folder(dir: Option<&Path>, host: &HookHost, stop: &Arc<AtomicBool>) -> anyhow::Result<JoinHandle<()>> {
    let folder = dir.map(|dir| plugins::load_folder(host, dir)).transpose()?;
    let (host, stop, dir) = (host.clone(), Arc::clone(stop), dir.map(Path::to_owned));
    let follow = move || {
        let (Some(mut folder), Some(dir)) = (folder, dir) else { return };
        let mut watch = Watch::new(&dir);
        let mut waited = Duration::ZERO;
        while !stop.load(Ordering::Relaxed) {
            if watch.wait(STOP_INTERVAL) {
                // A folder that is never quiet is looked at all the same.
                (0..FOLDER_ROUNDS_MAX).any(|_| !watch.wait(FOLDER_QUIET));
                // Two looks must agree.
                follow_once(&mut folder, &host);
            } else if waited < FOLDER_INTERVAL {
                waited += STOP_INTERVAL;
                continue;
            } else {
                // The folder itself may be another one by now.
                watch = Watch::new(&dir);
            }
            waited = Duration::ZERO;
            follow_once(&mut folder, &host);
        }
    };
    Ok(std::thread::Builder::new().name("plugin folder".into()).spawn(follow)?)
}

fn follow_once(folder: &mut Folder, host: &HookHost) {
    match folder.scan(host) {
        Ok(changes) => changes.iter().for_each(|change| match change {
            Change::Loaded(name) => {
                let digest = host.status().into_iter().find(|p| p.name == *name).map(|p| p.digest).unwrap_or_default();
                eprintln!("plugin {name}: loaded, sha256 {digest}");
            }
            Change::Unloaded(name) => eprintln!("plugin {name}: taken out"),
            Change::Refused(name, reason) => eprintln!("warning: plugin {name}: {reason}"),
        }),
        Err(error) => tracing::warn!(message = "the plugin folder cannot be read", %error),
    }
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler the default remains: the program ends at once.
    let Ok(mut term) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
