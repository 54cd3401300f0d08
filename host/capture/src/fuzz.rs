//! The entry point for fuzzing: an ordinary function, called by libFuzzer and by the test that replays its corpus.

use crate::{Drained, PacketSource as _, file::FileSource};
use std::io::Cursor;

/// Takes `data` as a capture file and reads every frame of it. The same bytes must give the same number of frames twice.
///
/// # Panics
///
/// If they do not: what fuzzing looks for.
pub fn fuzz(data: &[u8]) {
    assert_eq!(frames(data), frames(data), "two runs read different frames");
}

fn frames(data: &[u8]) -> u64 {
    let Ok(mut source) = FileSource::from_reader("fuzz", Box::new(Cursor::new(data.to_vec())), None) else { return 0 };
    let mut frames = 0;
    while let Ok(drained) = source.drain(64, &mut |_| frames += 1) {
        if drained == Drained::End {
            break;
        }
    }
    frames
}
