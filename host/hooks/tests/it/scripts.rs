//! Scripts in the JavaScript shim.

use crate::support::{feed, guest, host, host_with, item, manifest, script, status};
use hookline_bus::Kind;
use hookline_hooks::{Answer, Fetch, Manifest, NoAnswer, Options, Packet, Packets, Request, Shown, State};
use hookline_item::Timestamp;
use std::sync::Arc;

/// What a script prints when it is fed items of these statuses.
fn printed(text: &str, statuses: &[u64]) -> Vec<String> {
    let (host, kept) = host();
    host.load("test", script(text), Manifest::trusted()).unwrap();
    feed(&host, statuses);
    kept.texts()
}

#[test]
fn use_case_1_a_500_becomes_a_slack_message() {
    let text = r##"
    // 500 to Slack
    function onItemCaptured(data) {
      if (data.protocol.name === "http" && data.response.status === 500)
        vendor.slack(env.SLACK_WEBHOOK, "Server-side Error", JSON.stringify(data), "#ff0000");
    }"##;
    let (host, kept) = host();
    host.load("slack", script(text), manifest("[grants]\nenv = [\"SLACK_*\"]\nactions = { slack = [\"https://hooks.slack.com/*\"] }"))
        .unwrap();
    feed(&host, &[200, 500]);
    assert_eq!(kept.texts(), [""; 0]);
    let events = kept.events.lock().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, Kind::Action("slack".into()));
    assert_eq!(events[0].data["url"], "https://hooks.slack.com/x");
    assert_eq!(events[0].data["color"], "#ff0000");
    let item: serde_json::Value = serde_json::from_str(events[0].data["text"].as_str().unwrap()).unwrap();
    assert_eq!(item["response"]["status"], 500);
    assert_eq!(item["src"]["port"], "50000");
    assert_eq!(status(&host, "slack").description, "500 to Slack");
}

#[test]
fn use_case_2_rows_are_coloured() {
    let text = r#"
    function onItemQueried(data) {
      if (data.protocol.name === "http")
        return data.response.status === 500 ? test.fail(data) : test.pass(data);
    }"#;
    let (host, _) = host();
    host.load("colour", script(text), Manifest::default()).unwrap();
    let items: Arc<[Shown]> = [200, 500].into_iter().map(|s| item(s, s) as Shown).collect();
    let verdicts = host.query(&items, "http", Timestamp(0));
    assert!(verdicts[0].passed && !verdicts[0].failed && verdicts[0].replacement.is_none());
    assert!(!verdicts[1].passed && verdicts[1].failed);
    host.finish();
}

#[test]
fn use_case_3_packets_per_minute() {
    let text = r#"
    var packets = 0, kb = 0;
    function onPacketCaptured(info) { packets++; kb += info.length / 1000; }
    function report() { console.log("packets per minute:", packets, "KB per minute:", kb); packets = 0; kb = 0; }
    jobs.schedule("report-packets", "0 */1 * * * *", report);"#;
    let (host, kept) = host();
    host.load("count", script(text), Manifest::default()).unwrap();
    let mut feeder = host.feeder();
    assert!(feeder.wants_packets());
    for second in 0..130 {
        let at = Timestamp::new(6_000 + second, 500);
        feeder.advance(at);
        feeder.packet(&Packet {
            at,
            length: 500,
            capture_length: 500,
            fragmented: false,
            protocol: "tcp",
            addresses: None,
            payload_length: 0,
            tcp_flags: 0,
            stream: None,
        });
    }
    feeder.flush(Timestamp::new(6_130, 0));
    drop(feeder);
    host.finish();
    assert_eq!(
        kept.texts(),
        [
            "Scheduled the job: \"report-packets\" for cron: \"0 */1 * * * *\" (limit: infinite)",
            "packets per minute: 60 KB per minute: 30",
            "packets per minute: 60 KB per minute: 30"
        ]
    );
}

#[test]
fn the_lazy_item_behaves_like_a_plain_one() {
    let text = r#"
    function onItemCaptured(data) {
      console.log(data.response.status, data.Protocol.Name, data.request.pathSegments[1], data.nothing, data["request"]["path"]);
      console.log(Object.keys(data.response).join(), "status" in data.response, data.hasOwnProperty("src"), typeof data.dst.port);
      var names = []; for (var k in data) names.push(k);
      console.log(names.length === Object.keys(JSON.parse(JSON.stringify(data))).length, names.slice(0, 3).join());
      var copy = { ...data }; console.log(copy.dst.ip, JSON.stringify(data.protocol) === JSON.stringify(copy.protocol));
      data.mine = { a: 1 }; data.response.status = 7; delete data.src;
      console.log(JSON.stringify(data).includes('"mine":{"a":1}'), data.response.status, data.src, JSON.parse(JSON.stringify(data)).response.status);
      console.log(data.error === null, data.tls === false, data.response.statusText.length);
    }"#;
    let printed = printed(text, &[201]);
    assert_eq!(
        printed,
        [
            "201 http /0 undefined /0",
            "status,statusText true true string",
            "true id,index,stream",
            "10.0.0.2 true",
            "true 7 undefined 7",
            "true true 2"
        ]
    );
}

