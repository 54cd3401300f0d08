//! What is known of a flow before its bytes are read.

use hookline_item::{Origin, Sender, Transport};
use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

/// One flow: a 5-tuple for as long as it lasts.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Capture-wide number of the transport stream.
    pub stream: u64,
    /// What carries the bytes.
    pub transport: Transport,
    /// The side that opened the flow.
    pub client: SocketAddr,
    /// The other one.
    pub server: SocketAddr,
    /// Whether `client` and `server` are a guess, because the opening was not seen.
    pub roles_guessed: bool,
    /// Whether the flow was picked up after its start.
    pub mid_stream: bool,
    /// Whether the bytes were taken in the clear from a process that speaks TLS (uprobes): they come ordered, without packets.
    pub tls: bool,
    /// Where the packets come from.
    pub origin: Arc<Origin>,
}

impl Flow {
    /// A flow seen from its start.
    #[must_use]
    pub fn new(stream: u64, transport: Transport, client: SocketAddr, server: SocketAddr) -> Self {
        /// One for all: it costs a flow no memory of its own.
        static NOWHERE: LazyLock<Arc<Origin>> = LazyLock::new(Arc::default);
        Self { stream, transport, client, server, roles_guessed: false, mid_stream: false, tls: false, origin: Arc::clone(&NOWHERE) }
    }

    /// Whether one side uses one of `ports`.
    #[must_use]
    pub fn uses_port(&self, ports: &[u16]) -> bool {
        ports.contains(&self.server.port()) || ports.contains(&self.client.port())
    }

    /// The port of one side.
    #[must_use]
    pub const fn port(&self, of: Sender) -> u16 {
        match of {
            Sender::Client => self.client.port(),
            Sender::Server => self.server.port(),
        }
    }

    /// Makes the client the server and the other way round: the bytes showed that the guess was wrong.
    pub(crate) fn swap_roles(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
    }
}
