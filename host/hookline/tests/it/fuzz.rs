//! What fuzzing has found worth keeping (`fuzz/corpora`, written by `cargo xtask fuzz`) is run again.

use crate::support::root;
use hookline_dissect::protocols;

fn inputs(pack: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut inputs) = (pack, Vec::new());
    while let Some((len, after)) = rest.split_first_chunk() {
        let (input, after) = after.split_at(u32::from_le_bytes(*len) as usize);
        inputs.push(input);
        rest = after;
    }
    inputs
}

#[test]
fn corpora_are_survived() {
    for file in std::fs::read_dir(root().join("fuzz/corpora")).unwrap().map(|f| f.unwrap().path()) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let target: Box<dyn Fn(&[u8])> = match name.as_str() {
            "pcap" => Box::new(hookline_capture::fuzz),
            "streams" => Box::new(hookline_packet::fuzz),
            "kfl" => Box::new(hookline_kfl::fuzz),
            name => {
                assert!(protocols().any(|p| p.name == name), "{}: no target {name}", file.display());
                let name = name.to_owned();
                Box::new(move |data| hookline_dissect::fuzz(&name, data))
            }
        };
        let pack = std::fs::read(&file).unwrap();
        let inputs = inputs(&pack);
        assert!(!inputs.is_empty(), "{}", file.display());
        inputs.into_iter().for_each(target);
    }
}

#[test]
fn every_protocol_is_fuzzed() {
    for protocol in protocols().filter(|p| !matches!(p.name, "tcp" | "udp" | "sctp")) {
        let file = root().join("fuzz/src/bin").join(protocol.name).with_extension("rs");
        assert!(file.exists(), "{} is missing", file.display());
    }
}
