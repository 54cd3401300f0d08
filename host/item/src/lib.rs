//! The vocabulary of Hookline: what an item is, who took part, when, and the one table of fields.
//!
//! Every name that JSON, KFL filters, WIT columns and scripts use stands once, in an [`object!`] table: the envelope's
//! in this crate, a protocol's in its dissector's folder. Values are read lazily through [`Object`] and [`Value`], so an
//! item that nobody looks at costs nothing beyond its own bytes.
//!
//! Invariant: no I/O, no clock, no threads; times come in with the packets.

#![forbid(unsafe_code)]

mod endpoint;
mod flow;
mod frame;
mod glob;
mod item;
pub mod json;
mod path;
mod protocol;
#[doc(hidden)]
pub mod testing;
mod time;
mod tunnel;
mod value;

pub use endpoint::{ENDPOINT_FIELDS, Endpoint, NODE_FIELDS, Node, Sender};
pub use flow::{Close, RoundTrips, SideTotals, Totals, Transport};
pub use frame::{Frame, LinkType};
pub use glob::glob;
pub use item::{
    COMPLETENESS_FIELDS, Completeness, ERROR_FIELDS, ErrorKind, FrameRange, ITEM_FIELDS, Item, ItemError, Message, ORIGIN_FIELDS, Origin,
    Seen,
};
pub use path::{DEPTH_MAX, Path, PathError, Place, Reader, Step};
pub use protocol::{PROTOCOL_FIELDS, Protocol};
pub use time::{Civil, Timestamp};
pub use tunnel::{TUNNEL_FIELDS, Tunnel, TunnelKind};
pub use value::{Field, IntoValue, Kind, List, Object, Value, lossy};
