//! The few functions of WASI 0.2 that compilers' run-time libraries call at start: clocks, random numbers, the environment.
//!
//! The clocks are the packets' clock and random numbers are seeded, so that a replay is the same each time. Everything else of WASI
//! (files, sockets, processes) is there to be imported and traps when called.

use crate::{bindings::config::Host as _, state::State};
use wasmtime::component::{Component, Linker, Val};

/// Adds what `component` imports of WASI to `linker`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let ty = component.component_type();
    let imports: Vec<String> = ty.imports(linker.engine()).map(|(name, _)| name.to_owned()).collect();
    // Guests import WASI in the version that their compiler knows, 0.2.0 or any later 0.2.
    let mut define = |interface: &str, name: &str, f: fn(&mut State, &[Val]) -> wasmtime::Result<Val>| {
        let prefix = format!("wasi:{interface}@0.2.");
        let Some(import) = imports.iter().find(|i| i.starts_with(&prefix)) else { return Ok(()) };
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
    linker.define_unknown_imports_as_traps(component)
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
