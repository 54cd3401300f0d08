//! Properties (MQTT 5.0 §2.2.2).

use super::wire::{binary, variable};
use crate::made::{Made, REDACTED, hex};
use nom::{
    IResult, Parser as _,
    combinator::map,
    error::{Error, ErrorKind},
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
    sequence::pair,
};

/// Properties shown of one packet.
const SHOWN_MAX: usize = 64;

#[derive(Clone, Copy)]
enum Form {
    Byte,
    U16,
    U32,
    Variable,
    Text,
    Binary,
    Pair,
    /// What proves who somebody is: not shown.
    Secret,
}
use Form::*;

#[rustfmt::skip]
const PROPERTIES: &[(u32, &str, Form)] = &[
    (1, "payloadFormatIndicator", Byte), (2, "messageExpiryInterval", U32), (3, "contentType", Text), (8, "responseTopic", Text),
    (9, "correlationData", Binary), (11, "subscriptionIdentifier", Variable), (17, "sessionExpiryInterval", U32),
    (18, "assignedClientIdentifier", Text), (19, "serverKeepAlive", U16), (21, "authenticationMethod", Text),
    (22, "authenticationData", Secret), (23, "requestProblemInformation", Byte), (24, "willDelayInterval", U32),
    (25, "requestResponseInformation", Byte), (26, "responseInformation", Text), (28, "serverReference", Text), (31, "reasonString", Text),
    (33, "receiveMaximum", U16), (34, "topicAliasMaximum", U16), (35, "topicAlias", U16), (36, "maximumQoS", Byte), (37, "retainAvailable", Byte),
    (38, "userProperty", Pair), (39, "maximumPacketSize", U32), (40, "wildcardSubscriptionAvailable", Byte),
    (41, "subscriptionIdentifierAvailable", Byte), (42, "sharedSubscriptionAvailable", Byte),
];

/// The properties that stand here with their length before them, by name; user properties are a list of names and values.
pub(super) fn properties(i: &[u8]) -> IResult<&[u8], Made> {
    let (after, mut i) = length_data(variable).parse(i)?;
    let (mut fields, mut user) = (Vec::new(), Vec::new());
    while !i.is_empty() {
        let (rest, (name, value)) = property(i)?;
        match value {
            Made::List(_) if user.len() < SHOWN_MAX => user.push(value),
            Made::List(_) => {}
            value if fields.len() < SHOWN_MAX => fields.push((name, value)),
            _ => {}
        }
        i = rest;
    }
    if !user.is_empty() {
        fields.push(("userProperties", Made::List(user)));
    }
    Ok((after, Made::Fields(fields)))
}

fn property(i: &[u8]) -> IResult<&[u8], (&'static str, Made)> {
    let (rest, id) = variable(i)?;
    let Some((_, name, form)) = PROPERTIES.iter().find(|(n, _, _)| *n == id) else {
        return Err(nom::Err::Error(Error::new(i, ErrorKind::Tag)));
    };
    let (rest, value) = match form {
        Byte => map(be_u8, Made::from).parse(rest)?,
        U16 => map(be_u16, Made::from).parse(rest)?,
        U32 => map(be_u32, Made::from).parse(rest)?,
        Variable => map(variable, Made::from).parse(rest)?,
        Text => map(binary, Made::lossy).parse(rest)?,
        Binary => map(binary, |b| Made::Text(hex(b))).parse(rest)?,
        Secret => map(binary, |_| REDACTED.into()).parse(rest)?,
        Pair => map(pair(binary, binary), |(n, v)| Made::List(vec![Made::lossy(n), Made::lossy(v)])).parse(rest)?,
    };
    Ok((rest, (*name, value)))
}
