//! Real guests in a real host.

mod c_sdk;
mod chaos;
mod contract;
mod guests;
mod scripts;
mod support;
mod talk;
