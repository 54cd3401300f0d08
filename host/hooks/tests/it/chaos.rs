//! Plugins that do everything wrong, one after the other beside a good one, in live mode: what the good one loses (nothing), what becomes of
//! the bad one, and how long that takes. `cargo test -p hookline-hooks --test it chaos -- --nocapture` prints the table.

use crate::support::{host_with, hostile, item, status};
use hookline_hooks::{Answer, Code, Feeder, Fetch, HookHost, Manifest, NoAnswer, Request, State};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Items of one round: a batch, as live capture makes them.
const ROUND: u64 = 64;
/// Rounds in which a plugin must have been dealt with; it is offered more until it has.
const ROUNDS: usize = 200;
/// Far beyond what any of this takes on any machine: a test that hangs must end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What must become of a plugin.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// It fails on each call.
    Quarantined,
    /// It runs on, and what is over its limits is counted.
    Limited,
}

const CHAOS: &[(&str, &str, Fate)] = &[
    ("endless loop", "loop", Fate::Quarantined),
    ("memory bomb", "allocate", Fate::Quarantined),
    ("deep recursion, stack overflow", "recurse", Fate::Quarantined),
    ("trap on each item", "trap", Fate::Quarantined),
    ("host-call flood", "host-calls", Fate::Quarantined),
    ("log flood", "log", Fate::Limited),
    ("emit flood", "emit", Fate::Limited),
    ("million-label metrics", "labels", Fate::Limited),
    ("giant strings", "giant", Fate::Limited),
    ("waiting for servers", "wait", Fate::Limited),
    ("message flood", "messages", Fate::Limited),
    ("file flood", "files", Fate::Limited),
];

/// A server that answers when the time is over.
struct Slow;

impl Fetch for Slow {
    fn fetch(&self, request: Request) -> Result<Answer, NoAnswer> {
        // The guest asks for a minute; what it gets is less, and a test has not even that much.
        assert!(request.timeout <= Duration::from_secs(10), "{:?}", request.timeout);
        std::thread::sleep(Duration::from_millis(100));
        Err(NoAnswer::Failed("no answer".to_owned()))
    }
}

/// Offers rounds of items and waits, for each, until the good plugin has had them. Returns how long each took.
struct Traffic<'a> {
    host: &'a HookHost,
    feeder: Feeder,
    offered: u64,
}

impl Traffic<'_> {
    fn round(&mut self) -> Duration {
        let started = Instant::now();
        for _ in 0..ROUND {
            let item = item(self.offered, 200);
            self.offered += 1;
            self.feeder.item(&item, item.start);
        }
        // More than any delay of a batch: what was gathered goes out.
        let next = item(self.offered + 1, 200).start;
        self.feeder.advance(next);
        while status(self.host, "good").counts.delivered < self.offered {
            assert!(started.elapsed() < PATIENCE, "the good plugin is not called: {:?}", status(self.host, "good"));
            std::thread::yield_now();
        }
        started.elapsed()
    }

    fn p99(mut times: Vec<Duration>) -> Duration {
        times.sort();
        times[times.len() * 99 / 100]
    }
}

