//! REST. Errors are JSON: `{"error": {"message": …}}`.

use crate::WebDeps;
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use hookline_hooks::{Shown, Verdict};
use hookline_kfl::{Completion, Filter};
use hookline_store::{Cursor, ItemQuery, StoreError, ring::Evidence};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Items of one answer, unless asked for fewer.
const LIMIT: usize = 100;
/// The most that may be asked for.
const LIMIT_MAX: usize = 1000;

/// An answer that is an error.
pub(crate) struct Problem(StatusCode, Value);

impl Problem {
    fn new(status: StatusCode, message: &str) -> Self {
        Self(status, json!({ "message": message }))
    }

    /// A filter that does not compile, with its place.
    pub(crate) fn of_filter(e: &hookline_kfl::Error) -> Self {
        Self(StatusCode::BAD_REQUEST, filter_error(e))
    }
}

/// A filter's error as clients get it.
pub(crate) fn filter_error(e: &hookline_kfl::Error) -> Value {
    json!({ "message": e.message, "line": e.line, "column": e.column, "start": e.span.start, "end": e.span.end, "help": e.help })
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(message = "the item index cannot be read", %error);
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

type Answer = Result<Json<Value>, Problem>;

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    kfl: String,
    limit: Option<usize>,
    before: Option<u64>,
}

impl Wanted {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
    }
}

/// Runs what blocks (the database, plugins) beside the server's threads.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed inside");
    tokio::task::spawn_blocking(f).await.map_err(broken)?
}

/// `GET /api/items?kfl=&limit=&before=`: newest first; `next` is the `before` of the next page.
pub(crate) async fn items(State(deps): State<WebDeps>, Query(wanted): Query<Wanted>) -> Answer {
    let filter = deps.filters.parse(&wanted.kfl).map_err(|e| Problem::of_filter(&e))?;
    blocking(move || {
        let query = ItemQuery { filter: &filter, before: wanted.before.map(Cursor), limit: wanted.limit(), now: (deps.now)() };
        let page = deps.store.items(&query)?;
        let objects = page.items.into_iter().map(|i| i.json).collect();
        let items: Vec<Value> = shown(&deps, objects, &filter).into_iter().map(|(item, _)| item).collect();
        Ok(Json(json!({ "items": items, "next": page.next.map(|c| c.0), "scanned": page.scanned })))
    })
    .await
}

/// `GET /api/items/{id}`: one item, as the plugins show it.
pub(crate) async fn item(State(deps): State<WebDeps>, Path(id): Path<String>) -> Answer {
    blocking(move || {
        let Some(item) = deps.store.item(&id)? else {
            return Err(Problem::new(StatusCode::NOT_FOUND, "there is no such item (any more)"));
        };
        let item = shown(&deps, vec![item.json], &everything()?).pop().map(|(item, _)| item);
        Ok(Json(json!({ "item": item })))
    })
    .await
}

/// `GET /api/packets/{id}`: the packets of an item's stream as a pcapng file.
pub(crate) async fn packets(State(deps): State<WebDeps>, Path(id): Path<String>) -> Result<Response, Problem> {
    blocking(move || {
        let Some(ring) = &deps.ring else {
            return Err(Problem::new(StatusCode::NOT_FOUND, "no packets are kept here: `hookline run --record-mib` keeps them"));
        };
        let Some(item) = deps.store.item(&id)? else {
            return Err(Problem::new(StatusCode::NOT_FOUND, "there is no such item (any more)"));
        };
        let mut evidence = Evidence::default();
        evidence.add(&item.json);
        let packets = ring.read(&evidence.query())?;
        if packets.is_empty() {
            return Err(Problem::new(StatusCode::NOT_FOUND, "its packets are not kept (any more)"));
        }
        let name: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let headers = [
            (header::CONTENT_TYPE, "application/x-pcapng".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.pcapng\"")),
        ];
        Ok((headers, evidence.to_pcapng(&packets)).into_response())
    })
    .await
}

fn hide(filter: &Filter, object: &mut Map<String, Value>) {
    let mut item = Value::Object(std::mem::take(object));
    filter.redact(&mut item);
    if let Value::Object(hidden) = item {
        *object = hidden;
    }
}

