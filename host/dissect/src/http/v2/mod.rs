//! HTTP/2 (RFC 9113) in clear text: with prior knowledge, upgraded from HTTP/1.1 (RFC 7540 §3.2), or picked up in its middle.
//!
//! Read: all frames of RFC 9113 §6, others are skipped (§5.5); header blocks (RFC 7541) with CONTINUATION; padding; pushed responses; trailers;
//! interim responses; resets and GOAWAY, which end exchanges with an error. Extended CONNECT (RFC 8441) is an exchange; what its stream carries
//! is its body.
//! Each side's header compression has a state that is unknown after a loss or when the beginning was not seen: fields that refer to it are
//! left out and counted (`unknownHeaders`, an anomaly); what is sent in full is shown, and known from then on.
//!
//! Limits: [`crate::Limits`] `requests_max` streams at once, the oldest is given up; `head_max` for a header block, coded and decoded;
//! `fields_max`; `body_max` for each body and [`streams::BODIES_MAX`] times that for all bodies of a connection together.

mod codes;
mod frame;
mod hpack;
mod huffman;
mod session;
mod streams;
mod table;

use super::DISSECTOR;
use crate::{Flow, Probe, Verdict};
use frame::{PREFACE, Run};
use hookline_item::Sender;
pub(super) use session::Http2;

/// What a connection's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    Version2,
    Unsure,
    Other,
}

/// Tells HTTP/2 from HTTP/1, one of which it is: frames begin with a byte that no start line has.
pub(super) fn looks(bytes: &[u8]) -> Looks {
    match bytes.first() {
        _ if bytes.starts_with(PREFACE) => Looks::Version2,
        _ if PREFACE.starts_with(bytes) => Looks::Unsure,
        Some(0) => Looks::Version2,
        _ => Looks::Other,
    }
}

/// Whether bytes are HTTP/2, and who says them. `No` says nothing of other versions.
pub(super) fn probe(probe: &Probe<'_>) -> Verdict {
    let bytes = probe.bytes;
    if bytes.starts_with(PREFACE) {
        return Verdict::Yes(Sender::Client);
    }
    if PREFACE.starts_with(bytes) {
        return Verdict::Maybe;
    }
    let first = frame::Header::read(bytes);
    // A server begins with SETTINGS (RFC 9113 §3.4).
    if !probe.flow.mid_stream && first.is_some_and(|h| h.kind != frame::kind::SETTINGS) {
        return Verdict::No;
    }
    match frame::run(bytes) {
        Run::Frames if probe.flow.mid_stream => Verdict::Yes(sender(probe)),
        Run::Frames => Verdict::Yes(Sender::Server),
        Run::Unsure => Verdict::Maybe,
        Run::Other => Verdict::No,
    }
}

/// Who sends frames in the middle of a connection: requests and responses begin differently, else the usual ports tell.
fn sender(probe: &Probe<'_>) -> Sender {
    let usual = |flow: &Flow| DISSECTOR.ports.contains(&flow.server.port());
    if !probe.flow.roles_guessed || usual(probe.flow) {
        return probe.from;
    }
    frame::sender(probe.bytes).unwrap_or(probe.from)
}
