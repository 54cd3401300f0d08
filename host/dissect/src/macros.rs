//! What every dissector's folder declares in the same way.

/// Declares the [`hookline_item::Protocol`]s of a dissector, one per version.
///
/// `protocol_versions! { "redis", "tcp", ["6379"]; RESP2 = "2", "REDIS", "Redis …", "https://…"; … }`: the protocol's name, what carries it
/// and its usual ports; then of each version the static's name, the version, the short and the long name, and where it is defined.
macro_rules! protocol_versions {
    ($protocol:literal, $layer4:literal, $ports:tt; $($name:ident = $version:literal, $abbr:literal, $long:expr, $reference:literal;)*) => {
        $(pub(crate) static $name: hookline_item::Protocol = hookline_item::Protocol {
            name: $protocol,
            version: $version,
            abbr: $abbr,
            long_name: $long,
            macro_name: $protocol,
            layer3: "ip",
            layer4: $layer4,
            ports: &$ports,
            reference: $reference,
        };)*
    };
}

/// Declares the oddities that a dissector may name, and `ALL` of them: `anomalies! { NAME = "name", "meaning"; … }`, in a module `anomaly`.
macro_rules! anomalies {
    ($($name:ident = $text:literal, $doc:literal;)*) => {
        $(pub(super) const $name: &str = $text;)*
        pub(super) const ALL: &[crate::Anomaly] = &[$(crate::Anomaly { name: $text, doc: $doc }),*];
    };
}

pub(crate) use {anomalies, protocol_versions};
