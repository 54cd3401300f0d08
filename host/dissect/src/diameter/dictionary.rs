//! Names of applications, commands, results and AVPs (IANA, "AAA Parameters"; 3GPP TS 29.230), and how an AVP's value is read.

use crate::names::{Names, known_name};
use std::borrow::Cow;

/// AVPs of the base protocol that items show by name.
pub(super) mod avp {
    pub(crate) const USER_NAME: u32 = 1;
    pub(crate) const SESSION_ID: u32 = 263;
    pub(crate) const ORIGIN_HOST: u32 = 264;
    pub(crate) const RESULT_CODE: u32 = 268;
    pub(crate) const ERROR_MESSAGE: u32 = 281;
    pub(crate) const DESTINATION_REALM: u32 = 283;
    pub(crate) const DESTINATION_HOST: u32 = 293;
    pub(crate) const ORIGIN_REALM: u32 = 296;
    pub(crate) const EXPERIMENTAL_RESULT: u32 = 297;
    pub(crate) const EXPERIMENTAL_RESULT_CODE: u32 = 298;
}

/// How a value is read (RFC 6733 §4.2, §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Octets,
    Text,
    U32,
    I32,
    U64,
    I64,
    Address,
    Time,
    Grouped,
    /// A password: not shown.
    Secret,
}

const VENDOR_3GPP: u32 = 10415;

/// The name and the form of an AVP.
pub(super) fn of(vendor: u32, code: u32) -> (Cow<'static, str>, Form) {
    let table = match vendor {
        0 => BASE,
        VENDOR_3GPP => AVPS_3GPP,
        _ => &[],
    };
    match table.binary_search_by_key(&code, |(n, _, _)| *n).ok().and_then(|at| table.get(at)) {
        Some((_, name, form)) => (Cow::Borrowed(*name), *form),
        None => (Cow::Owned(format!("AVP {code}")), Form::Octets),
    }
}

/// Whether a command has a name here.
pub(super) fn is_command(code: u32) -> bool {
    known_name(COMMANDS, code).is_some()
}

#[rustfmt::skip]
pub(super) const COMMANDS: &Names = &[
    (257, "Capabilities-Exchange"), (258, "Re-Auth"), (260, "AA-Mobile-Node"), (262, "Home-Agent-MIP"), (265, "AA"), (268, "Diameter-EAP"),
    (271, "Accounting"), (272, "Credit-Control"), (274, "Abort-Session"), (275, "Session-Termination"), (280, "Device-Watchdog"),
    (282, "Disconnect-Peer"), (283, "User-Authorization"), (284, "Server-Assignment"), (285, "Location-Info"), (286, "Multimedia-Auth"),
    (287, "Registration-Termination"), (288, "Push-Profile"), (300, "User-Authorization"), (301, "Server-Assignment"),
    (302, "Location-Info"), (303, "Multimedia-Auth"), (304, "Registration-Termination"), (305, "Push-Profile"), (306, "User-Data"),
    (307, "Profile-Update"), (308, "Subscribe-Notifications"), (309, "Push-Notification"), (316, "Update-Location"),
    (317, "Cancel-Location"), (318, "Authentication-Information"), (319, "Insert-Subscriber-Data"), (320, "Delete-Subscriber-Data"),
    (321, "Purge-UE"), (322, "Reset"), (323, "Notify"), (324, "ME-Identity-Check"), (8388620, "Provide-Location"),
    (8388635, "Spending-Limit"), (8388636, "Spending-Status-Notification"), (8388637, "TDF-Session"),
];

#[rustfmt::skip]
pub(super) const APPLICATIONS: &Names = &[
    (0, "Diameter Common Messages"), (1, "NASREQ"), (2, "Mobile IPv4"), (3, "Diameter Base Accounting"), (4, "Diameter Credit Control"),
    (5, "Diameter EAP"), (6, "Diameter SIP"), (16777216, "3GPP Cx/Dx"), (16777217, "3GPP Sh"), (16777236, "3GPP Rx"), (16777238, "3GPP Gx"),
    (16777250, "3GPP STa"), (16777251, "3GPP S6a/S6d"), (16777252, "3GPP S13/S13'"), (16777255, "3GPP SLg"), (16777264, "3GPP SWm"),
    (16777265, "3GPP SWx"), (16777267, "3GPP S9"), (16777272, "3GPP S6b"), (16777291, "3GPP SLh"), (16777302, "3GPP Sy"),
    (16777303, "3GPP Sd"), (0xffff_ffff, "Relay"),
];

