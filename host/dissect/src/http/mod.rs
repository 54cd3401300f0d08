//! HTTP over TCP: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2, in [`v2`]), RFC 1945 (HTTP/1.0 and 0.9).
//!
//! Default ports 80, 8080, 8000, 3128; recognised by its start lines or frames on any port (HTTP/0.9 on these), also in the middle of
//! a flow. All versions share what their messages are ([`message`]); [`connection`] tells which one is spoken.
//! Read: pipelining, chunked coding with extensions and trailers, interim responses, bodies until close, obsolete folds, bare LF,
//! arbitrary methods and forms of target, `CONNECT` (what follows a 2xx is probed anew) and `Upgrade` to HTTP/2, WebSocket and TLS (opaque after another 101).
//! Inside: gRPC ([`grpc`]), GraphQL ([`graphql`]), server-sent events (an item each, beside the exchange's). Not inside: gRPC-Web, Connect.
//! Not read: multipart/byteranges as a framing (RFC 2616 §4.4, gone since RFC 7230).
//!
//! Limits (see [`crate::Limits`]): `head_max`, `fields_max`, `body_max`, `decoded_max`, `requests_max`, `requests_bytes_max`, `interim_max`.

mod body;
mod connection;
mod content;
mod frame;
mod graphql;
mod grpc;
mod message;
mod pair;
mod params;
mod protobuf;
mod session;
mod sub;
mod target;
mod v2;

use crate::{Dissector, Probe, Transport, Verdict, macros::protocol_versions};
use frame::Opening;
use hookline_item::Sender;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "http",
    doc: "HTTP/2 (RFC 9113), HTTP/1.x (RFC 9110, RFC 9112) and HTTP/0.9 (RFC 1945) over TCP, with gRPC and GraphQL in them",
    protocols: &[&HTTP_2, &GRPC, &GRAPHQL_2, &HTTP_11, &GRAPHQL, &HTTP_10, &HTTP_09],
    transports: &[Transport::Tcp],
    ports: &[80, 8080, 8000, 3128],
    begins_late: false,
    follow: crate::Follow::Others { in_bodies: &["sse"] },
    probe,
    new_session: |flow, _| Box::new(connection::Connection::new(flow)),
    request: message::REQUEST_FIELDS,
    response: message::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

fn probe(probe: &Probe<'_>) -> Verdict {
    match v2::probe(probe) {
        Verdict::No => {}
        verdict => return verdict,
    }
    match frame::opening(probe.bytes) {
        Opening::Request => Verdict::Yes(Sender::Client),
        Opening::Response => Verdict::Yes(Sender::Server),
        // A Redis client may send such a line too: the port decides.
        Opening::Simple if probe.flow.uses_port(DISSECTOR.ports) => Verdict::Yes(Sender::Client),
        Opening::Unsure | Opening::Odd | Opening::Simple => Verdict::Maybe,
        Opening::Other => Verdict::No,
    }
}

protocol_versions! { "http", "tcp", ["80", "443", "8080"];
    HTTP_2 = "2", "HTTP/2", "Hypertext Transfer Protocol Version 2 (HTTP/2)", "https://www.rfc-editor.org/rfc/rfc9113";
    GRPC = "2", "gRPC", "gRPC over HTTP/2", "https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md";
    GRAPHQL_2 = "2", "GQL", "Hypertext Transfer Protocol Version 2 (HTTP/2) [ GraphQL over HTTP/2 ]", "https://graphql.github.io/graphql-over-http/draft/";
    GRAPHQL = "1.1", "GQL", "Hypertext Transfer Protocol -- HTTP/1.1 [ GraphQL over HTTP/1.1 ]", "https://graphql.github.io/graphql-over-http/draft/";
    HTTP_11 = "1.1", "HTTP", "Hypertext Transfer Protocol -- HTTP/1.1", "https://www.rfc-editor.org/rfc/rfc9112";
    HTTP_10 = "1.0", "HTTP", "Hypertext Transfer Protocol -- HTTP/1.0", "https://www.rfc-editor.org/rfc/rfc1945";
    HTTP_09 = "0.9", "HTTP", "Hypertext Transfer Protocol -- HTTP/0.9", "https://www.rfc-editor.org/rfc/rfc1945#section-4.1";
}

/// The oddities that HTTP items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        LENGTH_AND_CODING = "content-length-and-transfer-encoding", "Both fields stand in one head; Transfer-Encoding decides (RFC 9112 §6.3). Used for request smuggling";
        LENGTH_CONFLICT = "content-length-conflict", "Different Content-Length values; the first is taken";
        LENGTH_INVALID = "content-length-invalid", "A Content-Length that is no number; ignored";
        CODING_UNKNOWN = "transfer-encoding-unknown", "The last transfer coding is not chunked; the body is what comes until the connection closes";
        CODING_IN_1_0 = "transfer-encoding-in-http-1.0", "Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1); read as in 1.1";
        CHUNK_INVALID = "chunk-invalid", "The chunked coding is broken; the body ends there";
        REQUEST_LINE = "request-line-invalid", "The request line has no target, no version, or a version that is none";
        HEADER_INVALID = "header-line-invalid", "A line in the head is no header field: no colon, no name, or space before the colon";
        HEAD_CUT = "head-incomplete", "The head breaks off: lost bytes or an early end";
        BODY_CUT = "body-incomplete", "The body breaks off: lost bytes or an early end";
        HOST_MISSING = "host-missing", "An HTTP/1.1 request without Host (RFC 9112 §3.2)";
        RESYNC = "resynchronised", "Bytes before this message could not be read";
        HPACK_UNSEEN = "hpack-entries-unseen", "HTTP/2 header fields are left out because what they refer to was sent before the capture began, or lost";
        HPACK_BROKEN = "header-block-invalid", "An HTTP/2 header block breaks the rules of HPACK (RFC 7541) or breaks off; the fields before are kept";
        FIELDS_CUT = "header-fields-cut", "More header fields than are kept";
        EARLY = "early-response", "The response began before the request was whole";
    }
}
