//! What an application protocol is called, everywhere.

use crate::object;

/// A protocol in one version. There is one `static` for each, in its dissector's folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Protocol {
    /// `http`: the name that scripts and filters compare.
    pub name: &'static str,
    /// `1.1`; may be empty.
    pub version: &'static str,
    /// `HTTP`: what a row shows.
    pub abbr: &'static str,
    /// `Hypertext Transfer Protocol -- HTTP/1.1`
    pub long_name: &'static str,
    /// The KFL macro that selects it.
    pub macro_name: &'static str,
    /// `ip`
    pub layer3: &'static str,
    /// `tcp`, `udp`.
    pub layer4: &'static str,
    /// Usual ports, most usual first.
    pub ports: &'static [&'static str],
    /// Where it is defined.
    pub reference: &'static str,
}

struct Ports(&'static [&'static str]);
impl crate::List for Ports {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn at(&self, index: usize) -> crate::Value<'_> {
        self.0.get(index).copied().into()
    }
}

object! {
    Protocol as p, PROTOCOL_FIELDS {
        "name": Str, "Protocol name: http, dns, …" => p.name;
        "version": Str, "Protocol version, where it has one" => p.version;
        "abbr": Str, "Short name shown in rows: HTTP, DNS, …" => p.abbr;
        "longName": Str, "Full name" => p.long_name;
        "macro": Str, "KFL macro that selects the protocol" => p.macro_name;
        "layer3": Str, "Network layer: ip" => p.layer3;
        "layer4": Str, "Transport layer: tcp, udp" => p.layer4;
        "ports": List, "Usual ports, as texts" => crate::Value::MadeList(Box::new(Ports(p.ports)));
        "referenceLink": Str, "Where the protocol is defined" => p.reference;
    }
}
