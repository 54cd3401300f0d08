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

fn run(target: &str, input: &[u8]) {
    match target {
        "kfl" => hookline_kfl::fuzz(input),
        "pcap" => hookline_capture::fuzz(input),
        "streams" => hookline_packet::fuzz(input),
        protocol => hookline_dissect::fuzz(protocol, input),
    }
}

#[test]
fn corpora_are_survived() {
    for file in std::fs::read_dir(root().join("fuzz/corpora")).unwrap().map(|f| f.unwrap().path()) {
        let target = file.file_stem().unwrap().to_str().unwrap();
        assert!(matches!(target, "kfl" | "pcap" | "streams") || protocols().any(|p| p.name == target), "{}: no target", file.display());
        let pack = std::fs::read(&file).unwrap();
        let inputs = inputs(&pack);
        assert!(!inputs.is_empty(), "{}", file.display());
        inputs.into_iter().for_each(|input| run(target, input));
    }
}

#[test]
fn every_protocol_is_fuzzed() {
    for protocol in protocols().filter(|p| !matches!(p.name, "tcp" | "udp" | "sctp")) {
        let file = root().join("fuzz/src/bin").join(protocol.name).with_extension("rs");
        assert!(file.exists(), "{} is missing", file.display());
    }
}
