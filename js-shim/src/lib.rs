//! One WebAssembly component that runs any script: QuickJS (through Javy) behind the plugin contract.
//!
//! The host gives each script an instance of its own. `prelude.js` builds Kubeshark's script API from the few native functions of
//! `natives.rs`; hooks are found as global functions after the script has run. Batches cross into JavaScript once: the loops over
//! items and packets are in the prelude.

#[cfg(feature = "javy-plugin")]
mod javy_plugin;
mod natives;
mod tar;

mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "script-engine" });
}

use bindings::{
    exports::hookline::hooks::{
        flows_hook, hub_hook, items_hook, lifecycle, packets_hook,
        query_hook::{self, Verdict},
        results_hook, state_hook, timer_hook,
    },
    hookline::hooks::{
        batch::ItemBatch,
        log,
        subscribe::{self, Subscription},
        types::Column,
    },
};
use javy::{
    Runtime, from_js_error,
    quickjs::{Context, Ctx, FromJs, Function, Persistent, context::EvalOptions, function::IntoArgs},
};
use std::cell::{Cell, RefCell};

/// Memory that QuickJS takes before it collects cycles: low enough for a long-lived hook in the default 64 MiB.
const GC_THRESHOLD: usize = 1 << 20;
/// Items of one call: a script may take a hundred microseconds for each, and a call has a budget.
const ITEM_BATCH: u32 = 64;
const PRELUDE: &str = include_str!("prelude.js");
const HELPERS: &str = include_str!("helpers.js");

thread_local! {
    static VM: RefCell<Option<Vm>> = const { RefCell::new(None) };
    /// The items of the call that is running.
    static ITEMS: Cell<Option<&'static ItemBatch>> = const { Cell::new(None) };
}

/// The engine's context, and the prelude's entry points.
struct Vm {
    context: Context,
    items: Persistent<Function<'static>>,
    packets: Persistent<Function<'static>>,
    query: Persistent<Function<'static>>,
    job: Persistent<Function<'static>>,
    message: Persistent<Function<'static>>,
    /// Keeps the context's engine alive; as a Javy plugin, Javy does.
    _runtime: Option<Runtime>,
}

struct Shim;
bindings::export!(Shim with_types_in bindings);

impl lifecycle::Guest for Shim {
    fn on_init() -> Result<(), String> {
        // A panic of ours would else be a bare trap.
        std::panic::set_hook(Box::new(|info| log::write(log::Level::Error, &format!("JavaScript engine: {info}"))));
        #[cfg(not(feature = "javy-plugin"))]
        let vm = start()?;
        #[cfg(feature = "javy-plugin")]
        let vm = javy_plugin::adopt()?;
        VM.set(Some(vm));
        Ok(())
    }

    fn on_shutdown() {}
}

/// Starts an engine and runs the script that the host has for this instance.
#[cfg(not(feature = "javy-plugin"))]
fn start() -> Result<Vm, String> {
    let mut config = javy::Config::default();
    // Items that a script keeps are found by weak references.
    config.gc_threshold(GC_THRESHOLD).weak_ref(true);
    let runtime = Runtime::new(config).map_err(|e| e.to_string())?;
    let context = runtime.context().clone();
    run_in(&context, |cx| {
        prepare(cx)?;
        begin(cx)?;
        let (name, source) = bindings::hookline::hooks::script::source();
        eval(cx, &name, &source)
    })?;
    listen(context, Some(runtime))
}

/// Defines the native functions and runs the prelude.
fn prepare(cx: &Ctx<'_>) -> javy::quickjs::Result<()> {
    natives::install(cx)?;
    eval(cx, "prelude.js", PRELUDE)?;
    eval(cx, "helpers.js", HELPERS)
}

/// Gives the script what only a host can give.
fn begin(cx: &Ctx<'_>) -> javy::quickjs::Result<()> {
    cx.globals().get::<_, Function>("__begin")?.call(())
}

/// Finds the script's hooks and subscribes to what they want.
fn listen(context: Context, runtime: Option<Runtime>) -> Result<Vm, String> {
    let entries = run_in(&context, |cx| {
        let entry = |n: &str| -> javy::quickjs::Result<_> { Ok(Persistent::save(cx, cx.globals().get::<_, Function>(n)?)) };
        let hooks: Vec<String> = cx.globals().get::<_, Function>("__hooks")?.call(())?;
        Ok((hooks, entry("__items")?, entry("__packets")?, entry("__query")?, entry("__job")?, entry("__message")?))
    });
    let (hooks, items, packets, query, job, message) = entries?;
    for hook in &hooks {
        subscribe_to(hook)?;
    }
    Ok(Vm { context, items, packets, query, job, message, _runtime: runtime })
}

/// Runs `f` in the context; an exception becomes its text, with its place in the script.
fn run_in<R>(context: &Context, f: impl for<'js> FnOnce(&Ctx<'js>) -> javy::quickjs::Result<R>) -> Result<R, String> {
    context.with(|cx| f(&cx).map_err(|e| from_js_error(cx.clone(), e).to_string()))
}

/// Runs a script in the global scope and in sloppy mode, as Kubeshark does: its functions are globals, octal escapes and implicit
/// globals are allowed.
fn eval(cx: &Ctx<'_>, name: &str, source: &str) -> javy::quickjs::Result<()> {
    let mut options = EvalOptions::default();
    options.global = true;
    options.strict = false;
    options.filename = Some(name.to_owned());
    cx.eval_with_options::<(), _>(source, options)
}

