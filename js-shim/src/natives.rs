//! The native functions under the prelude: each is one call of the host.

use crate::tar::tar;
use crate::{
    Args, ITEMS,
    bindings::{
        exports::hookline::hooks::query_hook::Verdict,
        hookline::hooks::{
            config, emit, files, http, hub, jobs, kfl, kv, log, metrics, pcap,
            types::{Error, Kind, Value as HostValue},
        },
    },
};
use javy::quickjs::{Ctx, Exception, IntoJs, Object, TypedArray, Value, prelude::Func};

/// Defines every native function as a global whose name begins with `__`.
pub(crate) fn install(cx: &Ctx<'_>) -> javy::quickjs::Result<()> {
    let globals = cx.globals();
    globals.set("__log", Func::from(write_log))?;
    globals.set("__count", Func::from(|| ITEMS.get().map_or(0, |b| b.len())))?;
    globals.set("__get", Func::from(get))?;
    globals.set("__kind", Func::from(kind))?;
    globals.set("__json", Func::from(|index: u32| ITEMS.get().map(|b| b.json(index))))?;
    globals.set("__matches", Func::from(|index: u32, filter: u32| ITEMS.get().is_some_and(|b| b.matches(index, filter))))?;
    globals.set("__compile", Func::from(|cx: Ctx<'_>, expr: String| or_throw(&cx, kfl::compile(&expr))))?;
    globals.set("__matchesJson", Func::from(|cx: Ctx<'_>, expr: String, json: String| or_throw(&cx, kfl::matches_json(&expr, &json))))?;
    globals.set("__action", Func::from(|cx: Ctx<'_>, kind: String, args: String| or_throw(&cx, emit::action(&kind, &args))))?;
    globals.set("__publish", Func::from(|cx: Ctx<'_>, name: String, payload: String| or_throw(&cx, emit::publish(&name, &payload))))?;
    globals.set(
        "__schedule",
        Func::from(|cx: Ctx<'_>, tag: String, cron: String, limit: u32| or_throw(&cx, jobs::schedule(&tag, &cron, limit))),
    )?;
    globals.set("__unschedule", Func::from(|tag: String| jobs::remove(&tag)))?;
    globals.set("__env", Func::from(|| config::all_env().into_iter().map(|(k, v)| vec![k, v]).collect::<Vec<_>>()))?;
    globals.set("__node", Func::from(config::node_name))?;
    helpers(cx)
}

/// What helpers.js is made of.
fn helpers(cx: &Ctx<'_>) -> javy::quickjs::Result<()> {
    let globals = cx.globals();
    globals.set("__fileRead", Func::from(file_read))?;
    globals.set("__fileWrite", Func::from(file_write))?;
    globals.set("__fileCopy", Func::from(|cx: Ctx<'_>, from: String, to: String| or_throw(&cx, copy(&from, &to))))?;
    globals.set("__fileRemove", Func::from(|cx: Ctx<'_>, name: String| or_throw(&cx, files::remove(&name))))?;
    globals.set("__fileFind", Func::from(file_find))?;
    globals.set("__fileTar", Func::from(|cx: Ctx<'_>, dir: String, to: String, time: f64| or_throw(&cx, tar(&dir, &to, time as u64))))?;
    let save = |cx: Ctx<'_>, streams: Vec<String>, name: String| or_throw(&cx, pcap::save(&streams, &name)).map(|n| n as f64);
    globals.set("__pcapSave", Func::from(save))?;
    globals.set("__send", Func::from(|cx: Ctx<'_>, topic: String, payload: String| or_throw(&cx, hub::send(&topic, &payload))))?;
    globals.set("__fetch", Func::from(fetch))?;
    globals.set("__metric", Func::from(metric))?;
    let get = |cx: Ctx<'_>, key: String| or_throw(&cx, kv::get(&key)).map(|value| value.map(|v| String::from_utf8_lossy(&v).into_owned()));
    globals.set("__kvGet", Func::from(get))?;
    let set = |cx: Ctx<'_>, key: String, value: String, ttl: u32| or_throw(&cx, kv::set(&key, value.as_bytes(), ttl));
    globals.set("__kvSet", Func::from(set))?;
    globals.set("__kvDelete", Func::from(|cx: Ctx<'_>, key: String| or_throw(&cx, kv::delete(&key))))?;
    let add = |cx: Ctx<'_>, key: String, n: f64, ttl: u32| or_throw(&cx, kv::add(&key, n as i64, ttl)).map(|sum| sum as f64);
    globals.set("__kvAdd", Func::from(add))?;
    globals.set("__kvKeys", Func::from(|cx: Ctx<'_>, prefix: String| or_throw(&cx, kv::keys(&prefix))))
}

/// The contents as text; nothing if there is no such file.
fn file_read(cx: Ctx<'_>, name: String) -> javy::quickjs::Result<Option<String>> {
    Ok(or_throw(&cx, files::read(&name))?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn file_write(cx: Ctx<'_>, name: String, contents: String, appends: bool) -> javy::quickjs::Result<()> {
    let write = if appends { files::append } else { files::write };
    or_throw(&cx, write(&name, contents.as_bytes()))
}

/// Names and sizes of the files whose names begin so.
fn file_find<'js>(cx: Ctx<'js>, prefix: String) -> javy::quickjs::Result<Vec<Object<'js>>> {
    let found = or_throw(&cx, files::find(&prefix))?;
    let object = |entry: files::Entry| {
        let object = Object::new(cx.clone())?;
        object.set("name", entry.name)?;
        object.set("size", entry.size as f64)?;
        Ok(object)
    };
    found.into_iter().map(object).collect()
}

fn copy(from: &str, to: &str) -> Result<(), Error> {
    let contents = files::read(from)?.ok_or_else(|| Error::Invalid(format!("open {from}: no such file or directory")))?;
    files::write(to, &contents)
}

/// Status, names and values of the headers, and the body as text.
fn fetch<'js>(
    cx: Ctx<'js>,
    method: String,
    url: String,
    headers: Vec<Vec<String>>,
    body: String,
    timeout_ms: u32,
) -> javy::quickjs::Result<Vec<Value<'js>>> {
    let pair = |pair: Vec<String>| {
        let mut pair = pair.into_iter();
        (pair.next().unwrap_or_default(), pair.next().unwrap_or_default())
    };
    let request = http::Request { method, url, headers: headers.into_iter().map(pair).collect(), body: body.into_bytes(), timeout_ms };
    let answer = match http::fetch(&request) {
        Ok(answer) => answer,
        Err(http::Failure::Refused(error)) => return or_throw(&cx, Err(error)),
        Err(http::Failure::Failed(text)) => return or_throw(&cx, Err(Error::Invalid(text))),
    };
    let headers: Vec<Vec<String>> = answer.headers.into_iter().map(|(name, value)| vec![name, value]).collect();
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    Ok(vec![answer.status.into_js(&cx)?, headers.into_js(&cx)?, body.into_js(&cx)?])
}

/// Adds to a counter, or sets a gauge.
fn metric(cx: Ctx<'_>, name: String, help: String, counts: bool, labels: Vec<Vec<String>>, value: f64) -> javy::quickjs::Result<()> {
    let labels: Vec<(String, String)> =
        labels.into_iter().filter_map(|pair| <[String; 2]>::try_from(pair).ok()).map(<(String, String)>::from).collect();
    let make = if counts { metrics::counter } else { metrics::gauge };
    let id = or_throw(&cx, make(&name, &help, &labels))?;
    if counts {
        metrics::add(id, value)
    } else {
        metrics::set(id, value)
    }
    Ok(())
}

fn write_log(level: u32, text: String) {
    let level = match level {
        0 => log::Level::Debug,
        1 => log::Level::Info,
        2 => log::Level::Warn,
        _ => log::Level::Error,
    };
    log::write(level, &text);
}

/// The value at a path of an item: a primitive, or `[json]` where it is a list or object.
fn get<'js>(cx: Ctx<'js>, index: u32, path: String) -> javy::quickjs::Result<Value<'js>> {
    match ITEMS.get().map_or(HostValue::Absent, |b| b.get(index, &path)) {
        HostValue::Absent => Ok(Value::new_undefined(cx)),
        HostValue::Null => Ok(Value::new_null(cx)),
        HostValue::Boolean(b) => b.into_js(&cx),
        HostValue::Number(n) => n.into_js(&cx),
        HostValue::Text(s) => s.into_js(&cx),
        HostValue::Json(s) => vec![s].into_js(&cx),
    }
}

/// 0 absent, 1 an object, 2 anything else.
fn kind(index: u32, path: String) -> u32 {
    match ITEMS.get().map_or(Kind::Absent, |b| b.kind(index, &path)) {
        Kind::Absent => 0,
        Kind::Object => 1,
        _ => 2,
    }
}

/// Errors of the host are thrown as JavaScript errors, their text alone being the message, as scripts expect it.
fn or_throw<T>(cx: &Ctx<'_>, result: Result<T, Error>) -> javy::quickjs::Result<T> {
    result.map_err(|e| {
        let (Error::Denied(text) | Error::Invalid(text) | Error::Quota(text)) = e;
        Exception::throw_message(cx, &text)
    })
}

/// The columns of a batch of packets as typed arrays: seconds, nanoseconds' remainder and the numbers of each packet.
pub(crate) fn packet_args<'js>(cx: &Ctx<'js>, count: u32, columns: [Vec<f64>; 5]) -> Args<'js> {
    let arrays = columns.into_iter().map(|c| TypedArray::new(cx.clone(), c).and_then(|a| a.into_js(cx)));
    let mut values = vec![count.into_js(cx).unwrap_or_else(|_| Value::new_undefined(cx.clone()))];
    values.extend(arrays.map(|a| a.unwrap_or_else(|_| Value::new_undefined(cx.clone()))));
    Args::Packets(values)
}

/// Reads a verdict as `__query` writes it.
pub(crate) fn verdict(index: u32, text: &str) -> Option<Verdict> {
    let mark = text.chars().next()?;
    let json = text.get(1..).unwrap_or("");
    let (passed, failed) = (matches!(mark, 'p' | 'b'), matches!(mark, 'f' | 'b'));
    let replacement = (!json.is_empty()).then(|| json.to_owned());
    (passed || failed || replacement.is_some()).then_some(Verdict { index, passed, failed, replacement })
}
