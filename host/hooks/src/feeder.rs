//! The lane's side: decides who wants an item, gathers batches, hands them over.

use crate::{
    Flow, Packet,
    columns::{Column, Values},
    host::Inner,
    scope::Scope,
    state::{Shown, Subscription},
    stats::Hook,
    worker::{Queue, Spec, Used, Work, Worker},
};
use hookline_item::{Object, Timestamp};
use hookline_kfl::FilterSet;
use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

/// Who is to be called for what: made anew whenever a plugin comes, changes or goes.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) plugins: Vec<Planned>,
}

/// One plugin in the plan.
#[derive(Clone)]
pub(crate) struct Planned {
    pub(crate) queue: Queue,
    /// What the lane's own instance is made of, where each lane has one for items, packets and jobs; queries go to the queue all the same.
    pub(crate) in_lane: Option<Arc<Spec>>,
    /// Whether the plugin reads more of items than its columns.
    pub(crate) reads_items: bool,
    /// What the plugin sees of items, if that is not everything.
    pub(crate) scope: Option<Arc<Scope>>,
    pub(crate) items: Vec<Subscription>,
    pub(crate) packets: Vec<Subscription>,
    pub(crate) flows: Vec<Subscription>,
    /// What it is given of letters.
    pub(crate) letters: Letters,
    pub(crate) queries: bool,
    pub(crate) jobs: bool,
}

/// Which letters a plugin is given.
#[derive(Clone, Default)]
pub(crate) struct Letters {
    /// Patterns of the topics of its messages.
    pub(crate) topics: Vec<String>,
    /// Whether it is told what became of its actions.
    pub(crate) results: bool,
}

/// Jobs are looked at this often in packet time, at multiples of it, so that a replay runs them between the same packets each time.
const TICK: Duration = Duration::from_millis(100);

/// Feeds the plugins from one lane. Each lane has its own.
pub struct Feeder {
    inner: Arc<Inner>,
    generation: u64,
    plan: Arc<Plan>,
    filters: FilterSet,
    items: Vec<Batch>,
    packets: Vec<Batch>,
    flows: Vec<Batch>,
    /// For each plugin in the plan: the lane's own instance, if it has one.
    workers: Vec<Option<Worker>>,
    hits: Vec<usize>,
    next_tick: Timestamp,
    next_flush: Timestamp,
}

/// A batch that is being gathered.
struct Batch {
    /// The hook that it is for.
    hook: Hook,
    /// Index into the plan.
    plugin: usize,
    subscription: Subscription,
    columns: Vec<Column>,
    items: Vec<Shown>,
    count: usize,
    due: Timestamp,
    /// Batches that the plugin is done with come back here.
    back: Sender<Used>,
    returned: Receiver<Used>,
}

/// Items or packets of one batch. In live capture the delay sends smaller ones; each batch wakes the plugin's thread once.
const BATCH_MAX: usize = 1024;
/// Where the items themselves are kept until the call: as many as stay near the processor.
const BATCH_WITH_ITEMS: usize = 256;

impl Batch {
    fn new(hook: Hook, plugin: usize, mut subscription: Subscription, reads_items: bool) -> Self {
        let default = if reads_items { BATCH_WITH_ITEMS } else { BATCH_MAX };
        let asked = subscription.batch_max;
        subscription.batch_max = if asked == 0 { default } else { asked.min(BATCH_MAX) };
        let (back, returned) = channel();
        let (columns, due) = (subscription.columns.clone(), Timestamp(u64::MAX));
        Self { hook, plugin, columns, subscription, items: Vec::new(), count: 0, due, back, returned }
    }

    /// Adds `object`; says whether the batch is full.
    fn push(&mut self, object: &dyn Object, now: Timestamp) -> bool {
        if self.count == 0 {
            self.due = now.plus(self.subscription.delay_max);
        }
        for column in &mut self.columns {
            column.push(object);
        }
        self.count += 1;
        self.count >= self.subscription.batch_max
    }

