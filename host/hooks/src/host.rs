//! The host: which plugins there are, loading and replacing them, asking them.

use crate::{
    Outbox,
    engine::{Compiler, digest},
    fault::Call,
    feeder::{Feeder, Plan, Planned},
    fetch::{Fetch, Packets},
    files::Directories,
    instance::{Instance, Program, Rows},
    kv::Stores,
    mail::{Address, Post, Settled},
    manifest::{Instances, Manifest},
    policy::Policy,
    state::{Identity, KindOf, Shown, Surroundings},
    stats::{Counts, HookCalls, State, Stats},
    times::Quantiles,
    worker::{Queue, Spec, Thread, Work, Worker},
};
use hookline_item::Timestamp;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// What a host is made with.
pub struct Options {
    /// Compiled code is kept here; `None` compiles each time.
    pub cache: Option<PathBuf>,
    /// The JavaScript shim: a component, or the core module it is made of. Without it scripts are refused.
    pub script_engine: Option<Cow<'static, [u8]>>,
    /// Host name of the node.
    pub node: String,
    /// Values that plugins may be granted to read.
    pub env: BTreeMap<String, String>,
    /// Kinds of fields, over all protocols.
    pub kind_of: Box<KindOf>,
    /// What filters are compiled with: the user's macros.
    pub filters: hookline_kfl::Settings,
    /// What plugins may be granted at most.
    pub policy: Policy,
    /// Folder for what plugins keep, and for calls that failed ([`HookHost::reproduce`]), which hold traffic; `None` keeps both in memory, or not.
    pub data: Option<PathBuf>,
    /// Makes the requests of plugins that are granted some; without it they are refused.
    pub fetch: Option<Arc<dyn Fetch>>,
    /// Has the packets, for plugins that are granted them; `None` if none are kept.
    pub packets: Option<Arc<dyn Packets>>,
    /// Whether plugins' instructions are counted: exact, and a few percent slower.
    pub fuel: bool,
    /// Whether packets come from a file: then nothing is dropped, and the reader waits for slow plugins.
    pub replay: bool,
    /// The clock before the first packet: the wall clock in live capture, zero in a replay.
    pub now: Timestamp,
}

/// A plugin's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A component or a core module.
    Wasm(Vec<u8>),
    /// A script for the JavaScript shim: file name and text.
    Script(String, String),
}

/// What is known of a plugin.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PluginStatus {
    /// Its name.
    pub name: String,
    /// `wasm` or `script`.
    pub kind: &'static str,
    /// From its manifest, or the first comment of a script.
    pub description: String,
    /// From its manifest.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: String,
    /// What it is doing.
    pub state: State,
    /// Its last error.
    pub error: Option<String>,
    /// The hooks that it exports.
    pub hooks: Vec<&'static str>,
    /// The filters of its item subscriptions.
    pub filters: Vec<String>,
    /// The fields that it reads, as columns or one by one.
    pub fields: Vec<String>,
    /// How often its code was replaced.
    pub reloads: u64,
    /// Whether its code was compiled quickly and will be replaced by faster code.
    pub quick_code: bool,
    /// CPU nanoseconds of its calls.
    pub call_ns: Quantiles,
    /// The same of each hook that was called.
    pub by_hook: Vec<HookCalls>,
    /// Counters.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What a client of the API shall see of an item, as the plugins say.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// Shown in green.
    pub passed: bool,
    /// Shown in red.
    pub failed: bool,
    /// The item to show in its place, as JSON.
    pub replacement: Option<String>,
}

/// What became of a call that failed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reproduced {
    /// It failed again; the text says how.
    Failed(String),
    /// It returned: the fault was mended, or it needs what the plugin had seen before.
    Returned,
}

/// A plugin could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin}: {reason}")]
pub struct LoadError {
    /// Its name.
    pub plugin: String,
    /// What is wrong, for its author.
    pub reason: String,
}

/// How long a client waits for the plugins that may colour what it is shown.
const QUERY_PATIENCE: Duration = Duration::from_millis(250);

struct Loaded {
    identity: Arc<Identity>,
    planned: Option<Planned>,
    hooks: Vec<&'static str>,
    worker: Option<Thread>,
    stats: Arc<Stats>,
    reloads: u64,
    quick_code: bool,
}

