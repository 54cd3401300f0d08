//! Plugins and scripts from the command line.

use crate::support::{capture, hookline, root};
use std::fs;

#[test]
fn a_rust_plugin_is_tested_on_a_capture() {
    let plugin = root().join("plugins/dist/http-errors.wasm").display().to_string();
    let dir = tempfile::tempdir().unwrap();
    let expect = dir.path().join("expected.ndjson");
    fs::write(&expect, "{\"type\":\"io.hookline.alert.v1\",\"data\":{\"severity\":\"critical\",\"item\":{\"status\":500}}}\n").unwrap();
    let test = |expect: &str| hookline(&["plugin", "test", &plugin, "--read", &capture("demo/webapp.pcap"), "--expect", expect]);
    let ended = test(&expect.display().to_string());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("ok: 1 events as expected"), "{}", ended.err);
    fs::write(&expect, "{\"data\":{\"severity\":\"info\"}}\n").unwrap();
    let ended = test(&expect.display().to_string());
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("event 1 differs"), "{}", ended.err);
}

#[test]
fn plugins_are_checked() {
    let check = |file: &str| hookline(&["plugin", "check", &root().join(file).display().to_string()]);
    let good = check("plugins/dist/http-errors.wasm");
    assert_eq!(good.code, Some(0), "{}", good.err);
    assert!(good.out.contains("items         http\n"), "{}", good.out);
    let script = check("plugins/scripts/500-to-slack.js");
    assert!(script.out.contains("may ask for   slack to https://hooks.slack.com/*"), "{}", script.out);
    let bad = check("README.md");
    assert_eq!(bad.code, Some(1));
    assert!(bad.err.contains("this is not WebAssembly"), "{}", bad.err);
}