    /// Hands the batch over: to the lane's own instance, or into the plugin's queue.
    fn send(&mut self, queue: &Queue, worker: Option<&mut Worker>, now: Timestamp) {
        if self.count == 0 {
            return;
        }
        // All that came back are emptied here, and the last one is filled again: more are not needed.
        let mut spare = self.returned.try_iter().last().map(|used| used.columns.into_iter());
        let columns: Vec<Values> = self.columns.iter_mut().map(|c| c.take(spare.as_mut().and_then(Iterator::next))).collect();
        let (subscription, count) = (self.subscription.id, u32::try_from(self.count).unwrap_or(u32::MAX));
        let back = self.back.clone();
        queue.stats.matched.add(self.count as u64);
        self.count = 0;
        self.due = Timestamp(u64::MAX);
        let items = self.items.drain(..).collect();
        let work = Work::Batch { hook: self.hook, subscription, now, count, columns, items, back };
        match worker {
            Some(worker) => worker.handle(work),
            None => queue.send(work),
        }
    }
}

impl Feeder {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        let mut this = Self {
            inner,
            generation: u64::MAX,
            plan: Arc::default(),
            filters: FilterSet::default(),
            items: Vec::new(),
            packets: Vec::new(),
            flows: Vec::new(),
            workers: Vec::new(),
            hits: Vec::new(),
            next_tick: Timestamp(0),
            next_flush: Timestamp(u64::MAX),
        };
        this.refresh(Timestamp(0));
        this
    }

    /// Whether a plugin wants packets: if not, there is no need to describe them.
    #[must_use]
    pub fn wants_packets(&self) -> bool {
        !self.packets.is_empty()
    }

    /// Tells the time: batches that waited long enough and jobs that are due go out. To be called before each packet, and now and
    /// then while there are none.
    pub fn advance(&mut self, now: Timestamp) {
        if self.inner.generation.load(Ordering::Acquire) != self.generation {
            self.refresh(now);
        }
        if now >= self.next_tick {
            self.tick(now);
        }
        if now >= self.next_flush {
            self.flush_due(now);
        }
    }

    /// Offers an item to every plugin whose filter it matches.
    pub fn item<T: Object + Send + Sync + 'static>(&mut self, item: &Arc<T>, now: Timestamp) {
        if self.items.is_empty() {
            return;
        }
        self.filters.matches(item.as_ref(), now, &mut self.hits);
        for hit in &self.hits {
            let batch = &mut self.items[*hit];
            let Planned { queue, reads_items, scope, .. } = &self.plan.plugins[batch.plugin];
            let view = match scope {
                Some(scope) if !scope.sees(item.as_ref()) => continue,
                Some(scope) => Some(scope.view(&(Arc::clone(item) as Shown))),
                None => None,
            };
            if *reads_items {
                batch.items.push(view.clone().unwrap_or_else(|| Arc::clone(item) as Shown));
            }
            if batch.push(view.as_deref().map_or(item.as_ref(), |view| view as &dyn Object), now) {
                batch.send(queue, self.workers[batch.plugin].as_mut(), now);
            } else if !queue.waits {
                self.next_flush = self.next_flush.min(batch.due);
            }
        }
    }

    /// Whether a plugin wants flows: if not, there is no need to describe them.
    #[must_use]
    pub fn wants_flows(&self) -> bool {
        !self.flows.is_empty()
    }

    /// Offers a packet to every plugin whose filter it matches.
    pub fn packet(&mut self, packet: &Packet) {
        self.offer(|this| &mut this.packets, packet, packet.at);
    }

    /// Offers a flow that opened or closed to every plugin whose filter it matches.
    pub fn flow(&mut self, flow: &Flow) {
        self.offer(|this| &mut this.flows, flow, flow.at);
    }

    fn offer(&mut self, batches: fn(&mut Self) -> &mut Vec<Batch>, object: &dyn Object, now: Timestamp) {
        let mut all = std::mem::take(batches(self));
        for batch in &mut all {
            let unfiltered = batch.subscription.filter.source().is_empty();
            if !unfiltered && !batch.subscription.filter.matches(object, now) {
                continue;
            }
            let queue = &self.plan.plugins[batch.plugin].queue;
            if batch.push(object, now) {
                batch.send(queue, self.workers[batch.plugin].as_mut(), now);
            } else if !queue.waits {
                self.next_flush = self.next_flush.min(batch.due);
            }
        }
        *batches(self) = all;
    }

    /// Sends everything that was gathered, and runs jobs that are due. To be called at the end of the capture.
    pub fn flush(&mut self, now: Timestamp) {
        self.send_all(now);
        self.tick(now);
    }

    fn send_all(&mut self, now: Timestamp) {
        for batch in self.items.iter_mut().chain(&mut self.packets).chain(&mut self.flows) {
            batch.send(&self.plan.plugins[batch.plugin].queue, self.workers[batch.plugin].as_mut(), now);
        }
    }

    fn flush_due(&mut self, now: Timestamp) {
        let mut next = Timestamp(u64::MAX);
        for batch in self.items.iter_mut().chain(&mut self.packets).chain(&mut self.flows) {
            if batch.due <= now {
                batch.send(&self.plan.plugins[batch.plugin].queue, self.workers[batch.plugin].as_mut(), now);
            }
            next = next.min(batch.due);
        }
        self.next_flush = next;
    }

    /// Lets plugins with jobs run those that are due, after what came before them.
    fn tick(&mut self, now: Timestamp) {
        let tick = u64::try_from(TICK.as_nanos()).unwrap_or(1);
        let boundary = Timestamp(now.0 - now.0 % tick);
        self.next_tick = Timestamp(boundary.0.saturating_add(tick));
        for (index, plugin) in self.plan.plugins.iter().enumerate().filter(|(_, p)| p.jobs) {
            let batches = self.items.iter_mut().chain(&mut self.packets).chain(&mut self.flows);
            for batch in batches.filter(|b| b.plugin == index) {
                batch.send(&plugin.queue, self.workers[index].as_mut(), boundary);
            }
            match &mut self.workers[index] {
                Some(worker) => worker.handle(Work::Tick { now: boundary }),
                None => plugin.queue.send(Work::Tick { now: boundary }),
            }
        }
    }

    /// Takes over the newest plan; what was gathered for the old one goes to the old instances first.
    fn refresh(&mut self, now: Timestamp) {
        self.send_all(now);
        self.generation = self.inner.generation.load(Ordering::Acquire);
        self.replace_workers(now);
        self.filters = FilterSet::default();
        self.items.clear();
        self.packets.clear();
        self.flows.clear();
        for (index, plugin) in self.plan.plugins.iter().enumerate() {
            for subscription in &plugin.items {
                self.filters.add(subscription.filter.clone());
                self.items.push(Batch::new(Hook::Items, index, subscription.clone(), plugin.reads_items));
            }
            self.packets.extend(plugin.packets.iter().map(|s| Batch::new(Hook::Packets, index, s.clone(), false)));
            self.flows.extend(plugin.flows.iter().map(|s| Batch::new(Hook::Flows, index, s.clone(), false)));
        }
        self.next_flush = Timestamp(u64::MAX);
    }
}

