//! `influxdb`: a point of InfluxDB's line protocol (<https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>).
//!
//! Arguments: `url`, the server's; `measurement`; `fields`, an object; `tags`, an object; and where it is written: `bucket` with `org` and
//! `token` (version 2, `/api/v2/write`), or `db` with `rp`, `username` and `password` (version 1, `/write`). Numbers are floats, so that a
//! field keeps its type; `null` is left out. The point's time is the event's to the millisecond; below, it tells events of one millisecond
//! apart, since the server keeps one point of a series and time. A repeated delivery writes the same point again.

mod request;

use crate::{
    Alert, Outcome, Setup,
    http::{Answer, HttpAction, Redacted},
};
use serde_json::{Map, Value, json};

/// The InfluxDB action, which sends through the client of `setup`.
pub(crate) fn action(setup: &Setup) -> HttpAction {
    HttpAction::new("influxdb", setup, request::build, sort)
}

/// One point: that there was an alert, by plugin and severity.
pub(crate) fn of_alert(alert: &Alert<'_>) -> Map<String, Value> {
    let tags = json!({ "plugin": alert.event.plugin, "severity": alert.severity.name(), "node": alert.event.node });
    Map::from_iter([("measurement".to_owned(), "alerts".into()), ("fields".to_owned(), json!({ "count": 1 })), ("tags".to_owned(), tags)])
}

/// A wrong token and an unknown bucket are for whoever set it up.
fn sort(answer: &Answer, shown: &Redacted) -> Outcome {
    match answer.status.as_u16() {
        401 | 403 => Outcome::Misconfigured(format!("{shown}: answered {}: the token or password does not allow it", answer.status)),
        404 => Outcome::Misconfigured(format!("{shown}: answered {}: there is no such bucket, database or organisation", answer.status)),
        _ => answer.outcome(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::StatusCode;

    #[test]
    fn answers_are_sorted() {
        let shown = Redacted("http://influx:8086/api/v2/write?bucket=b".parse().unwrap());
        let outcome =
            |status| sort(&Answer { status: StatusCode::from_u16(status).unwrap(), retry_after: None, body: Bytes::new() }, &shown);
        assert_eq!(outcome(204), Outcome::Delivered(String::new()));
        assert!(matches!(outcome(401), Outcome::Misconfigured(reason) if reason.contains("token") && !reason.contains("bucket=b")));
        assert!(matches!(outcome(404), Outcome::Misconfigured(_)));
        assert!(matches!(outcome(400), Outcome::Permanent(_)));
        assert!(matches!(outcome(429), Outcome::Retry { .. }) && matches!(outcome(500), Outcome::Retry { .. }));
    }
}
