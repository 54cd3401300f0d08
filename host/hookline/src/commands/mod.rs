//! The subcommands, one file each.

pub(crate) mod kfl;
pub(crate) mod read;
