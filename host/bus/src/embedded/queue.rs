//! What goes out: deliveries and what becomes of them.

use super::{
    limits::{FETCH_MAX, HISTORY_MAX, REASON_CHARS_MAX, WAIT_MAX},
    signed, unsigned,
};
use crate::{BusError, Counts, DeadLetter, Delivery, Event, Failure, Kind, Retry};
use hookline_item::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// The number of the consumer `name`.
pub(super) fn consumer(c: &Connection, name: &str) -> Result<i64, BusError> {
    let mut statement = c.prepare_cached("SELECT id FROM consumers WHERE name = ?")?;
    statement.query_row([name], |row| row.get(0)).optional()?.ok_or_else(|| BusError::UnknownConsumer(name.to_owned()))
}

/// Takes what is due at `now` and holds it `until`.
pub(super) fn fetch(
    t: &Transaction<'_>,
    consumer: i64,
    max: usize,
    (now, until): (Timestamp, Timestamp),
) -> Result<Vec<Delivery>, BusError> {
    let mut statement = t.prepare_cached(
        "SELECT d.seq, d.attempts, e.id, e.kind, e.body FROM deliveries d JOIN events e ON e.seq = d.seq
         WHERE d.consumer = ?1 AND d.state < 2 AND (d.due <= ?2 OR d.due > ?3) ORDER BY d.due, d.seq LIMIT ?4",
    )?;
    let limit = max.min(FETCH_MAX) as i64;
    let rows = statement.query_map(params![consumer, signed(now), signed(now.plus(WAIT_MAX)), limit], |row| {
        Ok((row.get(0)?, row.get::<_, u32>(1)?, read_event(row, 2)?))
    })?;
    let rows: Vec<(i64, u32, Result<Event, Event>)> = rows.collect::<Result<_, _>>()?;
    let mut deliveries = Vec::with_capacity(rows.len());
    for (seq, attempts, event) in rows {
        let attempt = attempts.saturating_add(1);
        t.prepare_cached("UPDATE deliveries SET state = 1, due = ?, attempts = ? WHERE consumer = ? AND seq = ?")?.execute(params![
            signed(until),
            attempt,
            consumer,
            seq
        ])?;
        match event {
            Ok(event) => deliveries.push(Delivery { event, attempt, token: unsigned(seq) }),
            Err(event) => {
                let delivery = Delivery { event, attempt, token: unsigned(seq) };
                dead_letter(t, consumer, &delivery, ("the stored event cannot be read: the file was changed or damaged", now))?;
            }
        }
    }
    Ok(deliveries)
}

/// The event in columns id, kind and body from `first`; what is known of it if the body cannot be read.
fn read_event(row: &Row<'_>, first: usize) -> rusqlite::Result<Result<Event, Event>> {
    let body: String = row.get(first + 2)?;
    let event = serde_json::from_str(&body).ok().and_then(|body| Event::from_cloud_event(body).ok());
    let kind: String = row.get(first + 1)?;
    let id = row.get(first)?;
    Ok(event.ok_or_else(|| Event {
        id,
        kind: Kind::parse(&kind).unwrap_or(Kind::Result(kind)),
        plugin: String::new(),
        node: String::new(),
        time: Timestamp::default(),
        data: serde_json::Value::Null,
    }))
}

pub(super) fn next_due(c: &Connection, consumer: i64) -> Result<Option<Timestamp>, BusError> {
    let mut statement = c.prepare_cached("SELECT min(due) FROM deliveries WHERE consumer = ? AND state < 2")?;
    Ok(statement.query_row([consumer], |row| row.get::<_, Option<i64>>(0))?.map(|due| Timestamp(unsigned(due))))
}

/// A late answer counts, too: what was delivered need not be delivered again.
pub(super) fn ack(t: &Transaction<'_>, consumer: i64, delivery: &Delivery) -> Result<bool, BusError> {
    let seq = delivery.token.cast_signed();
    let mut delete = t.prepare_cached("DELETE FROM deliveries WHERE consumer = ? AND seq = ? AND state < 2")?;
    if delete.execute([consumer, seq])? == 0 {
        return Ok(false);
    }
    t.prepare_cached("UPDATE consumers SET delivered = delivered + 1 WHERE id = ?")?.execute([consumer])?;
    t.prepare_cached("UPDATE events SET open = open - 1 WHERE seq = ?")?.execute([seq])?;
    Ok(true)
}

pub(super) fn nack(t: &Transaction<'_>, consumer: i64, delivery: &Delivery, retry: &Retry<'_>) -> Result<bool, BusError> {
    let seq = delivery.token.cast_signed();
    let mut select = t.prepare_cached("SELECT history FROM deliveries WHERE consumer = ? AND seq = ? AND state = 1 AND attempts = ?")?;
    let history: Option<String> = select.query_row(params![consumer, seq, delivery.attempt], |row| row.get(0)).optional()?;
    let Some(history) = history else { return Ok(false) };
    let mut failures = read_history(&history);
    failures.push(Failure { at: retry.now, reason: cut(retry.reason) });
    let due = retry.at.min(retry.now.plus(WAIT_MAX));
    t.prepare_cached("UPDATE deliveries SET state = 0, due = ?, history = ? WHERE consumer = ? AND seq = ?")?.execute(params![
        signed(due),
        write_history(&failures),
        consumer,
        seq
    ])?;
    Ok(true)
}