#[test]
fn a_new_script_plugin_works_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("my-hook").display().to_string();
    let ended = hookline(&["plugin", "new", &new, "--lang", "js"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let ended = hookline(&["plugin", "test", &format!("{new}/my-hook.js"), "--read", &capture("demo/webapp.pcap")]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("my-hook: 500 on GET /comment/"), "{}", ended.err);
    let again = hookline(&["plugin", "new", &new]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("exists already; nothing was changed"), "{}", again.err);
    assert_eq!(hookline(&["plugin", "new", "Bad_Name"]).code, Some(2));
}

/// Of what the manifest and the site's policy do not grant, a script finds nothing in any way that there is to read an item.
#[test]
fn what_a_plugin_may_not_see_does_not_reach_it() {
    let dir = tempfile::tempdir().unwrap();
    let script = "function onItemCaptured(data) {\n  if (data.protocol.name === \"http\")\n    console.log(JSON.stringify([data, \
                  data.request.headers[\"User-Agent\"], data.request.body, data.response && data.response.content]));\n}\n";
    fs::write(dir.path().join("tell.js"), script).unwrap();
    let said = |manifest: &str, policy: &str| {
        fs::write(dir.path().join("tell.toml"), manifest).unwrap();
        let config = dir.path().join("hookline.config");
        fs::write(&config, policy).unwrap();
        let (dir, config) = (dir.path().display().to_string(), config.display().to_string());
        let capture = capture("http/four_ipv6_http_streams.pcap");
        hookline(&["read", &capture, "--format", "none", "--plugins", &dir, "--config", &config]).err
    };
    let has = |said: &str| [r#""text":"#, "User-Agent", "gzip"].map(|mark| said.contains(mark));
    assert_eq!(has(&said("", "")), [true, true, true]);
    let narrowed = said("[data]\nbodies = false\nheaders_denied = [\"user-agent\"]\n", "");
    assert!(narrowed.contains(r#""path":"#) && has(&narrowed) == [false, false, true], "{narrowed}");
    let bounded =
        said("[data]\nheaders_denied = [\"user-agent\"]\n", "[policy.data]\nbodies = false\nheaders_denied = [\"accept-encoding\"]\n");
    assert!(bounded.contains(r#""path":"#) && has(&bounded) == [false, false, false], "{bounded}");
    // Nothing resolves namespaces in a file: no item is of one.
    assert_eq!(said("[data]\nnamespaces = [\"*\"]\n", ""), "");
    let refused = said("[data]\nbodies = true\n", "[policy.data]\nbodies = false\n");
    assert!(
        refused.contains("plugin tell") && refused.contains("data.bodies = true") && refused.contains("policy.data.bodies"),
        "{refused}"
    );
}

#[test]
fn a_new_rust_plugin_builds_and_works() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("my-hook").display().to_string();
    assert_eq!(hookline(&["plugin", "new", &new]).code, Some(0));
    let built = hookline(&["plugin", "build", &new]);
    assert_eq!(built.code, Some(0), "{}", built.err);
    let ended = hookline(&["plugin", "test", &format!("{new}/my-hook.wasm"), "--read", &capture("demo/webapp.pcap")]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("500 on GET /comment/"), "{}", ended.out);
}

#[test]
fn a_new_c_plugin_builds_and_works() {
    builds_and_says_the_same("c");
}

#[test]
fn what_a_plugin_prints_goes_to_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("my-hook");
    let name = new.display().to_string();
    assert_eq!(hookline(&["plugin", "new", &name, "--lang", "c"]).code, Some(0));
    let source = fs::read_to_string(new.join("my-hook.c")).unwrap();
    let prints = "{\n  printf(\"a line\\nhalf \"); fflush(stdout); printf(\"of one\\n\"); fflush(stdout); fprintf(stderr, \"wrong\\n\");\n";
    fs::write(new.join("my-hook.c"), source.replacen("{\n  // The host", &format!("{prints}  // The host"), 1)).unwrap();
    let built = hookline(&["plugin", "build", &name]);
    assert_eq!((built.code, built.err.as_str()), (Some(0), ""));
    let ended = hookline(&["plugin", "test", &format!("{name}/my-hook.wasm"), "--read", &capture("demo/webapp.pcap")]);
    for line in ["my-hook: a line\n", "my-hook: half of one\n", "my-hook: wrong\n"] {
        assert!(ended.err.contains(line), "{line}: {}", ended.err);
    }
}

#[test]
fn a_new_cpp_plugin_builds_and_works() {
    builds_and_says_the_same("cpp");
}

#[test]
#[ignore = "needs a large tool: `cargo xtask guests --all` installs it and runs this"]
fn a_new_zig_plugin_builds_and_works_with_its_large_tool() {
    builds_and_says_the_same("zig");
}

#[test]
#[ignore = "needs a large tool: `cargo xtask guests --all` installs it and runs this"]
fn a_new_python_plugin_builds_and_works_with_its_large_tool() {
    builds_and_says_the_same("python");
}

#[test]
fn a_new_typescript_plugin_builds_and_works() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("my-hook");
    // The nearest `node_modules` above a plugin is its own.
    let modules = root().join("tests/browser/node_modules");
    assert!(modules.join("esbuild").exists(), "run `cargo xtask test`, which installs esbuild");
    std::os::unix::fs::symlink(modules, dir.path().join("node_modules")).unwrap();
    let name = new.display().to_string();
    assert_eq!(hookline(&["plugin", "new", &name, "--lang", "ts"]).code, Some(0));
    // What is imported comes along, and the title is the first comment.
    fs::write(new.join("words.ts"), "export const on = (what: string): string => `on ${what}`;\n").unwrap();
    let script = fs::read_to_string(new.join("my-hook.ts")).unwrap();
    let script =
        script.replace("\n\n", "\nimport { on } from \"./words\";\n\n").replace("\"on\", data.request.method", "on(data.request.method)");
    fs::write(new.join("my-hook.ts"), script).unwrap();
    let built = hookline(&["plugin", "build", &name]);
    assert_eq!((built.code, built.err.as_str()), (Some(0), ""));
    let bundle = fs::read_to_string(new.join("my-hook.js")).unwrap();
    assert!(bundle.starts_with("// Say when an HTTP response has a server error\n"), "{bundle}");
    let ended = hookline(&["plugin", "test", &format!("{name}/my-hook.js"), "--read", &capture("demo/webapp.pcap")]);
    assert!(ended.err.contains("my-hook: 500 on GET /comment/"), "{}", ended.err);
    fs::write(new.join("my-hook.ts"), "export function onItemCaptured(data: { {}\n").unwrap();
    let wrong = hookline(&["plugin", "build", &name]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("my-hook.ts:1:") && wrong.err.contains("esbuild ended with"), "{}", wrong.err);
}

/// What a file holds is told without running it.
#[test]
fn what_is_in_a_plugin_is_inspected() {
    let inspect = |file: &str| hookline(&["plugin", "inspect", &root().join(file).display().to_string()]);
    let rust = inspect("plugins/dist/http-errors.wasm");
    assert_eq!(rust.code, Some(0), "{}", rust.err);
    for line in
        ["contract      hookline:hooks@0.1.1", "imports       hookline:hooks/emit@0.1.1: raise", "hooks         lifecycle, items-hook"]
    {
        assert!(rust.out.contains(line), "{line}: {}", rust.out);
    }
    assert!(inspect("tests/guests/released/0.1.0/http-errors.wasm").out.contains("contract      hookline:hooks@0.1.0"));
    let json = hookline(&["plugin", "inspect", "--json", &root().join("tests/guests/dist/by-value.wasm").display().to_string()]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["hooks"], serde_json::json!(["lifecycle", "item-hook", "timer-hook"]));
    let bad = inspect("README.md");
    assert_eq!(bad.code, Some(1));
    assert!(bad.err.contains("this is not WebAssembly"), "{}", bad.err);
    assert_eq!(inspect("plugins/scripts/500-to-slack.js").code, Some(2));
}

/// The same hook in each language says the same.
fn builds_and_says_the_same(language: &str) {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("my-hook").display().to_string();
    assert_eq!(hookline(&["plugin", "new", &new, "--lang", language]).code, Some(0));
    let built = hookline(&["plugin", "build", &new]);
    assert_eq!((built.code, built.err.as_str()), (Some(0), ""), "it is built without a warning");
    let ended = hookline(&["plugin", "test", &format!("{new}/my-hook.wasm"), "--read", &capture("demo/webapp.pcap")]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let event: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&event["data"]["title"], &event["data"]["item"]["status"]), (&"500 on GET /comment/".into(), &500.into()));
}

#[test]
fn filters_of_plugins_are_explained_before_there_are_items() {
    let dist = root().join("plugins/dist");
    let file = capture("demo/webapp.pcap");
    let read = hookline(&["read", &file, "--format", "none", "--plugins", &dist.display().to_string(), "--dry-run", "--explain-filters"]);
    assert_eq!(read.code, Some(0), "{}", read.err);
    let lines: Vec<&str> = read.err.lines().collect();
    assert!(lines.iter().any(|l| l.starts_with("dns-errors: dns")), "{}", read.err);
    let together = lines.iter().position(|l| *l == "together:").unwrap();
    assert!(lines[together..].iter().any(|l| l.contains("protocols") && l.contains("dns")), "{}", read.err);
}

/// Every plugin of the gallery says on its tests' items what it said when they were written.
#[test]
fn the_gallery_passes_its_tests() {
    let folders = fs::read_dir(root().join("plugins")).unwrap().map(|e| e.unwrap().path()).filter(|f| f.join("tests").is_dir());
    let mut count = 0;
    for folder in folders {
        let name = folder.display().to_string();
        // Those in Rust and the scripts are ready.
        if fs::read_dir(&folder).unwrap().any(|e| e.unwrap().path().extension().is_some_and(|ending| ending == "c")) {
            let built = hookline(&["plugin", "build", &name]);
            assert_eq!((built.code, built.err.as_str()), (Some(0), ""), "{name} is built without a warning");
        }
        let ended = hookline(&["plugin", "test", &name]);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
        count += ended.err.lines().filter(|l| l.starts_with("ok ")).count();
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn a_folder_of_tests_says_what_differs_and_blesses() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("greet");
    fs::create_dir_all(folder.join("tests")).unwrap();
    let test = |more: &[&str]| hookline(&[&["plugin", "test", &folder.display().to_string()][..], more].concat());
    assert!(test(&[]).err.contains("there is neither"), "{}", test(&[]).err);
    fs::write(folder.join("greet.js"), "function onItemCaptured(data) { emit(\"hello\", { to: data.dst.name, by: env.WHO }); }").unwrap();
    assert!(test(&[]).err.contains("has no NAME.toml"), "{}", test(&[]).err);
    fs::write(folder.join("tests/a.toml"), "items = \"a.ndjson\"\nexpect = \"a.expected.ndjson\"\nenv = { WHO = \"me\" }\n").unwrap();
    fs::write(folder.join("greet.toml"), "[grants]\nenv = [\"WHO\"]\n").unwrap();
    fs::write(folder.join("tests/a.ndjson"), "{\"dst\":{\"name\":\"shop\"}}\n").unwrap();
    let blessed = test(&["--bless"]);
    assert_eq!(blessed.code, Some(0), "{}", blessed.err);
    let expected = fs::read_to_string(folder.join("tests/a.expected.ndjson")).unwrap();
    assert!(expected.contains("\"data\":{\"to\":\"shop\",\"by\":\"me\"}"), "{expected}");
    fs::write(folder.join("tests/a.ndjson"), "{\"dst\":{\"name\":\"shop\"}}\n{").unwrap();
    let broken = test(&[]);
    assert!(broken.code == Some(1) && broken.err.contains("a.ndjson:2:1: this is not an item"), "{}", broken.err);
    fs::write(folder.join("tests/a.ndjson"), "{\"dst\":{\"name\":\"pub\"}}\n").unwrap();
    let differs = test(&[]);
    assert!(differs.code == Some(1) && differs.err.contains("event 1 differs"), "{}", differs.err);
    fs::write(folder.join("tests/a.toml"), "expect = \"x\"\n").unwrap();
    let wrong = test(&[]);
    assert!(wrong.code == Some(2) && wrong.err.contains("give either read"), "{}", wrong.err);
}

#[test]
fn a_plugin_is_measured_against_its_budget() {
    let plugin = root().join("plugins/dist/http-errors.wasm").display().to_string();
    let bench = |more: &[&str]| {
        hookline(&[&["plugin", "bench", &plugin, "--read", &capture("demo/webapp.pcap"), "--seconds", "0"][..], more].concat())
    };
    let ended = bench(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("http-errors over 1 passes: 10 items") && ended.out.contains("PASS"), "{}", ended.out);
    let json: serde_json::Value = serde_json::from_str(&bench(&["--json"]).out).unwrap();
    assert_eq!((&json["pass"], &json["plugin"]["delivered"]), (&true.into(), &10.into()));
}
