//! Who may ask. There is no log-in, so what protects the traffic from a page that the user's browser shows is this: the name in `Host`
//! must be an address or `localhost` (a foreign name that was made to point here is refused: DNS rebinding), and a request that says
//! which page it comes from (`Origin`) must come from our own.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use std::net::IpAddr;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Refuses what a foreign page may have sent; adds the headers that keep our own page to itself.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    if let Err(text) = check(request.headers(), request.uri()) {
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn check(headers: &HeaderMap, uri: &Uri) -> Result<(), &'static str> {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).or_else(|| uri.authority().map(|a| a.as_str()));
    let Some(host) = host.filter(|h| is_ours(h)) else {
        return Err("ask for this server by its address or as localhost: another name in Host is refused\n");
    };
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    match origin.to_str().ok().and_then(|o| o.split_once("://")) {
        Some((_, from)) if from.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err("requests from other sites' pages are refused\n"),
    }
}

/// Whether `host` (with or without a port) is an address or `localhost`.
fn is_ours(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((v6, _)) => v6,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_and_addresses_are_not() {
        assert!(is_ours("127.0.0.1:8898") && is_ours("localhost") && is_ours("[::1]:80") && is_ours("10.0.0.1"));
        assert!(!is_ours("evil.example") && !is_ours("127.0.0.1.evil.example:8898") && !is_ours(""));
    }
}
