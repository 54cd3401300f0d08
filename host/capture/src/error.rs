//! What can go wrong.

use std::io;

/// Why frames cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open {path}")]
    Open {
        /// As it was given.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The operating system cannot read on.
    #[error("cannot read {path}")]
    Read {
        /// As it was given.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error("{path}: file is empty")]
    Empty {
        /// As it was given.
        path: String,
    },
    /// The file is something else.
    #[error("{path}: this is not a pcap or pcapng file: it starts with {start}")]
    NotACapture {
        /// As it was given.
        path: String,
        /// Its first bytes, in hexadecimal.
        start: String,
    },
    /// A kind of capture that is not read here.
    #[error("{path}: {what}")]
    UnsupportedFile {
        /// As it was given.
        path: String,
        /// Which.
        what: String,
    },
    /// The file breaks its format's rules, or ends too early. All frames before were handed out.
    #[error("{path}: damaged at byte {offset}{}, after frame {frames}: {what}", if *.decompressed { " of the decompressed data" } else { "" })]
    Damaged {
        /// As it was given.
        path: String,
        /// Where the damaged record begins, in bytes from the start.
        offset: u64,
        /// Whether `offset` counts bytes after decompression.
        decompressed: bool,
        /// Frames read before.
        frames: u64,
        /// What is wrong.
        what: String,
    },
    /// There is no interface of this name.
    #[error("there is no interface {name}; there are: {}", .known.join(", "))]
    NoSuchInterface {
        /// As it was given.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The kernel does not let us.
    #[error("not permitted to capture on {name}")]
    NotPermitted {
        /// The interface.
        name: String,
    },
    /// The interface cannot be captured from.
    #[error("cannot capture on {name}: {what}")]
    UnsupportedInterface {
        /// The interface.
        name: String,
        /// Why not.
        what: String,
    },
    /// A system call failed.
    #[error("cannot capture on {name}: {call}")]
    System {
        /// The interface.
        name: String,
        /// Which call.
        call: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl CaptureError {
    /// What the user can do about it, as one sentence.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotPermitted { .. } => Some(
                "capturing needs CAP_NET_RAW, by AF_XDP also CAP_NET_ADMIN and CAP_BPF: run as root, or give the program the right: setcap \
                 cap_net_raw,cap_net_admin,cap_bpf+ep hookline",
            ),
            Self::NotACapture { .. } => {
                Some("captures are made with `tcpdump -w FILE`, `dumpcap` or Wireshark; they may be compressed with gzip or zstd")
            }
            Self::Damaged { .. } => Some("the frames before were read; a capture that was cut off while it was written looks like this"),
            _ => None,
        }
    }
}
