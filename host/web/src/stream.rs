//! `GET /api/stream?kfl=`: a WebSocket with items as they come, and the plugins' log lines.
//!
//! To the client: `{"type":"items","items":[…]}` (each with `passed` and `failed`), `{"type":"missed","count":n}` when it was too slow,
//! `{"type":"error","error":{…}}` for a filter that does not compile (the old one stays), `{"type":"lines","lines":[…]}`. From the client:
//! `{"kfl":"…"}` for another filter.

use crate::{
    WebDeps,
    api::{Problem, filter_error, shown},
};
use axum::{
    extract::{
        Query, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::{IntoResponse as _, Response},
};
use hookline_item::{Item, json};
use hookline_kfl::Filter;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

/// Items are sent this often, together: more often than eyes can follow, and rarely enough for plugins to be asked in batches.
const FLUSH: Duration = Duration::from_millis(100);
/// Items sent at once; a filter that lets more through in a tenth of a second is told what it missed.
const BATCH: usize = 200;
/// Bytes of a client's message.
const MESSAGE_MAX: usize = 64 << 10;

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    kfl: String,
}

pub(crate) async fn stream(State(deps): State<WebDeps>, Query(wanted): Query<Wanted>, upgrade: WebSocketUpgrade) -> Response {
    match deps.filters.parse(&wanted.kfl) {
        Ok(filter) => upgrade.max_message_size(MESSAGE_MAX).on_upgrade(|socket| serve(deps, filter, socket)),
        Err(e) => Problem::of_filter(&e).into_response(),
    }
}

/// One client.
struct Client {
    deps: WebDeps,
    filter: Filter,
    /// Items that match and were not sent yet.
    waiting: Vec<Arc<Item>>,
    lines: Vec<Value>,
    missed: u64,
}

async fn serve(deps: WebDeps, filter: Filter, mut socket: WebSocket) {
    let (mut items, mut lines) = (deps.live.listen(), deps.console.listen());
    let mut client = Client { deps, filter, waiting: Vec::new(), lines: Vec::new(), missed: 0 };
    let mut flush = interval(FLUSH);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let go_on = tokio::select! {
            item = items.recv() => client.item(item),
            line = lines.recv() => client.line(&line),
            message = socket.recv() => client.message(message, &mut socket).await,
            _ = flush.tick() => client.flush(&mut socket).await,
        };
        if !go_on {
            return;
        }
    }
}

impl Client {
    fn item(&mut self, item: Result<Arc<Item>, RecvError>) -> bool {
        match item {
            Ok(item) if !self.filter.matches(item.as_ref(), (self.deps.now)()) => {}
            Ok(item) if self.waiting.len() < BATCH => self.waiting.push(item),
            Ok(_) => self.missed += 1,
            Err(RecvError::Lagged(n)) => self.missed += n,
            Err(RecvError::Closed) => return false,
        }
        true
    }

    fn line(&mut self, line: &Result<hookline_hooks::LogLine, RecvError>) -> bool {
        match line {
            Ok(line) if self.lines.len() < BATCH => self.lines.push(json!(line)),
            _ => {}
        }
        true
    }

    async fn message(&mut self, message: Option<Result<Message, axum::Error>>, socket: &mut WebSocket) -> bool {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
            Some(Ok(_)) => return true,
        };
        let error = match serde_json::from_str::<Wanted>(&text) {
            Err(e) => json!({ "message": format!("this is no message for this server: {e}") }),
            Ok(wanted) => match self.deps.filters.parse(&wanted.kfl) {
                Err(e) => filter_error(&e),
                Ok(filter) => {
                    self.filter = filter;
                    self.waiting.clear();
                    return true;
                }
            },
        };
        send(socket, &json!({ "type": "error", "error": error })).await
    }

    async fn flush(&mut self, socket: &mut WebSocket) -> bool {
        let mut ok = true;
        if !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            let items = self.show(waiting).await;
            ok = send(socket, &json!({ "type": "items", "items": items })).await;
        }
        if ok && !self.lines.is_empty() {
            let lines = std::mem::take(&mut self.lines);
            ok = send(socket, &json!({ "type": "lines", "lines": lines })).await;
        }
        if ok && self.missed > 0 {
            let count = std::mem::take(&mut self.missed);
            ok = send(socket, &json!({ "type": "missed", "count": count })).await;
        }
        ok
    }

    /// The items as the plugins want them shown; plugins are asked beside the server's threads.
    async fn show(&self, items: Vec<Arc<Item>>) -> Vec<Value> {
        let (deps, filter) = (self.deps.clone(), self.filter.clone());
        let show = move || {
            let parse = |item: &Arc<Item>| serde_json::from_str::<Map<String, Value>>(&json::to_string(item.as_ref())).ok();
            let objects = items.iter().filter_map(parse).collect();
            shown(&deps, objects, &filter).into_iter().map(|(item, _)| item).collect()
        };
        tokio::task::spawn_blocking(show).await.unwrap_or_default()
    }
}

async fn send(socket: &mut WebSocket, value: &Value) -> bool {
    socket.send(Message::Text(value.to_string().into())).await.is_ok()
}
