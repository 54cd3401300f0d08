//! Real guests in a real host.

mod guests;
mod scripts;
mod support;
