//! REST, WebSocket and the dashboard.
//!
//! There is no log-in: the server is meant for a loopback address, and refuses requests that a foreign page makes a browser send (see
//! `guard.rs`). Everything that plugins may colour or rewrite goes through their query hooks before a client sees it.

#![forbid(unsafe_code)]

mod api;
mod feed;
mod guard;
mod metrics;
mod stream;
mod ui;

pub use feed::{Console, Live};

use axum::{Router, middleware, routing::get};
use hookline_hooks::HookHost;
use hookline_item::Timestamp;
use hookline_kfl::{Settings, Tables};
use hookline_store::{Store, ring::Ring};
use serde::Serialize;
use std::{future::Future, io, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

/// What the server shows.
#[derive(Clone)]
pub struct WebDeps {
    /// The past.
    pub store: Store,
    /// The plugins.
    pub host: HookHost,
    /// Items as they come.
    pub live: Live,
    /// The plugins' logs.
    pub console: Console,
    /// The packets, if they are kept.
    pub ring: Option<Arc<Ring>>,
    /// Prometheus text of the other stages.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The clock that filters' `now()` means.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// What filters are compiled with: the user's macros.
    pub filters: Arc<Settings>,
    /// The fields of each protocol, which filters may name: for completion.
    pub tables: &'static [Tables],
    /// What runs here.
    pub about: About,
}

/// What runs here.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// The node's name.
    pub node: String,
    /// What is captured, for people.
    pub source: String,
}

/// The server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address cannot be bound.
    #[error("cannot listen on {addr}: {source}; give another address with --listen")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Connections cannot be accepted any more.
    #[error("the server failed: {0}")]
    Serve(#[from] io::Error),
}

/// The server, before it is started.
pub struct Web;

/// An address that is ours.
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Web {
    /// Takes the address; port 0 is any free one.
    ///
    /// # Errors
    /// [`WebError::Bind`].
    pub async fn bind(addr: SocketAddr) -> Result<Bound, WebError> {
        let bind = async {
            let listener = TcpListener::bind(addr).await?;
            let addr = listener.local_addr()?;
            Ok(Bound { listener, addr })
        };
        bind.await.map_err(|source| WebError::Bind { addr, source })
    }
}

impl Bound {
    /// The address.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown` is done.
    ///
    /// # Errors
    /// [`WebError::Serve`].
    pub async fn serve(self, deps: WebDeps, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), WebError> {
        axum::serve(self.listener, router(deps)).with_graceful_shutdown(shutdown).await?;
        Ok(())
    }
}

fn router(deps: WebDeps) -> Router {
    Router::new()
        .route("/api/items", get(api::items))
        .route("/api/items/{*id}", get(api::item))
        .route("/api/packets/{*id}", get(api::packets))
        .route("/api/alerts", get(api::alerts))
        .route("/api/plugins", get(api::plugins))
        .route("/api/console", get(api::console))
        .route("/api/kfl", get(api::kfl))
        .route("/api/kfl/complete", get(api::complete))
        .route("/api/about", get(api::about))
        .route("/api/stream", get(stream::stream))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/", get(ui::index))
        .route("/{file}", get(ui::file))
        .fallback(api::not_found)
        .layer(middleware::from_fn(guard::guard))
        .with_state(deps)
}

#[cfg(test)]
mod tests;
