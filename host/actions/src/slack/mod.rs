//! `slack`: a message through an incoming webhook.
//!
//! Arguments: `url`, the webhook's; `pretext`, `text`, `color` (`good`, `warning`, `danger` or `#rrggbb`). Sent as one attachment, the
//! form in which Slack shows a colour and fields (<https://api.slack.com/reference/messaging/attachments>). Slack answers `ok`, or a
//! word that says what is wrong.

mod request;

use crate::{
    Alert, Outcome, Setup, Severity,
    http::{Answer, HttpAction, Redacted},
};
use serde_json::{Map, Value};

/// The Slack action, which sends through the client of `setup`.
pub(crate) fn action(setup: &Setup) -> HttpAction {
    HttpAction::new("slack", setup, request::build, sort)
}

/// A message in the colour of the alert's severity.
pub(crate) fn of_alert(alert: &Alert<'_>) -> Map<String, Value> {
    let color = match alert.severity {
        Severity::Info => "good",
        Severity::Warning => "warning",
        Severity::Critical => "danger",
    };
    let pretext = format!("[{}] {} ({} on {})", alert.severity.name(), alert.title, alert.event.plugin, alert.event.node);
    let texts = [("pretext", pretext), ("text", alert.text.clone()), ("color", color.to_owned())];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

/// Words that mean that the webhook or its channel has to be looked after
/// (<https://api.slack.com/messaging/webhooks#handling_errors>); no other message would do better.
const MISCONFIGURED: [&str; 10] = [
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "posting_to_general_channel_denied",
    "team_disabled",
];

/// Words that refuse this one message, sometimes under status 200.
const PERMANENT: [&str; 6] =
    ["invalid_attachments", "invalid_blocks", "invalid_payload", "no_text", "too_many_attachments", "user_not_found"];

fn sort(answer: &Answer, shown: &Redacted) -> Outcome {
    let word = std::str::from_utf8(&answer.body).unwrap_or("").trim();
    if let Some(word) = MISCONFIGURED.iter().find(|w| **w == word) {
        return Outcome::Misconfigured(format!("{shown}: Slack answered {word}"));
    }
    if let Some(word) = PERMANENT.iter().find(|w| **w == word) {
        return Outcome::Permanent(format!("{shown}: Slack answered {word}"));
    }
    answer.outcome(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::StatusCode;

    #[test]
    fn words_are_sorted() {
        let shown = Redacted("https://hooks.slack.com/services/secret".parse().unwrap());
        let outcome = |status, body: &'static str| {
            sort(
                &Answer { status: StatusCode::from_u16(status).unwrap(), retry_after: None, body: Bytes::from_static(body.as_bytes()) },
                &shown,
            )
        };
        assert_eq!(outcome(200, "ok"), Outcome::Delivered("ok".into()));
        assert_eq!(outcome(400, "invalid_payload"), Outcome::Permanent("https://hooks.slack.com/…: Slack answered invalid_payload".into()));
        assert!(matches!(outcome(404, "no_service\n"), Outcome::Misconfigured(_)));
        assert!(matches!(outcome(410, "channel_is_archived"), Outcome::Misconfigured(_)));
        assert!(matches!(outcome(200, "invalid_token"), Outcome::Misconfigured(_)));
        assert!(matches!(outcome(500, "rollup_error"), Outcome::Retry { .. }));
        assert!(matches!(outcome(400, "<html>secret"), Outcome::Permanent(reason) if !reason.contains("secret")));
    }
}
