//! What is spoken inside HTTP: told from the fields when an exchange goes out.

use super::{graphql, message::Exchange};

/// A protocol inside HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sub {
    #[default]
    None,
    /// gRPC over HTTP/2.
    Grpc,
    /// GraphQL over HTTP.
    GraphQl,
}

impl Sub {
    /// What `exchange` carries.
    pub(super) fn of(exchange: &Exchange) -> Self {
        let grpc = exchange.parts().any(|part| part.h2.is_some() && part.head.value("content-type").is_some_and(is_grpc));
        match &exchange.request {
            _ if grpc => Self::Grpc,
            Some(request) if graphql::Asked::of(request).is_some() => Self::GraphQl,
            _ => Self::None,
        }
    }

    /// As in `subProtocol`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Grpc => "gRPC",
            Self::GraphQl => "GraphQL",
        }
    }
}

/// `application/grpc`, also with `+proto` or `+json` or parameters (gRPC over HTTP2, "Content-Type"). gRPC-Web is something else.
pub(super) fn is_grpc(content_type: &[u8]) -> bool {
    let name = b"application/grpc";
    content_type.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        && matches!(content_type.get(name.len()), None | Some(b'+' | b';' | b' '))
}
