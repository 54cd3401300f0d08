//! Capture files through decoding and reassembly.

mod conversations;
mod corpora;
mod files;

/// The captures that belong to the project.
const PCAPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/pcaps/capture");
