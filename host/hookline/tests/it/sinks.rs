//! What scripts send, at the sinks: real servers where there are packages of them, else an HTTP server that tells what it was sent.

use crate::support::{Ended, Killed, capture, get, hookline, until};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// VictoriaMetrics, which takes InfluxDB's line protocol of both versions.
fn victoria_metrics(folder: &std::path::Path) -> (Killed, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("victoria-metrics");
    command.arg(format!("-storageDataPath={}", folder.display())).arg(format!("-httpListenAddr=127.0.0.1:{port}"));
    let child = command.arg("-retentionPeriod=100y").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let server = Killed(child.expect("run `cargo xtask setup`, which installs VictoriaMetrics"));
    let url = format!("http://127.0.0.1:{port}");
    until(|| get(&url, "/health").filter(|answer| answer.contains("OK")));
    (server, url)
}

/// An HTTP server that answers with each of `statuses` in turn, and tells each request: first line, headers and body.
fn stand_in(statuses: &'static [&'static str]) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for (mut stream, status) in listener.incoming().flatten().zip(statuses.iter().cycle()) {
            let (mut reader, mut text, mut length) = (BufReader::new(stream.try_clone().unwrap()), String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                text.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
            let _ = sender.send(text + &String::from_utf8_lossy(&body));
        }
    });
    (addr, receiver)
}

fn run_script(text: &str, env: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("sink.js");
    fs::write(&script, text).unwrap();
    hookline(&["script", "run", &script.display().to_string(), "--read", &capture("demo/webapp.pcap"), "--env", env])
}

#[test]
fn points_of_a_script_are_in_the_time_series_database() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = victoria_metrics(folder.path());
    let script = r#"function onItemCaptured(data) {
        if (data.protocol.name === "http" && data.response)
            vendor.influxdb(env.INFLUX, "token", "org", "bucket", "http calls", { status: data.response.status, took: data.elapsedTime }, { host: data.dst.name, "the path": data.request.path });
    }"#;
    let ended = run_script(script, &format!("INFLUX={url}/"));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let _ = get(&url, "/internal/force_flush");
    let lines = until(|| {
        let answer = get(&url, "/api/v1/export?match[]=%7B__name__%3D~%22.*status%22%7D&start=0")?;
        let lines: Vec<serde_json::Value> =
            answer.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(serde_json::Value::is_object).collect();
        (!lines.is_empty()).then_some(lines)
    });
    let is_500 = |line: &&serde_json::Value| line["values"].as_array().unwrap().iter().any(|v| *v == 500);
    let failed = lines.iter().find(is_500).expect("the 500 of the demo's traffic");
    assert!(failed["metric"]["the path"].as_str().unwrap().starts_with("/comment/"), "{failed}");
    assert_eq!(failed["metric"]["__name__"], "http calls_status");
}

/// A document that is there already was delivered; a server that is busy is asked again.
#[test]
fn documents_of_a_script_are_created_once_in_the_index() {
    let (addr, told) = stand_in(&["503 Service Unavailable", "409 Conflict"]);
    let script = r#"function onItemCaptured(data) {
        if (data.protocol.name === "http" && data.response && data.response.status === 500)
            vendor.elastic(env.ELASTIC, "http-errors", { path: data.request.path, at: data.startTime }, "elastic", "secret");
    }"#;
    let ended = run_script(script, &format!("ELASTIC=http://{addr}"));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "the conflict is a success");
    let request = || told.recv_timeout(Duration::from_secs(10)).unwrap();
    let (first, second) = (request(), request());
    assert_eq!(first, second, "the same document under the same name");
    assert!(first.starts_with("PUT /http-errors/_create/"), "{first}");
    assert!(first.contains("authorization: Basic ZWxhc3RpYzpzZWNyZXQ=") && first.contains(r#"{"path":"/comment/"#), "{first}");
}
