//! The few functions of WASI 0.2 that compilers' run-time libraries call at start: clocks, random numbers, the environment.
//!
//! The clocks are the packets' clock and random numbers are seeded, so that a replay is the same each time. What a guest prints goes to its
//! log, line by line. Everything else of WASI (files, sockets, processes) is there to be imported and traps when called.

use crate::{
    bindings::{config::Host as _, log::Level},
    state::State,
};
use wasmtime::component::{Component, ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType, Val, types::ComponentItem};

/// Adds what `component` imports of WASI to `linker`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    define_traps(linker, component)?;
    let ty = component.component_type();
    let imports: Vec<String> = ty.imports(linker.engine()).map(|(name, _)| name.to_owned()).collect();
    let mut define = |interface: &str, name: &str, f: fn(&mut State, &[Val]) -> wasmtime::Result<Val>| {
        let Some(import) = imported(&imports, interface) else { return Ok(()) };
        let mut instance = linker.instance(import)?;
        instance.func_new(name, move |mut store, _, params, results| {
            let value = f(store.data_mut(), params)?;
            if let Some(result) = results.first_mut() {
                *result = value;
            }
            Ok(())
        })
    };
    define("clocks/wall-clock", "now", |s, _| {
        let nanos = u32::try_from(s.now.0 % 1_000_000_000).unwrap_or(0);
        Ok(Val::Record(vec![("seconds".into(), Val::U64(s.now.as_secs())), ("nanoseconds".into(), Val::U32(nanos))]))
    })?;
    define("clocks/monotonic-clock", "now", |s, _| Ok(Val::U64(s.now.0)))?;
    define("random/random", "get-random-bytes", |s, params| {
        let Some(Val::U64(n)) = params.first() else { return Ok(Val::List(Vec::new())) };
        // A guest that asks for more than a page at a time has other plans than seeding a table.
        Ok(Val::List((0..(*n).min(4096)).map(|_| Val::U8(s.next_random().to_le_bytes()[0])).collect()))
    })?;
    define("random/random", "get-random-u64", |s, _| Ok(Val::U64(s.next_random())))?;
    define("random/insecure-seed", "insecure-seed", |s, _| Ok(Val::Tuple(vec![Val::U64(s.next_random()), Val::U64(s.next_random())])))?;
    define("cli/environment", "get-environment", |s, _| {
        let pairs = s.all_env().into_iter().map(|(k, v)| Val::Tuple(vec![Val::String(k), Val::String(v)]));
        Ok(Val::List(pairs.collect()))
    })?;
    define("cli/environment", "get-arguments", |_, _| Ok(Val::List(Vec::new())))?;
    define("filesystem/preopens", "get-directories", |_, _| Ok(Val::List(Vec::new())))?;
    for (interface, name, stream) in [("cli/stdout", "get-stdout", OUT), ("cli/stderr", "get-stderr", ERR)] {
        if let Some(import) = imported(&imports, interface) {
            linker.instance(import)?.func_wrap(name, move |_, (): ()| Ok((Resource::<Stream>::new_own(stream),)))?;
        }
    }
    if let Some(import) = imported(&imports, "cli/stdin") {
        linker.instance(import)?.func_wrap("get-stdin", |_, (): ()| Ok((Resource::<Stdin>::new_own(0),)))?;
    }
    // None of them is a terminal.
    for stream in ["stdin", "stdout", "stderr"] {
        if let Some(import) = imported(&imports, &format!("cli/terminal-{stream}")) {
            let no_terminal = |_: wasmtime::StoreContextMut<'_, State>, (): ()| Ok((None::<Resource<()>>,));
            linker.instance(import)?.func_wrap(&format!("get-terminal-{stream}"), no_terminal)?;
        }
    }
    if let Some(import) = imported(&imports, "io/streams") {
        add_streams(&mut linker.instance(import)?)?;
    }
    Ok(())
}

/// Defines all that `component` imports of WASI as functions that trap; what is defined after them takes their place.
fn define_traps(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let engine = linker.engine().clone();
    for (import, item) in component.component_type().imports(&engine) {
        let (true, ComponentItem::ComponentInstance(instance)) = (import.starts_with("wasi:"), item.ty) else { continue };
        let mut defined = linker.instance(import)?;
        for (name, item) in instance.exports(&engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => {
                    let function = format!("{import}#{name}");
                    defined.func_new(name, move |_, _, _, _| Err(wasmtime::Error::msg(format!("{function} is not for plugins"))))?;
                }
                ComponentItem::Resource(_) => defined.resource(name, resource(name), |_, _| Ok(()))?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// The type of WASI's resource `name`, which has the same one in each interface that mentions it.
fn resource(name: &str) -> ResourceType {
    match name {
        "output-stream" => ResourceType::host::<Stream>(),
        "input-stream" => ResourceType::host::<Stdin>(),
        "error" => ResourceType::host::<IoError>(),
        _ => ResourceType::host::<()>(),
    }
}

/// The import of this interface, in the version that the guest's compiler knows: 0.2.0 or any later 0.2.
fn imported<'a>(imports: &'a [String], interface: &str) -> Option<&'a str> {
    let prefix = format!("wasi:{interface}@0.2.");
    imports.iter().find(|import| import.starts_with(&prefix)).map(String::as_str)
}

/// Standard output and standard error, of which there is one each; a handle's number says which.
struct Stream;
const OUT: u32 = 0;
const ERR: u32 = 1;
/// Standard input, in which there is nothing.
struct Stdin;
/// An error of a stream; ours have none.
struct IoError;

/// `stream-error` of `wasi:io/streams`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "writing to a log never fails; the type must be whole")]
    Failed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Written<T> = (Result<T, StreamError>,);

/// How much may be written at once: whatever fits into one call.
const ROOM: u64 = 64 << 10;

fn add_streams(streams: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    streams.func_wrap("[method]output-stream.check-write", |_, (_,): (Resource<Stream>,)| -> wasmtime::Result<Written<u64>> {
        Ok((Ok(ROOM),))
    })?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        streams.func_wrap(name, |mut store, (stream, bytes): (Resource<Stream>, Vec<u8>)| -> wasmtime::Result<Written<()>> {
            store.data_mut().print(stream.rep(), &bytes);
            Ok((Ok(()),))
        })?;
    }
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.func_wrap(name, |_, (_, _): (Resource<Stdin>, u64)| -> wasmtime::Result<Written<Vec<u8>>> {
            Ok((Err(StreamError::Closed),))
        })?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        streams.func_wrap(name, |_, (_,): (Resource<Stream>,)| -> wasmtime::Result<Written<()>> { Ok((Ok(()),)) })?;
    }
    Ok(())
}

/// What was printed after the last end of a line, to standard output and standard error.
#[derive(Debug, Default)]
pub(crate) struct Printed([Vec<u8>; 2]);

/// Bytes of a line that has no end: more is a line of its own.
const LINE_MAX: usize = 8 << 10;

impl State {
    fn print(&mut self, stream: u32, bytes: &[u8]) {
        let (index, level) = if stream == OUT { (0, Level::Info) } else { (1, Level::Error) };
        let mut line = std::mem::take(&mut self.printed.0[index]);
        for byte in bytes {
            if *byte != b'\n' {
                line.push(*byte);
            }
            if *byte == b'\n' || line.len() >= LINE_MAX {
                self.write_line(level, String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
        }
        self.printed.0[index] = line;
    }
}

impl State {
    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
