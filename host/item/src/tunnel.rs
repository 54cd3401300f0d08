//! Tunnels that packets came in.

use crate::object;
use std::net::IpAddr;

/// How packets are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TunnelKind {
    /// RFC 7348; with the GPE header too (draft-ietf-nvo3-vxlan-gpe).
    Vxlan,
    /// RFC 8926.
    Geneve,
    /// RFC 2784, RFC 2890.
    Gre,
    /// Mirrored Ethernet in GRE (draft-foschiano-erspan).
    Erspan,
    /// IPv4 or IPv6 in IPv4 or IPv6 (RFC 2003, RFC 2473), other than 6in4.
    IpInIp,
    /// IPv6 in IPv4 (RFC 4213).
    SixInFour,
    /// GPRS user plane (3GPP TS 29.281).
    GtpU,
    /// IPv6 in UDP over IPv4 (RFC 4380).
    Teredo,
}

impl TunnelKind {
    /// The name in items.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::IpInIp => "ipip",
            Self::SixInFour => "6in4",
            Self::GtpU => "gtpu",
            Self::Teredo => "teredo",
        }
    }

    /// Whether both directions of a conversation have the same identifier, so that it tells apart who uses the same addresses.
    #[must_use]
    pub const fn id_is_shared(self) -> bool {
        matches!(self, Self::Vxlan | Self::Geneve)
    }
}

/// One tunnel around a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// How it wraps.
    pub kind: TunnelKind,
    /// VXLAN and Geneve: network identifier. GRE: key. ERSPAN: session. GTP-U: TEID.
    pub id: Option<u32>,
    /// Outer source of the flow's first packet.
    pub src: IpAddr,
    /// Outer destination of the flow's first packet.
    pub dst: IpAddr,
}

object! {
    Tunnel as t, TUNNEL_FIELDS {
        "kind": Str, "vxlan, geneve, gre, erspan, ipip, 6in4, gtpu or teredo" => t.kind.name();
        "id": U64, "VXLAN and Geneve: network identifier; GRE: key; ERSPAN: session; GTP-U: tunnel endpoint identifier" => t.id;
        "outerSrc": Str, "Outer source address of the flow's first packet" => t.src.to_string();
        "outerDst": Str, "Outer destination address of the flow's first packet" => t.dst.to_string();
    }
}
