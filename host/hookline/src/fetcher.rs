//! Plugins' requests to other servers, by the actions' HTTP client.

use bytes::Bytes;
use hookline_actions::http::Client;
use hookline_hooks::{Answer, Fetch, NoAnswer, Request};
use http_body_util::Full;
use tokio::runtime::Handle;

/// Sends requests on a runtime, for threads that have none.
pub(crate) struct Fetcher {
    pub(crate) client: Client,
    pub(crate) runtime: Handle,
}

impl Fetch for Fetcher {
    fn fetch(&self, request: Request) -> Result<Answer, NoAnswer> {
        let Request { method, url, headers, body, timeout, body_max } = request;
        let builder = http::Request::builder().method(method.as_str()).uri(url);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        let request = builder.body(Full::new(Bytes::from(body))).map_err(|e| NoAnswer::Invalid(e.to_string()))?;
        let answer = self.runtime.block_on(self.client.fetch(request, timeout, body_max)).map_err(NoAnswer::Failed)?;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: answer.into_body().into(),
        })
    }
}
