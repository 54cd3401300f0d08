//! A plugin's code, linked, and one running instance of it.

use crate::{
    bindings::{self, items_hook, lifecycle, packets_hook, query_hook, state_hook, timer_hook},
    columns::{Values, views},
    engine::{Compiler, Limiter},
    interfaces::{OFFERED, batch::Batch, wasi},
    state::{Budget, Filters, Identity, Overrun, Paths, Quota, Shown, State, Subscriptions, Surroundings, thread_cpu_time},
    stats::Stats,
};
use hookline_item::Timestamp;
use std::{sync::Arc, time::Duration};
use wasmtime::{
    Store, UpdateDeadline,
    component::{Component, HasSelf, InstancePre, Linker, ResourceTable, types::ComponentItem},
};

/// Compiled and linked code, and which hooks it exports.
pub(crate) struct Program {
    pre: InstancePre<State>,
    lifecycle: lifecycle::GuestIndices,
    items: Option<items_hook::GuestIndices>,
    packets: Option<packets_hook::GuestIndices>,
    query: Option<query_hook::GuestIndices>,
    timer: Option<timer_hook::GuestIndices>,
    hand_over: Option<state_hook::GuestIndices>,
    /// Whether it can look at an item beyond its columns: only then are items kept until the call.
    pub(crate) reads_items: bool,
}

impl Program {
    /// Compiles and links `bytes`, whose digest is given.
    ///
    /// # Errors
    /// What is wrong with it, for its author: not WebAssembly, an import that is not offered, a hook of another shape.
    pub(crate) fn load(compiler: &Compiler, bytes: &[u8], digest: &str) -> Result<Self, String> {
        let component = compiler.load(bytes, digest)?;
        check_imports(compiler, &component)?;
        let mut linker = Linker::new(&compiler.engine);
        let link = |linker: &mut Linker<State>| {
            bindings::ScriptEngine::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?;
            wasi::add_to_linker(linker, &component)
        };
        link(&mut linker).map_err(|e| format!("{e:#}"))?;
        let pre = linker.instantiate_pre(&component).map_err(|e| format!("{e:#}"))?;
        let exports = |name: &str| component.get_export_index(None, format!("hookline:hooks/{name}@0.1.0")).is_some();
        if !exports("lifecycle") {
            return Err("it does not export hookline:hooks/lifecycle@0.1.0, which every plugin must".to_owned());
        }
        // A hook that is exported must have the contract's shape; one that is not exported is never called.
        macro_rules! hook {
            ($name:literal, $module:ident) => {
                match exports($name) {
                    true => Some($module::GuestIndices::new(&pre).map_err(|e| format!("{e:#}"))?),
                    false => None,
                }
            };
        }
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(&pre).map_err(|e| format!("{e:#}"))?,
            items: hook!("items-hook", items_hook),
            packets: hook!("packets-hook", packets_hook),
            query: hook!("query-hook", query_hook),
            timer: hook!("timer-hook", timer_hook),
            hand_over: hook!("state-hook", state_hook),
            reads_items: reads_items(compiler, &component),
            pre,
        })
    }

    /// The names of the hooks that it exports.
    pub(crate) fn hooks(&self) -> Vec<&'static str> {
        let all = [
            ("items", self.items.is_some()),
            ("packets", self.packets.is_some()),
            ("query", self.query.is_some()),
            ("timer", self.timer.is_some()),
            ("state", self.hand_over.is_some()),
        ];
        all.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
    }
}

/// Whether `component` imports a function that takes an item of the batch: a lazy read, or an alert that names one.
fn reads_items(compiler: &Compiler, component: &Component) -> bool {
    let engine = &compiler.engine;
    component.component_type().imports(engine).any(|(name, item)| match item.ty {
        ComponentItem::ComponentInstance(functions) if name == "hookline:hooks/batch@0.1.0" => {
            functions.exports(engine).any(|(_, f)| matches!(f.ty, ComponentItem::ComponentFunc(_)))
        }
        ComponentItem::ComponentInstance(functions) if name == "hookline:hooks/emit@0.1.0" => {
            functions.exports(engine).any(|(name, _)| name == "raise")
        }
        _ => false,
    })
}

