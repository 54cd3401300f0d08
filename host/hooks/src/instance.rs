//! A plugin's code, linked, and one running instance of it.

use crate::{
    bindings::{
        self, flows_hook, hub_hook, item_hook, items_hook, lifecycle, packets_hook, query_hook, results_hook, state_hook, timer_hook,
    },
    by_value::ByValue,
    columns::{Values, views},
    engine::{self, Compiled, Compiler, Limiter},
    feeder::Letters,
    interfaces::{OFFERED, batch::Batch, wasi, wasi::Printed},
    mail::{Letter, Settled},
    manifest::Run,
    state::{Budget, Filters, Identity, ItemsAs, Overrun, Paths, Quota, Shown, State, Subscriptions, Surroundings, thread_cpu_time},
    stats::{Hook, Stats},
};
use hookline_item::Timestamp;
use std::{sync::Arc, time::Duration};
use wasmtime::{
    Store, UpdateDeadline,
    component::{self, Component, HasSelf, InstancePre, Linker, Resource, ResourceTable, types::ComponentItem},
};

macro_rules! hooks {
    ($($field:ident: $module:ident, $interface:literal, $name:literal;)*) => {
        /// Where a component has its hooks; those that it does not export are never called.
        struct Exported {
            $($field: Option<$module::GuestIndices>,)*
        }

        /// An instance's hooks.
        struct Hooks {
            $($field: Option<$module::Guest>,)*
        }

        impl Exported {
            /// Looks every hook up. One that is exported must have the contract's shape.
            fn of(component: &Component, pre: &InstancePre<State>) -> wasmtime::Result<Self> {
                let exports = |name| component.get_export_index(None, bindings::interface(name)).is_some();
                Ok(Self { $($field: exports($interface).then(|| $module::GuestIndices::new(pre)).transpose()?,)* })
            }

            fn load(&self, store: &mut Store<State>, instance: &component::Instance) -> wasmtime::Result<Hooks> {
                Ok(Hooks { $($field: self.$field.as_ref().map(|hook| hook.load(&mut *store, instance)).transpose()?,)* })
            }

            fn names(&self) -> Vec<&'static str> {
                [$(($name, self.$field.is_some())),*].into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
            }
        }
    };
}

hooks! {
    items: items_hook, "items-hook", "items";
    item: item_hook, "item-hook", "item";
    packets: packets_hook, "packets-hook", "packets";
    flows: flows_hook, "flows-hook", "flows";
    query: query_hook, "query-hook", "query";
    timer: timer_hook, "timer-hook", "timer";
    hand_over: state_hook, "state-hook", "state";
    hub: hub_hook, "hub-hook", "hub";
    results: results_hook, "results-hook", "results";
}

/// Compiled and linked code, and which hooks it exports.
pub(crate) struct Program {
    pre: InstancePre<State>,
    lifecycle: lifecycle::GuestIndices,
    exported: Exported,
    /// Whether it can look at an item beyond its columns: only then are items kept until the call.
    pub(crate) reads_items: bool,
    /// Whether its code is to be replaced by faster code.
    pub(crate) quick: bool,
}

impl Program {
    /// Compiles and links `bytes`, whose digest is given.
    ///
    /// # Errors
    /// What is wrong with it, for its author: not WebAssembly, an import that is not offered, a hook of another shape.
    pub(crate) fn load(compiler: &Compiler, bytes: &[u8], digest: &str) -> Result<Self, String> {
        let Compiled { component, quick } = compiler.load(bytes, digest)?;
        check_imports(&component)?;
        Ok(Self { quick, ..Self::link(&component).map_err(|e| format!("{e:#}"))? })
    }

    /// The same with fast code, however long that takes.
    ///
    /// # Errors
    /// As [`Program::load`].
    pub(crate) fn fast(compiler: &Compiler, bytes: &[u8], digest: &str) -> Result<Self, String> {
        Self::link(&compiler.fast(bytes, digest)?).map_err(|e| format!("{e:#}"))
    }