impl Feeder {
    /// Takes the newest plan. Instances whose plugin is the same stay; a new version takes over from the old one.
    fn replace_workers(&mut self, now: Timestamp) {
        let plan = self.inner.plan();
        let mut former: Vec<Worker> = self.workers.drain(..).flatten().collect();
        let mut take = |keep: &dyn Fn(&Worker) -> bool| former.iter().position(keep).map(|at| former.swap_remove(at));
        self.workers = plan
            .plugins
            .iter()
            .map(|plugin| {
                let spec = plugin.in_lane.as_ref()?;
                if let Some(same) = take(&|w| Arc::ptr_eq(w.spec(), spec)) {
                    return Some(same);
                }
                // It started in the host a moment ago; where it does not start here, it is tried again with its first batch.
                let mut worker = Worker::new(Arc::clone(spec), spec.start(now).ok());
                let old = take(&|w| w.spec().identity.name == spec.identity.name);
                if let Some(state) = old.and_then(|old| old.finish(now)) {
                    worker.restore(&state);
                }
                Some(worker)
            })
            .collect();
        former.into_iter().for_each(|gone| drop(gone.finish(now)));
        self.plan = plan;
    }
}

impl Drop for Feeder {
    /// Nothing that was gathered is lost.
    fn drop(&mut self) {
        self.send_all(Timestamp(0));
        self.workers.drain(..).flatten().for_each(|worker| drop(worker.finish(Timestamp(0))));
    }
}
