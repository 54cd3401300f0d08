//! Over real sockets.

use super::*;
use hookline_bus::{Event, Kind};
use hookline_hooks::{LogLevel, LogLine, Options, Outbox};
use hookline_item::{Item, testing};
use hookline_store::StoreOptions;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

fn item(index: u64) -> Arc<Item> {
    testing::item(index, &testing::PROTOCOL, Box::new(testing::Nothing))
}

struct Deaf;

impl Outbox for Deaf {
    fn event(&self, _: Event) -> bool {
        true
    }
    fn log(&self, _: LogLine) {}
}

/// A server with ten items, an alert and a log line; its address and its feed.
async fn server() -> (SocketAddr, Live) {
    let store = Store::open(StoreOptions { path: None, items_max: 100, bytes_max: u64::MAX }).unwrap();
    let writer = store.writer().unwrap();
    (0..10).for_each(|i| assert!(writer.item(&item(i))));
    let data = serde_json::json!({"title": "it broke", "severity": "critical"});
    let (plugin, node) = ("p".to_owned(), "n".to_owned());
    writer.event(&Event { id: "e".into(), kind: Kind::Alert, plugin, node, time: Timestamp(0), data });
    writer.finish();
    let options = Options {
        cache: None,
        script_engine: None,
        node: "n".into(),
        env: BTreeMap::new(),
        kind_of: Box::new(|_| None),
        filters: Settings::default(),
        policy: hookline_hooks::Policy::default(),
        data: None,
        fetch: None,
        packets: None,
        fuel: false,
        replay: false,
        now: Timestamp(0),
    };
    let console = Console::new();
    console.push(LogLine { at: Timestamp(0), plugin: "p".into(), level: LogLevel::Info, text: "hello".into() });
    let live = Live::new();
    let deps = WebDeps {
        store,
        host: HookHost::new(options, Arc::new(Deaf)).unwrap(),
        live: live.clone(),
        console,
        ring: None,
        metrics: Arc::new(|| "stage_metric 1\n".to_owned()),
        now: Arc::new(|| Timestamp(0)),
        filters: Arc::default(),
        tables: &[],
        about: About { version: "1".into(), node: "n".into(), source: "test".into() },
    };
    let bound = Web::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = bound.addr();
    tokio::spawn(bound.serve(deps, std::future::pending()));
    (addr, live)
}

/// Status, head and body of the answer to a request with these extra header lines.
async fn ask(addr: SocketAddr, path: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {addr}\r\n") };
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}

async fn json(addr: SocketAddr, path: &str) -> (u16, Value) {
    let (status, _, body) = ask(addr, path, "").await;
    (status, serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}")))
}

#[tokio::test]
async fn items_are_paged_and_filtered() {
    let (addr, _) = server().await;
    let (_, page) = json(addr, "/api/items?limit=3").await;
    let indexes = |page: &Value| page["items"].as_array().unwrap().iter().map(|i| i["index"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(indexes(&page), [9, 8, 7]);
    assert_eq!(page["items"][0]["passed"], false);
    let (_, page) = json(addr, &format!("/api/items?limit=3&before={}", page["next"])).await;
    assert_eq!(indexes(&page), [6, 5, 4]);
    let (_, page) = json(addr, "/api/items?kfl=index%20%3C%202").await;
    assert_eq!((indexes(&page), &page["next"]), (vec![1, 0], &Value::Null));
    let (status, found) = json(addr, "/api/items//000000000001-4").await;
    assert_eq!((status, &found["item"]["index"]), (200, &4.into()));
    assert_eq!(json(addr, "/api/items/nobody").await.0, 404);
}

#[tokio::test]
async fn a_wrong_filter_is_told_with_its_place() {
    let (addr, _) = server().await;
    for path in ["/api/items?kfl=a%20%3F", "/api/kfl?kfl=a%20%3F"] {
        let (status, said) = json(addr, path).await;
        assert_eq!(status, 400);
        assert_eq!((&said["error"]["column"], &said["error"]["start"], &said["error"]["end"]), (&3.into(), &2.into(), &3.into()));
    }
    assert_eq!(json(addr, "/api/kfl?kfl=http").await.1["valid"], true);
    // A WebSocket with a wrong filter is refused in the same words.
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (status, ..) = ask(addr, "/api/stream?kfl=%3F", upgrade).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_rest_of_the_interface() {
    let (addr, _) = server().await;
    assert_eq!(json(addr, "/api/alerts").await.1["alerts"][0]["data"]["title"], "it broke");
    assert_eq!(json(addr, "/api/plugins").await.1["plugins"], Value::Array(Vec::new()));
    let console = json(addr, "/api/console").await.1;
    assert_eq!((&console["lines"][0]["text"], &console["next"]), (&"hello".into(), &1.into()));
    assert_eq!(json(addr, "/api/console?after=1").await.1["lines"], serde_json::json!([]));
    assert_eq!(json(addr, "/api/console?after=7").await.1["lines"][0]["text"], "hello", "another run's number");
    assert_eq!(json(addr, "/api/about").await.1["source"], "test");
    assert_eq!(json(addr, "/api/nothing").await.0, 404);
    assert_eq!(ask(addr, "/healthz", "").await.2, "ok\n");
    let (_, _, metrics) = ask(addr, "/metrics", "").await;
    assert!(metrics.contains("stage_metric 1\n") && metrics.contains("\nhookline_store_items 10\n"), "{metrics}");
    let (status, head, page) = ask(addr, "/", "").await;
    assert!(status == 200 && head.contains("content-security-policy: default-src 'none'") && page.contains("app.js"));
    for file in ["app.js", "detail.js", "dom.js", "filter.js", "panels.js", "style.css"] {
        assert_eq!(ask(addr, &format!("/{file}"), "").await.0, 200, "{file}");
    }
}

#[tokio::test]
async fn foreign_pages_are_refused() {
    let (addr, _) = server().await;
    assert_eq!(ask(addr, "/api/about", "Origin: http://evil.example\r\n").await.0, 403);
    assert_eq!(ask(addr, "/api/about", &format!("Origin: http://{addr}\r\n")).await.0, 200);
    assert_eq!(ask(addr, "/api/about", "Host: evil.example\r\n").await.0, 403);
    assert_eq!(ask(addr, "/api/about", "Host: localhost:1\r\n").await.0, 200);
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let (addr, _) = server().await;
    let error = Web::bind(addr).await.err().unwrap().to_string();
    assert!(error.contains(&addr.to_string()) && error.contains("--listen"), "{error}");
}

#[tokio::test]
async fn items_come_over_the_websocket() {
    let (addr, live) = server().await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let upgrade =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let request = format!("GET /api/stream?kfl=index%20%3E%2041 HTTP/1.1\r\nHost: {addr}\r\n{upgrade}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    live.send(item(41));
    live.send(item(42));
    // A text frame whose length is in two bytes (RFC 6455 §5.2).
    assert_eq!(stream.read_u8().await.unwrap(), 0x81);
    assert_eq!(stream.read_u8().await.unwrap(), 126);
    let mut text = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut text).await.unwrap();
    let message: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&message["type"], message["items"].as_array().unwrap().len()), (&"items".into(), 1));
    assert_eq!(message["items"][0]["index"], 42);
}
