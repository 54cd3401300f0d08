//! Write Hookline plugins in Rust.
//!
//! A plugin is a type that implements [`Plugin`]. It says in `init` what it wants to see, and gets it in batches of typed rows:
//!
//! ```ignore
//! use hookline_sdk::{Alert, Batch, Items, Plugin, Severity, row};
//!
//! row! {
//!     struct Failure<'a> {
//!         status: u64 = "response.status",
//!         path: &'a str = "request.path",
//!     }
//! }
//!
//! struct Errors;
//!
//! impl Plugin for Errors {
//!     fn init() -> Result<Self, String> {
//!         Items::matching("http and response.status >= 500").rows::<Failure>()?;
//!         Ok(Self)
//!     }
//!     fn items(&mut self, batch: &Batch<'_>) {
//!         for (row, item) in batch.rows::<Failure>() {
//!             let title = format!("{} on {}", row.status, row.path);
//!             Alert::new(Severity::Warning, title).about(&item).raise().ok();
//!         }
//!     }
//! }
//!
//! hookline_sdk::export!(Errors);
//! ```
//! Build it with `hookline plugin build`, try it with `hookline plugin test`, and drop the `.wasm` into the plugin folder.

mod emit;
mod metrics;
mod rows;

/// What wit-bindgen makes of the contract: for what the rest of this crate does not wrap.
pub mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({
        path: "wit",
        world: "plugin",
        pub_export_macro: true,
        default_bindings_module: "hookline_sdk::bindings",
    });
}

pub use bindings::{
    exports::hookline::hooks::{hub_hook::Message, query_hook::Verdict, results_hook::Outcome},
    hookline::hooks::{
        batch::ItemBatch,
        config,
        emit::Severity,
        files, http, hub, jobs, kfl, kv,
        log::Level,
        pcap,
        types::{Column, Error, Value},
    },
};
pub use emit::{Alert, action, publish, request};
pub use metrics::{Counter, Gauge, Histogram};
pub use rows::{Batch, Cell, Cells, Flows, Item, Items, PacketBatch, Packets, Row, RowBatch};

