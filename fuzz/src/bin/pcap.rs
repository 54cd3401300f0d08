#![no_main]
use hookline_capture::{Drained, PacketSource, file::FileSource};
use std::io::Cursor;

// Any bytes as a capture file: every frame is read and taken through reassembly and dissection, as `hookline read` does.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(mut source) = FileSource::from_reader("fuzz", Box::new(Cursor::new(data.to_vec())), None) else { return };
    while let Ok(drained) = source.drain(64, &mut |frame| drop(hookline_packet::decode(&frame))) {
        if drained == Drained::End {
            break;
        }
    }
});
