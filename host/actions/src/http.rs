//! The one HTTP client of all actions: HTTP/1.1, TLS with Mozilla's roots, everything bounded.
//!
//! Redirects are not followed: a plugin's grant names a host, and another host's `Location` must not widen it. Nothing here retries;
//! what failed is sorted into an [`Outcome`].

use crate::{Action, Clock, Destinations, Handling, Outcome, Setup};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hookline_bus::Event;
use hookline_item::Timestamp;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, StatusCode, Uri,
    header::{self, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, timeout_at};

/// What requests call themselves.
pub const USER_AGENT: &str = concat!("hookline/", env!("CARGO_PKG_VERSION"));

/// Bytes of a response's body that are read; answers to webhooks are short, and the rest is nobody's business.
const BODY_BYTES_MAX: usize = 64 << 10;

/// How long an idle connection is kept: below the 60 s after which load balancers commonly close theirs.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Idle connections kept to one host: as many as a runner's deliveries at once by default.
const IDLE_PER_HOST_MAX: usize = 8;

/// How long requests may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a TCP connection.
    pub connect: Duration,
    /// For a request as a whole: name, connection, TLS, request and response.
    pub request: Duration,
}

impl Default for Timeouts {
    /// 3 s, as a SYN is repeated after 1 s and 3 s; 10 s, as GitHub gives webhooks, since a sink that takes longer works instead of
    /// taking note.
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), request: Duration::from_secs(10) }
    }
}

/// Sends requests; clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeouts: Timeouts,
    clock: Clock,
}

impl Client {
    /// A client without connections yet; dates in Retry-After count from `clock`.
    #[must_use]
    pub fn new(timeouts: Timeouts, clock: Clock) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeouts.connect));
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build(connector);
        Self { inner, timeouts, clock }
    }

    /// Sends a request and gives its answer, whatever its status. `body_max` bytes of a body are read; one that is longer is an error.
    ///
    /// # Errors
    /// Why there is no answer within `timeout`.
    pub async fn fetch(&self, mut request: Request<Full<Bytes>>, timeout: Duration, body_max: usize) -> Result<Response<Bytes>, String> {
        request.headers_mut().entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        let shown = Redacted(request.uri().clone());
        let exchange = async {
            let (head, body) = self.inner.request(request).await.map_err(|e| format!("{shown}: {}", causes(&e)))?.into_parts();
            let body = Limited::new(body, body_max).collect().await.map_err(|e| format!("{shown}: {}", causes(e.as_ref())))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| Err(format!("{shown}: no answer within {timeout:?}")))
    }

    /// Sends what an event asks for, if it asks for something that can be sent, and lets `sort` judge the answer.
    async fn deliver(&self, request: Result<Request<Full<Bytes>>, Outcome>, sort: fn(&Answer, &Redacted) -> Outcome) -> Outcome {
        let request = match request {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let shown = Redacted(request.uri().clone());
        match self.send(request, &shown).await {
            Ok(answer) => sort(&answer, &shown),
            Err(outcome) => outcome,
        }
    }

    /// Sends the request and reads the answer, as far as it is read.
    ///
    /// # Errors
    /// The outcome of an attempt that got no answer: a retry.
    async fn send(&self, mut request: Request<Full<Bytes>>, shown: &Redacted) -> Result<Answer, Outcome> {
        request.headers_mut().entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        let deadline = Instant::now() + self.timeouts.request;
        let response = match timeout_at(deadline, self.inner.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Outcome::retry(format!("{shown}: {}", causes(&error)))),
            Err(_) => return Err(Outcome::retry(format!("{shown}: no answer within {:?}", self.timeouts.request))),
        };
        let (head, body) = response.into_parts();
        // The status says whether it was taken; a body that is too long, breaks off or takes too long changes nothing.
        let body = match timeout_at(deadline, Limited::new(body, BODY_BYTES_MAX).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => Bytes::new(),
        };
        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| parse_retry_after(text, (self.clock)()));
        Ok(Answer { status: head.status, retry_after, body })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

/// An action that sends one request for each event.
pub(crate) struct HttpAction {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    /// Makes the request, or says what is wrong with the event's arguments.
    pub(crate) build: fn(&Event) -> Result<Request<Full<Bytes>>, Outcome>,
    /// Judges the answer.
    pub(crate) sort: fn(&Answer, &Redacted) -> Outcome,
    destinations: Arc<Destinations>,
}

impl HttpAction {
    pub(crate) fn new(
        name: &'static str,
        setup: &Setup,
        build: fn(&Event) -> Result<Request<Full<Bytes>>, Outcome>,
        sort: fn(&Answer, &Redacted) -> Outcome,
    ) -> Self {
        Self { name, client: setup.client.clone(), build, sort, destinations: Arc::clone(&setup.destinations) }
    }
}