#[rustfmt::skip]
pub(super) const RESULTS: &Names = &[
    (1001, "DIAMETER_MULTI_ROUND_AUTH"), (2001, "DIAMETER_SUCCESS"), (2002, "DIAMETER_LIMITED_SUCCESS"), (2003, "DIAMETER_FIRST_REGISTRATION"),
    (2004, "DIAMETER_SUBSEQUENT_REGISTRATION"), (3001, "DIAMETER_COMMAND_UNSUPPORTED"), (3002, "DIAMETER_UNABLE_TO_DELIVER"),
    (3003, "DIAMETER_REALM_NOT_SERVED"), (3004, "DIAMETER_TOO_BUSY"), (3005, "DIAMETER_LOOP_DETECTED"), (3006, "DIAMETER_REDIRECT_INDICATION"),
    (3007, "DIAMETER_APPLICATION_UNSUPPORTED"), (3008, "DIAMETER_INVALID_HDR_BITS"), (3009, "DIAMETER_INVALID_AVP_BITS"),
    (3010, "DIAMETER_UNKNOWN_PEER"), (4001, "DIAMETER_AUTHENTICATION_REJECTED"), (4002, "DIAMETER_OUT_OF_SPACE"), (4003, "ELECTION_LOST"),
    (4010, "DIAMETER_END_USER_SERVICE_DENIED"), (4011, "DIAMETER_CREDIT_CONTROL_NOT_APPLICABLE"), (4012, "DIAMETER_CREDIT_LIMIT_REACHED"),
    (4181, "DIAMETER_AUTHENTICATION_DATA_UNAVAILABLE"), (5001, "DIAMETER_AVP_UNSUPPORTED"), (5002, "DIAMETER_UNKNOWN_SESSION_ID"),
    (5003, "DIAMETER_AUTHORIZATION_REJECTED"), (5004, "DIAMETER_INVALID_AVP_VALUE"), (5005, "DIAMETER_MISSING_AVP"),
    (5006, "DIAMETER_RESOURCES_EXCEEDED"), (5007, "DIAMETER_CONTRADICTING_AVPS"), (5008, "DIAMETER_AVP_NOT_ALLOWED"),
    (5009, "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES"), (5010, "DIAMETER_NO_COMMON_APPLICATION"), (5011, "DIAMETER_UNSUPPORTED_VERSION"),
    (5012, "DIAMETER_UNABLE_TO_COMPLY"), (5013, "DIAMETER_INVALID_BIT_IN_HEADER"), (5014, "DIAMETER_INVALID_AVP_LENGTH"),
    (5015, "DIAMETER_INVALID_MESSAGE_LENGTH"), (5016, "DIAMETER_INVALID_AVP_BIT_COMBO"), (5017, "DIAMETER_NO_COMMON_SECURITY"),
    (5030, "DIAMETER_USER_UNKNOWN"), (5031, "DIAMETER_RATING_FAILED"), (5420, "DIAMETER_ERROR_UNKNOWN_EPS_SUBSCRIPTION"),
    (5421, "DIAMETER_ERROR_RAT_NOT_ALLOWED"), (5422, "DIAMETER_ERROR_EQUIPMENT_UNKNOWN"),
];

