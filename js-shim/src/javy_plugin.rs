//! The shim as a plugin of the stock `javy` tool: `javy build -C plugin=…` runs a script inside it at build time, and the module that
//! comes out exports our hooks beside Javy's own functions. See README.md.

use crate::{GC_THRESHOLD, Vm, begin, listen, prepare, run_in};
use javy::{Runtime, quickjs::Context};
use javy_plugin_api::{Config, import_namespace};
use std::cell::RefCell;

import_namespace!("hookline-script-v1");

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

fn config() -> Config {
    let mut config = Config::default();
    config.gc_threshold(GC_THRESHOLD).weak_ref(true);
    config
}

fn modify(runtime: Runtime) -> Runtime {
    let context = runtime.context().clone();
    // This runs while the module is made: nobody but its maker can be told.
    run_in(&context, prepare).expect("the prelude runs in every engine");
    CONTEXT.set(Some(context));
    runtime
}

/// Called once, when the plugin is initialised by the tool.
#[unsafe(export_name = "initialize-runtime")]
pub extern "C" fn initialize_runtime() {
    javy_plugin_api::initialize_runtime(config, modify).expect("a new engine starts");
}

/// The engine in which Javy has run the script.
pub(crate) fn adopt() -> Result<Vm, String> {
    let context = CONTEXT.with_borrow(Clone::clone).ok_or("the plugin was not initialised: run `javy init-plugin` on it")?;
    run_in(&context, begin)?;
    listen(context, None)
}