/// Refuses imports that nobody offers, naming them all; WASI's may be there and trap when called.
fn check_imports(compiler: &Compiler, component: &Component) -> Result<(), String> {
    let known = |name: &str| {
        let ours = name.strip_prefix("hookline:hooks/").and_then(|n| n.strip_suffix("@0.1.0"));
        name.starts_with("wasi:") || ours.is_some_and(|n| OFFERED.contains(&n))
    };
    let ty = component.component_type();
    let unknown: Vec<String> = ty
        .imports(&compiler.engine)
        .filter(|(name, item)| !known(name) && !matches!(item.ty, ComponentItem::Type(_)))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(format!("it imports {}, which this host does not offer; hookline:hooks@0.1.0 has {}", unknown.join(", "), OFFERED.join(", ")))
}

/// Why a call did not return.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It trapped; the text says how.
    Trap(String),
    /// Its CPU time was used up.
    Overrun(String),
}

impl Failure {
    fn of(error: &wasmtime::Error) -> Self {
        match error.downcast_ref::<Overrun>() {
            Some(overrun) => Self::Overrun(overrun.to_string()),
            // The first line is the reason; what follows is a backtrace inside the guest.
            None => Self::Trap(format!("{:#}", error.root_cause()).lines().next().unwrap_or("trap").to_owned()),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Trap(text) | Self::Overrun(text) => text,
        }
    }
}

/// Bytes that an instance may hand over.
const HAND_OVER_MAX: usize = 16 << 20;

/// A running instance. After a failure it is of no more use: drop it and start another.
pub(crate) struct Instance {
    store: Store<State>,
    lifecycle: lifecycle::Guest,
    items: Option<items_hook::Guest>,
    packets: Option<packets_hook::Guest>,
    query: Option<query_hook::Guest>,
    timer: Option<timer_hook::Guest>,
    hand_over: Option<state_hook::Guest>,
}

impl Instance {
    /// Instantiates `program` and calls `on-init`.
    ///
    /// # Errors
    /// The text for the user: the trap, or what `on-init` said.
    pub(crate) fn start(
        compiler: &Compiler,
        program: &Program,
        identity: &Arc<Identity>,
        around: &Arc<Surroundings>,
        stats: &Arc<Stats>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let mut store = Store::new(&compiler.engine, State::new(identity, around, stats, now));
        store.limiter(|s| &mut s.limiter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut ctx| {
            let budget = &mut ctx.data_mut().budget;
            if budget.is_used_up() {
                return Err(wasmtime::Error::new(Overrun(budget.limit)));
            }
            Ok(UpdateDeadline::Continue(1))
        });
        store.data_mut().budget.start(identity.manifest.run.job_budget());
        let text = |e: wasmtime::Error| Failure::of(&e).text().to_owned();
        let instance = program.pre.instantiate(&mut store).map_err(|e| start_error(&store, text(e)))?;
        macro_rules! load {
            ($hook:expr) => {
                $hook.as_ref().map(|h| h.load(&mut store, &instance)).transpose().map_err(text)?
            };
        }
        let mut this = Self {
            lifecycle: program.lifecycle.load(&mut store, &instance).map_err(text)?,
            items: load!(program.items),
            packets: load!(program.packets),
            query: load!(program.query),
            timer: load!(program.timer),
            hand_over: load!(program.hand_over),
            store,
        };
        this.store.data_mut().subscriptions.open = true;
        let said = this.lifecycle.call_on_init(&mut this.store).map_err(|e| start_error(&this.store, text(e)))?;
        this.store.data_mut().subscriptions.open = false;
        said?;
        this.check_subscriptions()?;
        this.note_memory();
        Ok(this)
    }

