//! `elastic`: a document in an index of Elasticsearch or OpenSearch
//! (<https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-create>).
//!
//! Arguments: `url`, the cluster's; `index`; `document`, an object; `id`, left out for the event's; and one of `apiKey`, `serviceToken`, or
//! `username` with `password`. A document is created, not replaced: a repeated delivery finds it there, and that is as good.

mod request;

use crate::{
    Alert, Outcome, Setup,
    http::{Answer, HttpAction, Redacted},
};
use serde_json::{Map, Value};

/// The Elasticsearch action, which sends through the client of `setup`.
pub(crate) fn action(setup: &Setup) -> HttpAction {
    HttpAction::new("elastic", setup, request::build, sort)
}

/// The alert as a document, as events are published.
pub(crate) fn of_alert(alert: &Alert<'_>) -> Map<String, Value> {
    Map::from_iter([("document".to_owned(), alert.to_cloud_event())])
}

fn sort(answer: &Answer, shown: &Redacted) -> Outcome {
    match answer.status.as_u16() {
        // There is a document of this id: ours, of an attempt whose answer did not come.
        409 => Outcome::Delivered(String::new()),
        401 | 403 => Outcome::Misconfigured(format!("{shown}: answered {}: the credentials do not allow it", answer.status)),
        404 => Outcome::Misconfigured(format!("{shown}: answered {}: there is no such index, and it is not made by itself", answer.status)),
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
        let shown = Redacted("https://es:9200/i/_create/e1".parse().unwrap());
        let outcome =
            |status| sort(&Answer { status: StatusCode::from_u16(status).unwrap(), retry_after: None, body: Bytes::new() }, &shown);
        assert_eq!([outcome(201), outcome(409)], [Outcome::Delivered(String::new()), Outcome::Delivered(String::new())]);
        assert!([401, 403, 404].into_iter().all(|status| matches!(outcome(status), Outcome::Misconfigured(_))));
        assert!(matches!(outcome(400), Outcome::Permanent(_)) && matches!(outcome(429), Outcome::Retry { .. }));
    }
}
