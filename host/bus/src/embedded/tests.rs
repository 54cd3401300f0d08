use super::*;
use crate::conformance::{at, conformance, event};
use std::time::Duration;

fn memory(limits: Limits) -> EmbeddedBus {
    EmbeddedBus::open(None, limits).unwrap()
}

#[test]
fn conforms_in_memory_and_in_a_file() {
    conformance(&memory(Limits::default()));
    let directory = tempfile::tempdir().unwrap();
    conformance(&EmbeddedBus::open(Some(&directory.path().join("bus.sqlite")), Limits::default()).unwrap());
}

#[test]
fn everything_unacknowledged_survives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bus.sqlite");
    let open = || EmbeddedBus::open(Some(&path), Limits::default()).unwrap();
    let bus = open();
    bus.subscribe("w", &Filter::All).unwrap();
    bus.publish(&[event("a", 1), event("a", 2), event("a", 3)], at(0)).unwrap();
    let taken = bus.fetch("w", 2, at(0)).unwrap();
    bus.ack("w", &taken[0], at(0)).unwrap();
    // As a killed process leaves it: not closed, the log not written back.
    std::mem::forget(bus);
    let bus = open();
    assert_eq!(bus.publish(&[event("a", 1)], at(1)).unwrap().duplicates, 1);
    assert_eq!(bus.fetch("w", 9, at(1)).unwrap()[0].event, event("a", 3));
    let again = bus.fetch("w", 9, at(0).plus(Limits::default().ack_wait)).unwrap();
    assert_eq!((&again[0].event, again[0].attempt), (&event("a", 2), 2));
}

#[test]
fn delivered_goes_first_then_dead_then_new_ones_are_refused() {
    let bus = memory(Limits { events_max: 3, ..Limits::default() });
    bus.subscribe("w", &Filter::All).unwrap();
    bus.publish(&[event("a", 1), event("a", 2), event("a", 3)], at(0)).unwrap();
    let taken = bus.fetch("w", 2, at(0)).unwrap();
    bus.dead_letter("w", &taken[0], "no", at(0)).unwrap();
    bus.ack("w", &taken[1], at(0)).unwrap();
    assert_eq!(bus.publish(&[event("a", 4)], at(0)).unwrap().stored, 1);
    assert_eq!((bus.totals().unwrap().dead_dropped, bus.dead_letters(None, 9).unwrap().len()), (0, 1));
    assert_eq!(bus.publish(&[event("a", 5)], at(0)).unwrap().stored, 1);
    assert_eq!((bus.totals().unwrap().dead_dropped, bus.dead_letters(None, 9).unwrap().len()), (1, 0));
    let full = bus.publish(&[event("a", 6), event("a", 3)], at(0)).unwrap();
    assert_eq!((full.stored, full.refused_full, full.duplicates), (0, 1, 1));
    let totals = bus.totals().unwrap();
    assert_eq!((totals.events, totals.stored, totals.duplicates, totals.refused_full), (3, 5, 1, 1));
}

#[test]
fn bytes_and_single_events_are_bounded() {
    let bytes = event("a", 1).to_cloud_event().to_string().len() as u64;
    let bus = memory(Limits { bytes_max: 2 * bytes, event_bytes_max: bytes, ..Limits::default() });
    bus.subscribe("w", &Filter::All).unwrap();
    let large = Event { data: "x".repeat(100).into(), ..event("a", 0) };
    let published = bus.publish(&[large, event("a", 1), event("a", 2), event("a", 3)], at(0)).unwrap();
    assert_eq!((published.refused_large, published.stored, published.refused_full), (1, 2, 1));
    assert_eq!(bus.totals().unwrap().bytes, 2 * bytes);
}

#[test]
fn what_is_settled_ages_and_what_waits_does_not() {
    let bus = memory(Limits { age_max: Duration::from_secs(10), ..Limits::default() });
    bus.subscribe("w", &Filter::All).unwrap();
    bus.publish(&[event("a", 1), event("a", 2), event("a", 3)], at(0)).unwrap();
    let taken = bus.fetch("w", 2, at(0)).unwrap();
    bus.ack("w", &taken[0], at(0)).unwrap();
    bus.dead_letter("w", &taken[1], "no", at(0)).unwrap();
    bus.publish(&[], at(11)).unwrap();
    let totals = bus.totals().unwrap();
    assert_eq!((totals.events, totals.dead_dropped), (1, 1));
    assert_eq!(bus.fetch("w", 9, at(11)).unwrap()[0].event, event("a", 3));
}

#[test]
fn a_wrong_clock_delays_nothing_for_ever() {
    let bus = memory(Limits::default());
    bus.subscribe("w", &Filter::All).unwrap();
    bus.publish(&[event("a", 1)], at(10 * 365 * 86_400)).unwrap();
    assert_eq!(bus.fetch("w", 9, at(0)).unwrap().len(), 1);
}

#[test]
fn history_is_bounded() {
    let bus = memory(Limits::default());
    bus.subscribe("w", &Filter::All).unwrap();
    bus.publish(&[event("a", 1)], at(0)).unwrap();
    let reason = "é".repeat(5_000);
    for i in 0..20 {
        let taken = bus.fetch("w", 1, at(i)).unwrap().remove(0);
        bus.nack("w", &taken, &Retry { now: at(i), at: at(i + 1), reason: &reason }).unwrap();
    }
    let taken = bus.fetch("w", 1, at(20)).unwrap().remove(0);
    bus.dead_letter("w", &taken, "no", at(20)).unwrap();
    let dead = bus.dead_letters(None, 1).unwrap().remove(0);
    assert_eq!((dead.history.len(), dead.attempts), (limits::HISTORY_MAX, 21));
    assert_eq!(dead.history[0].at, at(4));
    assert_eq!(dead.history[0].reason.chars().count(), limits::REASON_CHARS_MAX);
}

#[test]
fn a_damaged_event_does_not_block_the_others() {
    let bus = memory(Limits::default());
    bus.subscribe("w", &Filter::All).unwrap();
    bus.publish(&[event("a", 1), event("a", 2)], at(0)).unwrap();
    locked(&bus.connection).execute("UPDATE events SET body = '{' WHERE id = 'a-1'", ()).unwrap();
    assert_eq!(bus.fetch("w", 9, at(0)).unwrap()[0].event.id, "a-2");
    let dead = bus.dead_letters(None, 9).unwrap().remove(0);
    assert_eq!((dead.event.id.as_str(), dead.event.kind), ("a-1", event("a", 1).kind));
    assert!(dead.reason.contains("cannot be read"));
}

#[test]
fn two_processes_share_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bus.sqlite");
    let [one, two] = [(); 2].map(|()| EmbeddedBus::open(Some(&path), Limits::default()).unwrap());
    two.subscribe("w", &Filter::All).unwrap();
    one.publish(&[event("a", 1)], at(0)).unwrap();
    assert_eq!(two.fetch("w", 9, at(0)).unwrap().len(), 1);
    assert!(one.fetch("w", 9, at(0)).unwrap().is_empty());
}
