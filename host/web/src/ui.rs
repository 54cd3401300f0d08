//! The dashboard's files, inside the program.

use crate::api::{Problem, not_found};
use axum::{
    extract::Path,
    http::header,
    response::{Html, IntoResponse, Response},
};

const FILES: &[(&str, &str, &str)] = &[
    ("app.js", "text/javascript; charset=utf-8", include_str!("../ui/app.js")),
    ("detail.js", "text/javascript; charset=utf-8", include_str!("../ui/detail.js")),
    ("dom.js", "text/javascript; charset=utf-8", include_str!("../ui/dom.js")),
    ("filter.js", "text/javascript; charset=utf-8", include_str!("../ui/filter.js")),
    ("panels.js", "text/javascript; charset=utf-8", include_str!("../ui/panels.js")),
    ("style.css", "text/css; charset=utf-8", include_str!("../ui/style.css")),
];

pub(crate) async fn index() -> Html<&'static str> {
    Html(include_str!("../ui/index.html"))
}

pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    match FILES.iter().find(|(n, ..)| *n == name) {
        Some((_, kind, text)) => Ok(([(header::CONTENT_TYPE, *kind)], *text).into_response()),
        None => Err(not_found().await),
    }
}
