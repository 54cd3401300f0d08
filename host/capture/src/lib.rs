//! Where frames come from: capture files ([`mod@file`]) and live interfaces (`afpacket`, `af_xdp`). All are a [`PacketSource`].
//!
//! Frames are lent, not copied: a source calls back with each frame while the bytes are still in its buffer or ring.
//!
//! Invariants: a source never blocks for longer than it was told to, and never panics on what a file or a network contains; what was
//! read before a damaged place is handed out before the error; frames that the kernel dropped are counted. Unsafe code is in
//! `afpacket`, `af_xdp`, `interface` and `testing` alone.

#[cfg(target_os = "linux")]
pub mod af_xdp;
#[cfg(target_os = "linux")]
pub mod afpacket;
#[cfg(target_os = "linux")]
pub mod doctor;
mod error;
pub mod file;
mod filter;
mod fuzz;
#[cfg(target_os = "linux")]
mod interface;
mod source;
#[cfg(target_os = "linux")]
pub mod testing;

pub use error::CaptureError;
pub use filter::{Instruction, PacketFilter};
pub use fuzz::fuzz;
pub use source::{Drained, PacketSource, Position, SourceStats};
