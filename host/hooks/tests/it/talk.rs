//! What plugins say to each other, to servers and to actions, what they keep in files, and what they are given one by one.

use crate::support::{Kept, feed, guest, host, host_with, item, manifest, status};
use hookline_bus::Kind;
use hookline_hooks::{Answer, Closed, Code, Fetch, Flow, HookHost, NoAnswer, Packets, Request, Settled};
use hookline_item::Timestamp;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

fn talker(host: &HookHost, name: &str, mode: &str, more: &str) {
    let text = format!("[config]\nmode = \"{mode}\"\nurl = \"http://server.example:8080/ask\"\n{more}");
    host.load(name, Code::Wasm(guest("tests/guests/dist/talker.wasm")), manifest(&text)).unwrap();
}

/// What plugins published under `name`, each with who did.
fn said(kept: &Kept, name: &str) -> Vec<(String, String)> {
    let events = kept.events.lock().unwrap();
    let of = events.iter().filter(|e| e.kind == Kind::Result(name.to_owned()));
    of.map(|e| (e.plugin.clone(), e.data.as_str().unwrap().to_owned())).collect()
}

fn texts(kept: &Kept, name: &str) -> Vec<String> {
    said(kept, name).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn items_by_value_have_what_every_item_has() {
    let (host, kept) = host();
    let code = || Code::Wasm(guest("tests/guests/dist/by-value.wasm"));
    host.load("v", code(), manifest("[config]\nreport = true")).unwrap();
    let refused = host.load("w", code(), manifest("[config]\nfield = \"response.status\"")).unwrap_err().reason;
    assert!(refused.contains("name no fields"), "{refused}");
    feed(&host, &[200, 0]);
    let one = item(0, 200);
    let expected = format!("{} http GET /0 200 {} > {} {} {} /0", one.id(), one.src.addr, one.dst.addr, one.start.as_millis(), {
        one.elapsed.map_or(0, |d| d.as_micros())
    });
    let texts = texts(&kept, "item");
    assert_eq!((texts.len(), &texts[0]), (2, &expected));
    assert!(texts[1].contains(" GET /1 0 "), "no response, no status: {}", texts[1]);
    let status = status(&host, "v");
    assert_eq!((status.hooks, status.counts.delivered), (vec!["item", "timer"], 2));
    assert_eq!(status.by_hook.iter().map(|h| (h.hook.name(), h.calls)).collect::<Vec<_>>(), [("items", 1)]);
}

#[test]
fn flows_are_told_when_they_open_and_close() {
    let (host, kept) = host();
    talker(&host, "all", "flows", "");
    talker(&host, "closed", "flows", "filter = 'event == \"close\" and bytesSent > 100'");
    let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
    let (client, server) = (addr("10.0.0.1:40000"), addr("[2001:db8::1]:443"));
    let open = Flow { at: Timestamp::new(5, 0), stream: 7, protocol: "tcp", client, server, mid_stream: false, closed: None };
    let closed = |bytes| Some(Closed { reason: "fin", duration: Duration::from_secs(2), packets: [3, 4], bytes: [bytes, 9] });
    let mut feeder = host.feeder();
    assert!(feeder.wants_flows() && !feeder.wants_packets());
    for flow in [open, Flow { closed: closed(100), ..open }, Flow { closed: closed(101), protocol: "udp", ..open }] {
        feeder.flow(&flow);
    }
    drop(feeder);
    host.finish();
    let of = |plugin: &str| said(&kept, "flow").into_iter().filter(|(p, _)| p == plugin).map(|(_, text)| text).collect::<Vec<_>>();
    // What an open flow does not have yet reads as nothing: a number of 0, an empty text.
    assert_eq!(of("all"), ["open tcp 443 0 ", "close tcp 443 100 fin", "close udp 443 101 fin"]);
    assert_eq!(of("closed"), ["close udp 443 101 fin"]);
}

#[test]
fn messages_reach_who_is_granted_their_topic() {
    let (host, kept) = host_with(|o| o.replay = false);
    talker(&host, "sender", "hub", "[grants]\nmessages = [\"seen\"]");
    talker(&host, "listener", "", "[grants]\nmessages = [\"se*\"]");
    talker(&host, "deaf", "", "");
    feed(&host, &[200, 500]);
    let mut got = said(&kept, "got");
    got.sort();
    let expected = |plugin: &str, n: &str| (plugin.to_owned(), format!("seen {n} from sender on node1"));
    assert_eq!(got, [expected("listener", "200"), expected("listener", "500"), expected("sender", "200"), expected("sender", "500")]);
    assert!(texts(&kept, "other")[0].contains("denied: topic \"other\" is not granted: add `messages = [\"other\"]`"));
    let sender = status(&host, "sender").counts;
    assert_eq!((sender.messages, sender.messages_refused, sender.messages_failed, sender.letters_dropped), (2, 2, 1, 0));
    assert!(kept.texts().contains(&"(message seen) 500 is too much".to_owned()));
}

/// A plugin that answers each of its own messages, as often as it is let, does not keep its items or the end waiting.
#[test]
fn a_plugin_that_answers_itself_for_ever_ends() {
    let (host, _) = host_with(|o| o.replay = false);
    talker(&host, "echo", "echo", "[grants]\nmessages = [\"seen\"]\n[run]\nevents_per_second = 4000000000");
    feed(&host, &[200; 10]);
    let echo = status(&host, "echo").counts;
    assert_eq!(echo.delivered, 10);
    assert!(echo.messages > 1000, "{echo:?}");
}

#[test]
fn files_are_the_plugins_own_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=2 {
        let (host, kept) = host_with(|o| o.data = Some(dir.path().to_owned()));
        talker(&host, "f", "files", "[run]\nfiles_kib = 1024");
        feed(&host, &[200, 404]);
        let kept = texts(&kept, "kept");
        assert!(kept[1].starts_with(&format!("{} bytes, 1 files; ", 8 * round)), "{kept:?}");
        assert!(kept[1].contains("invalid: \"../../kv\" is no name for a file"), "{kept:?}");
        assert!(
            kept[1].ends_with("over the limit: its files would have 4194312 bytes; run.files_kib allows 1048576") || round == 2,
            "{kept:?}"
        );
    }
    assert_eq!(std::fs::read_to_string(dir.path().join("files/f/seen/statuses.txt")).unwrap(), "200\n404\n200\n404\n");
}