fn subscribe_to(hook: &str) -> Result<(), String> {
    let wanted = |fields: &[&str], max_batch| Subscription {
        filter: String::new(),
        fields: fields.iter().map(|f| (*f).to_owned()).collect(),
        max_batch,
        max_delay_ms: 0,
    };
    let result = match hook {
        "onItemCaptured" => subscribe::items(&wanted(&[], ITEM_BATCH)).map(drop),
        "onPacketCaptured" => {
            subscribe::packets(&wanted(&["timestamp", "captureLength", "length", "truncated", "fragmented"], 0)).map(drop)
        }
        "onItemQueried" => subscribe::queries(),
        _ => Ok(()),
    };
    result.map_err(|e| format!("{hook}: {e:?}"))
}

/// Calls an entry point of the prelude, and runs what it left to be done (promises).
fn call<R>(pick: impl Fn(&Vm) -> &Persistent<Function<'static>>, args: impl for<'js> Fn(&Ctx<'js>) -> Args<'js>) -> Result<R, String>
where
    R: for<'js> FromJs<'js>,
{
    VM.with_borrow(|vm| {
        let vm = vm.as_ref().ok_or("on-init has not been called")?;
        run_in(&vm.context, |cx| {
            let result = pick(vm).clone().restore(cx)?.call::<_, R>(args(cx));
            while cx.execute_pending_job() {}
            result
        })
    })
}

/// Arguments of an entry point.
enum Args<'js> {
    Count(u32),
    Text(String),
    Texts(String, String),
    Packets(Vec<javy::quickjs::Value<'js>>),
}

impl<'js> IntoArgs<'js> for Args<'js> {
    fn num_args(&self) -> usize {
        match self {
            Self::Packets(values) => values.len(),
            Self::Texts(..) => 2,
            _ => 1,
        }
    }

    fn into_args(self, args: &mut javy::quickjs::function::Args<'js>) -> javy::quickjs::Result<()> {
        match self {
            Self::Count(n) => args.push_arg(n),
            Self::Text(s) => args.push_arg(s),
            Self::Texts(a, b) => args.push_args([a, b]),
            Self::Packets(values) => args.push_args(values),
        }
    }
}

/// Makes `items` readable by scripts while `f` runs.
fn with_items<R>(items: &ItemBatch, f: impl FnOnce() -> R) -> R {
    // SAFETY: the reference is taken back before this function returns, and `f` runs on this one thread; scripts that keep a lazy
    // item read a copy made before the end of the call (see `withItem` in prelude.js).
    let items: &'static ItemBatch = unsafe { std::mem::transmute(items) };
    ITEMS.set(Some(items));
    let result = f();
    ITEMS.set(None);
    result
}

impl items_hook::Guest for Shim {
    fn on_items(_subscription: u32, count: u32, _columns: Vec<Column>, items: &ItemBatch) {
        let result: Result<(), String> = with_items(items, || call(|vm| &vm.items, |_| Args::Count(count)));
        report(result);
    }
}

impl packets_hook::Guest for Shim {
    fn on_packets(_subscription: u32, count: u32, columns: Vec<Column>) {
        let numbers = |i: usize| match columns.get(i) {
            Some(Column::U64s(v)) => v.iter().map(|n| *n as f64).collect(),
            Some(Column::U8s(v)) => v.iter().map(|n| f64::from(*n)).collect(),
            _ => vec![0.0; count as usize],
        };
        let result: Result<(), String> = call(|vm| &vm.packets, |cx| natives::packet_args(cx, count, std::array::from_fn(numbers)));
        report(result);
    }
}

impl query_hook::Guest for Shim {
    fn on_query(filter: String, items: &ItemBatch) -> Vec<Verdict> {
        let result: Result<Vec<String>, String> = with_items(items, || call(|vm| &vm.query, |_| Args::Text(filter.clone())));
        match result {
            // Each verdict is a mark (`p`, `f`, `b`oth, `-`) and, where the item is replaced, its JSON.
            Ok(said) => (0..).zip(said).filter_map(|(index, text)| natives::verdict(index, &text)).collect(),
            Err(text) => {
                report(Err(text));
                Vec::new()
            }
        }
    }
}

impl timer_hook::Guest for Shim {
    fn on_job(tag: String) -> Result<(), String> {
        call(|vm| &vm.job, |_| Args::Text(tag.clone()))
    }
}

/// Scripts know no flows.
impl flows_hook::Guest for Shim {
    fn on_flows(_subscription: u32, _count: u32, _columns: Vec<Column>) {}
}

/// `onHubAction`: the hub of Kubeshark's is wherever a script is granted the action's topic.
impl hub_hook::Guest for Shim {
    fn on_message(message: hub_hook::Message) -> Result<(), String> {
        call(|vm| &vm.message, |_| Args::Texts(message.topic.clone(), message.payload.clone()))
    }
}

/// Actions of scripts are asked for without waiting for what becomes of them.
impl results_hook::Guest for Shim {
    fn on_result(_outcome: results_hook::Outcome) {}
}

/// A script keeps nothing from one version to the next but what it writes.
impl state_hook::Guest for Shim {
    fn save() -> Vec<u8> {
        Vec::new()
    }
    fn restore(_: Vec<u8>) -> Result<(), String> {
        Ok(())
    }
}

/// An error that the prelude did not catch itself.
fn report(result: Result<(), String>) {
    if let Err(text) = result {
        log::write(log::Level::Error, &text);
    }
}
