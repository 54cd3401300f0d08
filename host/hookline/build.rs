//! Puts the guests that `cargo xtask guests` built into the binary, so that it needs nothing beside it.

use std::{env, fmt::Write as _, fs, path::Path};

/// Name of the constant, and the file below the repository.
const GUESTS: &[(&str, &str)] = &[
    ("SCRIPT_ENGINE", "js-shim/dist/js-shim.wasm"),
    ("HTTP_ERRORS", "plugins/dist/http-errors.wasm"),
    ("DNS_ERRORS", "plugins/dist/dns-errors.wasm"),
];

fn main() {
    // As the script runs, not as it was compiled: a checkout may have been moved, or share its target folder with another.
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let mut text = String::new();
    for (name, file) in GUESTS {
        let path = root.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        let value = match path.canonicalize() {
            Ok(path) => format!("Some(include_bytes!({:?}))", path.display().to_string()),
            // A build without guests works on everything but scripts and the demo, which say so.
            Err(_) => "None".to_owned(),
        };
        writeln!(text, "/// `{file}`, if it was built before the binary.\npub(crate) const {name}: Option<&[u8]> = {value};")
            .expect("a String takes all");
    }
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("embedded.rs");
    fs::write(out, text).expect("cargo gives a folder to write to");
}
