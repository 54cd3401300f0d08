//! Items, outboxes and hosts for tests.

use hookline_bus::Event;
use hookline_hooks::{Code, HookHost, LogLine, Manifest, Options, Outbox, PluginStatus};
use hookline_item::{Item, Message, Object, Protocol, Timestamp, Value, object, testing};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub(crate) static HTTP: Protocol = Protocol {
    name: "http",
    version: "1.1",
    abbr: "HTTP",
    long_name: "Hypertext Transfer Protocol -- HTTP/1.1",
    macro_name: "http",
    layer3: "ip",
    layer4: "tcp",
    ports: &["80"],
    reference: "",
};

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u64,
}

object! {
    Request as r, REQUEST_FIELDS {
        "method": Str, "method" => "GET";
        "path": Str, "path" => r.path.as_str();
        "host": Str, "host" => "shop";
        "pathSegments": List, "segments" => Value::MadeList(Box::new(vec!["api".to_owned(), r.path.clone()]));
    }
}
object! {
    Response as r, RESPONSE_FIELDS {
        "status": U64, "status" => r.status;
        "statusText": Str, "text" => "Oh";
    }
}

#[derive(Debug)]
struct Exchange(Request, Option<Response>);

impl Message for Exchange {
    fn request(&self) -> Option<&dyn Object> {
        Some(&self.0)
    }
    fn response(&self) -> Option<&dyn Object> {
        self.1.as_ref().map(|r| r as &dyn Object)
    }
    fn summary(&self) -> Cow<'_, str> {
        self.0.path.as_str().into()
    }
    fn method(&self) -> Cow<'_, str> {
        "GET".into()
    }
    fn status(&self) -> Option<i64> {
        self.1.as_ref().and_then(|r| i64::try_from(r.status).ok())
    }
}

/// An HTTP exchange; status 0 is one without a response.
pub(crate) fn item(index: u64, status: u64) -> Arc<Item> {
    let response = (status > 0).then_some(Response { status });
    testing::item(index, &HTTP, Box::new(Exchange(Request { path: format!("/{index}") }, response)))
}

/// Keeps what plugins say.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) lines: Mutex<Vec<LogLine>>,
}

impl Outbox for Kept {
    fn event(&self, event: Event) -> bool {
        self.events.lock().unwrap().push(event);
        true
    }
    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line);
    }
}

impl Kept {
    pub(crate) fn texts(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|l| l.text.clone()).collect()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A guest that `cargo xtask guests` built.
pub(crate) fn guest(path: &str) -> Vec<u8> {
    let path = repository().join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run `cargo xtask guests` first", path.display()))
}

/// A host in replay mode, so that nothing is dropped, with its outbox.
pub(crate) fn host() -> (HookHost, Arc<Kept>) {
    host_with(|_| {})
}

/// The same with other options.
pub(crate) fn host_with(change: impl FnOnce(&mut Options)) -> (HookHost, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let mut options = Options {
        cache: Some(repository().join("target/test-cache")),
        script_engine: Some(guest("js-shim/dist/js-shim.wasm").into()),
        node: "node1".into(),
        env: BTreeMap::from([("SLACK_WEBHOOK".into(), "https://hooks.slack.com/x".into()), ("SECRET".into(), "s".into())]),
        kind_of: Box::new(|path| match path.to_string().as_str() {
            "response.status" => Some(hookline_item::Kind::U64),
            _ => None,
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
    change(&mut options);
    (HookHost::new(options, Arc::clone(&kept) as Arc<dyn Outbox>).unwrap(), kept)
}

pub(crate) fn manifest(text: &str) -> Manifest {
    Manifest::parse(text).unwrap()
}

pub(crate) fn script(text: &str) -> Code {
    Code::Script("test.js".into(), text.into())
}

pub(crate) fn hostile(host: &HookHost, name: &str, mode: &str) {
    let code = Code::Wasm(guest("tests/guests/dist/hostile.wasm"));
    // Memory so small that filling it takes less than the budget of CPU time, on any machine.
    let grants = "[grants]\nhttp = [\"slow.example\"]\nmessages = [\"flood\"]";
    host.load(name, code, manifest(&format!("[run]\nmemory_mib = 8\n{grants}\n[config]\nmode = \"{mode}\""))).unwrap();
}

/// Feeds items of these statuses and ends the host.
pub(crate) fn feed(host: &HookHost, statuses: &[u64]) {
    let mut feeder = host.feeder();
    for (i, status) in statuses.iter().enumerate() {
        let item = item(i as u64, *status);
        feeder.advance(item.start);
        feeder.item(&item, item.start);
    }
    feeder.flush(Timestamp::new(1_000 + statuses.len() as u64, 0));
    drop(feeder);
    host.finish();
}

pub(crate) fn status(host: &HookHost, name: &str) -> PluginStatus {
    host.status().into_iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no plugin {name}"))
}