    fn link(component: &Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(component.engine());
        bindings::Host_::add_to_linker::<State, HasSelf<State>>(&mut linker, |s| s)?;
        wasi::add_to_linker(&mut linker, component)?;
        let pre = linker.instantiate_pre(component)?;
        let lifecycle = bindings::interface("lifecycle");
        if component.get_export_index(None, &lifecycle).is_none() {
            return Err(wasmtime::Error::msg(format!("it does not export {lifecycle}, which every plugin must")));
        }
        let exported = Exported::of(component, &pre)?;
        let mut this = Self { lifecycle: lifecycle::GuestIndices::new(&pre)?, exported, reads_items: false, quick: false, pre };
        this.reads_items = this.by_value() || reads_items(component);
        Ok(this)
    }

    /// The names of the hooks that it exports.
    pub(crate) fn hooks(&self) -> Vec<&'static str> {
        self.exported.names()
    }

    /// Whether its items are given to it one by one.
    pub(crate) fn by_value(&self) -> bool {
        self.exported.item.is_some() && self.exported.items.is_none()
    }
}

/// Whether `component` imports a function that takes an item of the batch: a lazy read, or an alert that names one.
fn reads_items(component: &Component) -> bool {
    let engine = component.engine();
    component.component_type().imports(engine).any(|(name, item)| {
        let ComponentItem::ComponentInstance(functions) = item.ty else { return false };
        let mut functions = functions.exports(engine);
        match bindings::interface_of(name) {
            Some("batch") => functions.any(|(_, f)| matches!(f.ty, ComponentItem::ComponentFunc(_))),
            Some("emit") => functions.any(|(name, _)| name == "raise"),
            _ => false,
        }
    })
}

/// Refuses imports that nobody offers, naming them all; WASI's may be there and trap when called.
fn check_imports(component: &Component) -> Result<(), String> {
    let known = |name: &str| name.starts_with("wasi:") || bindings::interface_of(name).is_some_and(|n| OFFERED.contains(&n));
    let ty = component.component_type();
    let unknown: Vec<String> = ty
        .imports(component.engine())
        .filter(|(name, item)| !known(name) && !matches!(item.ty, ComponentItem::Type(_)))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let (package, version) = (bindings::PACKAGE, bindings::VERSION);
    let offered = OFFERED.join(", ");
    Err(format!("it imports {}, which this host does not offer; {package}@{version} has {offered}", unknown.join(", ")))
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
    hooks: Hooks,
}

