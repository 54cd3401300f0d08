//! Plugins in Rust: the good one, and those that misbehave.

use crate::support::{feed, guest, host, host_with, hostile, item, manifest, status};
use hookline_bus::Kind;
use hookline_hooks::{Change, Code, Folder, Reproduced, State, Watch};
use hookline_item::Timestamp;
use std::{sync::Arc, time::Duration};

#[test]
fn an_alert_tells_what_it_is_about() {
    let (host, kept) = host();
    host.load("http-errors", Code::Wasm(guest("plugins/dist/http-errors.wasm")), manifest("")).unwrap();
    feed(&host, &[200, 503, 0]);
    let events = kept.events.lock().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, Kind::Alert);
    assert_eq!(events[0].data["title"], "503 from shop: GET /1");
    assert_eq!(events[0].data["item"]["status"], 503);
    assert_eq!(events[0].data["item"]["id"], item(1, 503).id());
    let metrics = host.metrics();
    assert!(metrics.contains("hookline_plugin_http_responses_total{plugin=\"http-errors\",class=\"2xx\"} 1"), "{metrics}");
    let status = status(&host, "http-errors");
    assert_eq!((status.counts.matched, status.counts.delivered), (3, 3));
    assert_eq!(status.hooks, ["items", "packets", "flows", "query", "timer", "state", "hub", "results"]);
}

