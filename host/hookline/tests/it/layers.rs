//! Dependencies point one way.

use serde_json::Value;
use std::process::Command;

/// Which of our crates each may depend on, apart from what its tests use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("hookline-item", &[]),
    ("hookline-kfl", &["hookline-item"]),
    ("hookline-packet", &["hookline-item"]),
    ("hookline-capture", &["hookline-item"]),
    ("hookline-bus", &["hookline-item"]),
    ("hookline-dissect", &["hookline-item"]),
    ("hookline-hooks", &["hookline-item", "hookline-kfl", "hookline-bus"]),
    ("hookline-store", &["hookline-item", "hookline-kfl", "hookline-bus"]),
    ("hookline-actions", &["hookline-item", "hookline-bus"]),
    ("hookline-web", &["hookline-item", "hookline-kfl", "hookline-bus", "hookline-hooks", "hookline-store"]),
    (
        "hookline",
        &[
            "hookline-actions",
            "hookline-bus",
            "hookline-capture",
            "hookline-dissect",
            "hookline-hooks",
            "hookline-item",
            "hookline-kfl",
            "hookline-packet",
            "hookline-store",
            "hookline-web",
        ],
    ),
    (
        "hookline-benches",
        &["hookline-item", "hookline-kfl", "hookline-packet", "hookline-capture", "hookline-dissect", "hookline-bus", "hookline-hooks"],
    ),
    ("xtask", &[]),
];

/// Heavy dependencies, and who alone may have them.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["hookline-hooks", "hookline-benches"]),
    ("rusqlite", &["hookline-bus", "hookline-hooks", "hookline-store"]),
    ("axum", &["hookline-web"]),
    ("hyper", &["hookline-actions"]),
    ("nom", &["hookline-dissect"]),
];

#[test]
fn every_edge_is_allowed() {
    let out = Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), ALLOWED.len(), "a crate is missing in the table of this test");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed = ALLOWED.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("{name} is not in the table")).1;
        for dependency in package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null()) {
            let on = dependency["name"].as_str().unwrap();
            assert!(dependency["path"].is_null() || allowed.contains(&on), "{name} must not depend on {on}");
            if let Some((_, owners)) = OWNERS.iter().find(|(n, _)| *n == on) {
                assert!(owners.contains(&name), "{on} belongs to {owners:?}, not to {name}");
            }
        }
    }
}

#[test]
fn crates_without_io_say_so() {
    let root = crate::support::root();
    for name in ["item", "kfl", "packet", "dissect", "bus", "store", "actions", "web"] {
        let text = std::fs::read_to_string(root.join("host").join(name).join("src/lib.rs")).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "host/{name} does not forbid unsafe code");
    }
}