impl Action for HttpAction {
    fn name(&self) -> &'static str {
        self.name
    }

    fn handle<'a>(&'a self, event: &'a Event) -> Handling<'a> {
        let request = self.destinations.resolve(event, self.name).and_then(|event| (self.build)(&event));
        Box::pin(self.client.deliver(request, self.sort))
    }
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    /// Its first bytes; empty if it was too long or broke off.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The outcome that RFC 9110 §15 gives a status. The body is left out of reasons:
    /// error pages repeat the path they did not find, and the path of a webhook is its secret.
    pub(crate) fn outcome(&self, shown: &Redacted) -> Outcome {
        let reason = format!("{shown}: answered {}", self.status);
        match self.status.as_u16() {
            200..=299 => Outcome::Delivered(String::from_utf8_lossy(&self.body).into_owned()),
            300..=399 => Outcome::Misconfigured(format!("{reason}, and redirects are not followed: use the final URL")),
            429 | 503 => Outcome::Retry { after: self.retry_after, reason },
            408 | 500..=599 => Outcome::retry(reason),
            _ => Outcome::Permanent(reason),
        }
    }
}

/// Seconds, or a date to wait for (RFC 9110 §10.2.3); a date gone by is no wait.
fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    let since_epoch = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp(0).plus(since_epoch).since(now))
}

/// A URL of which only scheme and host are shown: `https://hooks.slack.com/…`. The rest is often a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted(pub Uri);

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme_str().unwrap_or("?"), self.0.host().unwrap_or("?"))?;
        if let Some(port) = self.0.port_u16() {
            write!(f, ":{port}")?;
        }
        f.write_str("/…")
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses the URL of a sink.
///
/// # Errors
/// Misconfigured, without the URL in the reason.
pub(crate) fn parse_url(text: &str) -> Result<Uri, Outcome> {
    let bad = |why: &str| Outcome::Misconfigured(format!("`url` {why}"));
    if text.is_empty() {
        return Err(bad("is missing"));
    }
    let uri: Uri = text.parse().map_err(|_| bad("is not a valid URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(bad("must start with http:// or https://"));
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => Err(bad("holds a user or password: put them into an Authorization header")),
        Some(authority) if authority.host().is_empty() => Err(bad("has no host")),
        _ => Ok(uri),
    }
}

/// The URL of something below `base`: each segment of the path, and each pair of the query whose value is not empty, percent-encoded.
///
/// # Errors
/// As [`parse_url`]; a base with a query.
pub(crate) fn below(base: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Uri, Outcome> {
    if parse_url(base)?.query().is_some() {
        return Err(Outcome::Misconfigured("`url` has a query: give the server's address".into()));
    }
    let mut url = base.trim_end_matches('/').to_owned();
    for segment in path {
        url.extend(["/", &encoded(segment)]);
    }
    let mut separator = "?";
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        url.extend([separator, name, "=", &encoded(value)]);
        separator = "&";
    }
    parse_url(&url)
}

/// All but the unreserved characters percent-encoded (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Credentials of the Basic scheme (RFC 7617).
///
/// # Errors
/// A user name with a colon.
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue, Outcome> {
    if user.contains(':') {
        return Err(Outcome::Misconfigured("`username` has a colon, which Basic authentication cannot carry".into()));
    }
    secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))), "username")
}

/// A header's value that no log shows; `argument` is where it comes from.
///
/// # Errors
/// It has control characters.
pub(crate) fn secret(text: &str, argument: &str) -> Result<HeaderValue, Outcome> {
    let bad = |_| Outcome::Misconfigured(format!("`{argument}` has control characters"));
    let mut value = HeaderValue::from_str(text).map_err(bad)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The error and what caused it: hyper's own words are only the outermost.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_redacted() {
        let url = parse_url("https://hooks.slack.com:8443/services/T0/B0/secret?token=1").unwrap();
        assert_eq!(format!("{:?}", Redacted(url)), "https://hooks.slack.com:8443/…");
        for bad in ["", "not a url secret", "ftp://host/secret", "/secret", "https://user:secret@host/", "https://", "http://:80/secret"] {
            let Err(Outcome::Misconfigured(reason)) = parse_url(bad) else { panic!("{bad}") };
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    #[test]
    fn statuses_are_sorted() {
        let shown = Redacted("http://h/secret".parse().unwrap());
        let outcome = |status: u16, retry_after: Option<&str>| {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                retry_after: retry_after.and_then(|text| parse_retry_after(text, Timestamp(0))),
                body: Bytes::from_static(b"Cannot POST /secret"),
            };
            answer.outcome(&shown)
        };
        assert_eq!(
            outcome(204, None),
            Outcome::Delivered("Cannot POST /secret".into()),
            "what the sink says is for the plugin that asked, and for nobody else"
        );
        assert!(matches!(outcome(302, None), Outcome::Misconfigured(_)));
        assert!(matches!(outcome(404, None), Outcome::Permanent(reason) if reason == "http://h/…: answered 404 Not Found"));
        assert!(matches!(outcome(408, Some("5")), Outcome::Retry { after: None, .. }));
        assert!(matches!(outcome(500, None), Outcome::Retry { after: None, .. }));
        let after = |status, text| match outcome(status, Some(text)) {
            Outcome::Retry { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(429, "5"), Some(Duration::from_secs(5)));
        assert_eq!(after(503, "Thu, 01 Jan 1970 00:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(after(503, "soon"), None);
        assert_eq!(after(429, "-1"), None);
    }
}