#[test]
fn an_item_that_a_script_keeps_stays_whole() {
    let text = r#"
    var kept = [], responses = [];
    function onItemCaptured(data) { if (data.response) { kept.push(data); responses.push(data.response); } }
    jobs.schedule("show", "2 * * * * *", function () {
      console.log(kept.length, kept.map(function (d) { return d.request.path + d.response.status; }).join(), responses[1].statusText);
      jobs.remove("show");
    });"#;
    let mut statuses = vec![200, 201];
    statuses.resize(30, 0);
    let printed = printed(text, &statuses);
    // The job is due once both items have been seen: at the end of the capture.
    assert_eq!(printed[1..], ["2 /0200,/1201 Oh"], "{printed:?}");
}

#[test]
fn sloppy_mode_globals_and_octal_escapes() {
    let text = r#"
    implicit = "\033[34mblue";
    function onItemCaptured(data) { implicit += data.response.status; console.log(implicit.length, this === undefined, SECRET, env.SECRET); }"#;
    assert_eq!(printed(text, &[200]), ["12 false s s"]);
}

#[test]
fn an_exception_is_logged_with_its_place_and_the_item_goes_on() {
    let text =
        "function onItemCaptured(data) {\n  if (data.response.status === 500) data.no.such();\n  console.log(data.response.status);\n}";
    let lines = printed(text, &[200, 500, 201]);
    assert_eq!(lines.len(), 3);
    assert_eq!((lines[0].as_str(), lines[2].as_str()), ("200", "201"));
    assert!(lines[1].starts_with("(hook=onItemCaptured) ") && lines[1].contains("test.js:2"), "{}", lines[1]);
}

#[test]
fn kfl_in_scripts() {
    let text = r#"
    function onItemCaptured(data) {
      console.log(kfl.match("http and response.status == 500", data), kfl.match("", data), kfl.match("a == 1", { a: 1 }));
      try { kfl.match("a ? b", data); } catch (error) { console.log("Caught an error! " + error); }
      console.log(kfl.validate("a ? b", true), kfl.validate("http"));
    }"#;
    assert_eq!(printed(text, &[500]), ["true true true", "Caught an error! Error: 1:3: unexpected token \"?\"", "false true"]);
}

#[test]
fn without_a_grant_an_action_is_refused_and_says_what_is_missing() {
    let text = r#"
    function onItemCaptured(data) {
      try { vendor.webhook("POST", "http://example.com/", { a: 1 }); } catch (e) { console.log(e.message); }
      console.log(typeof env.SLACK_WEBHOOK);
    }"#;
    let (host, kept) = host();
    host.load("poor", script(text), Manifest::default()).unwrap();
    feed(&host, &[200]);
    let lines = kept.texts();
    assert!(lines[0].contains("[grants.actions]") && lines[0].contains("webhook ="), "{}", lines[0]);
    assert_eq!(lines[1], "undefined");
    assert_eq!(status(&host, "poor").counts.events_refused, 1);
}

#[test]
fn a_script_that_throws_at_its_top_or_does_not_parse_is_not_run() {
    let (host, _) = host();
    let reason = host.load("a", script("throw new Error('not on a worker');"), Manifest::default()).unwrap_err().reason;
    assert!(reason.contains("not on a worker") && reason.contains("test.js:1"), "{reason}");
    let reason = host.load("b", script("function ( {"), Manifest::default()).unwrap_err().reason;
    assert!(reason.contains("test.js:1"), "{reason}");
    assert_eq!(status(&host, "b").state, State::Failed);
}

#[test]
fn a_script_that_loops_or_hoards_is_stopped_and_comes_back() {
    let (host, _) = host();
    host.load("loop", script("function onItemCaptured() { for (;;) {} }"), Manifest::default()).unwrap();
    host.load(
        "hoard",
        script("var a = []; function onItemCaptured() { for (;;) a.push(new Uint8Array(1 << 20).fill(1)); }"),
        manifest("run.cpu_ms = 5000"),
    )
    .unwrap();
    feed(&host, &[200; 10]);
    let looping = status(&host, "loop");
    assert!(looping.counts.overruns >= 1 && looping.error.unwrap().contains("CPU time"));
    assert!(status(&host, "hoard").counts.memory_refused > 0);
}

