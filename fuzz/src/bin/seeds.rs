//! Makes seeds of captures: `seeds FOLDER CORPUS CAPTURE...` writes what each flow of a capture says as a program for `hookline_dissect::fuzz`
//! into CORPUS, named by FOLDER (a protocol); for the folders `pcap` and `streams` the files and their frames themselves.

use hookline_capture::{Drained, PacketSource, file::FileSource};
use hookline_item::{Frame, LinkType, Seen, Sender, Transport};
use hookline_packet::{Close, FlowStart, Limits, Sink, Streams, Totals};
use std::{fs, path::Path};

/// Longer inputs make a fuzzer slow, and say nothing that shorter ones do not.
const SEED_MAX: usize = 4096;

/// A program for each flow.
#[derive(Default)]
struct Programs(Vec<Vec<u8>>);

fn op(program: &mut Vec<u8>, code: u8, from: Sender, bytes: &[u8]) {
    for piece in bytes.chunks(255) {
        program.extend([code << 4 | u8::from(from == Sender::Server), piece.len() as u8]);
        program.extend(piece);
    }
}

impl Sink for Programs {
    type Flow = Vec<u8>;

    fn open(&mut self, start: &FlowStart<'_>) -> Vec<u8> {
        vec![u8::from(start.transport == Transport::Udp)]
    }
    fn bytes(&mut self, flow: &mut Vec<u8>, from: Sender, _: Seen, bytes: &[u8]) {
        op(flow, 0, from, bytes);
    }
    fn gap(&mut self, flow: &mut Vec<u8>, from: Sender, _: Seen, missing: u64) {
        flow.extend([0xf0 | u8::from(from == Sender::Server), missing.min(255) as u8]);
    }
    fn fin(&mut self, flow: &mut Vec<u8>, from: Sender, _: Seen) {
        flow.extend([0xe0 | u8::from(from == Sender::Server), 0]);
    }
    fn close(&mut self, flow: Vec<u8>, _: Close, _: &Totals) {
        self.0.push(flow);
    }
}

/// Frames of raw IP for `hookline_packet::fuzz`, of those on Ethernet.
fn frames(program: &mut Vec<u8>, frame: &Frame<'_>) {
    let ip = match frame.bytes {
        [_, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00, ip @ ..] | [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, ip @ ..] => ip,
        _ => return,
    };
    if frame.link == LinkType::ETHERNET && ip.len() < 256 {
        program.extend([ip.len() as u8, 1]);
        program.extend(ip);
    }
}

fn seeds(folder: &str, file: &Path) -> Vec<Vec<u8>> {
    if folder == "pcap" {
        return vec![fs::read(file).expect("the capture can be read")];
    }
    let mut source = FileSource::open(file).expect("the capture can be read");
    let (mut streams, mut programs, mut raw) = (Streams::new(Limits::default(), 1), Programs::default(), Vec::new());
    let mut take = |frame: Frame<'_>| {
        frames(&mut raw, &frame);
        streams.frame(&frame, &mut programs);
    };
    while source.drain(64, &mut take).is_ok_and(|drained| drained != Drained::End) {}
    streams.finish(&mut programs);
    if folder == "streams" { vec![raw] } else { programs.0 }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(corpus)) = (args.next(), args.next()) else { panic!("seeds FOLDER CORPUS CAPTURE...") };
    let mut written = 0;
    for (n, file) in args.enumerate() {
        for (m, mut seed) in seeds(&folder, Path::new(&file)).into_iter().enumerate() {
            if folder != "pcap" {
                seed.truncate(SEED_MAX);
            }
            if seed.len() <= SEED_MAX {
                fs::write(Path::new(&corpus).join(format!("seed-{n}-{m}")), seed).expect("the corpus can be written");
                written += 1;
            }
        }
    }
    eprintln!("{written} seeds for {folder}");
}