fn everything() -> Result<Filter, Problem> {
    Filter::parse("").map_err(|e| Problem::of_filter(&e))
}

/// Items as the plugins' query hooks want them shown, each marked `passed` or `failed`, without what the filter hides.
pub(crate) fn shown(deps: &WebDeps, mut objects: Vec<Map<String, Value>>, filter: &Filter) -> Vec<(Value, Verdict)> {
    if filter.redacts() {
        objects.iter_mut().for_each(|object| hide(filter, object));
    }
    let objects: Vec<Arc<Map<String, Value>>> = objects.into_iter().map(Arc::new).collect();
    let verdicts = if deps.host.answers_queries() {
        let items: Arc<[Shown]> = objects.iter().map(|o| Arc::clone(o) as Shown).collect();
        deps.host.query(&items, filter.source(), (deps.now)())
    } else {
        vec![Verdict::default(); objects.len()]
    };
    let show = |(object, verdict): (Arc<Map<String, Value>>, Verdict)| {
        let replaced = verdict.replacement.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let mut item = replaced.unwrap_or_else(|| Arc::unwrap_or_clone(object));
        item.insert("passed".to_owned(), verdict.passed.into());
        item.insert("failed".to_owned(), verdict.failed.into());
        (Value::Object(item), verdict)
    };
    objects.into_iter().zip(verdicts).map(show).collect()
}

/// `GET /api/alerts?limit=&before=`: newest first.
pub(crate) async fn alerts(State(deps): State<WebDeps>, Query(wanted): Query<Wanted>) -> Answer {
    blocking(move || {
        let alerts = deps.store.alerts(wanted.before.map(Cursor), wanted.limit())?;
        let next = alerts.last().map(|a| a.cursor.0);
        Ok(Json(json!({ "alerts": alerts.into_iter().map(|a| a.json).collect::<Vec<_>>(), "next": next })))
    })
    .await
}

/// `GET /api/plugins`: what each is, does and costs.
pub(crate) async fn plugins(State(deps): State<WebDeps>) -> Json<Value> {
    Json(json!({ "plugins": deps.host.status() }))
}

#[derive(Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    after: u64,
}

/// `GET /api/console?after=`: the newest log lines of the plugins, oldest first; `next` is the `after` of those to come.
pub(crate) async fn console(State(deps): State<WebDeps>, Query(After { after }): Query<After>) -> Json<Value> {
    let (lines, next) = deps.console.lines(after);
    Json(json!({ "lines": lines, "next": next }))
}

/// `GET /api/kfl?kfl=`: whether this is a filter.
pub(crate) async fn kfl(State(deps): State<WebDeps>, Query(wanted): Query<Wanted>) -> Answer {
    deps.filters.parse(&wanted.kfl).map_err(|e| Problem::of_filter(&e))?;
    Ok(Json(json!({ "valid": true })))
}

#[derive(Deserialize)]
pub(crate) struct Unfinished {
    #[serde(default)]
    kfl: String,
    /// Characters before the cursor; all of them if it is absent.
    cursor: Option<usize>,
}

/// `GET /api/kfl/complete?kfl=&cursor=`: what may be written at the cursor, `start` being the character from which on it is replaced.
pub(crate) async fn complete(State(deps): State<WebDeps>, Query(wanted): Query<Unfinished>) -> Json<Value> {
    let kfl = &wanted.kfl;
    let cursor = wanted.cursor.and_then(|n| kfl.char_indices().nth(n)).map_or(kfl.len(), |(at, _)| at);
    let shown = |c: Completion| {
        let start = kfl.get(..c.start).unwrap_or_default().chars().count();
        json!({ "text": c.text, "start": start, "kind": c.kind, "type": c.holds, "doc": c.doc })
    };
    let completions: Vec<Value> = hookline_kfl::complete(kfl, cursor, deps.tables).into_iter().map(shown).collect();
    Json(json!({ "completions": completions }))
}

/// `GET /api/about`: version, node, source; and whether packets are kept.
pub(crate) async fn about(State(deps): State<WebDeps>) -> Json<Value> {
    let mut about = json!(deps.about);
    about["packets"] = deps.ring.is_some().into();
    Json(about)
}

pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here")
}
