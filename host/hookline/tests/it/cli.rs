//! The command line: formats, errors, exit codes.

use crate::support::{capture, hookline, hookline_with};
use serde_json::Value;

#[test]
fn filters_choose_items() {
    let file = capture("demo/webapp.pcap");
    let count = |kfl: &str| hookline(&["read", &file, "--kfl", kfl, "--format", "ndjson"]).out.lines().count();
    assert_eq!(count("http and response.status == 500"), 1);
    assert_eq!(count("response.status >= 300 and response.status < 400"), 4);
    assert_eq!(count("dns"), 0);
    assert_eq!(count("http and limit(3)"), 3);
    assert_eq!(count("tcp and data.l7 == \"http\""), 10);
    assert_eq!(count(""), 20);
}

#[test]
fn every_format_says_the_same() {
    let file = capture("demo/webapp.pcap");
    let read = |format: &str| {
        let read = hookline(&["read", &file, "--format", format]);
        assert_eq!(read.code, Some(0), "{}", read.err);
        read.out
    };
    assert_eq!(read("text").lines().count(), 20);
    let last = read("text").lines().last().unwrap().to_owned();
    assert_eq!(last, "18:05:00.823072 127.0.0.1:46267 > 127.0.0.1:8888 HTTP GET /comment/ 500 166.0ms");
    let har: Value = serde_json::from_str(&read("har")).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 10);
    assert_eq!(har["log"]["entries"][9]["response"]["status"], 500);
    assert_eq!(har["log"]["entries"][9]["request"]["url"], "http://127.0.0.1:8888/comment/");
    let eve: Vec<Value> = read("eve").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(eve.len(), 20);
    assert_eq!((&eve[19]["http"]["status"], &eve[19]["event_type"]), (&500.into(), &"http".into()));
    assert_eq!((&eve[18]["flow"]["bytes_toclient"], &eve[18]["app_proto"]), (&137_598.into(), &"http".into()));
    assert!(read("summary").contains("HTTP                 10"));
    assert_eq!(read("none"), "");
}

#[test]
fn an_archive_without_items_is_still_an_archive() {
    let har = hookline(&["read", &capture("dns/mdns.pcap"), "--format", "har"]);
    assert_eq!(serde_json::from_str::<Value>(&har.out).unwrap()["log"]["entries"], Value::Array(Vec::new()));
}

#[test]
fn standard_input_and_compression() {
    let bytes = std::fs::read(capture("demo/webapp.pcap")).unwrap();
    let plain = hookline_with(&["read", "-", "--format", "text"], &bytes);
    assert_eq!((plain.code, plain.out.lines().count()), (Some(0), 20));
}

#[test]
fn a_damaged_capture_is_read_as_far_as_it_goes() {
    let bytes = std::fs::read(capture("demo/webapp.pcap")).unwrap();
    let read = hookline_with(&["read", "-", "--format", "text"], &bytes[..bytes.len() - 5]);
    assert_eq!(read.code, Some(1));
    assert_eq!(read.out.lines().count(), 20);
    assert!(read.err.contains("damaged at byte") && read.err.contains("hint: "), "{}", read.err);
}

