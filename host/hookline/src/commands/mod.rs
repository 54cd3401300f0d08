//! The subcommands, one file each.

pub(crate) mod demo;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod kfl;
pub(crate) mod logs;
pub(crate) mod read;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod snapshot;
