//! Names of error codes (RFC 9113 §7).

/// The name of an error code.
pub(super) fn error_name(code: u32) -> String {
    let names = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let name = usize::try_from(code).ok().and_then(|code| names.get(code));
    name.map_or_else(|| format!("0x{code:x}"), |name| (*name).to_owned())
}

/// RFC 9113 §7: nothing is wrong.
pub(super) const NO_ERROR: u32 = 0;
/// RFC 9113 §7: the stream is no longer needed.
pub(super) const CANCEL: u32 = 8;
