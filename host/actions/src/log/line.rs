//! An event as one line of text.

use hookline_bus::{Event, Kind};
use serde_json::Value;
use std::fmt::Write as _;

/// Characters of a line at most: several screens of text, and what log collectors take as one entry (Docker splits at 16 KiB).
const LINE_CHARS_MAX: usize = 4_000;

/// `<time> <severity> <plugin>@<node> <title>: <text> (<item's summary>)` for an alert, `<time> log <plugin>@<node> <data>` otherwise.
pub(super) fn format(event: &Event) -> String {
    let field = |name: &str| event.data.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut line = match &event.kind {
        Kind::Alert => {
            let mut words = format!("{} {}", field("severity").unwrap_or("alert"), whose(event));
            // Writing to a String cannot fail.
            let _ = write!(words, " {}", field("title").unwrap_or("alert"));
            if let Some(text) = field("text") {
                let _ = write!(words, ": {text}");
            }
            if let Some(summary) = event.data.pointer("/item/summary").and_then(Value::as_str) {
                let _ = write!(words, " ({summary})");
            }
            words
        }
        kind => format!("{} {} {}", if matches!(kind, Kind::Action(_)) { "log" } else { "result" }, whose(event), event.data),
    };
    line.insert_str(0, &format!("{} ", event.time));
    printable(&line)
}

fn whose(event: &Event) -> String {
    format!("{}@{}", event.plugin, event.node)
}

/// Captured text may hold line breaks and a terminal's control sequences: neither may act.
fn printable(line: &str) -> String {
    let mut chars = line.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c });
    let mut out: String = chars.by_ref().take(LINE_CHARS_MAX).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

/// Line separators and characters that reorder what is shown (Unicode UAX #9).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_item::Timestamp;
    use serde_json::json;

    fn event(kind: Kind, data: Value) -> Event {
        Event { id: "1".into(), kind, plugin: "errors".into(), node: "n1".into(), time: Timestamp(1_500_000_000), data }
    }

    #[test]
    fn alerts_are_one_line() {
        let data = json!({"severity": "warning", "title": "HTTP 500", "text": "a\nb\u{1b}[31m", "item": {"summary": "GET /x"}});
        assert_eq!(format(&event(Kind::Alert, data)), "1970-01-01T00:00:01.500000000Z warning errors@n1 HTTP 500: a b [31m (GET /x)");
        assert_eq!(format(&event(Kind::Alert, Value::Null)), "1970-01-01T00:00:01.500000000Z alert errors@n1 alert");
    }

    #[test]
    fn actions_show_their_data() {
        let line = format(&event(Kind::Action("log".into()), json!({"a": "x\u{202e}y"})));
        assert_eq!(line, "1970-01-01T00:00:01.500000000Z log errors@n1 {\"a\":\"x y\"}");
        let long = format(&event(Kind::Action("log".into()), Value::from("x".repeat(10_000))));
        assert_eq!(long.chars().count(), LINE_CHARS_MAX + 1);
    }
}
