//! `cargo xtask setup`: finds what is missing for building, testing or benching and installs it from Debian by package name.
//!
//! Each need says how to see whether it is met, so a second run does nothing. Nothing here ever makes rustup download: a
//! Wasm target that the user's rustup has is used as it is, and where neither it nor Debian's packages are to be had, the
//! one command to run is printed.

use crate::{
    sh::{Result, has, read, run, say},
    toolchain::{WASI_LIBC, route},
};
use std::{path::Path, process::Command};

/// How much of the machine is wanted: each level includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// What `cargo xtask demo` needs: the host, the guests and the JavaScript engine.
    Build,
    /// What `cargo xtask test` needs beside it: a browser, network tools.
    Test,
    /// What `cargo xtask bench` compares with.
    Bench,
}

struct Need {
    what: &'static str,
    level: Level,
    met: fn() -> bool,
    packages: &'static [&'static str],
    /// What to do where Debian's packages cannot be installed.
    otherwise: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        what: "a Rust compiler for WebAssembly (hooks in Rust)",
        level: Level::Build,
        met: || route("wasm32-unknown-unknown").is_some(),
        packages: &["rustc-web", "rust-web-src"],
        otherwise: "run `rustup target add wasm32-unknown-unknown`",
    },
    Need {
        what: "a Rust compiler for WASI (the JavaScript shim)",
        level: Level::Build,
        met: || route("wasm32-wasip1").is_some(),
        packages: &["rustc-web", "rust-web-src"],
        otherwise: "run `rustup target add wasm32-wasip1`",
    },
    Need {
        what: "clang and a C library for WASI (QuickJS inside the JavaScript shim)",
        level: Level::Build,
        met: || {
            has("clang-19")
                && has("llvm-ar-19")
                && Path::new("/usr/lib/llvm-19/lib/libclang-19.so.1").exists()
                && Path::new(WASI_LIBC).exists()
                && wasm_builtins()
        },
        packages: &["clang-19", "lld-19", "llvm-19", "libclang1-19", "libclang-rt-19-dev-wasm32", "wasi-libc"],
        otherwise: "install clang 19 with libclang, lld, llvm-ar and wasi-libc",
    },
    Need {
        what: "a C++ library for WASI (plugins in C++)",
        level: Level::Test,
        met: || Path::new("/usr/lib/wasm32-wasi/libc++.a").exists(),
        packages: &["libc++-19-dev-wasm32", "libc++abi-19-dev-wasm32"],
        otherwise: "install libc++ for WebAssembly",
    },
    Need {
        what: "Chromium (the dashboard's tests)",
        level: Level::Test,
        met: || has("chromium"),
        packages: &["chromium"],
        otherwise: "install Chromium so that `chromium` is on the PATH",
    },
    Need {
        what: "curl (live traffic in the tests)",
        level: Level::Test,
        met: || has("curl"),
        packages: &["curl"],
        otherwise: "install curl",
    },
    Need {
        what: "ip (network namespaces in the tests)",
        level: Level::Test,
        // It does not know `--version`, and lies where only root's PATH looks.
        met: || ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].iter().any(|file| Path::new(file).exists()),
        packages: &["iproute2"],
        otherwise: "install iproute2",
    },
    Need {
        what: "VictoriaMetrics (a sink in the tests)",
        level: Level::Test,
        met: || has("victoria-metrics"),
        packages: &["victoria-metrics"],
        otherwise: "install VictoriaMetrics so that `victoria-metrics` is on the PATH",
    },
    Need {
        what: "valgrind (to count instructions)",
        level: Level::Bench,
        met: || has("valgrind"),
        packages: &["valgrind"],
        otherwise: "install valgrind",
    },
    Need {
        what: "tshark (to compare with)",
        level: Level::Bench,
        met: || has("tshark"),
        packages: &["tshark"],
        otherwise: "install tshark",
    },
    Need {
        what: "ndpiReader (to compare with)",
        level: Level::Bench,
        met: || Path::new("/usr/bin/ndpiReader").exists(),
        packages: &["libndpi-bin"],
        otherwise: "install nDPI's ndpiReader",
    },
];

/// Meets every need up to `level`; says what it installs, and is silent where nothing is missing.
pub(crate) fn setup(level: Level) -> Result {
    let missing: Vec<&Need> = NEEDS.iter().filter(|n| n.level <= level && !(n.met)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().flat_map(|n| n.packages).copied().collect();
    packages.sort_unstable();
    packages.dedup();
    for need in &missing {
        say(&format!("missing: {}", need.what));
    }
    if !has("apt-get") {
        return Err(by_hand(&missing));
    }
    if !root_user() {
        return Err(format!("run `sudo apt-get install --no-install-recommends {}` and try again", packages.join(" ")));
    }
    say(&format!("installing Debian packages: {}", packages.join(" ")));
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&packages);
    apt(&install)?;
    let left: Vec<&Need> = missing.into_iter().filter(|n| !(n.met)()).collect();
    if left.is_empty() { Ok(()) } else { Err(by_hand(&left)) }
}

fn wasm_builtins() -> bool {
    Path::new("/usr/lib/llvm-19/lib/clang/19/lib/wasi").exists()
}

fn root_user() -> bool {
    read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn apt(args: &[&str]) -> Result {
    run(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn by_hand(needs: &[&Need]) -> String {
    let lines: Vec<String> = needs.iter().map(|n| format!("  {}: {}", n.what, n.otherwise)).collect();
    format!("still missing, and not to be had from Debian's packages here:\n{}", lines.join("\n"))
}
