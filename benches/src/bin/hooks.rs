//! What hooks cost an item, all threads together: filters, columns, the queue, the call, the way back. Beside it in the same run the same work
//! without the wall (native), and a bare call into WebAssembly.
//!
//! Each figure is CPU time of the whole process, the least of several rounds. Items are HTTP exchanges of the captures that the tests keep.

#![forbid(unsafe_code)]

use hookline_benches::{Dissection, captures, frames};
use hookline_bus::Event;
use hookline_hooks::{Code, HookHost, LogLine, Manifest, Options, Outbox};
use hookline_item::{Item, Kind, Path as Field, Reader, Timestamp};
use hookline_packet::{Limits, Streams};
use rustix::time::{ClockId, clock_gettime};
use std::{collections::BTreeMap, hint::black_box, io::Write, path::Path, sync::Arc, time::Duration};

/// Items of one round.
const ITEMS: usize = 400_000;
const ROUNDS: usize = 5;

struct Deaf;

impl Outbox for Deaf {
    fn event(&self, _: Event) -> bool {
        true
    }
    fn log(&self, _: LogLine) {}
}

/// CPU time of this process.
fn cpu() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

fn items() -> Vec<Arc<Item>> {
    let (mut streams, mut sink) = (Streams::new(Limits::default(), 1), Dissection::default());
    for owned in captures("http").iter().flat_map(|file| frames(file)) {
        streams.frame(&owned.frame(), &mut sink);
    }
    streams.finish(&mut sink);
    sink.items.into_iter().filter(|i| i.protocol.abbr == "HTTP" && i.message.status().is_some()).map(Arc::new).collect()
}

fn guest(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/dist").join(name);
    std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}; run `cargo xtask guests` first", file.display()))
}

fn host(cache: &Path) -> HookHost {
    let options = Options {
        cache: Some(cache.to_owned()),
        script_engine: None,
        node: "bench".to_owned(),
        env: BTreeMap::new(),
        kind_of: Box::new(|path| match path.to_string().as_str() {
            "response.status" | "elapsedTime" => Some(Kind::U64),
            _ => Some(Kind::Str),
        }),
        filters: hookline_kfl::Settings::default(),
        policy: hookline_hooks::Policy::default(),
        data: None,
        fetch: None,
        packets: None,
        fuel: false,
        replay: true,
        now: Timestamp(0),
    };
    HookHost::new(options, Arc::new(Deaf)).expect("the engine starts")
}

/// A plugin's name, guest and manifest.
type Plugin<'a> = (&'a str, &'a str, String);

