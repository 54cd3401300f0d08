//! What a capture contains: each conversation with its bytes.

use hookline_capture::{CaptureError, Drained, PacketSource as _, file::FileSource};
use hookline_item::{Seen, Sender};
use hookline_packet::{Close, FlowStart, Limits, Sink, Stats, Streams, Totals, Transport};
use std::path::Path;

/// One flow.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) start: FlowStart<'static>,
    pub(crate) sides: [Vec<u8>; 2],
    pub(crate) gaps: [u64; 2],
    pub(crate) fins: [bool; 2],
    pub(crate) why: Close,
}

#[derive(Default)]
struct Collect(Vec<Conversation>);

impl Sink for Collect {
    type Flow = Box<Conversation>;

    fn open(&mut self, start: &FlowStart<'_>) -> Box<Conversation> {
        let start = FlowStart { tunnels: &[], ..*start };
        Box::new(Conversation { start, sides: Default::default(), gaps: [0; 2], fins: [false; 2], why: Close::End })
    }
    fn bytes(&mut self, flow: &mut Box<Conversation>, from: Sender, _: Seen, bytes: &[u8]) {
        assert!(!flow.fins[from.index()], "bytes after the last one");
        flow.sides[from.index()].extend_from_slice(bytes);
    }
    fn gap(&mut self, flow: &mut Box<Conversation>, from: Sender, _: Seen, missing: u64) {
        assert!(missing > 0);
        flow.gaps[from.index()] += missing;
    }
    fn fin(&mut self, flow: &mut Box<Conversation>, from: Sender, _: Seen) {
        assert!(!std::mem::replace(&mut flow.fins[from.index()], true), "a second end");
    }
    fn close(&mut self, mut flow: Box<Conversation>, why: Close, _: &Totals) {
        flow.why = why;
        self.0.push(*flow);
    }
}

/// A whole capture.
pub(crate) struct Content {
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) frames: u64,
    pub(crate) stats: Stats,
    pub(crate) error: Option<CaptureError>,
}

impl Content {
    pub(crate) fn tcp(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations.iter().filter(|c| c.start.transport == Transport::Tcp)
    }
}

/// Reads all of a capture; flows in the order in which they began.
pub(crate) fn read(path: &Path) -> Content {
    let mut sink = Collect::default();
    let mut streams = Streams::new(Limits::default(), 7);
    let (mut frames, mut error) = (0, None);
    match FileSource::open(path) {
        Err(e) => error = Some(e),
        Ok(mut source) => loop {
            let step = source.drain(16, &mut |frame| {
                frames += 1;
                assert_eq!(frame.seen.frame, frames);
                streams.frame(&frame, &mut sink);
            });
            match step {
                Ok(Drained::Some(_) | Drained::Time(_)) => {}
                Ok(Drained::End | Drained::Idle) => break,
                Err(e) => error = Some(e),
            }
        },
    }
    streams.finish(&mut sink);
    let stats = streams.stats().clone();
    assert_eq!(stats.frames, stats.decoded + stats.dropped_sum());
    assert_eq!((stats.flows_open, stats.held_bytes), (0, 0));
    sink.0.sort_by_key(|c| c.start.stream);
    Content { conversations: sink.0, frames, stats, error }
}
