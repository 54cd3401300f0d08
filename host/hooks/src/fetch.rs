//! What plugins may ask for that the host itself does not have: other servers' answers, and captured packets.

use std::time::Duration;

/// A request that its plugin may make.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Where to.
    pub url: http::Uri,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Time for the whole of it.
    pub timeout: Duration,
    /// Bytes of a body that are read: a longer one is an error.
    pub body_max: usize,
}

/// A server's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// This is no request.
    Invalid(String),
    /// The server cannot be reached, or did not answer in time.
    Failed(String),
}

/// Keeps packets. Called on plugins' threads; blocks while it reads them.
pub trait Packets: Send + Sync {
    /// The packets of these streams that are still kept, in the order of their times: how many, and as a pcapng file.
    ///
    /// # Errors
    /// They cannot be read, or are too many.
    fn pcapng(&self, streams: &[u64]) -> Result<(u64, Vec<u8>), String>;
}

/// Sends requests. Called on plugins' threads; blocks until there is an answer or the request's time is over.
pub trait Fetch: Send + Sync {
    /// Sends one request. Redirects are not followed: the next host may not be granted.
    ///
    /// # Errors
    /// Why there is no answer.
    fn fetch(&self, request: Request) -> Result<Answer, NoAnswer>;
}