/// A server that answers with what it was asked.
#[derive(Default)]
struct Echo(Mutex<Vec<Request>>);

impl Fetch for Echo {
    fn fetch(&self, request: Request) -> Result<Answer, NoAnswer> {
        let body = [b"echo: ", request.body.as_slice()].concat();
        self.0.lock().unwrap().push(request);
        Ok(Answer { status: 201, headers: Vec::new(), body })
    }
}

#[test]
fn requests_go_where_the_manifest_allows() {
    let echo = Arc::new(Echo::default());
    let run = |grants: &str, fetch: bool| {
        let (host, kept) = host_with(|o| o.fetch = fetch.then(|| Arc::clone(&echo) as Arc<dyn Fetch>));
        talker(&host, "t", "fetch", grants);
        feed(&host, &[200, 200, 200]);
        assert!(texts(&kept, "at-start")[0].contains("schedule a job"));
        texts(&kept, "fetched").concat()
    };
    assert_eq!(run("[grants]\nhttp = [\"server.example\"]", true), "201 echo: question");
    assert_eq!(run("[grants]\nhttp = [\"*.example:8080\"]", true), "201 echo: question");
    let denied = run("[grants]\nhttp = [\"server.example:443\"]", true);
    assert!(denied.contains("requests to server.example:8080 are not granted: add `http = [\"server.example\"]`"), "{denied}");
    assert!(run("[grants]\nhttp = [\"*\"]", false).contains("this run makes no requests"));
    assert!(run("[grants]\nhttp = [\"*\"]\n[run]\nhttp_per_second = 0", true).contains("over the limit: run.http_per_second = 0"));
    let asked = echo.0.lock().unwrap();
    assert_eq!((asked.len(), asked[0].method.as_str(), asked[0].timeout), (2, "POST", Duration::from_secs(2)));
    assert_eq!(asked[0].headers, [("x-from".to_owned(), "talker".to_owned())]);
}

