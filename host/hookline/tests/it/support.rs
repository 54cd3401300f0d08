//! Running the binary.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
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
