//! What every bus must do, written against the trait: an implementation calls [`conformance`] with an empty bus.

use crate::{Bus, BusError, Counts, Delivery, Event, Filter, Kind, Retry};
use hookline_item::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// Long after any acknowledgement wait of a bus under test.
const LATER: Duration = Duration::from_secs(3_600);

pub(crate) fn conformance(bus: &dyn Bus) {
    let checks: [fn(&dyn Bus, &str); 8] = [
        same_id_is_stored_once,
        consumers_get_what_they_want,
        late_consumers_get_what_is_kept,
        unanswered_comes_again,
        failures_wait_and_keep_their_history,
        dead_letters_are_kept_retried_and_dropped,
        settled_stays_settled,
        publishers_wake_workers,
    ];
    for (i, check) in checks.into_iter().enumerate() {
        let name = format!("c{i}");
        check(bus, &name);
        bus.unsubscribe(&name).unwrap();
    }
    assert!(matches!(bus.fetch("nobody", 1, at(0)), Err(BusError::UnknownConsumer(name)) if name == "nobody"));
    assert!(!bus.unsubscribe("nobody").unwrap());
    assert_eq!(bus.consumers().unwrap(), Vec::<String>::new());
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

/// An event of a kind that no other check has.
pub(crate) fn event(check: &str, id: u32) -> Event {
    Event {
        id: format!("{check}-{id}"),
        kind: Kind::Action(check.to_owned()),
        plugin: "p".into(),
        node: "n".into(),
        time: at(0),
        data: serde_json::json!({"n": id}),
    }
}

fn own(name: &str) -> Filter {
    Filter::Action(name.to_owned())
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|d| d.event.id.as_str()).collect()
}

fn same_id_is_stored_once(bus: &dyn Bus, name: &str) {
    bus.subscribe(name, &own(name)).unwrap();
    let first = bus.publish(&[event(name, 1), event(name, 1), event(name, 2)], at(0)).unwrap();
    assert_eq!((first.stored, first.duplicates, first.refused()), (2, 1, 0));
    let taken = bus.fetch(name, 10, at(0)).unwrap();
    assert_eq!(taken.iter().map(|d| d.event.clone()).collect::<Vec<_>>(), [event(name, 1), event(name, 2)]);
    assert!(taken.iter().all(|d| d.attempt == 1));
    assert!(bus.ack(name, &taken[0], at(1)).unwrap());
    // Also once it was delivered.
    assert_eq!(bus.publish(&[event(name, 1)], at(2)).unwrap().duplicates, 1);
    assert!(bus.fetch(name, 10, at(2)).unwrap().is_empty());
}

fn consumers_get_what_they_want(bus: &dyn Bus, name: &str) {
    let other = format!("{name}-alerts");
    bus.subscribe(name, &own(name)).unwrap();
    bus.subscribe(&other, &Filter::Any(vec![Filter::Alerts, own(name)])).unwrap();
    let alert = Event { kind: Kind::Alert, ..event(name, 2) };
    bus.publish(&[event(name, 1), alert], at(0)).unwrap();
    assert_eq!(ids(&bus.fetch(name, 10, at(0)).unwrap()), [format!("{name}-1")]);
    assert_eq!(ids(&bus.fetch(&other, 1, at(0)).unwrap()), [format!("{name}-1")]);
    assert_eq!(ids(&bus.fetch(&other, 10, at(0)).unwrap()), [format!("{name}-2")]);
    assert_eq!(bus.consumers().unwrap(), [name, &other]);
    assert!(bus.unsubscribe(&other).unwrap());
}

fn late_consumers_get_what_is_kept(bus: &dyn Bus, name: &str) {
    bus.publish(&[event(name, 1)], at(0)).unwrap();
    bus.subscribe(name, &own(name)).unwrap();
    bus.subscribe(name, &own(name)).unwrap();
    let taken = bus.fetch(name, 10, at(0)).unwrap();
    assert_eq!(ids(&taken), [format!("{name}-1")]);
    bus.ack(name, &taken[0], at(0)).unwrap();
    bus.subscribe(name, &own(name)).unwrap();
    assert!(bus.fetch(name, 10, at(0)).unwrap().is_empty(), "a consumer keeps its place");
}