#[test]
fn what_is_no_capture_is_told_with_what_it_is() {
    let read = hookline_with(&["read", "-"], b"{\"not\": \"a capture\"}");
    assert_eq!(read.code, Some(1));
    assert!(read.err.contains("this is not a pcap or pcapng file: it starts with 7b 22"), "{}", read.err);
    assert!(hookline_with(&["read", "-"], b"").err.contains("file is empty"));
    let missing = hookline(&["read", "/no/such/file.pcap"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("cannot open /no/such/file.pcap"), "{}", missing.err);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let usage = |args: &[&str], text: &str| {
        let ended = hookline(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.err);
        assert!(ended.err.contains(text), "{args:?}: {}", ended.err);
        assert_eq!(ended.out, "");
    };
    usage(&["read", "x", "--foo"], "unexpected argument '--foo'");
    usage(&["raed"], "similar subcommand");
    usage(&["read", &capture("demo/webapp.pcap"), "--kfl", "respnse.status == 5"], "did you mean `response`?");
    usage(&["read", &capture("demo/webapp.pcap"), "--plugins", "/no/such/folder"], "there is no such folder of plugins");
    usage(&["read", &capture("demo/webapp.pcap"), "--plugins", ".", "--env", "SURELY_NOT_SET"], "give it as SURELY_NOT_SET=VALUE");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = std::process::Command::new(crate::support::BINARY)
        .args(["read", &capture("demo/webapp.pcap"), "--format", "ndjson"])
        .stdout(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn filters_come_in_two_languages_and_are_formatted_translated_and_completed() {
    let kfl = |args: &[&str]| hookline(&[&["kfl"][..], args].concat());
    assert_eq!(kfl(&["http   and(response.status==5)", "--fmt"]).out, "http and response.status == 5\n");
    assert_eq!(kfl(&["dns and response.rcode != 0", "--to", "cel"]).out, "dns && dns_rcode != 0\n");
    assert_eq!(kfl(&["dns && dns_rcode != 0", "--to", "kfl1"]).out, "dns and response.rcode != 0\n");
    assert_eq!(kfl(&["response..x", "--to", "cel"]).code, Some(2));
    assert!(kfl(&["dns && dst.port == 53", "--plan"]).out.contains("ports 53"));
    assert!(kfl(&["http and response.st", "--complete"]).out.starts_with("status "));
    assert_eq!(kfl(&["mine and dns", "--macro", "mine=dst.port == 53"]).out, "valid\n");
    assert_eq!(kfl(&["mine", "--macro", "9=dns"]).code, Some(2));
    let matches = |args: &[&str]| hookline_with(&[&["kfl", "a.b == 1 or true", "--item", "-"][..], args].concat(), b"{}");
    assert_eq!(matches(&["--kfl-compat"]).out, "no match  item 1 \n", "what is not there makes all of it false");
    let file = capture("demo/webapp.pcap");
    let count = |filter: &str| hookline(&["read", &file, "--format", "ndjson", "--kfl", filter]).out.lines().count();
    assert!(count("http && status_code == 500") > 0);
    assert_eq!(count("http && status_code == 500"), count("(http or http2) and response.status == 500"));
}

#[test]
fn redact_hides_values_in_what_is_printed() {
    let file = capture("demo/webapp.pcap");
    let read =
        |format: &str| hookline(&["read", &file, "--kfl", "http and redact(\"request.headers.Host\", \"src.ip\")", "--format", format]);
    let out = read("ndjson").out;
    assert!(out.contains("\"Host\":\"[REDACTED]\"") && out.contains("\"src\":{\"ip\":\"[REDACTED]\""));
    assert_eq!(read("har").code, Some(2));
}

#[test]
fn filters_are_explained() {
    let item = hookline(&["read", &capture("demo/webapp.pcap"), "--kfl", "response.status == 500", "--format", "ndjson"]).out;
    let explain = |filter: &str| hookline_with(&["kfl", filter, "--item", "-"], item.as_bytes());
    assert!(explain("http and response.status == 500").out.starts_with("match "));
    assert!(explain("response.status != 500").out.starts_with("no match"));
    let tree = hookline_with(&["kfl", "http and dns", "--item", "-", "--explain"], item.as_bytes()).out;
    assert!(tree.contains("  true  http\n") && tree.contains("  false dns\n"), "{tree}");
    assert_eq!(hookline(&["kfl", "http"]).out, "valid\n");
    let wrong = hookline(&["kfl", "a ? b"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("1 | a ? b\n  |   ^"), "{}", wrong.err);
    let json = hookline(&["kfl", "a ? b", "--json"]).err;
    assert!(json.contains("\"column\":3"), "{json}");
}

#[test]
fn secrets_are_masked_unless_asked_for() {
    let file = capture("http/http-content-gzip.pcap");
    let masked = hookline(&["read", &file, "--format", "ndjson"]).out;
    let shown = hookline(&["read", &file, "--format", "ndjson", "--no-redact"]).out;
    let also = hookline(&["read", &file, "--format", "ndjson", "--redact", "User-Agent"]).out;
    assert!(masked.contains("=REDACTED") && !shown.contains("REDACTED"));
    assert!(masked.contains("\"User-Agent\":\"Mozilla") && also.contains("\"User-Agent\":\"REDACTED\""));
}

#[test]
fn secrets_in_json_are_masked_where_told() {
    let file = capture("http/docker-http-upgrade.pcap");
    let read = |path: &str| hookline(&["read", &file, "--format", "ndjson", "--redact-json", path]);
    let (masked, other) = (read("AttachStdin").out, read("HostConfig..AttachStdin").out);
    assert!(other.contains(r#"\"AttachStdin\":true"#) && !masked.contains(r#"\"AttachStdin\":true"#));
    assert!(masked.contains(r#"\"AttachStdin\":\"REDACTED\""#));
    assert_eq!(read("a..").code, Some(2));
}

#[test]
fn ports_are_mapped_and_wrong_mappings_refused() {
    let file = capture("redis/attr.pcap");
    let wrong = hookline(&["read", &file, "--port-map", "rediss=7000"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("--port-map rediss=7000: there is no protocol rediss") && wrong.err.contains("redis,"), "{}", wrong.err);
    let count = |map: &str| hookline(&["read", &file, "--port-map", map, "--kfl", "nats", "--format", "ndjson"]).out.lines().count();
    assert_eq!(count("nats=1"), 0);
    assert!(count("nats=6379") > 0);
}

#[test]
fn lanes_are_counted_together() {
    let file = capture("demo/webapp.pcap");
    let read = |lanes: &str| hookline(&["read", &file, "--format", "summary", "--lanes", lanes]);
    let (one, three) = (read("1"), read("3"));
    assert_eq!((one.code, &one.out), (three.code, &three.out), "{}", three.err);
    let bytes = std::fs::read(&file).unwrap();
    let piped = hookline_with(&["read", "-", "--format", "summary", "--lanes", "2"], &bytes);
    assert_eq!((piped.code, &piped.out), (Some(0), &one.out), "{}", piped.err);
    let cut = |lanes: &str| hookline_with(&["read", "-", "--format", "summary", "--lanes", lanes], &bytes[..bytes.len() - 7]);
    let (one_cut, three_cut) = (cut("1"), cut("3"));
    assert_eq!((one_cut.code, &one_cut.out, &one_cut.err), (Some(1), &three_cut.out, &three_cut.err));
    let limited = hookline(&["read", &file, "--kfl", "http and limit(1)", "--lanes", "2"]);
    assert!(limited.code == Some(2) && limited.err.contains("leave --lanes out"), "{}", limited.err);
}

#[test]
fn a_configuration_file_gives_macros() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hookline.toml");
    std::fs::write(&file, "[filters.macros]\nbroken = 'http and response.status >= 500'\n").unwrap();
    let config = file.display().to_string();
    let count = |args: &[&str]| hookline(&[&["--config", &config], args].concat());
    let read = count(&["read", &capture("demo/webapp.pcap"), "--kfl", "broken", "--format", "ndjson"]);
    assert_eq!((read.code, read.out.lines().count()), (Some(0), 1), "{}", read.err);
    std::fs::write(&file, "[filter]\n").unwrap();
    let wrong = count(&["kfl", "http"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains(&format!("{config}: TOML parse error at line 1, column 2")), "{}", wrong.err);
}
