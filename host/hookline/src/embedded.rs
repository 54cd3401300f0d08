//! What is inside the binary: guests and sample traffic.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The sample traffic, in the order of its showing; `tests/pcaps/demo/README.md` says where it comes from.
pub(crate) const DEMO_CAPTURES: &[(&str, &[u8])] = &[
    ("webapp.pcap", include_bytes!("../../../tests/pcaps/demo/webapp.pcap")),
    ("browsing.pcap", include_bytes!("../../../tests/pcaps/demo/browsing.pcap")),
];

/// The sample scripts, and the sample plugins' manifests.
pub(crate) const DEMO_TEXTS: &[(&str, &str)] = &[
    ("500-to-slack.js", include_str!("../../../plugins/scripts/500-to-slack.js")),
    ("500-to-slack.toml", include_str!("../../../plugins/scripts/500-to-slack.toml")),
    ("http-errors.toml", include_str!("../../../plugins/http-errors/http-errors.toml")),
    ("dns-errors.toml", include_str!("../../../plugins/dns-errors/dns-errors.toml")),
    ("pass-fail.js", include_str!("../../../plugins/scripts/pass-fail.js")),
    ("packets-per-minute.js", include_str!("../../../plugins/scripts/packets-per-minute.js")),
];