/// What a batch of items, packets or flows is called with.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) subscription: u32,
    pub(crate) count: u32,
    pub(crate) columns: &'a [Values],
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
        let mut store = Store::new(program.pre.engine(), State::new(identity, around, stats, now));
        let fuel = compiler.counts_fuel();
        (store.data_mut().fuel, store.data_mut().running) = (fuel, compiler.running());
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
        if fuel {
            // It is counted, not limited: the budget is CPU time.
            store.set_fuel(u64::MAX).map_err(text)?;
        }
        let instance = program.pre.instantiate(&mut store).map_err(|e| start_error(&store, text(e)))?;
        let lifecycle = program.lifecycle.load(&mut store, &instance).map_err(text)?;
        let hooks = program.exported.load(&mut store, &instance).map_err(text)?;
        let mut this = Self { store, lifecycle, hooks };
        this.store.data_mut().subscriptions.open = Some(if program.by_value() { ItemsAs::Values } else { ItemsAs::Columns });
        let said = this.lifecycle.call_on_init(&mut this.store).map_err(|e| start_error(&this.store, text(e)))?;
        this.store.data_mut().subscriptions.open = None;
        said?;
        this.check_subscriptions()?;
        note_memory(&mut this.store);
        Ok(this)
    }

    fn check_subscriptions(&self) -> Result<(), String> {
        let (asked, hooks) = (&self.state().subscriptions, &self.hooks);
        let missing = [
            ("items", !asked.items.is_empty() && hooks.items.is_none() && hooks.item.is_none()),
            ("packets", !asked.packets.is_empty() && hooks.packets.is_none()),
            ("flows", !asked.flows.is_empty() && hooks.flows.is_none()),
            ("queries", asked.queries && hooks.query.is_none()),
        ];
        match missing.iter().find(|(_, missing)| *missing) {
            Some((what, _)) => Err(format!("it subscribes to {what} and does not export the hook for them")),
            None => Ok(()),
        }
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    fn run(&self) -> &Run {
        &self.state().identity.manifest.run
    }

    pub(crate) fn has_jobs(&self) -> bool {
        self.hooks.timer.is_some() && !self.state().jobs.is_empty()
    }

    /// Calls the hook for a batch; `items` has the items themselves, if the program can read them. A hook that is not exported is not called.
    pub(crate) fn batch(&mut self, hook: Hook, now: Timestamp, rows: Rows<'_>, items: Arc<[Shown]>) -> Result<(), Failure> {
        let budget = self.run().call_budget();
        let Self { store, hooks, .. } = self;
        let Rows { subscription, count, columns } = rows;
        store.data().stats.bytes_in.add(columns.iter().map(Values::bytes).sum());
        call(store, hook, now, budget, |store| match (hook, hooks) {
            (Hook::Packets, Hooks { packets: Some(hook), .. }) => hook.call_on_packets(store, subscription, count, &views(columns)),
            (Hook::Flows, Hooks { flows: Some(hook), .. }) => hook.call_on_flows(store, subscription, count, &views(columns)),
            (Hook::Items, Hooks { items: Some(hook), .. }) => {
                lend(store, items, |store, batch| hook.call_on_items(store, subscription, count, &views(columns), batch))
            }
            (Hook::Items, Hooks { item: Some(hook), .. }) => {
                let all = Arc::clone(&items);
                let mut each = (0..).zip(all.iter());
                lend(store, items, |store, batch| {
                    each.try_for_each(|(index, item)| {
                        let item = ByValue::of(item.as_ref());
                        hook.call_on_item(&mut *store, subscription, item.view(index), Resource::new_borrow(batch.rep()))
                    })
                })
            }
            _ => Ok(()),
        })
    }

    /// Calls `on-query`.
    pub(crate) fn query(&mut self, now: Timestamp, filter: &str, items: Arc<[Shown]>) -> Result<Vec<query_hook::Verdict>, Failure> {
        let budget = self.run().call_budget();
        let Some(hook) = &self.hooks.query else { return Ok(Vec::new()) };
        call(&mut self.store, Hook::Query, now, budget, |store| lend(store, items, |store, batch| hook.call_on_query(store, filter, batch)))
    }

    /// Gives the guest a letter.
    pub(crate) fn letter(&mut self, now: Timestamp, letter: &Letter) -> Result<(), Failure> {
        let budget = self.run().job_budget();
        let Self { store, hooks, .. } = self;
        match (letter, hooks) {
            (Letter::Message(m), Hooks { hub: Some(hook), .. }) => {
                let message = hub_hook::Message { topic: &m.topic, payload: &m.payload, from: &m.from, node: &m.node };
                let said = call(store, Hook::Message, now, budget, |store| hook.call_on_message(store, message))?;
                if let Err(error) = said {
                    store.data_mut().message_failed(&m.topic, &error);
                }
                Ok(())
            }
            (Letter::Settled(s), Hooks { results: Some(hook), .. }) => {
                let Settled { id, action, delivered, detail, attempts } = &**s;
                let outcome = results_hook::Outcome { id, action, delivered: *delivered, detail, attempts: *attempts };
                call(store, Hook::Result, now, budget, |store| hook.call_on_result(store, outcome))
            }
            _ => Ok(()),
        }
    }

    /// Which letters the guest is given.
    pub(crate) fn letters(&self) -> Letters {
        let topics = self.hooks.hub.as_ref().map(|_| self.state().identity.manifest.grants.messages.clone());
        Letters { topics: topics.unwrap_or_default(), results: self.hooks.results.is_some() }
    }

    /// Runs every job that is due at `now`; a job that missed several of its times runs once.
    pub(crate) fn run_due_jobs(&mut self, now: Timestamp) -> Result<(), Failure> {
        for tag in self.take_due_jobs(now) {
            let budget = self.run().job_budget();
            let Some(hook) = &self.hooks.timer else { return Ok(()) };
            let result = call(&mut self.store, Hook::Job, now, budget, |store| hook.call_on_job(store, &tag));
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
        let budget = self.run().job_budget();
        let plugin = self.state().identity.name.clone();
        let hook = self.hooks.hand_over.as_ref()?;
        match call(&mut self.store, Hook::State, now, budget, |store| hook.call_save(store)) {
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
        let budget = self.run().job_budget();
        let Some(hook) = &self.hooks.hand_over else { return Ok(()) };
        let said = call(&mut self.store, Hook::State, now, budget, |store| hook.call_restore(store, state))?;
        if let Err(error) = said {
            tracing::warn!(message = "a plugin starts without its former version's state", plugin = self.state().identity.name, error);
        }
        Ok(())
    }

    /// Tells the guest that it ends.
    pub(crate) fn shutdown(mut self) {
        let budget = self.run().job_budget();
        self.store.data_mut().budget.start(budget);
        self.store.set_epoch_deadline(1);
        // It ends in any case; a trap here harms nobody.
        let _ = self.lifecycle.call_on_shutdown(&mut self.store);
    }
}

/// Runs one call within `budget`, counting it and its CPU time.
fn call<R>(
    store: &mut Store<State>,
    hook: Hook,
    now: Timestamp,
    budget: Duration,
    f: impl FnOnce(&mut Store<State>) -> wasmtime::Result<R>,
) -> Result<R, Failure> {
    let state = store.data_mut();
    state.now = now;
    state.budget.start(budget);
    let running = Arc::clone(&state.running);
    store.set_epoch_deadline(1);
    let fuel = fuel_left(store);
    let before = thread_cpu_time();
    store.data_mut().budget.started = Some(before);
    let result = {
        let _running = engine::Call::begin(&running);
        f(store)
    };
    let taken = thread_cpu_time().saturating_sub(before);
    store.data().stats.fuel.add(fuel.saturating_sub(fuel_left(store)));
    store.data().stats.called(hook, u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
    note_memory(store);
    store.data_mut().items = Arc::default();
    result.map_err(|e| Failure::of(&e))
}

/// What is left of the instructions that are counted; nothing where they are not.
fn fuel_left(store: &Store<State>) -> u64 {
    if store.data().fuel { store.get_fuel().unwrap_or(0) } else { 0 }
}

type Lent = Resource<Batch>;

/// Calls `f` with a handle of `items`.
fn lend<R>(
    store: &mut Store<State>,
    items: Arc<[Shown]>,
    f: impl FnOnce(&mut Store<State>, Lent) -> wasmtime::Result<R>,
) -> wasmtime::Result<R> {
    store.data_mut().items = Arc::clone(&items);
    let handle = store.data_mut().table.push(Batch::new(items))?;
    let result = f(store, Resource::new_borrow(handle.rep()));
    store.data_mut().table.delete(handle)?;
    result
}

fn note_memory(store: &mut Store<State>) {
    let state = store.data_mut();
    state.stats.memory_bytes.set(state.limiter.memory as u64);
    state.stats.memory_refused.add(std::mem::take(&mut state.limiter.refused));
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
            items: Arc::default(),
            subscriptions: Subscriptions::default(),
            filters: Filters::default(),
            jobs: Vec::new(),
            series: Vec::new(),
            kv: None,
            directory: None,
            log_quota: Quota::new(run.log_lines_per_second),
            event_quota: Quota::new(run.events_per_second),
            http_quota: Quota::new(run.http_per_second),
            printed: Printed::default(),
            fuel: false,
            running: Arc::default(),
            sequence: 0,
            random: seed ^ now.0,
            paths: Paths::default(),
        }
    }
}
