//! What a plugin asks of other servers, and who asks it for the plugin.

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

/// Sends requests. Called on plugins' threads; blocks until there is an answer or the request's time is over.
pub trait Fetch: Send + Sync {
    /// Sends one request. Redirects are not followed: the next host may not be granted.
    ///
    /// # Errors
    /// Why there is no answer.
    fn fetch(&self, request: Request) -> Result<Answer, NoAnswer>;
}