pub(super) fn dead_letter(
    t: &Transaction<'_>,
    consumer: i64,
    delivery: &Delivery,
    (reason, now): (&str, Timestamp),
) -> Result<bool, BusError> {
    let seq = delivery.token.cast_signed();
    let mut update = t.prepare_cached(
        "UPDATE deliveries SET state = 2, due = ?, reason = ? WHERE consumer = ? AND seq = ? AND state = 1 AND attempts = ?",
    )?;
    if update.execute(params![signed(now), cut(reason), consumer, seq, delivery.attempt])? == 0 {
        return Ok(false);
    }
    t.prepare_cached("UPDATE events SET open = open - 1, dead = dead + 1 WHERE seq = ?")?.execute([seq])?;
    Ok(true)
}

pub(super) fn dead_letters(c: &Connection, consumer: Option<&str>, max: usize) -> Result<Vec<DeadLetter>, BusError> {
    let mut statement = c.prepare_cached(
        "SELECT e.id, e.kind, e.body, k.name, d.due, d.reason, d.attempts, d.history
         FROM deliveries d JOIN events e ON e.seq = d.seq JOIN consumers k ON k.id = d.consumer
         WHERE d.state = 2 AND (?1 IS NULL OR k.name = ?1) ORDER BY d.due, d.consumer, d.seq LIMIT ?2",
    )?;
    let rows = statement.query_map(params![consumer, i64::try_from(max).unwrap_or(i64::MAX)], |row| {
        Ok(DeadLetter {
            event: read_event(row, 0)?.unwrap_or_else(|known| known),
            consumer: row.get(3)?,
            at: Timestamp(unsigned(row.get(4)?)),
            reason: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
            attempts: row.get(6)?,
            history: read_history(&row.get::<_, String>(7)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn retry_dead(t: &Transaction<'_>, consumer: i64, event_id: &str, now: Timestamp) -> Result<bool, BusError> {
    let Some(seq) = dead_seq(t, consumer, event_id)? else { return Ok(false) };
    t.execute(
        "UPDATE deliveries SET state = 0, due = ?, attempts = 0, reason = NULL WHERE consumer = ? AND seq = ?",
        params![signed(now), consumer, seq],
    )?;
    t.execute("UPDATE events SET open = open + 1, dead = dead - 1 WHERE seq = ?", [seq])?;
    Ok(true)
}

pub(super) fn drop_dead(t: &Transaction<'_>, consumer: i64, event_id: &str) -> Result<bool, BusError> {
    let Some(seq) = dead_seq(t, consumer, event_id)? else { return Ok(false) };
    t.execute("DELETE FROM deliveries WHERE consumer = ? AND seq = ?", [consumer, seq])?;
    t.execute("UPDATE events SET dead = dead - 1 WHERE seq = ?", [seq])?;
    Ok(true)
}

fn dead_seq(t: &Transaction<'_>, consumer: i64, event_id: &str) -> Result<Option<i64>, BusError> {
    let mut statement = t.prepare_cached(
        "SELECT d.seq FROM deliveries d JOIN events e ON e.seq = d.seq WHERE e.id = ? AND d.consumer = ? AND d.state = 2",
    )?;
    Ok(statement.query_row(params![event_id, consumer], |row| row.get(0)).optional()?)
}

/// What was held too long counts as waiting: it is due.
pub(super) fn counts(c: &Connection, consumer: i64, now: Timestamp) -> Result<Counts, BusError> {
    let mut statement = c.prepare_cached(
        "SELECT count(*) FILTER (WHERE state = 0 OR (state = 1 AND due <= ?2)), count(*) FILTER (WHERE state = 1 AND due > ?2),
                count(*) FILTER (WHERE state = 2), (SELECT delivered FROM consumers WHERE id = ?1)
         FROM deliveries WHERE consumer = ?1",
    )?;
    Ok(statement.query_row(params![consumer, signed(now)], |row| {
        let n = |i| row.get(i).map(unsigned);
        Ok(Counts { pending: n(0)?, in_flight: n(1)?, dead: n(2)?, delivered: n(3)? })
    })?)
}

/// History is ours alone: what cannot be read is as if it were not there.
fn read_history(json: &str) -> Vec<Failure> {
    let failures: Vec<(u64, String)> = serde_json::from_str(json).unwrap_or_default();
    failures.into_iter().map(|(at, reason)| Failure { at: Timestamp(at), reason }).collect()
}

fn write_history(failures: &[Failure]) -> String {
    let latest = failures.iter().skip(failures.len().saturating_sub(HISTORY_MAX));
    latest.map(|f| serde_json::json!([f.at.0, f.reason])).collect::<serde_json::Value>().to_string()
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}
