//! What comes in, for whom, and what goes to make room.

use super::{Limits, signed, unsigned};
use crate::{BusError, Event, Filter, Kind, Published, Totals};
use hookline_item::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// Stores what is new and fits, with a delivery for every consumer that wants it.
pub(super) fn publish(t: &Transaction<'_>, limits: &Limits, events: &[Event], now: Timestamp) -> Result<Published, BusError> {
    expire(t, limits, now)?;
    let consumers = consumers(t)?;
    let mut published = Published::default();
    for event in events {
        let body = event.to_cloud_event().to_string();
        let bytes = body.len() as u64;
        if t.prepare_cached("SELECT 1 FROM events WHERE id = ?")?.exists([&event.id])? {
            published.duplicates += 1;
        } else if bytes > limits.event_bytes_max {
            published.refused_large += 1;
        } else if !make_room(t, limits, bytes)? {
            published.refused_full += 1;
        } else {
            store(t, event, &body, &consumers, now)?;
            published.stored += 1;
        }
    }
    t.prepare_cached(
        "UPDATE totals SET stored = stored + ?, duplicates = duplicates + ?, refused_full = refused_full + ?, refused_large = refused_large + ?",
    )?
    .execute(params![
        published.stored.cast_signed(),
        published.duplicates.cast_signed(),
        published.refused_full.cast_signed(),
        published.refused_large.cast_signed()
    ])?;
    Ok(published)
}

fn store(t: &Transaction<'_>, event: &Event, body: &str, consumers: &[(i64, Filter)], now: Timestamp) -> Result<(), BusError> {
    let wanted: Vec<i64> = consumers.iter().filter(|(_, filter)| filter.matches(&event.kind)).map(|(id, _)| *id).collect();
    let bytes = body.len().cast_signed();
    t.prepare_cached("INSERT INTO events (id, kind, body, bytes, stored_at, open, dead) VALUES (?, ?, ?, ?, ?, ?, 0)")?
        .execute(params![event.id, event.kind.to_string(), body, bytes as i64, signed(now), wanted.len() as i64])?;
    let seq = t.last_insert_rowid();
    for consumer in wanted {
        t.prepare_cached("INSERT INTO deliveries (consumer, seq, state, due) VALUES (?, ?, 0, ?)")?.execute(params![
            consumer,
            seq,
            signed(now)
        ])?;
    }
    t.prepare_cached("UPDATE totals SET events = events + 1, bytes = bytes + ?")?.execute([bytes as i64])?;
    Ok(())
}

fn consumers(t: &Transaction<'_>) -> Result<Vec<(i64, Filter)>, BusError> {
    let mut statement = t.prepare_cached("SELECT id, filter FROM consumers")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (id, filter) = row?;
        Ok((id, serde_json::from_str(&filter).map_err(|e| BusError::Backend(Box::new(e)))?))
    })
    .collect()
}

/// Makes room for one more event of this size; false if all that is left waits for delivery.
fn make_room(t: &Transaction<'_>, limits: &Limits, bytes: u64) -> Result<bool, BusError> {
    loop {
        let held = totals(t)?;
        if held.events < limits.events_max && held.bytes + bytes <= limits.bytes_max {
            return Ok(true);
        }
        // Delivered ones before dead letters, each oldest first.
        let oldest = t
            .prepare_cached("SELECT seq FROM events WHERE open = 0 ORDER BY dead > 0, seq LIMIT 1")?
            .query_row((), |row| row.get::<_, i64>(0))
            .optional()?;
        match oldest {
            Some(seq) => drop_event(t, seq)?,
            None => return Ok(false),
        }
    }
}

/// Drops delivered events and dead letters that are older than they may be.
fn expire(t: &Transaction<'_>, limits: &Limits, now: Timestamp) -> Result<(), BusError> {
    let age = i64::try_from(limits.age_max.as_nanos()).unwrap_or(i64::MAX);
    let mut statement = t.prepare_cached("SELECT seq FROM events WHERE open = 0 AND stored_at < ?")?;
    let old: Vec<i64> = statement.query_map([signed(now).saturating_sub(age)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    old.into_iter().try_for_each(|seq| drop_event(t, seq))
}

fn drop_event(t: &Transaction<'_>, seq: i64) -> Result<(), BusError> {
    let dead = t.prepare_cached("DELETE FROM deliveries WHERE seq = ?")?.execute([seq])?;
    let bytes: i64 = t.prepare_cached("DELETE FROM events WHERE seq = ? RETURNING bytes")?.query_row([seq], |row| row.get(0))?;
    t.prepare_cached("UPDATE totals SET events = events - 1, bytes = bytes - ?, dead_dropped = dead_dropped + ?")?
        .execute(params![bytes, dead as i64])?;
    Ok(())
}

pub(super) fn totals(c: &Connection) -> Result<Totals, BusError> {
    let mut statement =
        c.prepare_cached("SELECT events, bytes, stored, duplicates, refused_full, refused_large, dead_dropped FROM totals")?;
    Ok(statement.query_row((), |row| {
        let n = |i| row.get(i).map(unsigned);
        Ok(Totals {
            events: n(0)?,
            bytes: n(1)?,
            stored: n(2)?,
            duplicates: n(3)?,
            refused_full: n(4)?,
            refused_large: n(5)?,
            dead_dropped: n(6)?,
        })
    })?)
}

/// Makes the consumer, or replaces the filter of the one there is.
pub(super) fn subscribe(t: &Transaction<'_>, name: &str, filter: &Filter) -> Result<(), BusError> {
    let text = serde_json::to_string(filter).map_err(|e| BusError::Backend(Box::new(e)))?;
    if t.execute("UPDATE consumers SET filter = ? WHERE name = ?", params![text, name])? > 0 {
        return Ok(());
    }
    t.execute("INSERT INTO consumers (name, filter) VALUES (?, ?)", params![name, text])?;
    catch_up(t, t.last_insert_rowid(), filter)
}

/// Gives a new consumer what is kept and it wants.
fn catch_up(t: &Transaction<'_>, consumer: i64, filter: &Filter) -> Result<(), BusError> {
    let mut kinds = t.prepare("SELECT DISTINCT kind FROM events")?;
    let kinds: Vec<String> = kinds.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    for kind in kinds.iter().filter(|kind| Kind::parse(kind).is_some_and(|kind| filter.matches(&kind))) {
        t.execute(
            "INSERT INTO deliveries (consumer, seq, state, due) SELECT ?, seq, 0, stored_at FROM events WHERE kind = ?",
            params![consumer, kind],
        )?;
        t.execute("UPDATE events SET open = open + 1 WHERE kind = ?", [kind])?;
    }
    Ok(())
}

/// Forgets the consumer; its events stay until they are in the way.
pub(super) fn unsubscribe(t: &Transaction<'_>, name: &str) -> Result<bool, BusError> {
    let Some(id) = t.query_row("SELECT id FROM consumers WHERE name = ?", [name], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(false);
    };
    t.execute("UPDATE events SET open = open - 1 WHERE seq IN (SELECT seq FROM deliveries WHERE consumer = ? AND state < 2)", [id])?;
    t.execute("UPDATE events SET dead = dead - 1 WHERE seq IN (SELECT seq FROM deliveries WHERE consumer = ? AND state = 2)", [id])?;
    t.execute("DELETE FROM deliveries WHERE consumer = ?", [id])?;
    t.execute("DELETE FROM consumers WHERE id = ?", [id])?;
    Ok(true)
}
