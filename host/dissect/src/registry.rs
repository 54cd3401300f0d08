//! All dissectors, one line each. Nothing else names them all.

use crate::{
    Dissector, amqp, diameter, dns, http, icmp, kafka, ldap, memcached, mongodb, mqtt, mysql, nats, postgresql, quic, radius, redis, sse,
    tls, totals, ws,
};

/// In the order in which they are asked: the most certain probes first.
static DISSECTORS: &[&Dissector] = &[
    &http::DISSECTOR,       // a start line
    &tls::DISSECTOR,        // a record with a hello
    &postgresql::DISSECTOR, // a startup packet, or a chain of typed messages
    &mysql::DISSECTOR,      // a handshake, a query in its packet
    &redis::DISSECTOR,      // a command in an array
    &quic::DISSECTOR,       // a long header of a known version
    &amqp::DISSECTOR,       // a protocol header, or a method's frame with its end
    &kafka::DISSECTOR,      // a request's header with a client's name
    &mongodb::DISSECTOR,    // a header and what must follow it
    &mqtt::DISSECTOR,       // a CONNECT with the protocol's name
    &nats::DISSECTOR,       // INFO or CONNECT with an object
    &diameter::DISSECTOR,   // a header and an AVP's
    &ldap::DISSECTOR,       // an envelope and an operation
    &memcached::DISSECTOR,  // a packet's header, or a command with numbers in their places
    &radius::DISSECTOR,     // attributes that fill a packet
    &dns::DISSECTOR,        // a plausible message
    &icmp::DISSECTOR,       // a transport of its own
    // What begins in HTTP says no.
    &ws::DISSECTOR,
    &sse::DISSECTOR,
    // What sums up a flow is never asked.
    &totals::TCP,
    &totals::UDP,
    &totals::SCTP,
];

/// Every protocol that can be dissected.
pub fn protocols() -> impl Iterator<Item = &'static Dissector> {
    DISSECTORS.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_documented() {
        let mut names = HashSet::new();
        for d in protocols() {
            assert!(names.insert(d.name), "{} stands twice", d.name);
            assert!(!d.doc.is_empty() && !d.protocols.is_empty());
            assert!(d.protocols.iter().all(|p| p.name == d.name && !p.reference.is_empty()));
            assert!(d.anomalies.iter().all(|a| !a.doc.is_empty()));
        }
    }

    #[test]
    fn every_line_has_its_folder() {
        let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let names = std::fs::read_dir(src).unwrap().flatten().filter(|e| e.path().is_dir()).map(|e| e.file_name().into_string().unwrap());
        let folders: HashSet<_> = names.filter(|n| n != "tests").collect();
        let folder = |d: &Dissector| if d.transports.is_empty() { "totals" } else { d.name };
        assert_eq!(folders, protocols().map(|d| folder(d).to_owned()).collect());
    }
}
