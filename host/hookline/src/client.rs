//! Asks a hookline that runs: what `plugin top` and `logs` read.

use crate::error::{Hint, usage};
use anyhow::Context as _;
use serde_json::Value;
use std::{
    io::{Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

/// An answer from the same machine, or from the next.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer: a thousand log lines of the longest kind.
const ANSWER_MAX: u64 = 128 << 20;

/// The API at an address like `http://127.0.0.1:8898`.
pub(crate) struct Client {
    /// Host and port.
    authority: String,
}

impl Client {
    /// # Errors
    /// The address is no http:// one.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).filter(|a| !a.is_empty() && !a.contains('/'));
        let authority = authority.ok_or_else(|| usage(format!("--url {url}: write http://ADDRESS:PORT")))?;
        let port = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) { "" } else { ":80" };
        Ok(Self { authority: format!("{authority}{port}") })
    }

    /// `GET path`, whose answer is JSON.
    ///
    /// # Errors
    /// Nobody is there, or the answer is not what hookline says.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.exchange(path).with_context(|| format!("cannot ask http://{}/{path}", self.authority)).map_err(|error| {
            error.context(Hint("is `hookline run` running there? Its address stands in its first line; give it with --url".to_owned()))
        })?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status != "200" {
            anyhow::bail!("http://{}/{path} answered {status}: is it a hookline?", self.authority);
        }
        serde_json::from_str(body).with_context(|| format!("http://{}/{path} did not answer with JSON: is it a hookline?", self.authority))
    }

    /// HTTP/1.0: the answer ends with the connection, and has no chunks (RFC 1945 §7.2.2).
    fn exchange(&self, path: &str) -> anyhow::Result<String> {
        let address = self.authority.to_socket_addrs()?.next().context("the name has no address")?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET /{path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.authority)?;
        let mut answer = String::new();
        stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let authority = |url: &str| Client::new(url).ok().map(|c| c.authority);
        assert_eq!(authority("http://127.0.0.1:8898/").as_deref(), Some("127.0.0.1:8898"));
        assert_eq!(authority("http://[::1]:80").as_deref(), Some("[::1]:80"));
        assert_eq!(authority("http://node-7").as_deref(), Some("node-7:80"));
        assert_eq!((authority("https://a"), authority("a:1"), authority("http://")), (None, None, None));
    }
}