/// RFC 6733 §4.5, RFC 7155 (NASREQ), RFC 8506 (credit control); codes below 256 are RADIUS's.
#[rustfmt::skip]
const BASE: &[(u32, &str, Form)] = &[
    (1, "User-Name", Form::Text), (2, "User-Password", Form::Secret), (3, "CHAP-Password", Form::Secret), (4, "NAS-IP-Address", Form::Octets),
    (5, "NAS-Port", Form::U32), (6, "Service-Type", Form::U32), (7, "Framed-Protocol", Form::U32), (8, "Framed-IP-Address", Form::Octets),
    (11, "Filter-Id", Form::Text), (18, "Reply-Message", Form::Text), (25, "Class", Form::Octets), (27, "Session-Timeout", Form::U32),
    (28, "Idle-Timeout", Form::U32), (30, "Called-Station-Id", Form::Text), (31, "Calling-Station-Id", Form::Text),
    (32, "NAS-Identifier", Form::Text), (33, "Proxy-State", Form::Octets), (44, "Acct-Session-Id", Form::Octets),
    (50, "Acct-Multi-Session-Id", Form::Text), (55, "Event-Timestamp", Form::Time), (61, "NAS-Port-Type", Form::U32),
    (69, "Tunnel-Password", Form::Secret), (70, "ARAP-Password", Form::Secret), (77, "Connect-Info", Form::Text), (85, "Acct-Interim-Interval", Form::U32),
    (87, "NAS-Port-Id", Form::Text), (97, "Framed-IPv6-Prefix", Form::Octets), (257, "Host-IP-Address", Form::Address),
    (258, "Auth-Application-Id", Form::U32), (259, "Acct-Application-Id", Form::U32), (260, "Vendor-Specific-Application-Id", Form::Grouped),
    (261, "Redirect-Host-Usage", Form::U32), (262, "Redirect-Max-Cache-Time", Form::U32), (263, "Session-Id", Form::Text),
    (264, "Origin-Host", Form::Text), (265, "Supported-Vendor-Id", Form::U32), (266, "Vendor-Id", Form::U32),
    (267, "Firmware-Revision", Form::U32), (268, "Result-Code", Form::U32), (269, "Product-Name", Form::Text),
    (270, "Session-Binding", Form::U32), (271, "Session-Server-Failover", Form::U32), (272, "Multi-Round-Time-Out", Form::U32),
    (273, "Disconnect-Cause", Form::U32), (274, "Auth-Request-Type", Form::U32), (276, "Auth-Grace-Period", Form::U32),
    (277, "Auth-Session-State", Form::U32), (278, "Origin-State-Id", Form::U32), (279, "Failed-AVP", Form::Grouped),
    (280, "Proxy-Host", Form::Text), (281, "Error-Message", Form::Text), (282, "Route-Record", Form::Text),
    (283, "Destination-Realm", Form::Text), (284, "Proxy-Info", Form::Grouped), (285, "Re-Auth-Request-Type", Form::U32),
    (287, "Accounting-Sub-Session-Id", Form::U64), (291, "Authorization-Lifetime", Form::U32), (292, "Redirect-Host", Form::Text),
    (293, "Destination-Host", Form::Text), (294, "Error-Reporting-Host", Form::Text), (295, "Termination-Cause", Form::U32),
    (296, "Origin-Realm", Form::Text), (297, "Experimental-Result", Form::Grouped), (298, "Experimental-Result-Code", Form::U32),
    (299, "Inband-Security-Id", Form::U32), (412, "CC-Input-Octets", Form::U64), (413, "CC-Money", Form::Grouped),
    (414, "CC-Output-Octets", Form::U64), (415, "CC-Request-Number", Form::U32), (416, "CC-Request-Type", Form::U32),
    (417, "CC-Service-Specific-Units", Form::U64), (418, "CC-Session-Failover", Form::U32), (419, "CC-Sub-Session-Id", Form::U64),
    (420, "CC-Time", Form::U32), (421, "CC-Total-Octets", Form::U64), (422, "Check-Balance-Result", Form::U32),
    (423, "Cost-Information", Form::Grouped), (424, "Cost-Unit", Form::Text), (425, "Currency-Code", Form::U32),
    (426, "Credit-Control", Form::U32), (427, "Credit-Control-Failure-Handling", Form::U32), (428, "Direct-Debiting-Failure-Handling", Form::U32),
    (429, "Exponent", Form::I32), (430, "Final-Unit-Indication", Form::Grouped), (431, "Granted-Service-Unit", Form::Grouped),
    (432, "Rating-Group", Form::U32), (433, "Redirect-Address-Type", Form::U32), (434, "Redirect-Server", Form::Grouped),
    (435, "Redirect-Server-Address", Form::Text), (436, "Requested-Action", Form::U32), (437, "Requested-Service-Unit", Form::Grouped),
    (438, "Restriction-Filter-Rule", Form::Text), (439, "Service-Identifier", Form::U32), (440, "Service-Parameter-Info", Form::Grouped),
    (443, "Subscription-Id", Form::Grouped), (444, "Subscription-Id-Data", Form::Text), (445, "Unit-Value", Form::Grouped),
    (446, "Used-Service-Unit", Form::Grouped), (447, "Value-Digits", Form::I64), (448, "Validity-Time", Form::U32),
    (449, "Final-Unit-Action", Form::U32), (450, "Subscription-Id-Type", Form::U32), (451, "Tariff-Time-Change", Form::Time),
    (452, "Tariff-Change-Usage", Form::U32), (454, "CC-Correlation-Id", Form::Octets), (455, "Multiple-Services-Indicator", Form::U32),
    (456, "Multiple-Services-Credit-Control", Form::Grouped), (458, "User-Equipment-Info", Form::Grouped),
    (459, "User-Equipment-Info-Type", Form::U32), (460, "User-Equipment-Info-Value", Form::Octets), (461, "Service-Context-Id", Form::Text),
    (480, "Accounting-Record-Type", Form::U32), (482, "Accounting-Interim-Interval", Form::U32), (483, "Accounting-Realtime-Required", Form::U32),
    (485, "Accounting-Record-Number", Form::U32), (486, "MIP6-Agent-Info", Form::Grouped), (493, "Service-Selection", Form::Text),
];