/// A component so large that its fast code takes a while runs at once on code that is made quickly, and nothing is lost when that is replaced.
#[test]
fn a_large_plugin_starts_on_quick_code_and_moves_to_fast_code() {
    let (host, _) = host_with(|o| o.cache = None);
    let mut code = guest("tests/guests/dist/stateful.wasm");
    // A custom section that only makes it large: its id, its length, the length of its name, and no name.
    let padding = 5_u32 << 20;
    code.push(0);
    let mut length = padding;
    while length >= 0x80 {
        code.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    code.push(length as u8);
    code.extend(std::iter::repeat_n(0, padding as usize));
    host.load("s", Code::Wasm(code), manifest("")).unwrap();
    assert!(status(&host, "s").quick_code);
    let (started, mut offered) = (std::time::Instant::now(), 0);
    let mut feeder = host.feeder();
    while status(&host, "s").quick_code {
        assert!(started.elapsed().as_secs() < 60, "{:?}", status(&host, "s"));
        let item = item(offered, 200);
        feeder.advance(item.start);
        feeder.item(&item, item.start);
        offered += 1;
        std::thread::yield_now();
    }
    drop(feeder);
    host.finish();
    let s = status(&host, "s");
    assert_eq!((s.reloads, s.counts.delivered, s.counts.failed, s.error), (1, offered, 0, None));
}

/// The files of plugins that were built against released versions of the contract run as they are.
#[test]
fn plugins_of_released_versions_run() {
    let (host, kept) = host();
    host.load("old", Code::Wasm(guest("tests/guests/released/0.1.0/http-errors.wasm")), manifest("")).unwrap();
    host.load("old-reader", Code::Wasm(guest("tests/guests/released/0.1.0/item-reader.wasm")), manifest("[config]\nmode = \"json\"\n"))
        .unwrap();
    feed(&host, &[200, 503]);
    let titles: Vec<_> = kept.events.lock().unwrap().iter().filter(|e| e.kind == Kind::Alert).map(|e| e.data["title"].clone()).collect();
    assert_eq!(titles, ["503 from shop: GET /1"]);
    let counts = status(&host, "old-reader").counts;
    assert_eq!((counts.delivered, counts.failed), (2, 0));
}

#[test]
fn misbehaving_plugins_harm_nobody_else() {
    let (host, kept) = host();
    for mode in ["loop", "allocate", "recurse", "trap", "host-calls", "log", "emit", "labels", "giant"] {
        hostile(&host, mode, mode);
    }
    hostile(&host, "good", "");
    feed(&host, &[200; 640]);
    let good = status(&host, "good");
    assert_eq!((good.counts.matched, good.counts.delivered, good.counts.failed), (640, 640, 0));
    for mode in ["loop", "allocate", "recurse", "trap", "host-calls"] {
        let bad = status(&host, mode);
        let counts = &bad.counts;
        assert_eq!(bad.state, State::Faulted, "{mode}");
        assert_eq!(counts.matched, 640, "{mode}");
        assert_eq!(counts.delivered, 0, "{mode}");
        assert_eq!(counts.failed + counts.skipped_down, 640, "{mode}: every item is accounted for");
        assert!(counts.restarts >= 1, "{mode}");
        assert_eq!(["loop", "host-calls"].contains(&mode), counts.overruns > 0 && counts.traps == 0, "{mode}: {counts:?}");
        assert_eq!(mode == "allocate", counts.memory_refused > 0, "{mode}");
        assert!(bad.error.is_some(), "{mode}");
    }
    let log = status(&host, "log");
    assert_eq!(log.counts.delivered, 640);
    assert_eq!(log.counts.log_lines + log.counts.log_lines_suppressed, 64_000);
    assert!(
        log.counts.log_lines_suppressed > 0
            && kept.lines.lock().unwrap().iter().filter(|l| l.plugin == "log").count() as u64 == log.counts.log_lines
    );
    let emit = status(&host, "emit");
    assert_eq!((emit.counts.delivered, emit.counts.events + emit.counts.events_refused), (640, 64_000));
    assert!(emit.counts.events_refused > 0);
    let series = host.metrics().lines().filter(|l| l.starts_with("hookline_plugin_labels_total{plugin=\"labels\"")).count();
    assert!((900..=1000).contains(&series), "{series}");
    let giant = status(&host, "giant");
    assert_eq!((giant.counts.delivered, giant.counts.events), (640, 0), "{:?}", giant.error);
    assert!(kept.lines.lock().unwrap().iter().all(|l| l.text.len() <= 70_000), "a giant line is cut");
}

#[test]
fn a_plugin_that_fails_at_each_start_is_quarantined_and_reported_and_comes_back_with_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let (host, kept) = host_with(|o| o.data = Some(dir.path().to_owned()));
    hostile(&host, "p", "trap");
    let mut feeder = host.feeder();
    let mut index = 0;
    let mut give = |feeder: &mut hookline_hooks::Feeder| {
        (0..256).for_each(|_| {
            index += 1;
            let item = item(index, 200);
            feeder.advance(item.start);
            feeder.item(&item, item.start);
        });
    };
    let started = std::time::Instant::now();
    while status(&host, "p").state != State::Quarantined {
        give(&mut feeder);
        assert!(started.elapsed().as_secs() < 60, "{:?}", status(&host, "p"));
        std::thread::yield_now();
    }
    eprintln!("quarantined after {:?}", started.elapsed());
    let p = status(&host, "p");
    assert_eq!((p.counts.traps, p.counts.restarts, p.counts.quarantines), (5, 4, 1));
    assert!(p.error.unwrap().contains("failed 5 times within 10 minutes"));
    let alerts: Vec<String> = kept.events.lock().unwrap().iter().map(|e| e.data["title"].to_string()).collect();
    assert_eq!(alerts, ["\"plugin p is quarantined\""]);

    // What it failed on is kept, and fails again; with the fault mended it does not.
    let mut faults: Vec<_> = std::fs::read_dir(dir.path().join("faults")).unwrap().map(|f| f.unwrap().path()).collect();
    faults.sort();
    let fault = std::fs::read_to_string(&faults[0]).unwrap();
    let again = |mode: &str| {
        let code = Code::Wasm(guest("tests/guests/dist/hostile.wasm"));
        host.reproduce("p", code, manifest(&format!("[config]\nmode = \"{mode}\"")), &fault).unwrap()
    };
    assert_eq!((faults.len(), again("")), (5, Reproduced::Returned));
    assert!(matches!(again("trap"), Reproduced::Failed(text) if text.contains("unreachable")));

    hostile(&host, "p", "");
    give(&mut feeder);
    drop(feeder);
    host.finish();
    let p = status(&host, "p");
    assert_eq!((p.state, p.counts.delivered), (State::Running, 256));
}

