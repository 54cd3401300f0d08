//! Real captures, and what is printed of them.

use crate::{
    schema::violations,
    support::{compare, hookline, root},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

fn captures() -> Vec<PathBuf> {
    // Those of `capture` are other tests'.
    let folders =
        std::fs::read_dir(root().join("tests/pcaps")).unwrap().map(|f| f.unwrap().path()).filter(|f| f.is_dir() && !f.ends_with("capture"));
    let files = folders.flat_map(|f| std::fs::read_dir(f).unwrap()).map(|f| f.unwrap().path());
    let mut captures: Vec<PathBuf> = files.filter(|f| stem(f).is_some()).collect();
    captures.sort();
    assert!(captures.is_sorted_by(|a, b| expected(a) != expected(b)), "two captures have the same name");
    captures
}

/// A capture's name without what says that it is one; nothing for other files.
fn stem(file: &Path) -> Option<&str> {
    let name = file.file_name()?.to_str()?;
    [".pcap", ".pcapng", ".pcap.gz"].iter().find_map(|end| name.strip_suffix(end))
}

/// Where that lies which is printed of a capture: beside it.
fn expected(capture: &Path) -> PathBuf {
    capture.with_file_name(format!("{}.ndjson", stem(capture).unwrap()))
}

#[test]
fn captures_give_the_expected_items() {
    let captures = captures();
    assert!(captures.len() >= 150);
    for file in captures {
        let read = |lanes: &str| hookline(&["read", &file.display().to_string(), "--format", "ndjson", "--lanes", lanes]);
        let (first, second) = (read("1"), read("3"));
        assert_eq!(first.code, Some(0), "{}: {}", file.display(), first.err);
        assert_eq!(first.out, second.out, "{}: two runs print the same bytes, whatever the number of lanes", file.display());
        for line in first.out.lines() {
            let found = violations(&serde_json::from_str(line).unwrap());
            assert!(found.is_empty(), "{}: {found:?}\n{line}", file.display());
        }
        // The folder that the repository lies in is no part of what is expected.
        let source = serde_json::to_string(&file.display().to_string()).unwrap();
        let name = serde_json::to_string(&file.file_name().unwrap().to_string_lossy()).unwrap();
        compare(&expected(&file), &first.out.replace(&source, &name));
    }
}

/// What no filter can match is not read, and what is printed is the same as if it were.
#[test]
fn a_filter_for_a_protocol_picks_its_items_out_of_all() {
    for file in captures() {
        let read = |filter: &[&str]| {
            let name = file.display().to_string();
            let args = [&["read", &name, "--format", "ndjson"], filter].concat();
            hookline(&args).out.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let all = read(&[]);
        let short_name = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["protocol"]["abbr"].clone();
        let names: std::collections::HashSet<String> = all.iter().map(|line| short_name(line).as_str().unwrap().to_owned()).collect();
        for name in names {
            let expected: Vec<_> = all.iter().filter(|line| short_name(line) == *name).cloned().collect();
            assert_eq!(read(&["--kfl", &format!("protocol.abbr == {name:?}")]), expected, "{}: {name}", file.display());
            let only = read(&["--protocols", &name]);
            assert_eq!(only, expected, "{}: {name}", file.display());
        }
    }
}

#[test]
fn every_capture_has_its_origin_and_licence() {
    for file in captures().into_iter().filter(|f| !f.parent().unwrap().ends_with("synthetic")) {
        let readme = std::fs::read_to_string(file.with_file_name("README.md")).unwrap();
        let name = format!("`{}`", file.file_name().unwrap().to_string_lossy());
        assert!(
            readme.lines().any(|l| l.contains(&name) && l.matches('|').count() == 5),
            "{} is not in its folder's README",
            file.display()
        );
    }
}

#[test]
fn two_captures_put_together_give_the_items_of_both() {
    let items = |bytes: &[u8]| {
        let read = crate::support::hookline_with(&["read", "-", "--format", "ndjson"], bytes);
        assert_eq!(read.code, Some(0), "{}", read.err);
        read.out.lines().count()
    };
    let file = |name: &str| std::fs::read(crate::support::capture(name)).unwrap();
    let (a, b) = (file("http/pipelined-requests.pcap"), file("dns/dns-wiresharkrepo.pcap"));
    // Both are classic files of the same byte order and link type: the second goes on without its header.
    assert_eq!(a[..4], b[..4]);
    let joined = [&a[..], &b[24..]].concat();
    assert_eq!(items(&joined), items(&a) + items(&b));
}

/// The items of a synthetic capture, without what tells when and in which frames they came, and without those that sum flows up.
fn said(name: &str) -> Vec<serde_json::Value> {
    let file = root().join("tests/pcaps/synthetic").join(format!("{name}.pcap.gz"));
    let read = hookline(&["read", &file.display().to_string(), "--format", "ndjson"]);
    let items = read.out.lines().map(|line| serde_json::from_str(line).unwrap());
    let said = items.filter(|i: &serde_json::Value| !matches!(i["protocol"]["name"].as_str(), Some("tcp" | "udp")));
    let mut said: Vec<_> = said
        .map(|mut item| {
            for name in ["timestamp", "startTime", "elapsedTime", "frames", "capture"] {
                item.as_object_mut().unwrap().remove(name);
            }
            item
        })
        .collect();
    // Lines are in the order of the items' first frames, which is what differs.
    said.sort_by_key(|item| item["index"].as_u64());
    said
}

#[test]
fn what_is_said_does_not_depend_on_how_it_is_carried() {
    let mut variants: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in captures().into_iter().filter(|f| f.parent().unwrap().ends_with("synthetic")) {
        let name = stem(&file).unwrap().to_owned();
        let protocol = name.split("-normal").next().unwrap().to_owned();
        if name != protocol {
            let same = ["split", "reordered", "duplicated"].map(|variant| format!("{protocol}-{variant}"));
            variants.insert(name, same.into_iter().filter(|n| file.with_file_name(format!("{n}.pcap.gz")).exists()).collect());
        }
    }
    assert!(variants.len() >= 15);
    for (normal, others) in variants {
        let want = said(&normal);
        assert!(!want.is_empty(), "{normal}");
        // A datagram that comes twice is said twice.
        for other in others.into_iter().filter(|o| !o.contains("udp") && !o.starts_with("radius")) {
            assert_eq!(said(&other), want, "{other}");
        }
    }
}

#[test]
fn synthetic_captures_are_made_by_their_script() {
    let made = tempfile::tempdir().unwrap();
    let script = root().join("tests/pcaps/synthetic.py");
    assert!(Command::new("python3").arg(script).arg(made.path()).status().unwrap().success());
    let mut files = 0;
    for file in std::fs::read_dir(made.path()).unwrap().map(|f| f.unwrap().path()) {
        let kept = root().join("tests/pcaps/synthetic").join(file.file_name().unwrap());
        assert!(std::fs::read(&file).unwrap() == std::fs::read(&kept).unwrap_or_default(), "{}: run the script anew", kept.display());
        files += 1;
    }
    let kept = captures().into_iter().filter(|f| f.parent().unwrap().ends_with("synthetic")).count();
    assert_eq!(kept, files, "tests/pcaps/synthetic has captures that the script does not make");
}
