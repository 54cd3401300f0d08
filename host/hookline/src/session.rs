//! One pass of a source through a lane: frames in, items to the plugins and to whoever looks on.

use crate::lane::{Counted, Lane, LaneLimits};
use hookline_capture::{CaptureError, Drained, PacketSource};
use hookline_hooks::Feeder;
use hookline_item::{Frame, Item, Timestamp};
use hookline_kfl::Filter;
use hookline_store::ring::RingLane;
use std::{
    hash::{BuildHasher as _, Hasher as _},
    sync::Arc,
};

/// Frames taken from a source at once.
const BATCH: usize = 256;

/// A lane with its plugins, and the time that its packets tell.
pub(crate) struct Session {
    pub(crate) lane: Lane,
    feeder: Option<Feeder>,
    /// What items must match to be given to anybody.
    only: Option<Arc<Filter>>,
    /// Where packets are kept.
    ring: Option<RingLane>,
    now: Timestamp,
    items: u64,
    matched: u64,
}

impl Session {
    /// A session for `source` on the node `node`.
    pub(crate) fn new(node: &str, source: &dyn PacketSource, feeder: Option<Feeder>, limits: LaneLimits) -> Self {
        // A secret that differs from run to run: nobody can send flows that collide in the table. It has no effect on results.
        let seed = std::hash::RandomState::new().build_hasher().finish();
        let mut lane = Lane::new(node, source.backend(), source.source(), seed, limits);
        lane.note_flows(feeder.as_ref().is_some_and(Feeder::wants_flows));
        Self { lane, feeder, only: None, ring: None, now: Timestamp(0), items: 0, matched: 0 }
    }

    /// The same as one of several lanes.
    pub(crate) fn in_lane(self, lane: u32, lanes: u32) -> Self {
        Self { lane: self.lane.in_lane(lane, lanes), ..self }
    }

    /// The same with streams numbered from here, where frames have no numbers.
    pub(crate) fn numbered_from(self, first: u64) -> Self {
        Self { lane: self.lane.numbered_from(first), ..self }
    }

    /// The same for the items that match: others are counted, and given to nobody.
    pub(crate) fn only(self, filter: Arc<Filter>) -> Self {
        Self { only: Some(filter), ..self }
    }

    /// The same with packets kept.
    pub(crate) fn recorded(self, ring: Option<RingLane>) -> Self {
        Self { ring, ..self }
    }

    /// Takes what the source has now, up to a batch. `on_item` sees each item after the plugins' feeder has.
    pub(crate) fn drain(
        &mut self,
        source: &mut dyn PacketSource,
        on_item: &mut dyn FnMut(Arc<Item>, Timestamp),
    ) -> Result<Drained, CaptureError> {
        let drained = source.drain(BATCH, &mut |frame| self.frame(&frame, on_item))?;
        if let Drained::Time(now) = drained {
            self.advance(now, on_item);
        }
        Ok(drained)
    }

    fn frame(&mut self, frame: &Frame<'_>, on_item: &mut dyn FnMut(Arc<Item>, Timestamp)) {
        self.now = self.now.max(frame.seen.at);
        if let Some(feeder) = &mut self.feeder {
            feeder.advance(self.now);
        }
        let packet = self.lane.frame(frame);
        if let Some(ring) = &mut self.ring {
            ring.packet(frame, packet.stream);
            ring.advance(self.now);
        }
        if let Some(feeder) = self.feeder.as_mut().filter(|f| f.wants_packets()) {
            feeder.packet(&packet);
        }
        self.give_flows();
        if self.lane.has_items() {
            self.give(on_item);
        }
    }

    /// Lets time pass while no frame comes.
    pub(crate) fn advance(&mut self, now: Timestamp, on_item: &mut dyn FnMut(Arc<Item>, Timestamp)) {
        self.now = self.now.max(now);
        self.lane.advance(self.now);
        self.give_flows();
        self.give(on_item);
        if let Some(ring) = &mut self.ring {
            ring.advance(self.now);
        }
        if let Some(feeder) = &mut self.feeder {
            feeder.advance(self.now);
        }
    }

    /// The capture is over: everything that waits comes out, and the plugins get what was gathered for them.
    pub(crate) fn finish(&mut self, on_item: &mut dyn FnMut(Arc<Item>, Timestamp)) {
        self.lane.finish();
        self.give_flows();
        self.give(on_item);
        // Hands over what it has.
        self.ring = None;
        if let Some(mut feeder) = self.feeder.take() {
            feeder.flush(self.now);
        }
    }

    fn give_flows(&mut self) {
        let Some(feeder) = &mut self.feeder else { return };
        for flow in self.lane.flows() {
            feeder.flow(&flow);
        }
        self.lane.note_flows(feeder.wants_flows());
    }

    fn give(&mut self, on_item: &mut dyn FnMut(Arc<Item>, Timestamp)) {
        let now = self.now;
        for item in self.lane.items() {
            self.items += 1;
            if self.only.as_ref().is_some_and(|filter| !filter.matches(&item, now)) {
                continue;
            }
            self.matched += 1;
            let item = Arc::new(item);
            if let Some(feeder) = &mut self.feeder {
                feeder.item(&item, now);
            }
            on_item(item, now);
        }
    }

    /// What was counted so far.
    pub(crate) fn counted(&self, source: &mut dyn PacketSource) -> Counted {
        Counted { source: source.stats(), streams: self.lane.stats().clone(), items: self.items, matched: self.matched }
    }
}