/// What a plugin does. Everything but `init` has an empty default.
pub trait Plugin: Sized + 'static {
    /// Makes the plugin, and subscribes to what it wants.
    ///
    /// # Errors
    /// A text for the user: the plugin is not run.
    fn init() -> Result<Self, String>;

    /// Items that matched a subscription.
    fn items(&mut self, _batch: &Batch<'_>) {}

    /// Packets that matched a subscription.
    fn packets(&mut self, _batch: &PacketBatch<'_>) {}

    /// Flows that opened or closed and matched a subscription.
    fn flows(&mut self, _batch: &RowBatch<'_>) {}

    /// Items on their way to a client of the API; called after [`subscribe_to_queries`].
    fn query(&mut self, _filter: &str, _items: &ItemBatch) -> Vec<Verdict> {
        Vec::new()
    }

    /// A job that is due (see [`jobs::schedule`]).
    ///
    /// # Errors
    /// A text for the log; the job stays scheduled.
    fn job(&mut self, _tag: &str) -> Result<(), String> {
        Ok(())
    }

    /// A message of a plugin, on a topic that the manifest grants (see [`hub::send`]).
    ///
    /// # Errors
    /// A text for the log.
    fn message(&mut self, _message: &Message) -> Result<(), String> {
        Ok(())
    }

    /// What became of an action that was asked for by [`request`].
    fn result(&mut self, _outcome: &Outcome) {}

    /// What goes to the next version of the plugin when this one is replaced; nothing if it is empty.
    fn save(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes over what the former version saved, after [`Plugin::init`] and before the first item.
    ///
    /// # Errors
    /// A text for the log; the plugin goes on without.
    fn restore(&mut self, _state: &[u8]) -> Result<(), String> {
        Ok(())
    }

    /// The plugin ends: replaced by a new version, or the host stops.
    fn shutdown(&mut self) {}
}

/// Asks for [`Plugin::query`] to be called.
///
/// # Errors
/// Called outside `init`.
pub fn subscribe_to_queries() -> Result<(), String> {
    bindings::hookline::hooks::subscribe::queries().map_err(|e| text(&e))
}

/// A value of the manifest's `[config]` table; `default` where there is none.
///
/// # Errors
/// A text for the user that names the key: what stands there cannot be read as a `T`.
pub fn setting<T: std::str::FromStr>(key: &str, default: T) -> Result<T, String> {
    let Some(text) = config::get(key) else { return Ok(default) };
    text.parse().map_err(|_| format!("config {key} = {text}: this cannot be read as a {}", std::any::type_name::<T>()))
}

/// Writes a line to the plugin's log.
pub fn log(level: Level, message: &str) {
    bindings::hookline::hooks::log::write(level, message);
}

/// An error of the host as one line.
#[must_use]
pub fn text(error: &Error) -> String {
    match error {
        Error::Denied(t) => format!("denied: {t}"),
        Error::Invalid(t) => format!("invalid: {t}"),
        Error::Quota(t) => format!("over the limit: {t}"),
    }
}

/// Makes `$plugin`, a [`Plugin`], the plugin of this component.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        mod __hookline {
            use super::*;
            use $crate::bindings::exports::hookline::hooks as exports;
            use std::cell::RefCell;

            thread_local! {
                static PLUGIN: RefCell<Option<$plugin>> = const { RefCell::new(None) };
            }

            /// Runs `f` on the plugin, which `on-init` has made before anything else is called.
            fn with<R>(f: impl FnOnce(&mut $plugin) -> R) -> R {
                PLUGIN.with_borrow_mut(|p| f(p.as_mut().expect("the host calls on-init first")))
            }

            struct Exported;

            impl exports::lifecycle::Guest for Exported {
                fn on_init() -> Result<(), String> {
                    let plugin = <$plugin as $crate::Plugin>::init()?;
                    PLUGIN.set(Some(plugin));
                    Ok(())
                }
                fn on_shutdown() {
                    with($crate::Plugin::shutdown);
                }
            }
            impl exports::items_hook::Guest for Exported {
                fn on_items(subscription: u32, count: u32, columns: Vec<$crate::Column>, items: &$crate::ItemBatch) {
                    with(|p| $crate::Plugin::items(p, &$crate::Batch::new(subscription, count, &columns, items)));
                }
            }
            impl exports::packets_hook::Guest for Exported {
                fn on_packets(subscription: u32, count: u32, columns: Vec<$crate::Column>) {
                    with(|p| $crate::Plugin::packets(p, &$crate::PacketBatch::new(subscription, count, &columns)));
                }
            }
            impl exports::flows_hook::Guest for Exported {
                fn on_flows(subscription: u32, count: u32, columns: Vec<$crate::Column>) {
                    with(|p| $crate::Plugin::flows(p, &$crate::RowBatch::new(subscription, count, &columns)));
                }
            }
            impl exports::hub_hook::Guest for Exported {
                fn on_message(message: $crate::Message) -> Result<(), String> {
                    with(|p| $crate::Plugin::message(p, &message))
                }
            }
            impl exports::results_hook::Guest for Exported {
                fn on_result(outcome: $crate::Outcome) {
                    with(|p| $crate::Plugin::result(p, &outcome));
                }
            }
            impl exports::query_hook::Guest for Exported {
                fn on_query(filter: String, items: &$crate::ItemBatch) -> Vec<$crate::Verdict> {
                    with(|p| $crate::Plugin::query(p, &filter, items))
                }
            }
            impl exports::timer_hook::Guest for Exported {
                fn on_job(tag: String) -> Result<(), String> {
                    with(|p| $crate::Plugin::job(p, &tag))
                }
            }
            impl exports::state_hook::Guest for Exported {
                fn save() -> Vec<u8> {
                    with($crate::Plugin::save)
                }
                fn restore(state: Vec<u8>) -> Result<(), String> {
                    with(|p| $crate::Plugin::restore(p, &state))
                }
            }
            $crate::bindings::export!(Exported with_types_in $crate::bindings);
        }
    };
}
