//! Numbers with names: types of values (pg_type.dat), ways to authenticate (§54.7), transaction states.

/// Object identifiers of the built-in types that applications use (src/include/catalog/pg_type.dat), in order.
const TYPES: &[(u32, &str)] = &[
    (16, "bool"),
    (17, "bytea"),
    (18, "char"),
    (19, "name"),
    (20, "int8"),
    (21, "int2"),
    (23, "int4"),
    (24, "regproc"),
    (25, "text"),
    (26, "oid"),
    (114, "json"),
    (142, "xml"),
    (600, "point"),
    (650, "cidr"),
    (700, "float4"),
    (701, "float8"),
    (705, "unknown"),
    (790, "money"),
    (829, "macaddr"),
    (869, "inet"),
    (1000, "_bool"),
    (1001, "_bytea"),
    (1005, "_int2"),
    (1007, "_int4"),
    (1009, "_text"),
    (1015, "_varchar"),
    (1016, "_int8"),
    (1021, "_float4"),
    (1022, "_float8"),
    (1042, "bpchar"),
    (1043, "varchar"),
    (1082, "date"),
    (1083, "time"),
    (1114, "timestamp"),
    (1184, "timestamptz"),
    (1186, "interval"),
    (1266, "timetz"),
    (1560, "bit"),
    (1562, "varbit"),
    (1700, "numeric"),
    (1790, "refcursor"),
    (2205, "regclass"),
    (2206, "regtype"),
    (2249, "record"),
    (2278, "void"),
    (2950, "uuid"),
    (2951, "_uuid"),
    (3220, "pg_lsn"),
    (3614, "tsvector"),
    (3615, "tsquery"),
    (3802, "jsonb"),
    (3807, "_jsonb"),
    (3904, "int4range"),
    (3908, "tsrange"),
    (3912, "daterange"),
];

/// The type's name; its number where it is not a built-in one.
pub(super) fn type_name(oid: u32) -> String {
    TYPES
        .binary_search_by_key(&oid, |(o, _)| *o)
        .ok()
        .and_then(|at| TYPES.get(at))
        .map_or_else(|| oid.to_string(), |(_, name)| (*name).to_owned())
}

/// What an Authentication message asks for.
pub(super) fn authentication(code: u32) -> &'static str {
    match code {
        0 => "Ok",
        2 => "KerberosV5",
        3 => "CleartextPassword",
        5 => "MD5Password",
        6 => "SCMCredential",
        7 => "GSS",
        8 => "GSSContinue",
        9 => "SSPI",
        10 => "SASL",
        11 => "SASLContinue",
        12 => "SASLFinal",
        _ => "Unknown",
    }
}

/// What ReadyForQuery says of the transaction.
pub(super) fn transaction(state: u8) -> &'static str {
    match state {
        b'I' => "idle",
        b'T' => "in-transaction",
        b'E' => "failed",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn types_are_in_order() {
        assert!(super::TYPES.is_sorted_by_key(|(oid, _)| *oid));
        assert_eq!((super::type_name(23), super::type_name(99_999)), ("int4".into(), "99999".into()));
    }
}
