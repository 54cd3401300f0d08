//! What the benches and the tests of cost share: frames of captures in memory, and the way from frames to items without the rest of the
//! program.

#![forbid(unsafe_code)]

use hookline_capture::{Drained, PacketSource, file::FileSource};
use hookline_dissect::{Conversation, Flow, Limits};
use hookline_item::{Frame, Item, Seen, Sender, Totals};
use hookline_packet::{Close, FlowStart, Sink};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A frame that owns its bytes.
pub struct Owned {
    frame: Frame<'static>,
    bytes: Vec<u8>,
}

impl Owned {
    /// The frame, borrowed.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame { bytes: &self.bytes, ..self.frame }
    }
}

/// The frames of a capture.
///
/// # Panics
///
/// If the file cannot be read.
#[must_use]
pub fn frames(file: &Path) -> Vec<Owned> {
    let mut source = FileSource::open(file).expect("the capture can be opened");
    let mut frames = Vec::new();
    let mut take = |frame: Frame<'_>| frames.push(Owned { frame: Frame { bytes: &[], ..frame }, bytes: frame.bytes.to_vec() });
    while source.drain(256, &mut take).is_ok_and(|drained| drained != Drained::End) {}
    frames
}

/// The captures that the tests keep of `protocol`, by name.
#[must_use]
pub fn captures(protocol: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pcaps").join(protocol);
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|f| f.path());
    let mut files: Vec<_> = files.filter(|f| f.extension().is_some_and(|e| e == "pcap" || e == "pcapng")).collect();
    files.sort();
    files
}

/// A sink that makes items, as a lane does.
#[derive(Default)]
pub struct Dissection {
    limits: Arc<Limits>,
    /// What was made.
    pub items: Vec<Item>,
}

impl Sink for Dissection {
    type Flow = Conversation;

    fn open(&mut self, start: &FlowStart<'_>) -> Conversation {
        let mut flow = Flow::new(start.stream, start.transport, start.client, start.server);
        (flow.roles_guessed, flow.mid_stream) = (start.roles_guessed, start.mid_stream);
        Conversation::new(flow, Arc::clone(&self.limits))
    }
    fn bytes(&mut self, flow: &mut Conversation, from: Sender, seen: Seen, bytes: &[u8]) {
        flow.bytes(from, seen, bytes, &mut self.items);
    }
    fn gap(&mut self, flow: &mut Conversation, from: Sender, seen: Seen, missing: u64) {
        flow.gap(from, seen, missing, &mut self.items);
    }
    fn fin(&mut self, flow: &mut Conversation, from: Sender, seen: Seen) {
        flow.fin(from, seen, &mut self.items);
    }
    fn close(&mut self, mut flow: Conversation, why: Close, totals: &Totals) {
        flow.close(why, totals.last, &mut self.items);
        flow.sum_up(why, totals, &mut self.items);
    }
}

/// A sink that forgets everything.
pub struct Nothing;

impl Sink for Nothing {
    type Flow = ();
    fn open(&mut self, _: &FlowStart<'_>) {}
    fn bytes(&mut self, (): &mut (), _: Sender, _: Seen, _: &[u8]) {}
    fn gap(&mut self, (): &mut (), _: Sender, _: Seen, _: u64) {}
    fn fin(&mut self, (): &mut (), _: Sender, _: Seen) {}
    fn close(&mut self, (): (), _: Close, _: &Totals) {}
}

/// Ethernet, IPv4 and TCP around a payload, for flows that are made up: flow `number` from a client of its own to port 80.
#[must_use]
pub fn segment(number: u32, from: Sender, flags: u8, [sequence, acknowledgment]: [u32; 2], payload: &[u8]) -> Vec<u8> {
    let [a, b, c, d] = number.to_be_bytes();
    let (client, server) = ([10, a.wrapping_add(b), c, d], [192, 0, 2, 1]);
    let port = 40_000 + u16::from(b);
    let (source, destination, ports) = match from {
        Sender::Client => (client, server, [port, 80]),
        Sender::Server => (server, client, [80, port]),
    };
    let len = u16::try_from(40 + payload.len()).unwrap_or(u16::MAX);
    let [[p, q], [r, s]] = ports.map(u16::to_be_bytes);
    let ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let ip = [&[0x45, 0][..], &len.to_be_bytes(), &[0, 0, 0x40, 0, 64, 6, 0, 0], &source, &destination].concat();
    let tcp = [&[p, q, r, s][..], &sequence.to_be_bytes(), &acknowledgment.to_be_bytes(), &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]].concat();
    [&ethernet[..], &ip, &tcp, payload].concat()
}
