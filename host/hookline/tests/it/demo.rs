//! The demo: one pass, and the dashboard in a real browser.

use crate::support::{Running, hookline, root};
use std::process::Command;

#[test]
fn one_pass_delivers_and_sums_up() {
    let ended = hookline(&["demo", "--once"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let line = |what: &str| ended.out.lines().find(|l| l.contains(what)).unwrap_or_else(|| panic!("no {what:?} in\n{}", ended.out));
    assert!(line("slack: [#ff0000] Server-side Error").contains("{\"id\":\"demo/"), "{}", ended.out);
    assert!(line("500 from 127.0.0.1:8888: GET /comment/").contains("critical"), "{}", ended.out);
    assert!(line("items  ").contains("126"), "{}", ended.out);
    for (hook, count) in [("http-errors", "65"), ("dns-errors", "15"), ("500-to-slack", "126"), ("packets-per-minute", "1310")] {
        let last = line(&format!(" calls: {hook}"));
        assert_eq!(last.split_whitespace().take(2).collect::<Vec<_>>(), ["hook", count], "{last}");
    }
    assert!(line(": slack").contains(" 1   delivered, 0 given up"), "{}", ended.out);
    assert!(line(": log").contains("delivered, 0 given up"), "{}", ended.out);
}

#[test]
fn the_dashboard_works_in_a_browser() {
    let running = Running::start(&["demo", "--no-open", "--listen", "127.0.0.1:0"]);
    in_a_browser("dashboard.test.mjs", &running.url);
    let ended = running.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// What real traffic brings rarely, slowly or with bad intent: the page alone, its server played by the test.
#[test]
fn the_page_copes_with_any_server() {
    in_a_browser("page.test.mjs", "");
}

fn in_a_browser(file: &str, url: &str) {
    let dir = root().join("tests/browser");
    assert!(dir.join("node_modules").exists(), "run `cargo xtask test`, which installs the browser tests' driver");
    let output = Command::new("node").args(["--test", file]).current_dir(&dir).env("HOOKLINE_URL", url).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}
