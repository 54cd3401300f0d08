//! HTTP archives: HAR 1.2 (W3C "HTTP Archive format", section numbers of the 1.2 specification).

use crate::sorter::Sorter;
use hookline_item::{Item, json};
use serde_json::{Value, json};
use std::io::{self, Write};

/// The entry of an HTTP exchange that has both halves.
pub(super) fn entry(item: &Item) -> Option<Value> {
    if item.protocol.name != "http" {
        return None;
    }
    let item: Value = serde_json::from_str(&json::to_string(item)).ok()?;
    let (request, response) = (item.get("request")?, item.get("response")?);
    let scheme = if item["tls"] == true { "https" } else { "http" };
    let path = request["url"].as_str()?;
    let url = if path.starts_with('/') { format!("{scheme}://{}{path}", request["host"].as_str().unwrap_or("")) } else { path.to_owned() };
    let elapsed = item["elapsedTime"].as_f64().unwrap_or(0.0) / 1e3;
    Some(json!({
        "startedDateTime": item["startTime"],
        "time": elapsed,
        "request": {
            "method": request["method"], "url": url, "httpVersion": request["httpVersion"], "cookies": cookies(&request["cookies"]),
            "headers": headers(&request["headerList"]), "queryString": query(&request["queryString"]), "postData": request.get("postData"),
            "headersSize": -1, "bodySize": request["bodySize"],
        },
        "response": {
            "status": response["status"], "statusText": response["statusText"], "httpVersion": response["httpVersion"],
            "cookies": cookies(&response["cookies"]), "headers": headers(&response["headerList"]), "content": response["content"],
            "redirectURL": response["redirectURL"].as_str().unwrap_or(""), "headersSize": -1, "bodySize": response["bodySize"],
        },
        "cache": {},
        "timings": { "send": 0, "wait": elapsed, "receive": 0 },
        "serverIPAddress": item["dst"]["ip"],
        "connection": item["stream"],
    }))
}

fn pair(name: &Value, value: &Value) -> Value {
    json!({ "name": name, "value": value })
}

fn headers(list: &Value) -> Vec<Value> {
    list.as_array().into_iter().flatten().map(|h| pair(&h[0], &h[1])).collect()
}

fn cookies(map: &Value) -> Vec<Value> {
    let value = |v: &Value| v.get("value").cloned().unwrap_or_else(|| v.clone());
    map.as_object().into_iter().flatten().map(|(n, v)| pair(&json!(n), &value(v))).collect()
}

/// A name that is repeated has a list of values.
fn query(map: &Value) -> Vec<Value> {
    let values = |v: &Value| v.as_array().cloned().unwrap_or_else(|| vec![v.clone()]);
    map.as_object()
        .into_iter()
        .flatten()
        .flat_map(|(n, v)| values(v).into_iter().map(|v| pair(&json!(n), &v)).collect::<Vec<_>>())
        .collect()
}

/// Writes the archive around its entries.
pub(super) fn write(entries: Sorter, out: &mut dyn Write) -> io::Result<()> {
    let creator = json!({ "name": "hookline", "version": env!("CARGO_PKG_VERSION") });
    write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")?;
    entries.finish(&mut Separated { out, first: true })?;
    writeln!(out, "]}}}}")
}

/// Puts a comma between what is written by one call and the next.
struct Separated<'a> {
    out: &'a mut dyn Write,
    first: bool,
}

impl Write for Separated<'_> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b",")?;
        }
        self.out.write_all(entry)?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