/// Two lanes with an instance each: each sees its own items, in order, and a new version takes over in each.
#[test]
fn each_lane_has_an_instance_of_its_own() {
    let (host, kept) = host();
    let load = || {
        let manifest = manifest("[run]\ninstances = \"per-lane\"\ncpu_ms = 10");
        host.load("p", Code::Wasm(guest("tests/guests/dist/stateful.wasm")), manifest).unwrap();
    };
    load();
    let mut feeders = [host.feeder(), host.feeder()];
    for index in 0..900 {
        if index == 450 {
            load();
        }
        let item = item(index, 200);
        let feeder = &mut feeders[usize::from(index % 3 == 0)];
        feeder.advance(item.start);
        feeder.item(&item, item.start);
    }
    drop(feeders);
    host.finish();
    let p = status(&host, "p");
    assert_eq!((p.counts.matched, p.counts.delivered, p.counts.failed), (900, 900, 0));
    let mut seen: Vec<u64> = kept.texts().iter().map(|said| said[5..].split(',').next().unwrap().parse().unwrap()).collect();
    seen.sort();
    // Of two versions: the host's own instance, which answers queries, and the two lanes', where the second goes on from the first.
    assert_eq!(seen, [0, 0, 150, 300, 300, 600]);
}

#[test]
fn a_plugin_that_traps_in_a_lane_is_quarantined_too() {
    let (host, _) = host();
    let manifest = manifest("[run]\ninstances = \"per-lane\"\ncpu_ms = 10\nquarantine_after = 2\n[config]\nmode = \"trap\"");
    host.load("p", Code::Wasm(guest("tests/guests/dist/hostile.wasm")), manifest).unwrap();
    feed(&host, &[200; 1000]);
    let p = status(&host, "p");
    assert_eq!((p.state, p.counts.traps, p.counts.failed + p.counts.skipped_down), (State::Quarantined, 2, 1000));
}

#[test]
fn state_goes_from_version_to_version() {
    let dir = tempfile::tempdir().unwrap();
    let (host, kept) = host_with(|o| o.data = Some(dir.path().to_owned()));
    let load = || host.load("p", Code::Wasm(guest("tests/guests/dist/stateful.wasm")), manifest("")).unwrap();
    load();
    let mut feeder = host.feeder();
    for index in 0..600 {
        let item = item(index, 200);
        feeder.advance(item.start);
        feeder.item(&item, item.start);
        if index == 250 {
            load();
        }
    }
    drop(feeder);
    host.finish();
    // The first version had handed its count over before it said this; kv is the plugin's, whatever its version.
    assert_eq!(kept.texts(), ["seen 251, kept 251", "seen 600, kept 600"]);
    let metrics = host.metrics();
    assert!(metrics.contains("hookline_plugin_path_bytes_bucket{plugin=\"p\",le=\"4\"} 600"), "{metrics}");
    // Another run of the host finds what was kept.
    let (host, kept) = host_with(|o| o.data = Some(dir.path().to_owned()));
    host.load("p", Code::Wasm(guest("tests/guests/dist/stateful.wasm")), manifest("")).unwrap();
    feed(&host, &[200]);
    assert_eq!(kept.texts(), ["seen 1, kept 601"]);
}

#[test]
fn a_replaced_plugin_misses_no_item_and_keeps_the_order() {
    let (host, _) = host();
    hostile(&host, "p", "");
    let mut feeder = host.feeder();
    for i in 0..20_000 {
        if i % 4_000 == 1_000 {
            hostile(&host, "p", "");
        }
        let item = item(i, 200);
        feeder.advance(item.start);
        feeder.item(&item, item.start);
    }
    feeder.flush(Timestamp::new(30_000, 0));
    drop(feeder);
    host.finish();
    let p = status(&host, "p");
    assert_eq!(p.reloads, 5);
    assert_eq!((p.counts.matched, p.counts.delivered), (20_000, 20_000));
    assert!(host.metrics().contains("hookline_plugin_hostile_seen_total{plugin=\"p\"} 20000"), "metrics survive a reload");
}

