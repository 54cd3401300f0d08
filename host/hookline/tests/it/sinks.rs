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

/// Alerts go to the destinations that the configuration names, of which neither the plugin nor the events know the secrets.
#[test]
fn alerts_go_where_the_configuration_says() {
    let (addr, told) = stand_in(&["500 Internal Server Error", "200 OK"]);
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "Bearer of-the-ops\n").unwrap();
    let config = folder.path().join("hookline.toml");
    let text = format!(
        "[destinations.ops]\naction = \"webhook\"\nurl = \"http://{addr}/alerts\"\nheaders = {{ Authorization = \"file:{}\" }}\n\
         [[alerts]]\nto = \"ops\"\nplugins = [\"http-*\"]\ntext = \"{{{{ title }}}} for {{{{ item.src.ip }}}}\"\n\
         [[alerts]]\nto = \"ops\"\nplugins = [\"dns-*\"]\n",
        token.display()
    );
    fs::write(&config, text).unwrap();
    let (dist, config) = (crate::support::root().join("plugins/dist").display().to_string(), config.display().to_string());
    let read = |config: &str| hookline(&["read", &capture("demo/webapp.pcap"), "--format", "none", "--plugins", &dist, "--config", config]);
    let ended = read(&config);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let requests: Vec<String> = told.try_iter().collect();
    // The first answer was an error, so it came twice; no other alert is wanted.
    assert_eq!(requests.len(), 2, "{requests:?}");
    for request in &requests {
        let head = request.to_lowercase();
        assert!(request.starts_with("POST /alerts HTTP/1.1\r\n") && head.contains("authorization: bearer of-the-ops"), "{request}");
        assert!(head.contains("content-type: application/cloudevents+json"), "the alert's own headers are there too: {request}");
        let body: serde_json::Value = serde_json::from_str(request.rsplit("\r\n").next().unwrap()).unwrap();
        assert_eq!((&body["type"], &body["data"]["severity"]), (&"io.hookline.alert.v1".into(), &"critical".into()));
        assert!(body["data"]["text"].as_str().unwrap().starts_with("500 from "), "{body}");
    }
    // What is wrong is said before anything runs.
    fs::remove_file(&token).unwrap();
    let refused = read(&config);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("destinations.ops.headers: ") && refused.err.contains("No such file"), "{}", refused.err);
}

/// A plugin that is granted a destination by its name sends there, and nowhere else.
#[test]
fn a_script_sends_to_a_named_destination() {
    let (addr, told) = stand_in(&["200 OK"]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("hookline.config", &format!("[destinations.ops]\naction = \"webhook\"\nurl = \"http://{addr}/hook\"\n"));
    write(
        "tell.js",
        "var n = 0;\nfunction onItemCaptured(d) {\n  if (n++ > 0) return;\n  emit.action(\"webhook\", { destination: \"ops\", body: d.id });\n  \
        try { emit.action(\"webhook\", { destination: \"ops\", url: \"http://elsewhere/\" }); } catch (e) { console.log(e.message); }\n}\n",
    );
    write("tell.toml", "[grants.actions]\nwebhook = [\"ops\"]\n");
    let (dir, config) = (folder.path().display().to_string(), folder.path().join("hookline.config").display().to_string());
    let ended = hookline(&["read", &capture("demo/webapp.pcap"), "--format", "none", "--plugins", &dir, "--config", &config]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let requests: Vec<String> = told.try_iter().collect();
    assert!(requests.len() == 1 && requests[0].starts_with("POST /hook "), "{requests:?}");
    assert!(ended.err.contains("none of the patterns in `grants.actions.webhook` allows this destination"), "{}", ended.err);
}
