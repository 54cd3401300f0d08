//! One line an item: `12:00:01.123456 10.0.0.1:5000 > 10.0.0.2:80 HTTP GET /cart 200 1.5ms`.

use hookline_item::Item;
use std::{io::Write as _, time::Duration};

pub(super) fn write(out: &mut Vec<u8>, item: &Item) {
    let c = item.start.civil();
    let micros = item.start.0 / 1000 % 1_000_000;
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}.{micros:06} {} > {} {}",
        c.hour, c.minute, c.second, item.src.addr, item.dst.addr, item.protocol.abbr
    );
    for word in [item.message.method(), item.message.summary()] {
        if !word.is_empty() {
            out.push(b' ');
            out.extend(word.chars().flat_map(char::escape_debug).collect::<String>().into_bytes());
        }
    }
    if let Some(status) = item.message.status() {
        let _ = write!(out, " {status}");
    }
    if let Some(elapsed) = item.elapsed {
        let _ = write!(out, " {}", short(elapsed));
    }
    if let Some(error) = &item.error {
        let _ = write!(out, " ! {}", error.msg);
    }
}

/// A duration with three digits and its unit: `1.50ms`.
fn short(d: Duration) -> String {
    let micros = d.as_micros();
    match micros {
        0..1_000 => format!("{micros}us"),
        1_000..1_000_000 => format!("{:.1}ms", micros as f64 / 1e3),
        _ => format!("{:.2}s", micros as f64 / 1e6),
    }
}
