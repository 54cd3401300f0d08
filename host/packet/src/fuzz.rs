//! The entry point for fuzzing: an ordinary function, called by libFuzzer and by the test that replays its corpus.

use crate::{Close, FlowStart, Limits, Sink, Streams, Totals};
use hookline_item::{Frame, LinkType, Seen, Sender, Timestamp};

/// Takes streams and forgets them.
struct Nothing;

impl Sink for Nothing {
    type Flow = ();
    fn open(&mut self, _: &FlowStart<'_>) {}
    fn bytes(&mut self, (): &mut (), _: Sender, _: Seen, _: &[u8]) {}
    fn gap(&mut self, (): &mut (), _: Sender, _: Seen, _: u64) {}
    fn fin(&mut self, (): &mut (), _: Sender, _: Seen) {}
    fn close(&mut self, (): (), _: Close, _: &Totals) {}
}

/// Takes `data` as frames of raw IP through decoding and reassembly, each with its length in the first byte and the milliseconds since the
/// last in the second.
///
/// # Panics
///
/// If bytes are still held after all flows are closed: what fuzzing looks for.
#[allow(clippy::panic)]
pub fn fuzz(data: &[u8]) {
    let mut streams = Streams::new(Limits { flows_max: 16, ..Limits::default() }, 7);
    let mut seen = Seen::default();
    let mut rest = data;
    while let [len, gap, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at_checked(usize::from(*len)).unwrap_or((tail, &[]));
        rest = tail;
        seen = Seen { at: Timestamp(seen.at.0.saturating_add(u64::from(*gap) * 1_000_000)), frame: seen.frame.saturating_add(1) };
        let frame = Frame { seen, interface: 0, link: LinkType::RAW, wire_len: u32::from(*len), vlan: None, bytes };
        streams.frame(&frame, &mut Nothing);
    }
    streams.finish(&mut Nothing);
    assert_eq!(streams.stats().held_bytes, 0, "bytes are held for flows that are closed");
}