fn unanswered_comes_again(bus: &dyn Bus, name: &str) {
    bus.subscribe(name, &own(name)).unwrap();
    bus.publish(&[event(name, 1)], at(0)).unwrap();
    let first = bus.fetch(name, 10, at(0)).unwrap().remove(0);
    assert_eq!(bus.counts(name, at(0)).unwrap(), Counts { in_flight: 1, ..Counts::default() });
    assert!(bus.fetch(name, 10, at(0)).unwrap().is_empty());
    let again = at(0).plus(LATER);
    assert_eq!(bus.counts(name, again).unwrap(), Counts { pending: 1, ..Counts::default() });
    let second = bus.fetch(name, 10, again).unwrap().remove(0);
    assert_eq!(second.attempt, 2);
    // The first worker was only slow: its failure is no news, its success is.
    let retry = Retry { now: again, at: again, reason: "slow" };
    assert!(!bus.nack(name, &first, &retry).unwrap());
    assert!(!bus.dead_letter(name, &first, "slow", again).unwrap());
    assert!(bus.ack(name, &first, again).unwrap());
    assert!(!bus.ack(name, &second, again).unwrap());
}

fn failures_wait_and_keep_their_history(bus: &dyn Bus, name: &str) {
    bus.subscribe(name, &own(name)).unwrap();
    assert_eq!(bus.next_due(name).unwrap(), None);
    bus.publish(&[event(name, 1)], at(0)).unwrap();
    let first = bus.fetch(name, 10, at(0)).unwrap().remove(0);
    assert!(bus.nack(name, &first, &Retry { now: at(1), at: at(10), reason: "busy" }).unwrap());
    assert_eq!(bus.next_due(name).unwrap(), Some(at(10)));
    assert!(bus.fetch(name, 10, at(9)).unwrap().is_empty());
    let second = bus.fetch(name, 10, at(10)).unwrap().remove(0);
    assert_eq!(second.attempt, 2);
    assert!(bus.dead_letter(name, &second, "enough", at(11)).unwrap());
    let dead = bus.dead_letters(Some(name), 10).unwrap().remove(0);
    assert_eq!((dead.consumer.as_str(), dead.event, dead.at), (name, event(name, 1), at(11)));
    assert_eq!((dead.reason.as_str(), dead.attempts), ("enough", 2));
    assert_eq!(dead.history.iter().map(|f| (f.at, f.reason.as_str())).collect::<Vec<_>>(), [(at(1), "busy")]);
}

fn dead_letters_are_kept_retried_and_dropped(bus: &dyn Bus, name: &str) {
    bus.subscribe(name, &own(name)).unwrap();
    bus.publish(&[event(name, 1), event(name, 2)], at(0)).unwrap();
    for delivery in bus.fetch(name, 10, at(0)).unwrap() {
        bus.dead_letter(name, &delivery, "no", at(0)).unwrap();
    }
    assert_eq!(bus.counts(name, at(0)).unwrap(), Counts { dead: 2, ..Counts::default() });
    assert_eq!(bus.dead_letters(None, 1).unwrap().len(), 1);
    assert!(bus.fetch(name, 10, at(0).plus(LATER)).unwrap().is_empty());
    let (one, two) = (format!("{name}-1"), format!("{name}-2"));
    assert!(bus.retry_dead(name, &one, at(5)).unwrap() && !bus.retry_dead(name, &one, at(5)).unwrap());
    assert!(bus.drop_dead(name, &two).unwrap() && !bus.drop_dead(name, &two).unwrap());
    let again = bus.fetch(name, 10, at(5)).unwrap().remove(0);
    assert_eq!((again.event.id.as_str(), again.attempt), (one.as_str(), 1));
    bus.ack(name, &again, at(5)).unwrap();
    assert_eq!(bus.counts(name, at(5)).unwrap(), Counts { delivered: 1, ..Counts::default() });
}

fn settled_stays_settled(bus: &dyn Bus, name: &str) {
    bus.subscribe(name, &own(name)).unwrap();
    bus.publish(&[event(name, 1)], at(0)).unwrap();
    let taken = bus.fetch(name, 10, at(0)).unwrap().remove(0);
    assert!(bus.ack(name, &taken, at(0)).unwrap() && !bus.ack(name, &taken, at(0)).unwrap());
    assert!(!bus.nack(name, &taken, &Retry { now: at(0), at: at(0), reason: "" }).unwrap());
    assert!(!bus.dead_letter(name, &taken, "", at(0)).unwrap());
    assert!(bus.fetch(name, 10, at(0).plus(LATER)).unwrap().is_empty());
}

fn publishers_wake_workers(bus: &dyn Bus, name: &str) {
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::downgrade(&calls);
    bus.on_publish(Box::new(move || count.upgrade().map(|calls| calls.fetch_add(1, Relaxed)).is_some()));
    bus.publish(&[event(name, 1), event(name, 2)], at(0)).unwrap();
    bus.publish(&[event(name, 1)], at(0)).unwrap();
    assert_eq!(calls.load(Relaxed), 1, "once a batch, and not for what is known");
    drop(calls);
    bus.publish(&[event(name, 3)], at(0)).unwrap();
}
