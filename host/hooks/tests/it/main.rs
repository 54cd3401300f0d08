//! Real guests in a real host.

mod chaos;
mod contract;
mod guests;
mod scripts;
mod support;