#[test]
fn chaos_harms_nobody_else() {
    eprintln!("{:<32} {:<12} {:>9} {:>12} {:>12} {:>10}", "", "fate", "after", "others lost", "others' p99", "alone");
    for (what, mode, fate) in CHAOS {
        let (host, kept) = host_with(|o| {
            o.replay = false;
            o.fetch = Some(Arc::new(Slow));
        });
        hostile(&host, "good", "");
        let mut traffic = Traffic { host: &host, feeder: host.feeder(), offered: 0 };
        let alone = (0..ROUNDS).map(|_| traffic.round()).collect();
        hostile(&host, "bad", mode);
        let started = Instant::now();
        let mut beside = Vec::new();
        let mut after = None;
        while beside.len() < ROUNDS || (*fate == Fate::Quarantined && after.is_none()) {
            beside.push(traffic.round());
            if status(&host, "bad").state == State::Quarantined {
                after.get_or_insert(started.elapsed());
            }
            assert!(started.elapsed() < PATIENCE, "{what}: {:?}", status(&host, "bad"));
        }
        let Traffic { feeder, offered, .. } = traffic;
        drop(feeder);
        host.finish();
        let (good, bad) = (status(&host, "good").counts, status(&host, "bad"));
        let lost = offered - good.delivered + good.failed + good.dropped_queue_full + good.skipped_down;
        let shown = after.map_or_else(|| "-".to_owned(), |t| format!("{:.2} s", t.as_secs_f64()));
        let (alone, beside) = (Traffic::p99(alone), Traffic::p99(beside));
        eprintln!("{what:<32} {:<12} {shown:>9} {lost:>12} {beside:>12.1?} {alone:>10.1?}", format!("{fate:?}").to_lowercase());
        assert_eq!((lost, good.matched), (0, offered), "{what}");
        let told = kept.events.lock().unwrap().iter().filter(|e| e.data["title"] == "plugin bad is quarantined").count();
        let limited = bad.counts.log_lines_suppressed + bad.counts.events_refused + bad.counts.http_refused + bad.counts.messages_refused;
        match fate {
            Fate::Quarantined => {
                assert_eq!((bad.state, bad.counts.delivered, told), (State::Quarantined, 0, 1), "{what}: {:?}", bad.error);
                assert_eq!(bad.counts.failed + bad.counts.skipped_down + bad.counts.dropped_queue_full, bad.counts.matched, "{what}");
            }
            Fate::Limited => {
                assert_eq!((bad.state, told), (State::Running, 0), "{what}: {:?}", bad.error);
                assert!(limited > 0 || ["labels", "files"].contains(mode), "{what}: {:?}", bad.counts);
            }
        }
    }
}

/// A component that exports `lifecycle` alone, by a core module with these fields.
fn component(fields: &str) -> Code {
    let text = format!(
        r#"(component
        (core module $m
            (memory (export "memory") 1)
            {fields}
            (func (export "on-shutdown")))
        (core instance $i (instantiate $m))
        (alias core export $i "memory" (core memory $memory))
        (func $init (result (result (error string))) (canon lift (core func $i "on-init") (memory $memory)))
        (func $down (canon lift (core func $i "on-shutdown")))
        (instance $lifecycle (export "on-init" (func $init)) (export "on-shutdown" (func $down)))
        (export "hookline:hooks/lifecycle@0.1.0" (instance $lifecycle)))"#
    );
    Code::Wasm(wat::parse_str(text).unwrap())
}

/// A start function that never ends is stopped by the budget of a plugin's start, and the plugin is refused.
#[test]
fn chaos_at_the_start_is_refused() {
    let (host, _) = host_with(|o| o.replay = false);
    let endless = "(func $spin (loop (br 0))) (start $spin) (func (export \"on-init\") (result i32) i32.const 0)";
    let manifest = Manifest::parse("[run]\njob_cpu_ms = 50").unwrap();
    let refused = host.load("x", component(endless), manifest).unwrap_err().reason;
    assert_eq!(refused, "used more than its 50 ms of CPU time in one call");
    assert_eq!(status(&host, "x").state, State::Failed);
}

/// A component whose `on-init` returns an error text that is not in its memory.
#[test]
fn chaos_in_what_is_returned_is_refused() {
    let (host, _) = host_with(|o| o.replay = false);
    for (text, length, expected) in [(0xffff_0000_u32, 8_u32, "out of bounds"), (0, 4, "utf-8"), (0, 0xffff_fff0_u32, "out of bounds")] {
        let malformed = format!(
            r#"(data (i32.const 0) "\ff\fe\fd\fc")
            (func (export "on-init") (result i32)
                (i32.store (i32.const 64) (i32.const 1))
                (i32.store (i32.const 68) (i32.const {text}))
                (i32.store (i32.const 72) (i32.const {length}))
                i32.const 64)"#
        );
        let refused = host.load("x", component(&malformed), Manifest::default()).unwrap_err().reason;
        assert!(refused.to_lowercase().contains(expected), "{expected}: {refused}");
    }
}
