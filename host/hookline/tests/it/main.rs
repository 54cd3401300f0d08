//! The binary, end to end.

mod cli;
mod demo;
mod fuzz;
mod generated;
mod goldens;
mod layers;
mod live;
mod plugins;
mod schema;
mod sinks;
mod support;