#[test]
fn what_cannot_be_a_plugin_is_refused_with_its_reason() {
    let (host, _) = host();
    let refused = |code: &[u8]| host.load("x", Code::Wasm(code.to_vec()), manifest("")).unwrap_err().reason;
    assert!(refused(b"hello").contains("not WebAssembly"));
    assert!(refused(b"").contains("not WebAssembly"));
    assert!(refused(&wat::parse_str("(component)").unwrap()).contains("does not export hookline:hooks/lifecycle@0.1.1"));
    let foreign = wat::parse_str(r#"(component (import "acme:db/store@1.0.0" (instance (export "get" (func)))))"#).unwrap();
    let reason = refused(&foreign);
    assert!(reason.contains("`acme:db/store@1.0.0`") && reason.contains("this host does not offer"), "{reason}");
    assert!(refused(&wat::parse_str("(module)").unwrap()).contains("does not export"));
    let code = Code::Wasm(guest("tests/guests/dist/hostile.wasm"));
    let said = host.load("y", code, manifest("[config]\nmode = \"refuse\"")).unwrap_err().to_string();
    assert_eq!(said, "plugin y: I do not want to");
    assert_eq!(status(&host, "y").state, State::Failed);
}

/// A Kubernetes volume shows a file through two links, and swaps the folder behind them by renaming a third over `..data`.
#[test]
fn a_swapped_volume_and_an_editors_renames_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (at, link) = (|name: &str| dir.path().join(name), std::os::unix::fs::symlink::<&str, std::path::PathBuf>);
    let write = |path: &str, text: &str| std::fs::write(at(path), text).unwrap();
    let volume = |name: &str, text: &str| {
        std::fs::create_dir(at(name)).unwrap();
        write(&format!("{name}/p.js"), &format!("// {text}\nfunction onItemCaptured() {{}}"));
    };
    volume("..2026_a", "one");
    link("..2026_a", at("..data")).unwrap();
    link("..data/p.js", at("p.js")).unwrap();
    let (host, _) = host();
    let mut folder = Folder::new(dir.path().to_owned());
    assert_eq!(folder.load_all(&host).unwrap(), [Change::Loaded("p".into())]);
    let watch = Watch::new(dir.path());
    let mut follow = |expected: &str| {
        assert!(watch.wait(Duration::from_secs(10)), "{expected}: nobody told of the change");
        folder.scan(&host).unwrap();
        folder.scan(&host).unwrap();
        assert_eq!(status(&host, "p").description, expected);
    };
    volume("..2026_b", "two, and longer");
    link("..2026_b", at("..data_tmp")).unwrap();
    std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    follow("two, and longer");
    // An editor's way: the old file is moved out of the way, a new one written, the old one removed.
    std::fs::rename(at("p.js"), at("p.js~")).unwrap();
    write("p.js", "// three\nvar x;");
    std::fs::remove_file(at("p.js~")).unwrap();
    follow("three");
    assert!(!watch.wait(Duration::ZERO), "what was told is told once");
    host.finish();
}

#[test]
fn a_folder_is_followed() {
    let (host, _) = host();
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::new(dir.path().to_owned());
    let file = dir.path().join("p.wasm");
    std::fs::write(&file, guest("tests/guests/dist/hostile.wasm")).unwrap();
    std::fs::write(dir.path().join("p.toml"), "[config]\nmode = \"refuse\"").unwrap();
    std::fs::write(dir.path().join("notes.txt"), "").unwrap();
    let changes = folder.load_all(&host).unwrap();
    assert_eq!(changes, [Change::Refused("p".into(), "I do not want to".into())]);
    assert_eq!(folder.scan(&host).unwrap(), []);
    // A manifest that changes makes the plugin be loaded again, once it has stopped changing.
    std::fs::write(dir.path().join("p.toml"), "[config]\nmode = \"good\"").unwrap();
    assert_eq!(folder.scan(&host).unwrap(), []);
    assert_eq!(folder.scan(&host).unwrap(), [Change::Loaded("p".into())]);
    // A broken new version leaves the old one running.
    std::fs::write(&file, "broken").unwrap();
    folder.scan(&host).unwrap();
    assert!(matches!(&folder.scan(&host).unwrap()[..], [Change::Refused(..)]));
    let p = status(&host, "p");
    assert_eq!(p.state, State::Running);
    assert!(p.error.unwrap().contains("the new file was not taken"));
    std::fs::remove_file(&file).unwrap();
    folder.scan(&host).unwrap();
    assert_eq!(folder.scan(&host).unwrap(), [Change::Unloaded("p".into())]);
    assert!(host.status().is_empty());
}

/// Keeping items until a call costs more than the call: it is done for those only that can look at them.
#[test]
fn items_are_kept_for_plugins_that_can_read_them() {
    for (guest_file, kept) in [("tests/guests/dist/every-item.wasm", 1), ("plugins/dist/http-errors.wasm", 2)] {
        let (host, _) = host();
        host.load("one", Code::Wasm(guest(guest_file)), manifest("")).unwrap();
        let mut feeder = host.feeder();
        let item = item(1, 500);
        feeder.item(&item, item.start);
        assert_eq!(Arc::strong_count(&item), kept, "{guest_file}");
        drop(feeder);
        host.finish();
        assert_eq!(status(&host, "one").counts.delivered, 1, "{guest_file}");
    }
}