#[test]
fn the_javy_plugin_has_what_the_stock_tool_needs() {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::new(&engine, guest("js-shim/dist/javy-plugin.wasm")).unwrap();
    let exports: Vec<&str> = module.exports().map(|e| e.name()).collect();
    for name in ["initialize-runtime", "compile-src", "invoke", "memory"] {
        assert!(exports.contains(&name), "{name} is not exported");
    }
    assert!(exports.iter().any(|e| e.ends_with("items-hook@0.1.1#on-items")), "{exports:?}");
}

/// What a script prints with a host that is set up so.
fn printed_by(text: &str, statuses: &[u64], change: impl FnOnce(&mut Options)) -> Vec<String> {
    let (host, kept) = host_with(change);
    host.load("test", script(text), Manifest::trusted()).unwrap();
    feed(&host, statuses);
    kept.texts()
}

#[test]
fn files_of_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"
    function onItemCaptured(data) {
      file.write("a.txt", "one"); file.append("a.txt", ", two"); file.append("logs/new.txt", data.response.status);
      console.log(file.read("a.txt"), file.list("").join(" "));
      file.mkdir("dir"); file.copy("a.txt", "dir"); file.move("a.txt", "dir/b.txt");
      console.log(file.list("").join(" "));
      try { file.copy("gone", "x"); } catch (e) { console.log(e.message); }
      try { file.write("../out", "x"); } catch (e) { console.log(e.message.slice(0, 30)); }
      var temp = file.temp("evidence", "tmp", "pcap"), made = file.mkdirTemp("d", "");
      console.log(/^tmp\/evidence[a-z0-9]+\.pcap$/.test(temp), /^d[a-z0-9]+$/.test(made));
      var packed = file.tar("dir");
      console.log(/^kubeshark_\d+\.tar\.gz$/.test(packed));
      file.delete("dir"); file.delete("nowhere"); file.delete("logs");
      console.log(file.list("").length);
    }"#;
    let said = printed_by(text, &[500], |o| o.data = Some(dir.path().to_owned()));
    let expected = [
        "one, two a.txt logs/new.txt",
        "dir/a.txt dir/b.txt logs/new.txt",
        "open gone: no such file or directory",
        "\"../out\" is no name for a file",
        "true true",
        "true",
        "1",
    ];
    assert_eq!(said, expected);
    // The archive is one that tar reads.
    let archive = std::fs::read_dir(dir.path().join("files/test")).unwrap().next().unwrap().unwrap().path();
    let listed = std::process::Command::new("tar").arg("-xzOf").arg(&archive).arg("b.txt").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "one, two", "{}", String::from_utf8_lossy(&listed.stderr));
}

/// Packets of the streams that are asked for.
struct Recorded;

impl Packets for Recorded {
    fn pcapng(&self, streams: &[u64]) -> Result<(u64, Vec<u8>), String> {
        Ok(if streams == [0xdead] { (0, Vec::new()) } else { (3, format!("{streams:x?}").into_bytes()) })
    }
}

#[test]
fn packets_of_scripts() {
    let text = r#"
    function onItemCaptured(data) {
      var path = pcap.path(data.stream);
      console.log(path, file.read(path));
      pcap.path("00000000000b.pcap");
      var all = pcap.snapshot(), one = pcap.snapshot(["pcaps/master/00000000000b.pcap"], "out");
      console.log(/^\d+\.pcap$/.test(all), file.read(all), /^out\/\d+\.pcap$/.test(one), file.read(one));
      try { pcap.path("00000000dead"); } catch (e) { console.log(e.message); }
      try { pcap.path("?"); } catch (e) { console.log(e.message); }
    }"#;
    let said = printed_by(text, &[500], |o| o.packets = Some(Arc::new(Recorded)));
    let expected = [
        "pcaps/master/000000000001.pcap [1]",
        "true [1, b] true [b]",
        "no packets of 00000000dead are kept (any more)",
        "\"?\" is not the stream of an item",
    ];
    assert_eq!(said, expected);
}

#[test]
fn scripts_talk_to_each_other() {
    let (host, kept) = host_with(|o| o.replay = false);
    let worker = "function onItemCaptured(d) { hub.action(\"counts\", { status: d.response.status }); }";
    let hub =
        "function onHubAction(action, object) { if (object.status > 500) throw new Error(\"no\"); console.log(action, object.status); }";
    host.load("worker", script(worker), manifest("[grants]\nmessages = [\"counts\"]")).unwrap();
    host.load("hub", script(hub), manifest("[grants]\nmessages = [\"*\"]")).unwrap();
    host.load("deaf", script(hub), manifest("")).unwrap();
    feed(&host, &[200, 501]);
    assert_eq!(kept.texts(), ["counts 200", "(hook=onHubAction) no at test.js:1:74"]);
}

/// A server that answers with what it was asked.
struct Echo;