pub(crate) struct Inner {
    compiler: Arc<Compiler>,
    script_engine: Option<Cow<'static, [u8]>>,
    script_engine_digest: OnceLock<String>,
    /// Code in use, by its digest: all scripts share one program.
    programs: Mutex<HashMap<String, Weak<Program>>>,
    around: Arc<Surroundings>,
    policy: Policy,
    replay: bool,
    start: Timestamp,
    plugins: Mutex<BTreeMap<String, Loaded>>,
    plan: Mutex<Arc<Plan>>,
    pub(crate) generation: AtomicU64,
}

impl Inner {
    /// The program whose code `bytes` is.
    fn program(&self, bytes: &[u8], digest: &str) -> Result<Arc<Program>, String> {
        let mut programs = lock(&self.programs);
        if let Some(program) = programs.get(digest).and_then(Weak::upgrade) {
            return Ok(program);
        }
        let program = Arc::new(Program::load(&self.compiler, bytes, digest)?);
        programs.retain(|_, program| program.strong_count() > 0);
        programs.insert(digest.to_owned(), Arc::downgrade(&program));
        Ok(program)
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&lock(&self.plan))
    }

    /// Makes the plan anew from the plugins that there are.
    fn publish(&self, plugins: &BTreeMap<String, Loaded>) {
        let addresses = plugins.values().filter_map(|p| {
            let Planned { letters, queue, .. } = p.planned.as_ref()?;
            Some(Address { plugin: p.identity.name.clone(), letters: letters.clone(), queue: queue.clone() })
        });
        self.around.post.deliver_to(addresses.collect());
        let planned = plugins.values().filter_map(|p| p.planned.clone()).collect();
        *lock(&self.plan) = Arc::new(Plan { plugins: planned });
        self.generation.fetch_add(1, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is replaced whole, so a panic elsewhere leaves it sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells plugins what became of the actions that they asked for.
#[derive(Clone)]
pub struct Reporter(Weak<Inner>);

impl Reporter {
    /// Tells whoever waits for the event `id` what became of it, if the host still runs; `outcome` is asked if somebody does.
    pub fn settled(&self, at: Timestamp, id: &str, outcome: impl FnOnce() -> Settled) {
        if let Some(inner) = self.0.upgrade() {
            inner.around.post.settled(at, id, outcome);
        }
    }
}

/// Runs plugins. Cheap to clone: all clones are one host.
#[derive(Clone)]
pub struct HookHost {
    inner: Arc<Inner>,
}

impl HookHost {
    /// A host without plugins.
    ///
    /// # Errors
    /// The engine cannot be made on this machine.
    pub fn new(options: Options, outbox: Arc<dyn Outbox>) -> Result<Self, String> {
        let compiler = Compiler::new(options.cache, options.fuel).map_err(|e| format!("the WebAssembly engine does not start: {e:#}"))?;
        let around = Surroundings {
            outbox,
            metrics: crate::metrics::Registry::default(),
            node: options.node,
            env: options.env,
            kind_of: options.kind_of,
            filters: options.filters,
            faults: options.data.as_ref().map(|folder| folder.join("faults")),
            stores: Stores::new(options.data.as_ref().map(|folder| folder.join("kv"))),
            directories: Directories::new(options.data.map(|folder| folder.join("files"))),
            fetch: options.fetch,
            packets: options.packets,
            post: Post::default(),
            ending: AtomicBool::new(false),
        };
        let inner = Inner {
            compiler: Arc::new(compiler),
            script_engine: options.script_engine,
            script_engine_digest: OnceLock::new(),
            programs: Mutex::default(),
            around: Arc::new(around),
            policy: options.policy,
            replay: options.replay,
            start: options.now,
            plugins: Mutex::default(),
            plan: Mutex::default(),
            generation: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A feeder for one lane.
    #[must_use]
    pub fn feeder(&self) -> Feeder {
        Feeder::new(Arc::clone(&self.inner))
    }

    /// Loads a plugin, or replaces the one of that name: the old instance gets all items offered before, the new one all after. If
    /// the new one does not start, the old one stays.
    ///
    /// # Errors
    /// Why it does not start; [`HookHost::status`] shows it too.
    pub fn load(&self, name: &str, code: Code, manifest: Manifest) -> Result<(), LoadError> {
        let stats = {
            let mut plugins = lock(&self.inner.plugins);
            let known = plugins.entry(name.to_owned()).or_insert_with(|| Loaded::unborn(name, &manifest));
            Arc::clone(&known.stats)
        };
        self.start(name, &code, &manifest, &stats).map_err(|reason| {
            let running = lock(&self.inner.plugins).get(name).is_some_and(|p| p.planned.is_some());
            match running {
                true => stats.set_state(State::Running, Some(format!("the new file was not taken: {reason}"))),
                false => stats.set_state(State::Failed, Some(reason.clone())),
            }
            LoadError { plugin: name.to_owned(), reason }
        })
    }

    /// Says of a plugin that it could not even be read.
    pub fn refuse(&self, name: &str, reason: &str) {
        let mut plugins = lock(&self.inner.plugins);
        let known = plugins.entry(name.to_owned()).or_insert_with(|| Loaded::unborn(name, &Manifest::default()));
        let state = if known.planned.is_some() { State::Running } else { State::Failed };
        known.stats.set_state(state, Some(reason.to_owned()));
    }

    /// Compiles, links and starts a plugin on this thread.
    fn instance(&self, name: &str, code: &Code, manifest: &Manifest, stats: &Arc<Stats>) -> Result<(Arc<Spec>, Instance), String> {
        let inner = &self.inner;
        let mut manifest = manifest.clone();
        let scope = inner.policy.admit(&mut manifest)?;
        let (program, digest, script) = match code {
            Code::Wasm(bytes) => {
                let digest = digest(bytes);
                (inner.program(bytes, &digest)?, digest, None)
            }
            Code::Script(file, text) => {
                let engine = inner.script_engine.as_ref();
                let bytes = engine.ok_or("this build has no JavaScript engine: run `cargo xtask setup` and build again")?;
                let of_engine = inner.script_engine_digest.get_or_init(|| digest(bytes));
                (inner.program(bytes, of_engine)?, digest(text.as_bytes()), Some((file.clone(), text.clone())))
            }
        };
        let identity = Arc::new(Identity { name: name.to_owned(), digest, manifest, scope, script });
        let (compiler, around, stats) = (Arc::clone(&inner.compiler), Arc::clone(&inner.around), Arc::clone(stats));
        let spec = Arc::new(Spec { compiler, program, identity, around, stats });
        let instance = spec.start(inner.start)?;
        Ok((spec, instance))
    }

    fn start(&self, name: &str, code: &Code, manifest: &Manifest, stats: &Arc<Stats>) -> Result<(), String> {
        let inner = &self.inner;
        let (spec, instance) = self.instance(name, code, manifest, stats)?;
        let identity = Arc::clone(&spec.identity);
        let (queue, inbox) = Queue::new(identity.manifest.run.queue, inner.replay, stats);
        let state = instance.state();
        let planned = Planned {
            queue,
            in_lane: (identity.manifest.run.instances == Instances::PerLane).then(|| Arc::clone(&spec)),
            reads_items: spec.program.reads_items,
            scope: identity.scope.clone(),
            items: state.subscriptions.items.clone(),
            packets: state.subscriptions.packets.clone(),
            flows: state.subscriptions.flows.clone(),
            letters: instance.letters(),
            queries: state.subscriptions.queries,
            jobs: instance.has_jobs(),
        };
        let (hooks, quick) = (spec.program.hooks(), spec.program.quick);
        let worker = Worker::new(spec, Some(instance));
        let mut plugins = lock(&inner.plugins);
        let known = plugins.entry(name.to_owned()).or_insert_with(|| Loaded::unborn(name, &identity.manifest));
        let former = known.worker.take();
        known.reloads += u64::from(former.is_some());
        let thread = thread::Builder::new().name(format!("hook {name}"));
        known.worker = Some(thread.spawn(move || worker.run(&inbox, former)).map_err(|e| e.to_string())?);
        (known.identity, known.planned, known.hooks, known.quick_code) = (identity, Some(planned), hooks, quick);
        stats.set_state(State::Running, None);
        inner.publish(&plugins);
        drop(plugins);
        if let (true, Code::Wasm(bytes)) = (quick, code) {
            self.replace_quick_code(name, bytes.clone(), manifest.clone()).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Compiles a plugin's fast code on a thread of its own, and has it take over from the quick one.
    fn replace_quick_code(&self, name: &str, bytes: Vec<u8>, manifest: Manifest) -> std::io::Result<()> {
        // The host may end meanwhile.
        let (weak, name) = (Arc::downgrade(&self.inner), name.to_owned());
        let compiler = Arc::clone(&self.inner.compiler);
        let replace = move || {
            let digest = digest(&bytes);
            let fast = Program::fast(&compiler, &bytes, &digest).map(Arc::new);
            let Some(inner) = weak.upgrade() else { return };
            let program = match fast {
                Ok(program) => program,
                Err(error) => return tracing::warn!(message = "a plugin stays on its quick code", plugin = name, error),
            };
            lock(&inner.programs).insert(digest.clone(), Arc::downgrade(&program));
            let is_same = lock(&inner.plugins).get(&name).is_some_and(|p| p.planned.is_some() && p.identity.digest == digest);
            // Another version, or none: there is nothing to be replaced.
            if is_same && let Err(error) = (Self { inner }).load(&name, Code::Wasm(bytes), manifest) {
                tracing::warn!(message = "a plugin stays on its quick code", plugin = name, %error);
            }
        };
        thread::Builder::new().name("compile".to_owned()).spawn(replace).map(drop)
    }

    /// Calls a plugin with what a call was given that failed: the text of a file in `faults` below [`Options::data`].
    ///
    /// # Errors
    /// Why it cannot be called; [`Reproduced::Failed`] is no error.
    pub fn reproduce(&self, name: &str, code: Code, manifest: Manifest, fault: &str) -> Result<Reproduced, LoadError> {
        let error = |reason| LoadError { plugin: name.to_owned(), reason };
        let call = Call::parse(fault).map_err(error)?;
        let stats = Arc::default();
        let (_, mut instance) = self.instance(name, &code, &manifest, &stats).map_err(error)?;
        let rows = Rows { subscription: call.subscription, count: call.count, columns: &call.columns };
        let result = instance.batch(call.hook, call.now, rows, call.shown());
        Ok(result.map_or_else(|failure| Reproduced::Failed(failure.text().to_owned()), |()| Reproduced::Returned))
    }

    /// Takes a plugin out. Items offered before are still handled.
    pub fn unload(&self, name: &str) {
        let mut plugins = lock(&self.inner.plugins);
        if plugins.remove(name).is_some() {
            self.inner.publish(&plugins);
        }
    }

    /// Who is to be told what became of plugins' actions. It does not keep the host.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        Reporter(Arc::downgrade(&self.inner))
    }

    /// Every plugin, by name.
    #[must_use]
    pub fn status(&self) -> Vec<PluginStatus> {
        lock(&self.inner.plugins).values().map(Loaded::status).collect()
    }

    /// The plugins' own metrics, in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.inner.around.metrics.render()
    }

    /// Asks the plugins what a client with this filter shall see of `items`. Those that do not answer in time are not waited for; of
    /// several that replace an item, the last by name wins.
    #[must_use]
    pub fn query(&self, items: &Arc<[Shown]>, filter: &str, now: Timestamp) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::default(); items.len()];
        let plan = self.inner.plan();
        let asked = plan.plugins.iter().filter(|p| p.queries).map(|plugin| {
            let (reply, answer) = mpsc::channel();
            let items = match &plugin.scope {
                Some(scope) => items.iter().map(|item| scope.view(item)).collect(),
                None => Arc::clone(items),
            };
            let work = Work::Query { now, filter: filter.to_owned(), items, reply };
            // A full queue means that the plugin is behind: the answer stays away, as if it were late.
            let _ = plugin.queue.try_send(work);
            (plugin, answer)
        });
        let asked: Vec<_> = asked.collect();
        let deadline = Instant::now() + QUERY_PATIENCE;
        for (plugin, answer) in asked {
            let Ok(said) = answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                plugin.queue.stats.query_timeouts.add(1);
                continue;
            };
            for v in said {
                let Some(verdict) = usize::try_from(v.index).ok().and_then(|i| verdicts.get_mut(i)) else { continue };
                verdict.passed |= v.passed;
                verdict.failed |= v.failed;
                verdict.replacement = v.replacement.or(verdict.replacement.take());
            }
        }
        verdicts
    }

    /// Whether any plugin wants to see what clients are shown.
    #[must_use]
    pub fn answers_queries(&self) -> bool {
        self.inner.plan().plugins.iter().any(|p| p.queries)
    }

    /// Lets plugins do what they were given, and read what they wrote to each other meanwhile: once, and once more what was answered.
    fn settle_letters(&self) {
        let plan = self.inner.plan();
        if plan.plugins.iter().all(|p| p.letters.topics.is_empty()) {
            return;
        }
        for _ in 0..2 {
            plan.plugins.iter().for_each(|p| p.queue.settle());
        }
    }

    /// Lets every plugin finish what it was given, then ends them. Feeders must have been dropped before: a plugin ends when nobody can
    /// give it work any more.
    pub fn finish(&self) {
        self.inner.around.ending.store(!self.inner.replay, Ordering::Relaxed);
        self.settle_letters();
        let mut plugins = lock(&self.inner.plugins);
        let workers: Vec<Thread> = plugins
            .values_mut()
            .filter_map(|p| {
                p.planned = None;
                p.worker.take()
            })
            .collect();
        self.inner.publish(&plugins);
        drop(plugins);
        for worker in workers {
            // A worker that panicked has been reported by its panic.
            let _ = worker.join();
        }
    }
}

impl Loaded {
    /// A plugin that has been heard of and not started.
    fn unborn(name: &str, manifest: &Manifest) -> Self {
        let identity = Identity { name: name.to_owned(), digest: String::new(), manifest: manifest.clone(), scope: None, script: None };
        Self {
            identity: Arc::new(identity),
            planned: None,
            hooks: Vec::new(),
            worker: None,
            stats: Arc::default(),
            reloads: 0,
            quick_code: false,
        }
    }

    fn status(&self) -> PluginStatus {
        let identity = &self.identity;
        let about = &identity.manifest.plugin;
        let title = identity.script.as_ref().and_then(|(_, text)| first_comment(text));
        let (state, error) = self.stats.state();
        PluginStatus {
            name: identity.name.clone(),
            kind: if identity.script.is_some() { "script" } else { "wasm" },
            description: if about.description.is_empty() { title.unwrap_or_default() } else { about.description.clone() },
            version: about.version.clone(),
            digest: identity.digest.clone(),
            state,
            error,
            hooks: self.hooks.clone(),
            filters: self.planned.iter().flat_map(|p| &p.items).map(|s| s.filter.source().to_owned()).collect(),
            fields: self.stats.fields(),
            reloads: self.reloads,
            quick_code: self.quick_code,
            call_ns: self.stats.call_times.quantiles(),
            by_hook: self.stats.by_hook(),
            counts: self.stats.counts(),
        }
    }
}

/// The text of a script's first comment: its title, as Kubeshark has it.
fn first_comment(text: &str) -> Option<String> {
    let line = text.find("//");
    let block = text.find("/*");
    let title = match (line, block) {
        (Some(l), b) if b.is_none_or(|b| l < b) => text.get(l + 2..)?.lines().next()?,
        (_, Some(b)) => text.get(b + 2..)?.split("*/").next()?.lines().map(str::trim).find(|l| !l.trim_matches('*').trim().is_empty())?,
        _ => return None,
    };
    let title = title.trim().trim_matches('*').trim();
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_comment_is_the_title() {
        assert_eq!(first_comment("// Count 500s\nvar x; /* no */").as_deref(), Some("Count 500s"));
        assert_eq!(first_comment("\n/**\n * Report\n */\n// no").as_deref(), Some("Report"));
        assert_eq!(first_comment("var x"), None);
    }
}
