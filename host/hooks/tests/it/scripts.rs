//! Scripts in the JavaScript shim.

use crate::support::{feed, guest, host, item, manifest, script, status};
use hookline_bus::Kind;
use hookline_hooks::{Manifest, Packet, Shown, State};
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