impl Fetch for Echo {
    fn fetch(&self, request: Request) -> Result<Answer, NoAnswer> {
        if request.url.path() == "/down" {
            return Err(NoAnswer::Failed("no answer within 5s".to_owned()));
        }
        let said = format!("{} {} {:?} {}", request.method, request.url, request.headers, String::from_utf8_lossy(&request.body));
        Ok(Answer { status: 201, headers: vec![("x-a".into(), "b".into())], body: said.into_bytes() })
    }
}

#[test]
fn scripts_ask_servers_and_keep_values() {
    let text = r#"
    function onItemCaptured(data) {
      var a = http.request("POST", "https://api.example/x", { headers: { Accept: "y" }, body: { n: 1 } });
      console.log(a.status, a.headers["x-a"], a.body);
      try { http.request("GET", "https://api.example/down"); } catch (e) { console.log(e.message); }
      kv.set("k", "v"); kv.add("n", 2); kv.add("n");
      console.log(kv.get("k"), kv.add("n", 0), kv.get("none"), kv.keys("").join(" "), kv.delete("k"), kv.delete("k"));
    }"#;
    let said = printed_by(text, &[200], |o| o.fetch = Some(Arc::new(Echo)));
    let expected =
        ["201 b POST https://api.example/x [(\"Accept\", \"y\")] {\"n\":1}", "no answer within 5s", "v 3 undefined k n true false"];
    assert_eq!(said, expected);
}

#[test]
fn timers_and_job_hooks_of_scripts() {
    let text = r#"
    var n = 0;
    setTimeout((what) => console.log("once", what), 1500, "more");
    var id = setInterval(() => { console.log("tick"); if (++n === 2) clearInterval(id); }, 1000);
    var never = setTimeout(() => console.log("never"), 1000);
    clearTimeout(never);
    jobs.schedule("good", "*/2 * * * * *", () => {}, 1);
    jobs.schedule("bad", "*/3 * * * * *", () => { throw new Error("broken"); }, 1);
    function onJobPassed(tag, cron, limit) { console.log("passed", tag, cron, limit); }
    function onJobFailed(tag, cron, limit, err) { console.log("failed", tag, limit, err); }
    function onItemCaptured() {}"#;
    let said: Vec<String> = printed(text, &[200; 6]).into_iter().filter(|line| !line.starts_with("Scheduled")).collect();
    let count = |what: &str| said.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("once more"), count("tick"), count("never")), (1, 2, 0), "{said:?}");
    assert!(said.contains(&"passed good */2 * * * * * 1".to_owned()) && said.contains(&"failed bad 1 broken".to_owned()), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("(job=bad) broken")), "{said:?}");
}

#[test]
fn formats_of_scripts() {
    let text = r#"
    function capturedItem(data) {
      console.log(utils.json2Yaml(JSON.stringify({ a: 1, list: ["x", { b: true }], empty: {}, text: "yes", s: "a: b" })));
      console.log(JSON.stringify(wrapper.joinMaps({ a: 1, b: { c: 2 }, d: "x" }, { a: 2, b: { c: 3, e: 4 }, f: 5 })));
      var har = JSON.parse(wrapper.buildHAR([{ startTime: "t", elapsedTime: 7, dst: { name: "shop" },
        request: { method: "GET", url: "/x", headers: { A: "b" } }, response: { status: 500 } }, { request: {} }]));
      console.log(har.log.version, har.log.entries.length, har.log.entries[0].request.url, har.log.entries[0].time);
      console.table([{ a: 1, b: "two" }, { a: 33 }]);
      console.log(prometheus.metric("seen", "Items seen", 1, 2, { kind: "x" }), prometheus.vector("level", "Level", 2, 5, {}));
    }"#;
    let (host, kept) = host();
    host.load("test", script(text), Manifest::trusted()).unwrap();
    feed(&host, &[200]);
    let expected = [
        "the hook capturedItem is called onItemCaptured now",
        "a: 1\nlist:\n  - x\n  -\n    b: true\nempty: {}\ntext: \"yes\"\ns: \"a: b\"\n",
        r#"{"a":3,"b":{"c":5,"e":4},"d":"x","f":5}"#,
        "1.2 1 http://shop/x 7",
        "   a   b",
        "0  1   two",
        "1  33",
        "ok ok",
    ];
    assert_eq!(kept.texts(), expected);
    let metrics = host.metrics();
    assert!(
        metrics.contains("hookline_plugin_seen{plugin=\"test\",kind=\"x\"} 2")
            || metrics.contains("hookline_plugin_seen_total{plugin=\"test\",kind=\"x\"} 2"),
        "{metrics}"
    );
    assert!(metrics.contains("hookline_plugin_level{plugin=\"test\"} 5"), "{metrics}");
}
