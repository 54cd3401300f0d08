//! `cargo xtask fuzz`: coverage-guided fuzzing with libFuzzer on the stable toolchain.
//!
//! The sanitizer's instrumentation is asked of rustc by its own flags, as cargo-fuzz does on a nightly one. What is worth keeping of a
//! corpus is packed into `fuzz/corpora/NAME.pack`, which `cargo test` replays: crashes that were found first, then the smallest inputs.

use crate::sh::{Result, root, run, say};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// How long a target is fuzzed unless told otherwise.
pub(crate) const SECONDS: u32 = 300;

const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Zsanitizer=address -Cdebug-assertions";
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Bytes of inputs kept per target: their replay takes no time, and the repository stays small.
const PACK_MAX: usize = 96 << 10;
/// Longer inputs are not kept.
const INPUT_MAX: usize = 2 << 10;

/// Fuzzes the target `name` for so many seconds; new inputs go into `fuzz/corpus/NAME`, crashes into `fuzz/artifacts/NAME`.
pub(crate) fn fuzz(name: &str, seconds: u32) -> Result {
    let dir = root().join("fuzz");
    if !dir.join("src/bin").join(format!("{name}.rs")).exists() {
        return Err(format!("there is no fuzz target {name}: see fuzz/src/bin"));
    }
    let place = Place {
        corpus: dir.join("corpus").join(name),
        artifacts: dir.join("artifacts").join(name),
        pack: dir.join("corpora").join(format!("{name}.pack")),
    };
    for folder in [&place.corpus, &place.artifacts, &dir.join("corpora")] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    place.unpack()?;
    seed(name, &place.corpus)?;
    let fuzzed = run(libfuzzer(&dir, name).arg(&place.corpus).args([
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={}/", place.artifacts.display()),
        "-print_final_stats=1".to_owned(),
    ]));
    // What was found is kept even if it was a crash: its input is replayed by the tests from now on.
    let least = dir.join("corpus").join(format!("{name}.least"));
    fs::remove_dir_all(&least).ok();
    fs::create_dir_all(&least).map_err(|e| format!("{}: {e}", least.display()))?;
    run(libfuzzer(&dir, name).args(["-merge=1"]).args([&least, &place.corpus]))?;
    place.pack(&least)?;
    fuzzed
}

fn libfuzzer(dir: &Path, name: &str) -> Command {
    let mut cmd = cargo(dir);
    cmd.args(["run", "--quiet", "--release", "--target", TARGET, "--bin", name, "--"]);
    cmd.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS);
    cmd
}

fn cargo(dir: &Path) -> Command {
    let mut cmd = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cmd.current_dir(dir).env_remove("CARGO_TARGET_DIR");
    cmd
}

/// Makes seeds of the captures that the tests have of a protocol.
fn seed(name: &str, corpus: &Path) -> Result {
    let folder = root().join("tests/pcaps").join(match name {
        "pcap" | "streams" => "packet",
        "sse" => "http",
        name => name,
    });
    let Ok(files) = fs::read_dir(&folder) else { return Ok(()) };
    let captures = files.flatten().map(|f| f.path()).filter(|f| f.extension().is_some_and(|e| e == "pcap" || e == "pcapng"));
    run(cargo(&root().join("fuzz")).args(["run", "--quiet", "--release", "--bin", "seeds", "--", name]).arg(corpus).args(captures))
}

struct Place {
    corpus: PathBuf,
    artifacts: PathBuf,
    pack: PathBuf,
}

impl Place {
    /// The pack's inputs as files. A pack is inputs one after another, each with its length before it in 4 bytes, little-endian.
    fn unpack(&self) -> Result {
        let Ok(pack) = fs::read(&self.pack) else { return Ok(()) };
        let (mut rest, mut number) = (&pack[..], 0);
        while let Some((len, after)) = rest.split_first_chunk() {
            let (input, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or("a damaged pack")?;
            fs::write(self.corpus.join(format!("kept-{number}")), input).map_err(|e| e.to_string())?;
            (rest, number) = (after, number + 1);
        }
        Ok(())
    }

    fn pack(&self, least: &Path) -> Result {
        let inputs = |folder: &Path| {
            let files = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            let mut inputs: Vec<Vec<u8>> =
                files.flatten().filter_map(|f| fs::read(f.path()).ok()).filter(|i| i.len() <= INPUT_MAX).collect();
            inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
            Ok::<_, String>(inputs)
        };
        let mut pack = Vec::new();
        for input in inputs(&self.artifacts)?.into_iter().chain(inputs(least)?) {
            if pack.len() + input.len() <= PACK_MAX {
                pack.extend((input.len() as u32).to_le_bytes());
                pack.extend(input);
            }
        }
        say(&format!("{}: {} bytes", self.pack.display(), pack.len()));
        fs::write(&self.pack, pack).map_err(|e| format!("{}: {e}", self.pack.display()))
    }
}
