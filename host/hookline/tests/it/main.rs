//! The binary, end to end.

mod cli;
mod generated;
mod goldens;
mod layers;
mod plugins;
mod support;
