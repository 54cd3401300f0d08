use super::*;
use hookline_bus::{Event, Kind};
use hookline_item::{Item, Timestamp, testing};
use hookline_kfl::Filter;

fn item(index: u64) -> Arc<Item> {
    testing::item(index, &testing::PROTOCOL, Box::new(testing::Nothing))
}

fn open(path: Option<PathBuf>, items_max: u64, bytes_max: u64) -> Store {
    Store::open(StoreOptions { path, items_max, bytes_max }).unwrap()
}

fn fill(store: &Store, items: impl Iterator<Item = u64>) {
    let writer = store.writer().unwrap();
    for i in items {
        assert!(writer.item(&item(i)));
    }
    writer.finish();
}

fn indexes(store: &Store, filter: &str, before: Option<Cursor>, limit: usize) -> (Vec<u64>, Option<Cursor>) {
    let filter = Filter::parse(filter).unwrap();
    let page = store.items(&ItemQuery { filter: &filter, before, limit, now: Timestamp(0) }).unwrap();
    (page.items.iter().map(|i| i.json["index"].as_u64().unwrap()).collect(), page.next)
}

#[test]
fn newest_first_filtered_and_paged() {
    let store = open(None, 10_000, u64::MAX);
    fill(&store, 0..1200);
    let (first, next) = indexes(&store, "", None, 3);
    assert_eq!(first, [1199, 1198, 1197]);
    assert_eq!(indexes(&store, "", next, 2).0, [1196, 1195]);
    let (found, next) = indexes(&store, "index < 2", None, 10);
    assert_eq!((found, next), (vec![1, 0], None));
    assert_eq!(store.item(&item(7).id()).unwrap().unwrap().json["requestSize"], 7);
    assert!(store.item("x").unwrap().is_none());
}

#[test]
fn the_oldest_go_first_by_count_and_by_bytes() {
    let store = open(None, 5, u64::MAX);
    fill(&store, 0..20);
    assert_eq!(indexes(&store, "", None, 100).0, [19, 18, 17, 16, 15]);
    let stats = store.stats();
    assert_eq!((stats.items, stats.written, stats.evicted), (5, 20, 15));
    let store = open(None, 100, stats.bytes / 5 * 3 + 10);
    fill(&store, 0..20);
    assert_eq!(indexes(&store, "", None, 100).0, [19, 18, 17]);
}

#[test]
fn an_item_that_comes_again_replaces_the_first() {
    let store = open(None, 100, u64::MAX);
    fill(&store, [1, 2, 1].into_iter());
    assert_eq!(indexes(&store, "", None, 100).0, [1, 2]);
    assert_eq!(store.stats().items, 2);
}

#[test]
fn a_file_keeps_its_items() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items.sqlite");
    fill(&open(Some(path.clone()), 100, u64::MAX), 0..3);
    let store = open(Some(path.clone()), 100, u64::MAX);
    assert_eq!(indexes(&store, "", None, 100).0, [2, 1, 0]);
    assert_eq!(store.stats().items, 3);
    drop(store);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(StoreOptions { path: Some(path.clone()), items_max: 1, bytes_max: 1 }).err().unwrap().to_string();
    assert!(error.contains("newer version") && error.contains("items.sqlite"), "{error}");
    std::fs::write(&path, "this is no database, whatever its name says").unwrap();
    let error = Store::open(StoreOptions { path: Some(path), items_max: 1, bytes_max: 1 }).err().unwrap().to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[test]
fn alerts_are_kept_once() {
    let store = open(None, 10, u64::MAX);
    let writer = store.writer().unwrap();
    let event = |id: &str, kind| Event {
        id: id.into(),
        kind,
        plugin: "p".into(),
        node: "n".into(),
        time: Timestamp(0),
        data: serde_json::json!({"title": id}),
    };
    for id in ["a", "b", "a"] {
        writer.event(&event(id, Kind::Alert));
    }
    writer.event(&event("c", Kind::Action("slack".into())));
    writer.finish();
    let titles: Vec<_> = store.alerts(None, 10).unwrap().iter().map(|a| a.json["data"]["title"].clone()).collect();
    assert_eq!(titles, ["b", "a"]);
}
