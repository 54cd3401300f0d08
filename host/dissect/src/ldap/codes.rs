//! Names of operations, results and extensions (IANA, "LDAP Parameters").

use crate::names::Names;

pub(super) const BIND_REQUEST: u8 = 0;
pub(super) const UNBIND_REQUEST: u8 = 2;
pub(super) const SEARCH_REQUEST: u8 = 3;
pub(super) const SEARCH_ENTRY: u8 = 4;
pub(super) const SEARCH_DONE: u8 = 5;
pub(super) const MODIFY_REQUEST: u8 = 6;
pub(super) const ADD_REQUEST: u8 = 8;
pub(super) const DEL_REQUEST: u8 = 10;
pub(super) const MODIFY_DN_REQUEST: u8 = 12;
pub(super) const COMPARE_REQUEST: u8 = 14;
pub(super) const ABANDON_REQUEST: u8 = 16;
pub(super) const SEARCH_REFERENCE: u8 = 19;
pub(super) const EXTENDED_REQUEST: u8 = 23;
pub(super) const EXTENDED_RESPONSE: u8 = 24;
pub(super) const INTERMEDIATE_RESPONSE: u8 = 25;

/// The extended operation after which the stream is TLS (RFC 4511 §4.14).
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// Whether an operation is a client's.
pub(super) fn is_request(operation: u8) -> bool {
    matches!(operation, 0 | 2 | 3 | 6 | 8 | 10 | 12 | 14 | 16 | 23)
}

pub(super) const OPERATIONS: &Names = &[
    (0, "bindRequest"),
    (1, "bindResponse"),
    (2, "unbindRequest"),
    (3, "searchRequest"),
    (4, "searchResEntry"),
    (5, "searchResDone"),
    (6, "modifyRequest"),
    (7, "modifyResponse"),
    (8, "addRequest"),
    (9, "addResponse"),
    (10, "delRequest"),
    (11, "delResponse"),
    (12, "modDNRequest"),
    (13, "modDNResponse"),
    (14, "compareRequest"),
    (15, "compareResponse"),
    (16, "abandonRequest"),
    (19, "searchResRef"),
    (23, "extendedReq"),
    (24, "extendedResp"),
    (25, "intermediateResponse"),
];

pub(super) const SCOPES: &Names = &[(0, "baseObject"), (1, "singleLevel"), (2, "wholeSubtree"), (3, "subordinateSubtree")];

pub(super) const CHANGES: &Names = &[(0, "add"), (1, "delete"), (2, "replace"), (3, "increment")];

#[rustfmt::skip]
pub(super) const RESULTS: &Names = &[
    (0, "success"), (1, "operationsError"), (2, "protocolError"), (3, "timeLimitExceeded"), (4, "sizeLimitExceeded"), (5, "compareFalse"),
    (6, "compareTrue"), (7, "authMethodNotSupported"), (8, "strongerAuthRequired"), (10, "referral"), (11, "adminLimitExceeded"),
    (12, "unavailableCriticalExtension"), (13, "confidentialityRequired"), (14, "saslBindInProgress"), (16, "noSuchAttribute"),
    (17, "undefinedAttributeType"), (18, "inappropriateMatching"), (19, "constraintViolation"), (20, "attributeOrValueExists"),
    (21, "invalidAttributeSyntax"), (32, "noSuchObject"), (33, "aliasProblem"), (34, "invalidDNSyntax"), (36, "aliasDereferencingProblem"),
    (48, "inappropriateAuthentication"), (49, "invalidCredentials"), (50, "insufficientAccessRights"), (51, "busy"), (52, "unavailable"),
    (53, "unwillingToPerform"), (54, "loopDetect"), (64, "namingViolation"), (65, "objectClassViolation"), (66, "notAllowedOnNonLeaf"),
    (67, "notAllowedOnRDN"), (68, "entryAlreadyExists"), (69, "objectClassModsProhibited"), (71, "affectsMultipleDSAs"), (80, "other"),
    (118, "canceled"), (119, "noSuchOperation"), (120, "tooLate"), (121, "cannotCancel"), (122, "assertionFailed"),
    (123, "authorizationDenied"), (4096, "e-syncRefreshRequired"),
];

/// Extended operations and notices by their object identifiers.
const EXTENSIONS: &[(&str, &str)] = &[
    (START_TLS, "StartTLS"),
    ("1.3.6.1.4.1.1466.20036", "Notice of Disconnection"),
    ("1.3.6.1.4.1.4203.1.11.1", "Modify Password"),
    ("1.3.6.1.4.1.4203.1.11.3", "Who am I?"),
    ("1.3.6.1.1.8", "Cancel"),
    ("1.3.6.1.1.21.1", "Start Transaction"),
    ("1.3.6.1.1.21.3", "End Transaction"),
    ("1.2.840.113556.1.4.1781", "Fast Bind"),
    ("1.3.6.1.4.1.1466.101.119.1", "Refresh"),
];

/// What an extended operation is called.
pub(super) fn extension(oid: &str) -> Option<&'static str> {
    EXTENSIONS.iter().find(|(o, _)| *o == oid).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for names in [OPERATIONS, SCOPES, CHANGES, RESULTS] {
            assert!(names.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
