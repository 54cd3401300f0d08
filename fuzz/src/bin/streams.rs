#![no_main]
use hookline_item::{Frame, LinkType, Seen, Sender, Timestamp};
use hookline_packet::{Close, FlowStart, Limits, Sink, Streams, Totals};

/// Takes streams and forgets them.
struct Nothing;

impl Sink for Nothing {
    type Flow = ();
    fn open(&mut self, _: &FlowStart<'_>) {}
    fn bytes(&mut self, _: &mut (), _: Sender, _: Seen, _: &[u8]) {}
    fn gap(&mut self, _: &mut (), _: Sender, _: Seen, _: u64) {}
    fn fin(&mut self, _: &mut (), _: Sender, _: Seen) {}
    fn close(&mut self, _: (), _: Close, _: &Totals) {}
}

// Frames of raw IP, each with its length in the first byte and the milliseconds since the last in the second.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut streams = Streams::new(Limits { flows_max: 16, ..Limits::default() }, 7);
    let (mut rest, mut at, mut number) = (data, 0_u64, 0);
    while let [len, gap, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        (rest, at, number) = (tail, at + u64::from(*gap) * 1_000_000, number + 1);
        let seen = Seen { at: Timestamp(at), frame: number };
        let frame = Frame { seen, interface: 0, link: LinkType::RAW, wire_len: bytes.len() as u32, vlan: None, bytes };
        streams.frame(&frame, &mut Nothing);
    }
    streams.finish(&mut Nothing);
    assert_eq!(streams.stats().held_bytes, 0);
});
