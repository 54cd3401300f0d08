//! `http`: requests to servers that the manifest grants.

use crate::{
    bindings::{
        http::{self, Failure},
        types::Error,
    },
    fetch::{NoAnswer, Request},
    manifest::Instances,
    state::State,
};
use ::http::Uri;
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Bytes of a body, either way.
const BODY_MAX: usize = 1 << 20;
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// How long one call of a hook may wait for servers altogether: so much of its items waits with it.
const WAIT_MAX: Duration = Duration::from_secs(10);

impl http::Host for State {
    fn fetch(&mut self, request: http::Request) -> Result<http::Response, Failure> {
        let request = self.admit(request).map_err(|e| {
            self.stats.http_refused.add(1);
            Failure::Refused(e)
        })?;
        let fetch = self.around.fetch.clone();
        let Some(fetch) = fetch else {
            return Err(Failure::Refused(Error::Denied("this run makes no requests for plugins".to_owned())));
        };
        self.stats.http_requests.add(1);
        let before = Instant::now();
        let answer = fetch.fetch(request);
        self.budget.waited += before.elapsed();
        match answer {
            Ok(a) => Ok(http::Response { status: a.status, headers: a.headers, body: a.body }),
            Err(NoAnswer::Invalid(text)) => Err(Failure::Refused(Error::Invalid(text))),
            Err(NoAnswer::Failed(text)) => {
                self.stats.http_failed.add(1);
                Err(Failure::Failed(text))
            }
        }
    }
}

impl State {
    /// The request, if the plugin may make it here and now.
    fn admit(&mut self, request: http::Request) -> Result<Request, Error> {
        let manifest = &self.identity.manifest;
        if manifest.run.instances == Instances::PerLane {
            return Err(Error::Denied("capture waits for an instance in a lane: it needs `run.instances = \"single\"`".to_owned()));
        }
        if self.subscriptions.open.is_some() {
            return Err(Error::Denied("nothing can be fetched in on-init: schedule a job".to_owned()));
        }
        if self.around.ending.load(Ordering::Relaxed) {
            return Err(Error::Denied("the host ends".to_owned()));
        }
        let url: Uri = request.url.parse().map_err(|e| Error::Invalid(format!("the URL: {e}")))?;
        let (host, port) = endpoint(&url)?;
        manifest.grants.check_http(&host, port).map_err(Error::Denied)?;
        if request.body.len() > BODY_MAX {
            return Err(Error::Invalid(format!("the body has {} bytes; at most {BODY_MAX}", request.body.len())));
        }
        let left = WAIT_MAX.saturating_sub(self.budget.waited);
        if left.is_zero() {
            return Err(Error::Quota(format!("this call has waited for {WAIT_MAX:?}")));
        }
        if !self.http_quota.take(self.now) {
            return Err(Error::Quota(format!("run.http_per_second = {}", manifest.run.http_per_second)));
        }
        let asked = Duration::from_millis(request.timeout_ms.into());
        let timeout = if asked.is_zero() { TIMEOUT_DEFAULT } else { asked }.min(left);
        let http::Request { method, headers, body, .. } = request;
        Ok(Request { method, url, headers, body, timeout, body_max: BODY_MAX })
    }
}

/// Host and port that a URL names. The client gets the parsed URL, so both mean the same one.
fn endpoint(url: &Uri) -> Result<(String, u16), Error> {
    let invalid = |what: &str| Error::Invalid(format!("the URL {what}"));
    let default = match url.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err(invalid("begins neither with http:// nor with https://")),
    };
    let authority = url.authority().ok_or_else(|| invalid("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(invalid("holds a name and a password: give an `Authorization` header"));
    }
    Ok((authority.host().to_ascii_lowercase(), authority.port_u16().unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_one_host() {
        let of = |url: &str| endpoint(&url.parse().unwrap()).map_err(|_| ());
        assert_eq!(of("https://API.example.com/x?y"), Ok(("api.example.com".into(), 443)));
        assert_eq!(of("http://[::1]:8080/"), Ok(("[::1]".into(), 8080)));
        assert!(of("https://granted.example@evil.example/").is_err());
        assert!(of("ftp://a/").is_err() && of("/path").is_err());
    }
}
