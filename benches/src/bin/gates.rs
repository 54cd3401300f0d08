//! Work whose instructions are counted: `gates CASE` does it once, `gates --list` names the cases. `cargo xtask bench instructions` runs
//! each under callgrind, which counts inside [`measured`] only.

#![forbid(unsafe_code)]

use hookline_benches::{Dissection, Nothing, captures, frames};
use hookline_item::Timestamp;
use hookline_kfl::{Filter, FilterSet};
use hookline_packet::{Limits, Streams, decode};
use std::{hint::black_box, io::Write as _};

/// What is counted.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// Times that a case's captures are gone through: enough to make what happens once small.
const ROUNDS: usize = 20;

fn main() {
    let mut cases: Vec<String> = ["decode", "reassemble", "filter", "filters-1000"].map(str::to_owned).to_vec();
    cases.extend(hookline_dissect::protocols().map(|p| p.name.to_owned()).filter(|name| !captures(name).is_empty()));
    match std::env::args().nth(1).as_deref() {
        // Whoever asked has gone away: nothing is left to do.
        Some("--list") => drop(writeln!(std::io::stdout(), "{}", cases.join("\n"))),
        Some("decode") => decoding(),
        Some("reassemble") => reassembling(),
        Some("filter") => filtering(&["http and response.status == 500"]),
        Some("filters-1000") => {
            let filters: Vec<String> = (0..1000).map(|n| format!("http and response.status == {n} and request.path == \"/{n}\"")).collect();
            filtering(&filters.iter().map(String::as_str).collect::<Vec<_>>());
        }
        Some(protocol) if cases.iter().any(|c| c == protocol) => dissecting(protocol),
        _ => {
            eprintln!("gates: give one of {}", cases.join(", "));
            std::process::exit(2);
        }
    }
}

fn of_captures(protocol: &str) -> Vec<hookline_benches::Owned> {
    captures(protocol).iter().flat_map(|file| frames(file)).collect()
}

fn decoding() {
    let frames = of_captures("http");
    measured(&mut || {
        for owned in frames.iter().cycle().take(frames.len() * ROUNDS) {
            let _ = black_box(decode(&owned.frame()));
        }
    });
}

fn reassembling() {
    let frames = of_captures("http");
    measured(&mut || {
        for _ in 0..ROUNDS {
            let mut streams = Streams::new(Limits::default(), 1);
            frames.iter().for_each(|owned| _ = streams.frame(&owned.frame(), &mut Nothing));
            streams.finish(&mut Nothing);
        }
    });
}

/// From frames to items, of the protocol's captures.
fn dissecting(protocol: &str) {
    let frames = of_captures(protocol);
    measured(&mut || {
        for _ in 0..ROUNDS {
            items(&frames);
        }
    });
}

fn items(frames: &[hookline_benches::Owned]) -> Vec<hookline_item::Item> {
    let (mut streams, mut sink) = (Streams::new(Limits::default(), 1), Dissection::default());
    frames.iter().for_each(|owned| _ = streams.frame(&owned.frame(), &mut sink));
    streams.finish(&mut sink);
    sink.items
}

fn filtering(texts: &[&str]) {
    let items = items(&of_captures("http"));
    let filters = texts.iter().map(|text| Filter::parse(text).expect("the filter is right"));
    let (mut set, mut hits) = (FilterSet::default(), Vec::new());
    filters.for_each(|filter| _ = set.add(filter));
    measured(&mut || {
        for item in items.iter().cycle().take(items.len() * ROUNDS) {
            set.matches(item, Timestamp(0), &mut hits);
            black_box(&hits);
        }
    });
}
