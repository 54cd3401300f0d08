//! What is inside the binary: guests and sample traffic.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// A web application's traffic with one server error: `tests/pcaps/demo/README.md` says where it comes from.
pub(crate) const DEMO_HTTP: &[u8] = include_bytes!("../../../tests/pcaps/demo/wsgi_drum.pcap");
/// Name look-ups of many kinds; same place.
pub(crate) const DEMO_DNS: &[u8] = include_bytes!("../../../tests/pcaps/demo/dns-wiresharkrepo.pcap");
