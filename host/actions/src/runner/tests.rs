//! The runner with actions whose answers are written down, in paused time, and with the real ones against servers that misbehave.

use super::*;
use crate::{Handling, Outcome, Setup, http::Client, http::Timeouts, registry};
use hookline_bus::{DeadLetter, EmbeddedBus, Event, Filter, Kind, Limits};
use hookline_item::Timestamp;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

const START: Timestamp = Timestamp(1_800_000_000_000_000_000);

/// Longer than anything here takes; reached only if something hangs.
const ENOUGH: Duration = Duration::from_secs(30);

/// The time as tokio has it, which stands still or jumps in tests.
fn tokio_clock() -> Clock {
    let started = Instant::now();
    Arc::new(move || START.plus(started.elapsed()))
}

fn bus(path: Option<&Path>) -> Arc<EmbeddedBus> {
    Arc::new(EmbeddedBus::open(path, Limits::default()).unwrap())
}

fn event(id: &str, action: &str, data: serde_json::Value) -> Event {
    Event { id: id.into(), kind: Kind::Action(action.into()), plugin: "p".into(), node: "n".into(), time: START, data }
}

/// Answers with one outcome after the other, and keeps when it was asked.
struct Scripted {
    outcomes: Mutex<Vec<Outcome>>,
    asked: Mutex<Vec<Instant>>,
    at_once: AtomicUsize,
    at_once_max: AtomicUsize,
    takes: Duration,
}

impl Scripted {
    fn new(outcomes: impl IntoIterator<Item = Outcome>, takes: Duration) -> Arc<Self> {
        let mut outcomes: Vec<_> = outcomes.into_iter().collect();
        outcomes.reverse();
        let (at_once, at_once_max) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { outcomes: Mutex::new(outcomes), asked: Mutex::default(), at_once, at_once_max, takes })
    }

    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

impl Action for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn handle<'a>(&'a self, _event: &'a Event) -> Handling<'a> {
        Box::pin(async {
            self.asked.lock().unwrap().push(Instant::now());
            self.at_once_max.fetch_max(self.at_once.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::time::sleep(self.takes).await;
            self.at_once.fetch_sub(1, SeqCst);
            self.outcomes.lock().unwrap().pop().unwrap_or(Outcome::Delivered(String::new()))
        })
    }
}

fn start(bus: &Arc<EmbeddedBus>, action: &Arc<Scripted>, config: RunnerConfig) -> RunnerHandle {
    Runner::start(bus.clone(), RunnerConfig { clock: tokio_clock(), ..config }, vec![action.clone() as Arc<dyn Action>]).unwrap()
}

fn publish(bus: &EmbeddedBus, id: &str) {
    bus.publish(&[event(id, "scripted", serde_json::Value::Null)], START).unwrap();
}

