//! What filters cost: nanoseconds per item and per compilation, beside the `cel` crate's interpreter on the same items. `cargo xtask bench kfl`.

#![forbid(unsafe_code)]

use hookline_benches::{Dissection, captures, frames};
use hookline_item::{Item, Timestamp};
use hookline_kfl::{Filter, FilterSet};
use hookline_packet::{Limits, Streams};
use std::{
    hint::black_box,
    io::Write as _,
    time::{Duration, Instant},
};

/// How long one measurement takes at least.
const ROUND: Duration = Duration::from_millis(50);
/// The least of so many is taken: noise only adds.
const ROUNDS: u32 = 7;

/// Nanoseconds that `work` takes.
fn nanos(mut work: impl FnMut()) -> f64 {
    let round = |work: &mut dyn FnMut()| {
        let (start, mut count) = (Instant::now(), 0u32);
        while start.elapsed() < ROUND {
            (0..100).for_each(|_| work());
            count += 100;
        }
        start.elapsed().as_nanos() as f64 / f64::from(count)
    };
    (0..ROUNDS).map(|_| round(&mut work)).fold(f64::INFINITY, f64::min)
}

fn items() -> Vec<Item> {
    let (mut streams, mut sink) = (Streams::new(Limits::default(), 1), Dissection::default());
    for owned in captures("http").iter().flat_map(|file| frames(file)) {
        streams.frame(&owned.frame(), &mut sink);
    }
    streams.finish(&mut sink);
    sink.items
}

fn of_crate(item: &Item) -> cel::Context<'static, 'static> {
    let mut context = cel::Context::default();
    context.add_variable_from_value("http", item.protocol.name == "http");
    context.add_variable_from_value("status_code", item.message.status().unwrap_or_default());
    context.add_variable_from_value("path", item.message.summary().into_owned());
    context
}

fn main() -> std::io::Result<()> {
    let items = items();
    let http: Vec<&Item> = items.iter().filter(|i| i.protocol.abbr == "HTTP" && i.message.status().is_some()).collect();
    let item = *http.first().expect("the captures have HTTP");
    let now = Timestamp(0);
    let filter = |text: &str| Filter::parse(text).expect("the filter is right");
    let one = |text: &str| {
        let filter = filter(text);
        nanos(|| _ = black_box(filter.matches(black_box(item), now)))
    };
    let crate_one = |text: &str| {
        let (program, context) = (cel::Program::compile(text).expect("the filter is right"), of_crate(item));
        nanos(|| _ = black_box(program.execute(&context)))
    };
    let mut rows: Vec<(&str, f64)> = Vec::new();
    rows.push(("http and response.status == 500", one("http and response.status == 500")));
    rows.push(("http && status_code == 500", one("http && status_code == 500")));
    rows.push(("  the cel crate, variables ready", crate_one("http && status_code == 500")));
    rows.push(("http && path.startsWith(\"/api\")", one("http && path.startsWith(\"/api\")")));
    rows.push(("  the cel crate, variables ready", crate_one("http && path.startsWith(\"/api\")")));
    rows.push(("  setting three variables of the cel crate", nanos(|| _ = black_box(of_crate(item)))));

    let body: String = format!("{{\"user\":{{\"id\":7,\"name\":\"{}\"}}}}", "x".repeat(990));
    let object: serde_json::Map<String, serde_json::Value> =
        [("request".to_owned(), serde_json::json!({ "body": { "text": body } }))].into_iter().collect();
    let json = filter("request.body.text.json().user.id == 7");
    rows.push(("a json() path into 1 kB", nanos(|| _ = black_box(json.matches(&object, now)))));

    let mut set = FilterSet::default();
    let status = item.message.status().unwrap_or_default();
    (0..997).for_each(|n| _ = set.add(filter(&format!("http and response.status == {} and dst.port == 80", 1000 + n))));
    (0..3).for_each(|_| _ = set.add(filter(&format!("http and response.status == {status}"))));
    let mut hits = Vec::new();
    set.matches(item, now, &mut hits);
    assert_eq!(hits.len(), 3);
    rows.push(("1,000 filters of which 3 match", nanos(|| set.matches(black_box(item), now, &mut hits))));
    rows.push((
        "compile KFL1",
        nanos(|| _ = black_box(Filter::parse("http and response.status >= 500 and request.path.startsWith(\"/api\")"))),
    ));
    rows.push(("compile CEL", nanos(|| _ = black_box(Filter::parse("http && status_code >= 500 && path.startsWith(\"/api\")")))));
    let mut out = std::io::stdout().lock();
    for (name, nanos) in rows {
        writeln!(out, "{name:<44} {nanos:>10.0} ns")?;
    }
    Ok(())
}
