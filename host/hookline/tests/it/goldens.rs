//! Real captures, and what is printed of them.

use crate::{
    schema::violations,
    support::{compare, hookline, root},
};
use std::path::PathBuf;

fn captures() -> Vec<PathBuf> {
    // Those of `capture` are other tests'.
    let folders = std::fs::read_dir(root().join("tests/pcaps")).unwrap().map(|f| f.unwrap().path()).filter(|f| !f.ends_with("capture"));
    let files = folders.flat_map(|f| std::fs::read_dir(f).unwrap()).map(|f| f.unwrap().path());
    let mut captures: Vec<PathBuf> = files.filter(|f| f.extension().is_some_and(|e| e == "pcap" || e == "pcapng")).collect();
    captures.sort();
    assert!(captures.is_sorted_by(|a, b| a.with_extension("") != b.with_extension("")), "two captures have the same name");
    captures
}

#[test]
fn captures_give_the_expected_items() {
    let captures = captures();
    assert!(captures.len() >= 30);
    for file in captures {
        let read = || hookline(&["read", &file.display().to_string(), "--format", "ndjson"]);
        let (first, second) = (read(), read());
        assert_eq!(first.code, Some(0), "{}: {}", file.display(), first.err);
        assert_eq!(first.out, second.out, "{}: two runs print the same bytes", file.display());
        for line in first.out.lines() {
            let found = violations(&serde_json::from_str(line).unwrap());
            assert!(found.is_empty(), "{}: {found:?}\n{line}", file.display());
        }
        // The folder that the repository lies in is no part of what is expected.
        let source = serde_json::to_string(&file.display().to_string()).unwrap();
        let name = serde_json::to_string(&file.file_name().unwrap().to_string_lossy()).unwrap();
        compare(&file.with_extension("ndjson"), &first.out.replace(&source, &name));
    }
}

#[test]
fn every_capture_has_its_origin_and_licence() {
    for file in captures() {
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