fn dead(bus: &EmbeddedBus) -> Vec<DeadLetter> {
    bus.dead_letters(None, 10).unwrap()
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_until_it_is_delivered() {
    let (bus, action) = (bus(None), Scripted::new([(); 3].map(|()| Outcome::retry("busy")), Duration::ZERO));
    let handle = start(&bus, &action, RunnerConfig::default());
    publish(&bus, "a");
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    let asked = action.asked();
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, full) in waits.iter().zip([1000, 2000, 4000].map(Duration::from_millis)) {
        // Half to all of it, and the looks that a clock of milliseconds takes.
        assert!(full / 2 <= *wait && *wait <= full + Duration::from_millis(100), "{waits:?}");
    }
    let status = handle.status().remove(0);
    assert_eq!((status.delivered, status.retried, status.dead, status.in_flight), (1, 3, 0, 0));
    assert_eq!(status.last_error.unwrap().reason, "busy");
    assert!(handle.prometheus().contains("hookline_actions_retried_attempts_total{action=\"scripted\"} 3\n"));
    handle.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_sink_says_how_long_to_wait() {
    let later = Outcome::Retry { after: Some(Duration::from_secs(20)), reason: "limit".into() };
    let (bus, action) = (bus(None), Scripted::new([later], Duration::ZERO));
    let handle = start(&bus, &action, RunnerConfig::default());
    publish(&bus, "a");
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    let asked = action.asked();
    assert!(asked[1] - asked[0] >= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_delivered_becomes_a_dead_letter_with_its_history() {
    let outcomes = [Outcome::retry("one"), Outcome::retry("two")];
    let (bus, action) = (bus(None), Scripted::new(outcomes, Duration::ZERO));
    let handle = start(&bus, &action, RunnerConfig { attempts_max: 2, ..RunnerConfig::default() });
    publish(&bus, "a");
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    let letter = dead(&bus).remove(0);
    assert_eq!((letter.reason.as_str(), letter.attempts), ("given up after 2 attempts: two", 2));
    assert_eq!(letter.history[0].reason, "one");
}

#[tokio::test(start_paused = true)]
async fn final_failures_are_not_tried_again() {
    let outcomes = [Outcome::Permanent("no".into()), Outcome::Misconfigured("url".into())];
    let (bus, action) = (bus(None), Scripted::new(outcomes, Duration::ZERO));
    let handle = start(&bus, &action, RunnerConfig { concurrency: 1, ..RunnerConfig::default() });
    publish(&bus, "a");
    publish(&bus, "b");
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    assert_eq!(dead(&bus).iter().map(|d| d.reason.as_str()).collect::<Vec<_>>(), ["refused: no", "misconfigured: url"]);
    assert_eq!(action.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_in_number_and_time() {
    let (bus, action) = (bus(None), Scripted::new([], Duration::from_secs(1)));
    let handle = start(&bus, &action, RunnerConfig { concurrency: 3, ..RunnerConfig::default() });
    (0..20).for_each(|i| publish(&bus, &i.to_string()));
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    assert_eq!((action.asked().len(), action.at_once_max.load(SeqCst)), (20, 3));
    handle.stop().await;

    let slow = Scripted::new([], Duration::from_secs(100));
    let handle = start(&bus, &slow, RunnerConfig { attempts_max: 1, ..RunnerConfig::default() });
    publish(&bus, "slow");
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    assert_eq!(dead(&bus)[0].reason, "given up after 1 attempts: no outcome within 15s");
}

#[tokio::test(start_paused = true)]
async fn drain_says_what_is_left() {
    let (bus, action) = (bus(None), Scripted::new([], Duration::from_secs(10)));
    let handle = start(&bus, &action, RunnerConfig { concurrency: 1, ..RunnerConfig::default() });
    (0..5).for_each(|i| publish(&bus, &i.to_string()));
    let began = Instant::now();
    assert_eq!(handle.drain(Duration::from_secs(25)).await.unwrap(), 3);
    assert!(began.elapsed() < Duration::from_secs(26));
    handle.stop().await;
    assert_eq!(bus.counts("action-scripted", START).unwrap().delivered, 3, "what was under way is finished");
}

#[tokio::test(start_paused = true)]
async fn unknown_actions_name_the_known() {
    let (bus, action) = (bus(None), Scripted::new([], Duration::ZERO));
    let handle = start(&bus, &action, RunnerConfig::default());
    bus.publish(&[event("a", "pager", serde_json::Value::Null)], START).unwrap();
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    assert_eq!(dead(&bus)[0].reason, "misconfigured: no worker knows action.pager; there are: scripted");
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_left_in_flight_is_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bus.sqlite");
    let before = bus(Some(&path));
    before.subscribe("action-scripted", &Filter::Action("scripted".into())).unwrap();
    publish(&before, "a");
    assert_eq!(before.fetch("action-scripted", 1, START).unwrap().len(), 1);
    // As a killed process leaves it: not closed.
    std::mem::forget(before);
    let (bus, action) = (bus(Some(&path)), Scripted::new([], Duration::ZERO));
    let handle = start(&bus, &action, RunnerConfig::default());
    assert_eq!(handle.drain(Limits::default().ack_wait * 2).await.unwrap(), 0);
    assert_eq!((action.asked().len(), handle.status()[0].delivered), (1, 1));
}

/// What a server says to a request, and what it does then.
#[derive(Clone, Copy)]
enum Says {
    /// Closes the connection.
    AndCloses(&'static str),
    /// Says no more, and holds the connection open.
    AndHolds(&'static str),
}

use Says::{AndCloses, AndHolds};

/// A server on a thread that takes as many connections as it has answers, one after the other.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: &'static [Says]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                seen.lock().unwrap().push(read_request(&mut stream));
                match answer {
                    AndCloses(text) => stream.write_all(text.as_bytes()).unwrap(),
                    AndHolds(text) => {
                        stream.write_all(text.as_bytes()).unwrap();
                        held.push(stream);
                    }
                }
            }
            // Until the client has gone.
            for mut stream in held {
                let _ = stream.read(&mut [0]);
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// The head and a body of the length it says.
fn read_request(stream: &mut TcpStream) -> String {
    let (mut request, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut buffer).unwrap();
        request.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        if let Some((head, body)) = request.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if n == 0 || body.len() >= length.unwrap_or(0) {
                return request;
            }
        }
    }
}

const OK: Says = AndCloses("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");

/// Delivers one event to the server with the real actions; returns the bus and the action's status.
async fn deliver(action: &'static str, server: &Server, repeat: usize) -> (Arc<EmbeddedBus>, ActionStatus) {
    let timeouts = Timeouts { connect: Duration::from_secs(5), request: Duration::from_millis(300) };
    let setup = Setup { client: Client::new(timeouts, wall_clock()), lines: Arc::new(|_: &str| Ok(())), destinations: Arc::default() };
    let config = RunnerConfig { attempts_max: 3, backoff_base: Duration::from_millis(2), ..RunnerConfig::default() };
    let (bus, now) = (bus(None), wall_clock()());
    let handle = Runner::start(bus.clone(), config, registry(&setup)).unwrap();
    for _ in 0..repeat {
        bus.publish(&[event("id-1", action, serde_json::json!({"url": server.url, "text": "hi", "body": "hi"}))], now).unwrap();
    }
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    handle.stop().await;
    let status = handle.status().into_iter().find(|status| status.action == action).unwrap();
    assert!(!format!("{status:?} {:?}", dead(&bus).iter().map(|d| &d.reason).collect::<Vec<_>>()).contains("secret"));
    (bus, status)
}

#[tokio::test]
async fn an_event_published_twice_is_one_request() {
    let server = Server::new(&[OK, OK]);
    let (_, status) = deliver("webhook", &server, 2).await;
    assert_eq!((status.delivered, status.retried, status.dead), (1, 0, 0));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("post /secret http/1.1\r\n") && request.ends_with("\r\n\r\nhi"), "{request}");
    for header in ["idempotency-key: id-1", "content-type: text/plain", concat!("user-agent: hookline/", env!("CARGO_PKG_VERSION"))] {
        assert!(request.contains(header), "{request}");
    }
}

#[tokio::test]
async fn failures_that_pass_are_tried_again() {
    const BUSY: Says = AndCloses("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    const LIMIT: Says = AndCloses("HTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (_, status) = deliver("webhook", &Server::new(&[BUSY, OK]), 1).await;
    assert_eq!((status.delivered, status.retried), (1, 1));
    assert!(status.last_error.unwrap().reason.ends_with("/…: answered 500 Internal Server Error"));

    let began = Instant::now();
    let (_, status) = deliver("slack", &Server::new(&[LIMIT, OK]), 1).await;
    assert_eq!((status.delivered, status.retried), (1, 1));
    assert!(began.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
}

#[tokio::test]
async fn servers_that_talk_nonsense_hang_up_or_hang_end_in_dead_letters() {
    let cases: [(&'static [Says], &str); 4] = [
        (&[AndCloses("\u{1}garbage\r\n\r\n"); 3], "invalid HTTP"),
        (&[AndCloses(""); 3], "onnect"),
        (&[AndHolds(""); 3], "no answer within 300ms"),
        (&[], "onnect"),
    ];
    for (answers, expected) in cases {
        let (bus, status) = deliver("webhook", &Server::new(answers), 1).await;
        assert_eq!((status.delivered, status.retried, status.dead), (0, 2, 1), "{expected}");
        let reason = &dead(&bus)[0].reason;
        assert!(reason.starts_with("given up after 3 attempts: http://127.0.0.1:") && reason.contains(expected), "{reason}");
    }
}

#[tokio::test]
async fn refusals_are_final_and_redirects_are_not_followed() {
    const GONE: Says = AndCloses("HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\nconnection: close\r\n\r\nno_service");
    const MOVED: Says = AndCloses("HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let reason = |bus: &EmbeddedBus| dead(bus)[0].reason.clone();
    assert!(reason(&deliver("slack", &Server::new(&[GONE]), 1).await.0).ends_with("Slack answered no_service"));
    assert!(reason(&deliver("webhook", &Server::new(&[GONE]), 1).await.0).starts_with("refused: "));
    let server = Server::new(&[MOVED, OK]);
    assert!(reason(&deliver("webhook", &server, 1).await.0).contains("redirects are not followed"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_body_without_end_does_not_matter_once_it_is_accepted() {
    const HANGS: Says = AndHolds("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nx");
    const BREAKS_OFF: Says = AndCloses("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nx");
    for server in [Server::new(&[HANGS]), Server::new(&[BREAKS_OFF])] {
        let (_, status) = deliver("webhook", &server, 1).await;
        assert_eq!((status.delivered, status.retried), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn alerts_go_to_the_log_and_failed_lines_again() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (sink, failed) = (lines.clone(), AtomicUsize::new(0));
    let write = move |line: &str| {
        if failed.fetch_add(1, SeqCst) == 0 {
            return Err(std::io::Error::other("full"));
        }
        sink.lock().unwrap().push(line.to_owned());
        Ok(())
    };
    let setup = Setup { client: Client::new(Timeouts::default(), tokio_clock()), lines: Arc::new(write), destinations: Arc::default() };
    let bus = bus(None);
    let handle = Runner::start(bus.clone(), RunnerConfig { clock: tokio_clock(), ..RunnerConfig::default() }, registry(&setup)).unwrap();
    let alert = Event { kind: Kind::Alert, ..event("a", "", serde_json::json!({"severity": "info", "title": "T"})) };
    bus.publish(&[alert], START).unwrap();
    assert_eq!(handle.drain(ENOUGH).await.unwrap(), 0);
    assert_eq!(*lines.lock().unwrap(), [format!("{START} info p@n T")]);
    assert_eq!(handle.status().iter().find(|s| s.action == "log").unwrap().retried, 1);
}
