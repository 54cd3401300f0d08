//! Secrets in headers: masked when a message is read, so that they never leave the lane.
//!
//! What proves who somebody is in the login messages of the other protocols (passwords of Redis, MQTT, NATS, LDAP, RADIUS, …) is not
//! shown at all, whatever is set here.

use crate::made::REDACTED;

/// Header fields whose values are masked unless somebody says otherwise: they let whoever reads them act as the user (RFC 9110 §11, RFC 6265 §8).
const HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// Which values are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    headers: Vec<String>,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { headers: HEADERS.map(str::to_owned).to_vec() }
    }
}

impl Redaction {
    /// Nothing is masked.
    #[must_use]
    pub const fn none() -> Self {
        Self { headers: Vec::new() }
    }

    /// Also masks the header fields of these names, in any case.
    #[must_use]
    pub fn with_headers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.headers.extend(names.into_iter().map(str::to_ascii_lowercase));
        self
    }

    /// What is shown of a header field's value, where that is masked. The scheme of credentials, the names of cookies and the attributes
    /// of Set-Cookie are no secrets and stay.
    pub(crate) fn header(&self, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let rule = self.headers.iter().find(|rule| rule.as_bytes().eq_ignore_ascii_case(name))?;
        Some(match rule.as_str() {
            "authorization" | "proxy-authorization" => match value.iter().position(|b| *b == b' ') {
                Some(space) => [value.get(..=space).unwrap_or_default(), REDACTED.as_bytes()].concat(),
                None => REDACTED.into(),
            },
            "cookie" => value.split(|b| *b == b';').map(pair).collect::<Vec<_>>().join(&b';'),
            "set-cookie" => {
                let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
                let (cookie, attributes) = value.split_at_checked(end).unwrap_or((value, &[]));
                [&pair(cookie), attributes].concat()
            }
            _ => REDACTED.into(),
        })
    }
}

/// `name=value` without the value.
fn pair(pair: &[u8]) -> Vec<u8> {
    match pair.iter().position(|b| *b == b'=') {
        Some(equals) => [pair.get(..=equals).unwrap_or_default(), REDACTED.as_bytes()].concat(),
        None if pair.trim_ascii().is_empty() => pair.to_vec(),
        None => REDACTED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_schemes_stay() {
        let redaction = Redaction::default().with_headers(["X-Api-Key"]);
        let shown = |name: &str, value: &str| redaction.header(name.as_bytes(), value.as_bytes()).map(|v| String::from_utf8(v).unwrap());
        for (name, value, want) in [
            ("Authorization", "Bearer abc.def", "Bearer REDACTED"),
            ("authorization", "token", "REDACTED"),
            ("Cookie", "sid=1; theme=dark; odd", "sid=REDACTED; theme=REDACTED;REDACTED"),
            ("Set-Cookie", "sid=1; Path=/; HttpOnly", "sid=REDACTED; Path=/; HttpOnly"),
            ("x-api-key", "k", "REDACTED"),
        ] {
            assert_eq!(shown(name, value).as_deref(), Some(want), "{name}: {value}");
        }
        assert_eq!((shown("Accept", "*/*"), Redaction::none().header(b"Cookie", b"a=b")), (None, None));
    }
}