/// CPU nanoseconds an item with these plugins.
fn nanos(items: &[Arc<Item>], cache: &Path, plugins: &[Plugin<'_>]) -> f64 {
    let round = || {
        let host = host(cache);
        for (name, file, manifest) in plugins {
            host.load(name, Code::Wasm(guest(file)), Manifest::parse(manifest).expect("the manifest is right")).expect("the plugin starts");
        }
        let mut feeder = host.feeder();
        let start = cpu();
        for item in items.iter().cycle().take(ITEMS) {
            feeder.item(item, item.start);
        }
        drop(feeder);
        host.finish();
        let spent = cpu() - start;
        let failed: u64 = host.status().iter().map(|p| p.counts.failed + p.counts.events_refused).sum();
        assert_eq!(failed, 0, "{:?}", plugins.first());
        spent.as_nanos() as f64 / ITEMS as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// The same as the guest with three fields, without the wall.
fn native(items: &[Arc<Item>], fields: &[&str]) -> f64 {
    let readers: Vec<Reader> = fields.iter().map(|f| Reader::new(f.parse::<Field>().expect("a path"))).collect();
    let round = || {
        let (start, mut sum) = (cpu(), 0.0);
        for item in items.iter().cycle().take(ITEMS) {
            for reader in &readers {
                reader.first(black_box(item.as_ref()), |v| sum += v.as_f64().unwrap_or_else(|| v.as_str().map_or(0.0, |s| s.len() as f64)));
            }
        }
        black_box(sum);
        (cpu() - start).as_nanos() as f64 / ITEMS as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// A call of a function of a core module that adds to its argument, nothing around it.
fn bare_call() -> f64 {
    let engine = wasmtime::Engine::default();
    let text = "(module (func (export \"f\") (param i64) (result i64) local.get 0 i64.const 1 i64.add))";
    let module = wasmtime::Module::new(&engine, wat::parse_str(text).expect("the module is right")).expect("it compiles");
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("it starts");
    let f = instance.get_typed_func::<i64, i64>(&mut store, "f").expect("it is there");
    let mut round = || {
        let start = cpu();
        (0..1_000_000).for_each(|n| _ = black_box(f.call(&mut store, n)));
        (cpu() - start).as_nanos() as f64 / 1e6
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// Milliseconds of CPU beyond its budget that a plugin gets which loops for ever.
fn overshoot(items: &[Arc<Item>], cache: &Path) -> f64 {
    let host = host(cache);
    let manifest = Manifest::parse("[run]\ncpu_ms = 20\nquarantine_after = 0\n[config]\nmode = \"loop\"").expect("the manifest is right");
    host.load("loop", Code::Wasm(guest("hostile.wasm")), manifest).expect("the plugin starts");
    let mut feeder = host.feeder();
    items.iter().cycle().take(512).for_each(|item| feeder.item(item, item.start));
    drop(feeder);
    host.finish();
    let counts = host.status().pop().expect("it is there").counts;
    assert!(counts.overruns > 0);
    counts.cpu_ns as f64 / counts.overruns as f64 / 1e6 - 20.0
}

fn main() -> std::io::Result<()> {
    let items = items();
    let cache = std::env::temp_dir().join("hookline-bench-cache");
    let config = |text: &str| format!("[run]\nevents_per_second = 100000000\n[config]\n{text}");
    let one = |file: &str, text: &str| nanos(&items, &cache, &[("p", file, config(text))]);
    let per_lane = |text: &str| format!("[run]\ninstances = \"per-lane\"\ncpu_ms = 10\n[config]\n{text}");
    let in_lane = |text: &str| nanos(&items, &cache, &[("p", "every-item.wasm", per_lane(text))]);
    // Filters that match nothing, each another.
    let names: Vec<String> = (0..50).map(|n| format!("idle-{n:02}")).collect();
    let idle = |(n, name)| {
        let manifest = config(&format!("filter = \"http and response.status == {}\"", 600 + n));
        (name, "every-item.wasm", manifest)
    };
    let idle: Vec<Plugin<'_>> = names.iter().map(String::as_str).enumerate().map(idle).collect();
    let fields = ["response.status", "elapsedTime", "request.path", "request.method", "request.host"];
    let rows = [
        ("no plugin", nanos(&items, &cache, &[])),
        ("50 plugins whose filters do not match", nanos(&items, &cache, &idle)),
        ("one field, batches of 64", one("every-item.wasm", "mode = \"one\"\nbatch = 64")),
        ("  native", native(&items, &fields[..1])),
        ("five fields, batches of 64", one("every-item.wasm", "mode = \"five\"\nbatch = 64")),
        ("  native", native(&items, &fields)),
        ("one field, batches of 64, in the lane", in_lane("mode = \"one\"\nbatch = 64")),
        ("five fields, batches of 64, in the lane", in_lane("mode = \"five\"\nbatch = 64")),
        ("five fields, batches of 1024", one("every-item.wasm", "mode = \"five\"")),
        ("one field, batches of one", one("every-item.wasm", "mode = \"one\"\nbatch = 1")),
        ("by value, one call an item", one("by-value.wasm", "")),
        ("the whole item as JSON", one("item-reader.wasm", "mode = \"json\"")),
        ("an alert about each item", one("item-reader.wasm", "mode = \"emit\"")),
        ("a bare call into WebAssembly", bare_call()),
    ];
    let mut out = std::io::stdout().lock();
    for (name, nanos) in rows {
        writeln!(out, "{name:<44} {nanos:>10.1} ns")?;
    }
    writeln!(out, "{:<44} {:>10.2} ms", "beyond its budget, a hook that loops", overshoot(&items, &cache))
}