/// A plugin in a lane may not wait: capture would wait with it.
#[test]
fn a_plugin_in_a_lane_makes_no_requests() {
    let (host, kept) = host_with(|o| o.fetch = Some(Arc::new(Echo::default())));
    talker(&host, "t", "fetch", "[run]\ninstances = \"per-lane\"\ncpu_ms = 10\n[grants]\nhttp = [\"*\"]");
    feed(&host, &[200, 200, 200]);
    assert!(texts(&kept, "fetched").concat().contains("capture waits for an instance in a lane"));
}

/// Packets of one stream.
struct Recorded;

impl Packets for Recorded {
    fn pcapng(&self, streams: &[u64]) -> Result<(u64, Vec<u8>), String> {
        // Reading them takes longer than a call of the plugin may.
        let before = std::time::Instant::now();
        while before.elapsed() < Duration::from_millis(100) {
            std::hint::black_box(before);
        }
        Ok((7, format!("packets of {streams:?}").into_bytes()))
    }
}

#[test]
fn packets_are_evidence_for_who_is_granted_them() {
    let dir = tempfile::tempdir().unwrap();
    let run = |more: &str, kept: bool| {
        let (host, said) = host_with(|o| {
            o.data = Some(dir.path().to_owned());
            o.packets = kept.then(|| Arc::new(Recorded) as Arc<dyn Packets>);
        });
        talker(&host, "p", "pcap", more);
        feed(&host, &[500]);
        (texts(&said, "saved").concat(), status(&host, "p").counts.overruns)
    };
    assert_eq!(
        run("[grants]\npackets = true", true),
        ("7 packets of 000000000001".to_owned(), 0),
        "what the host does is not the plugin's CPU time"
    );
    assert_eq!(std::fs::read(dir.path().join("files/p/evidence.pcapng")).unwrap(), b"packets of [1]");
    for (manifest, kept, missing) in [
        ("", true, "add `packets = true` to `[grants]`"),
        ("[grants]\npackets = true", false, "this run keeps no packets"),
        ("[grants]\npackets = true\n[data]\nbodies = false", true, "without `data`"),
        ("[grants]\npackets = true\n[run]\nfiles_kib = 0", true, "run.files_kib allows 0"),
        ("[grants]\npackets = true\n[run]\ninstances = \"per-lane\"\ncpu_ms = 10", true, "capture waits for an instance in a lane"),
    ] {
        let (said, _) = run(manifest, kept);
        assert!(said.contains(missing), "{manifest}: {said}");
    }
}

#[test]
fn a_plugin_is_told_what_became_of_its_actions() {
    let (host, kept) = host_with(|o| o.replay = false);
    talker(&host, "asker", "request", "[grants.actions]\nwebhook = [\"http://server.example*\"]");
    talker(&host, "other", "", "");
    let mut feeder = host.feeder();
    for status in [200, 500] {
        let item = item(status, status);
        feeder.item(&item, item.start);
    }
    feeder.flush(Timestamp::new(2_000, 0));
    let wait_for = |name: &str, n: usize| {
        let started = std::time::Instant::now();
        while texts(&kept, name).len() < n {
            assert!(started.elapsed() < Duration::from_secs(60), "{name}");
            std::thread::yield_now();
        }
        texts(&kept, name)
    };
    let ids = wait_for("asked", 2);
    let actions: Vec<_> = kept.events.lock().unwrap().iter().filter(|e| matches!(e.kind, Kind::Action(_))).map(|e| e.id.clone()).collect();
    assert_eq!(ids, actions, "the id that it was given is the event's");
    let settled = |id: &str, delivered, detail: &str| Settled {
        id: id.into(),
        action: "webhook".into(),
        delivered,
        detail: detail.into(),
        attempts: 3,
    };
    let reporter = host.reporter();
    reporter.settled(Timestamp::new(3_000, 0), &ids[0], || settled(&ids[0], true, "ok"));
    reporter.settled(Timestamp::new(3_000, 0), "of nobody", || unreachable!("nobody waits for it"));
    reporter.settled(Timestamp::new(3_000, 0), &ids[1], || settled(&ids[1], false, "refused"));
    let outcomes = wait_for("outcome", 2);
    assert_eq!(outcomes, [format!("{} webhook true ok 3", ids[0]), format!("{} webhook false refused 3", ids[1])]);
    drop(feeder);
    host.finish();
    assert!(said(&kept, "outcome").iter().all(|(plugin, _)| plugin == "asker"));
}
