//! What the command line says of dissection: what is masked, which protocol is spoken where, and which are wanted.

use crate::{
    cli::DissectArgs,
    error::{Hint, usage},
    lane::LaneLimits,
};
use hookline_dissect::{JsonPath, Limits, Redaction, protocols};
use hookline_kfl::Plan;
use std::{collections::BTreeSet, sync::Arc};

impl DissectArgs {
    /// What bounds a lane, and what it masks. What items will be looked at, and whether their contents will, is in the plan, if that is known.
    pub(crate) fn limits(&self, needed: Option<&Plan>) -> anyhow::Result<LaneLimits> {
        let base = if self.no_redact { Redaction::none() } else { Redaction::default() };
        if let Some(wrong) = self.redact.iter().find(|name| !is_field_name(name)) {
            return Err(usage(format!("--redact {wrong}: write the name of a header field, without colon and value")));
        }
        let redaction = base.with_headers(self.redact.iter().map(String::as_str));
        let path = |text: &String| {
            let wrong = || usage(format!("--redact-json {text}: write names with dots between them, as in user.password or ..secret"));
            JsonPath::parse(text).ok_or_else(wrong)
        };
        let redaction = redaction.with_json(self.redact_json.iter().map(path).collect::<Result<_, _>>()?);
        let mut port_mapping = Vec::new();
        for mapping in &self.port_map {
            let (protocol, ports) = parse(mapping)?;
            port_mapping.extend(ports.into_iter().map(|port| (port, protocol)));
        }
        let mut packet = hookline_packet::Limits::default();
        packet.flows_max = self.max_flows.map_or(packet.flows_max, |n| n as usize);
        let contents = needed.is_none_or(|plan| plan.bodies);
        let limits = Limits { redaction, port_mapping, contents, ..Limits::default() };
        let dissect = match self.wanted(needed.and_then(|plan| plan.protocols.as_ref()))? {
            Some(wanted) => limits.wanting(wanted),
            None => limits,
        };
        Ok(LaneLimits { packet, dissect: Arc::new(dissect) })
    }

    /// What the user wants and somebody needs.
    fn wanted(&self, needed: Option<&BTreeSet<String>>) -> anyhow::Result<Option<BTreeSet<String>>> {
        let named: BTreeSet<String> = self.protocols.iter().map(|name| name.trim().to_owned()).collect();
        let is_known = |name: &&String| !short_names(&BTreeSet::from([(*name).clone()])).is_empty();
        if let Some(unknown) = named.iter().find(|name| !is_known(name)) {
            let known: Vec<_> = protocols().map(|d| d.name).collect();
            let hint = Hint(format!("protocols are {}", known.join(", ")));
            return Err(usage(format!("--protocols {unknown}: there is no such protocol")).context(hint));
        }
        let named = Some(short_names(&named)).filter(|named| !named.is_empty());
        Ok(match (named, needed.map(short_names)) {
            (Some(named), Some(needed)) => Some(&named & &needed),
            (named, needed) => named.or(needed),
        })
    }
}

/// The protocols that are called so, each by what rows show of it.
fn short_names(names: &BTreeSet<String>) -> BTreeSet<String> {
    let all = protocols().flat_map(|d| d.protocols);
    all.filter(|p| names.contains(p.name) || names.contains(p.abbr)).map(|p| p.abbr.to_owned()).collect()
}

/// A token (RFC 9110 §5.1).
fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// `PROTOCOL=PORT[,PORT…]`
fn parse(mapping: &str) -> anyhow::Result<(&'static str, Vec<u16>)> {
    let wrong = |what: String| usage(format!("--port-map {mapping}: {what}"));
    let (name, ports) = mapping.split_once('=').ok_or_else(|| wrong("write PROTOCOL=PORT, as in redis=7000".into()))?;
    let spoken = || protocols().filter(|d| d.transports.iter().any(|t| *t != hookline_dissect::Transport::Icmp));
    let Some(protocol) = spoken().find(|d| d.name == name.trim()) else {
        let known: Vec<_> = spoken().map(|d| d.name).collect();
        let hint = Hint(format!("protocols are {}", known.join(", ")));
        return Err(wrong(format!("there is no protocol {name}")).context(hint));
    };
    let port = |text: &str| match text.trim().parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(wrong(format!("{text} is no port: 1 to 65535"))),
    };
    Ok((protocol.name, ports.split(',').map(port).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_headers_are_checked() {
        let args = |name: &str| DissectArgs { redact: vec![name.to_owned()], ..DissectArgs::default() };
        assert!(args("X-Api-Key").limits(None).is_ok() && args("X-Api-Key: v").limits(None).is_err() && args("").limits(None).is_err());
    }

    #[test]
    fn paths_into_json_are_checked() {
        let args = |path: &str| DissectArgs { redact_json: vec![path.to_owned()], ..DissectArgs::default() };
        assert!(args("user.password").limits(None).is_ok() && args("user.").limits(None).is_err());
    }

    #[test]
    fn mappings_are_read_and_refused_with_a_reason() {
        let args = |map: &str| DissectArgs { port_map: vec![map.to_owned()], ..DissectArgs::default() };
        assert_eq!(args("redis=7000, 7001").limits(None).unwrap().dissect.port_mapping, [(7000, "redis"), (7001, "redis")]);
        for bad in ["redis", "nope=1", "redis=0", "redis=70000", "redis=", "icmp=1", "tcp=1"] {
            assert!(args(bad).limits(None).err().unwrap().downcast_ref::<crate::error::Usage>().is_some(), "{bad}");
        }
    }

    #[test]
    fn protocols_are_called_by_either_name() {
        let args = DissectArgs { protocols: vec!["http".to_owned(), " DNS".to_owned()], ..DissectArgs::default() };
        let wanted = |needed: Option<&[&str]>| {
            let needed = needed.map(|names| names.iter().map(|n| (*n).to_owned()).collect());
            args.wanted(needed.as_ref()).unwrap().unwrap().into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(wanted(None), "DNS GQL HTTP HTTP/2 gRPC");
        assert_eq!(wanted(Some(&["HTTP/2", "dns", "redis"])), "DNS HTTP/2");
        let unknown = DissectArgs { protocols: vec!["htpp".to_owned()], ..DissectArgs::default() };
        assert!(format!("{:#}", unknown.limits(None).err().unwrap()).contains("--protocols htpp: there is no such protocol"));
    }
}