#[rustfmt::skip]
const AVPS_3GPP: &[(u32, &str, Form)] = &[
    (1, "3GPP-IMSI", Form::Text), (8, "3GPP-IMSI-MCC-MNC", Form::Text), (18, "3GPP-SGSN-MCC-MNC", Form::Text), (21, "3GPP-RAT-Type", Form::Octets),
    (22, "3GPP-User-Location-Info", Form::Octets), (601, "Public-Identity", Form::Text), (628, "Supported-Features", Form::Grouped),
    (629, "Feature-List-ID", Form::U32), (630, "Feature-List", Form::U32), (701, "MSISDN", Form::Octets), (872, "Reporting-Reason", Form::U32),
    (873, "Service-Information", Form::Grouped), (874, "PS-Information", Form::Grouped), (1000, "Bearer-Usage", Form::U32),
    (1001, "Charging-Rule-Install", Form::Grouped), (1002, "Charging-Rule-Remove", Form::Grouped), (1003, "Charging-Rule-Definition", Form::Grouped),
    (1004, "Charging-Rule-Base-Name", Form::Text), (1005, "Charging-Rule-Name", Form::Octets), (1006, "Event-Trigger", Form::U32),
    (1015, "PDN-Connection-Charging-ID", Form::U32), (1016, "QoS-Information", Form::Grouped), (1018, "Charging-Rule-Report", Form::Grouped),
    (1027, "IP-CAN-Type", Form::U32), (1028, "QoS-Class-Identifier", Form::U32), (1032, "RAT-Type", Form::U32),
    (1034, "Allocation-Retention-Priority", Form::Grouped), (1400, "Subscription-Data", Form::Grouped), (1401, "Terminal-Information", Form::Grouped),
    (1402, "IMEI", Form::Text), (1405, "ULR-Flags", Form::U32), (1406, "ULA-Flags", Form::U32), (1407, "Visited-PLMN-Id", Form::Octets),
    (1408, "Requested-EUTRAN-Authentication-Info", Form::Grouped), (1410, "Number-Of-Requested-Vectors", Form::U32),
    (1413, "Authentication-Info", Form::Grouped), (1414, "E-UTRAN-Vector", Form::Grouped), (1420, "Cancellation-Type", Form::U32),
    (1421, "DSR-Flags", Form::U32), (1423, "Context-Identifier", Form::U32), (1429, "APN-Configuration-Profile", Form::Grouped),
    (1430, "APN-Configuration", Form::Grouped), (1435, "AMBR", Form::Grouped),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for names in [COMMANDS, APPLICATIONS, RESULTS] {
            assert!(names.is_sorted_by(|a, b| a.0 < b.0));
        }
        for avps in [BASE, AVPS_3GPP] {
            assert!(avps.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