    fn check_subscriptions(&self) -> Result<(), String> {
        let asked = &self.state().subscriptions;
        let missing = [
            ("items", !asked.items.is_empty() && self.items.is_none()),
            ("packets", !asked.packets.is_empty() && self.packets.is_none()),
            ("queries", asked.queries && self.query.is_none()),
        ];
        match missing.iter().find(|(_, missing)| *missing) {
            Some((what, _)) => Err(format!("it subscribes to {what} and does not export the hook for them")),
            None => Ok(()),
        }
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    pub(crate) fn has_jobs(&self) -> bool {
        self.timer.is_some() && !self.state().jobs.is_empty()
    }

    /// Calls `on-items` about `count` items, which are in `items` if the program can read them.
    pub(crate) fn items(
        &mut self,
        subscription: u32,
        now: Timestamp,
        count: u32,
        columns: &[Values],
        items: Arc<[Shown]>,
    ) -> Result<(), Failure> {
        let Some(hook) = self.items.take() else { return Ok(()) };
        let budget = self.state().identity.manifest.run.call_budget();
        let result = self.call(now, budget, |store| {
            store.data_mut().items = Arc::clone(&items);
            let handle = store.data_mut().table.push(Batch::new(items))?;
            let lent = wasmtime::component::Resource::new_borrow(handle.rep());
            let result = hook.call_on_items(&mut *store, subscription, count, &views(columns), lent);
            store.data_mut().table.delete(handle)?;
            result
        });
        self.items = Some(hook);
        result
    }

    /// Calls `on-packets`.
    pub(crate) fn packets(&mut self, subscription: u32, now: Timestamp, count: u32, columns: &[Values]) -> Result<(), Failure> {
        let Some(hook) = self.packets.take() else { return Ok(()) };
        let budget = self.state().identity.manifest.run.call_budget();
        let result = self.call(now, budget, |store| hook.call_on_packets(&mut *store, subscription, count, &views(columns)));
        self.packets = Some(hook);
        result
    }

    /// Calls `on-query`.
    pub(crate) fn query(&mut self, now: Timestamp, filter: &str, items: Arc<[Shown]>) -> Result<Vec<query_hook::Verdict>, Failure> {
        let Some(hook) = self.query.take() else { return Ok(Vec::new()) };
        let budget = self.state().identity.manifest.run.call_budget();
        let result = self.call(now, budget, |store| {
            store.data_mut().items = Arc::clone(&items);
            let handle = store.data_mut().table.push(Batch::new(items))?;
            let lent = wasmtime::component::Resource::new_borrow(handle.rep());
            let result = hook.call_on_query(&mut *store, filter, lent);
            store.data_mut().table.delete(handle)?;
            result
        });
        self.query = Some(hook);
        result
    }

    /// Runs every job that is due at `now`; a job that missed several of its times runs once.
    pub(crate) fn run_due_jobs(&mut self, now: Timestamp) -> Result<(), Failure> {
        for tag in self.take_due_jobs(now) {
            let Some(hook) = self.timer.take() else { return Ok(()) };
            let budget = self.state().identity.manifest.run.job_budget();
            let result = self.call(now, budget, |store| hook.call_on_job(&mut *store, &tag));
            self.timer = Some(hook);
            let stats = Arc::clone(&self.state().stats);
            stats.job_runs.add(1);
            match result {
                Ok(Ok(())) => {}
                Ok(Err(_)) => stats.job_failures.add(1),
                Err(failure) => {
                    stats.job_failures.add(1);
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    fn take_due_jobs(&mut self, now: Timestamp) -> Vec<String> {
        let mut due = Vec::new();
        self.store.data_mut().jobs.retain_mut(|job| {
            let next = job.next.or_else(|| job.cron.next_after(now));
            job.next = next;
            if next.is_some_and(|t| t <= now) {
                due.push(job.tag.clone());
                job.next = job.cron.next_after(now);
                job.left = job.left.map(|n| n.saturating_sub(1));
            }
            job.left != Some(0)
        });
        due
    }

    /// What the instance hands over to the next version of its plugin; nothing if it fails, or hands over too much.
    pub(crate) fn save(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        let hook = self.hand_over.take()?;
        let budget = self.state().identity.manifest.run.job_budget();
        let plugin = self.state().identity.name.clone();
        match self.call(now, budget, |store| hook.call_save(store)) {
            Ok(state) if state.len() <= HAND_OVER_MAX => Some(state).filter(|s| !s.is_empty()),
            Ok(state) => {
                tracing::warn!(message = "a plugin hands over too much; its new version starts without", plugin, bytes = state.len());
                None
            }
            Err(failure) => {
                tracing::warn!(message = "a plugin failed to hand over its state", plugin, error = failure.text());
                None
            }
        }
    }

    /// Takes over what the former version saved.
    pub(crate) fn restore(&mut self, now: Timestamp, state: &[u8]) -> Result<(), Failure> {
        let Some(hook) = self.hand_over.take() else { return Ok(()) };
        let budget = self.state().identity.manifest.run.job_budget();
        let said = self.call(now, budget, |store| hook.call_restore(store, state))?;
        self.hand_over = Some(hook);
        if let Err(error) = said {
            tracing::warn!(message = "a plugin starts without its former version's state", plugin = self.state().identity.name, error);
        }
        Ok(())
    }

    /// Tells the guest that it ends.
    pub(crate) fn shutdown(mut self) {
        let budget = self.state().identity.manifest.run.job_budget();
        self.store.data_mut().budget.start(budget);
        self.store.set_epoch_deadline(1);
        // It ends in any case; a trap here harms nobody.
        let _ = self.lifecycle.call_on_shutdown(&mut self.store);
    }

    /// Runs one call within `budget`, counting it and its CPU time.
    fn call<R>(
        &mut self,
        now: Timestamp,
        budget: Duration,
        f: impl FnOnce(&mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, Failure> {
        let state = self.store.data_mut();
        state.now = now;
        state.budget.start(budget);
        self.store.set_epoch_deadline(1);
        let before = thread_cpu_time();
        let result = f(&mut self.store);
        let stats = &self.store.data().stats;
        let nanos = u64::try_from(thread_cpu_time().saturating_sub(before).as_nanos()).unwrap_or(u64::MAX);
        stats.calls.add(1);
        stats.cpu_ns.add(nanos);
        stats.call_times.add(nanos);
        self.note_memory();
        self.store.data_mut().items = Arc::new([]);
        result.map_err(|e| Failure::of(&e))
    }

    fn note_memory(&mut self) {
        let state = self.store.data_mut();
        state.stats.memory_bytes.set(state.limiter.memory as u64);
        state.stats.memory_refused.add(std::mem::take(&mut state.limiter.refused));
    }
}

/// A trap while starting, with the likely reason where one is known.
fn start_error(store: &Store<State>, text: String) -> String {
    if store.data().limiter.refused > 0 {
        return format!("{text} (its memory limit of {} MiB is too small: raise run.memory_mib)", store.data().limiter.memory_max >> 20);
    }
    text
}

impl State {
    fn new(identity: &Arc<Identity>, around: &Arc<Surroundings>, stats: &Arc<Stats>, now: Timestamp) -> Self {
        let run = &identity.manifest.run;
        let seed = identity.digest.get(..16).and_then(|d| u64::from_str_radix(d, 16).ok()).unwrap_or(0);
        Self {
            identity: Arc::clone(identity),
            around: Arc::clone(around),
            stats: Arc::clone(stats),
            table: ResourceTable::new(),
            limiter: Limiter { memory_max: (run.memory_mib as usize) << 20, memory: 0, refused: 0 },
            budget: Budget::default(),
            now,
            items: Arc::new([]),
            subscriptions: Subscriptions::default(),
            filters: Filters::default(),
            jobs: Vec::new(),
            series: Vec::new(),
            kv: None,
            log_quota: Quota::new(run.log_lines_per_second),
            event_quota: Quota::new(run.events_per_second),
            sequence: 0,
            random: seed ^ now.0,
            paths: Paths::default(),
        }
    }
}
