//! Running the binary.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_hookline");

/// The repository's top folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A capture below `tests/pcaps`.
pub(crate) fn capture(name: &str) -> String {
    root().join("tests/pcaps").join(name).display().to_string()
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(o: Output) -> Self {
        let text = |b: Vec<u8>| String::from_utf8(b).expect("our output is UTF-8");
        Self { code: o.status.code(), out: text(o.stdout), err: text(o.stderr) }
    }
}

/// Runs `hookline` with these arguments.
pub(crate) fn hookline(args: &[&str]) -> Ended {
    hookline_with(args, b"")
}

/// The same, with standard input.
pub(crate) fn hookline_with(args: &[&str], input: &[u8]) -> Ended {
    let mut child = Command::new(BINARY)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built by cargo");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that does not read its input closes it; that is not what is tested.
    let feed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output.into()
}

/// Compares `actual` with the file, or writes it there when BLESS is set.
pub(crate) fn compare(file: &Path, actual: &str) {
    if std::env::var_os("BLESS").is_some() {
        return std::fs::write(file, actual).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    if expected == actual {
        return;
    }
    let differs = |(n, (e, a)): (usize, (&str, &str))| (e != a).then(|| format!("line {n}\n  expected {e}\n  is       {a}"));
    let first = (1..).zip(expected.lines().zip(actual.lines())).find_map(differs);
    let lines = (expected.lines().count(), actual.lines().count());
    panic!(
        "{} differs ({} lines expected, {} are): {}\nrun `cargo xtask bless` and read the diff",
        file.display(),
        lines.0,
        lines.1,
        first.unwrap_or_default()
    );
}

/// A program that does not outlive its test, however that ends.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that goes on until it is told to stop.
pub(crate) struct Running {
    child: Killed,
    /// Of its dashboard.
    pub(crate) url: String,
    errors: JoinHandle<String>,
}

impl Running {
    /// Starts `hookline`, and waits until it says where its dashboard is.
    pub(crate) fn start(args: &[&str]) -> Self {
        let child = Command::new(BINARY).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = Killed(child.unwrap());
        let (found, url) = channel();
        let watch = |stream: Box<dyn Read + Send>, found: Sender<String>| {
            std::thread::spawn(move || {
                let mut all = String::new();
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if let Some(url) = line.split_whitespace().find(|w| w.starts_with("http://127.0.0.1:") && line.contains("dashboard")) {
                        let _ = found.send(url.to_owned());
                    }
                    all.push_str(&line);
                    all.push('\n');
                }
                all
            })
        };
        watch(Box::new(child.0.stdout.take().unwrap()), found.clone());
        let errors = watch(Box::new(child.0.stderr.take().unwrap()), found);
        let url = url.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{args:?} does not start"));
        Self { child, url, errors }
    }

    /// Ctrl-C, and what becomes of it.
    pub(crate) fn stop(mut self) -> Ended {
        let pid = self.child.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let status = self.child.0.wait().unwrap();
        Ended { code: status.code(), out: String::new(), err: self.errors.join().unwrap() }
    }
}

/// How long a test waits for what must come: far beyond what it takes, so that a slow machine does not fail it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
pub(crate) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "it did not come");
        std::thread::yield_now();
    }
}

/// JSON from the program's API.
pub(crate) fn get_json(url: &str, path: &str, kfl: &str) -> serde_json::Value {
    let output =
        Command::new("curl").args(["-sS", "-G", "--data-urlencode", &format!("kfl={kfl}"), &format!("{url}{path}")]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{path}: {e}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// What a server answers to a GET; nothing if it does not.
pub(crate) fn get(url: &str, path: &str) -> Option<String> {
    let output = Command::new("curl").args(["-sS", "--globoff", "--fail", &format!("{url}{path}")]).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether this process may capture on loopback; says so where it may not.
pub(crate) fn may_capture() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|l| l.strip_prefix("CapEff:")).map(|v| u64::from_str_radix(v.trim(), 16).unwrap());
    // CAP_NET_RAW is number 13.
    let may = effective.is_some_and(|caps| caps >> 13 & 1 == 1);
    if !may {
        eprintln!("SKIPPED: capturing on loopback needs CAP_NET_RAW: run the tests as root");
    }
    may
}
