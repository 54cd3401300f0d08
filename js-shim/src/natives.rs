//! The native functions under the prelude: each is one call of the host.

use crate::{
    Args, ITEMS,
    bindings::{
        exports::hookline::hooks::query_hook::Verdict,
        hookline::hooks::{
            config, emit, jobs, kfl, log,
            types::{Error, Kind, Value as HostValue},
        },
    },
};
use javy::quickjs::{Ctx, Exception, IntoJs, TypedArray, Value, prelude::Func};

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
