//! `hookline plugin dev`: builds and tries a plugin each time one of its files is saved.

use crate::{
    cli::{PluginDev, PluginTest},
    config::Config,
    error::{report, usage},
    plugin::{build, cases, test},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(300);
/// Folders below the plugin's that are looked into: `src/deep/er`.
const DEPTH_MAX: usize = 8;

pub(crate) fn run(args: &PluginDev, config: &Config) -> anyhow::Result<()> {
    if !args.dir.is_dir() {
        return Err(usage(format!("{}: there is no such folder; make one with `hookline plugin new`", args.dir.display())));
    }
    let mut seen = None;
    loop {
        let now = newest(&args.dir, 0);
        if seen != Some(now) {
            seen = Some(now);
            // An error is the author's to mend and no end: the next save may have done so.
            if let Err(error) = once(args, config) {
                report(&error);
            }
            eprintln!("-- waiting for {} to change; Ctrl-C ends", args.dir.display());
        }
        std::thread::sleep(EVERY);
    }
}

/// Builds the plugin, and tries it on the capture or on its own tests.
fn once(args: &PluginDev, config: &Config) -> anyhow::Result<()> {
    if build::is_needed(&args.dir) {
        build::run(&args.dir)?;
    }
    let plugin = if args.read.is_some() { cases::plugin_of(&args.dir)? } else { args.dir.clone() };
    let tried = PluginTest { plugin, read: args.read.clone(), items: None, expect: None, bless: false, env: args.env.clone(), repro: None };
    test::run(&tried, config)
}

/// When the plugin's files were last written: those that it is made of, not those that building makes.
fn newest(dir: &Path, depth: usize) -> SystemTime {
    let made = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "wasm")
            || path.with_extension("ts") != *path && path.with_extension("ts").exists()
            || path.ends_with("target")
            || path.ends_with("Cargo.lock")
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).filter(|path| !made(path));
    let times = entries.filter_map(|path| match path.is_dir() && depth < DEPTH_MAX {
        true => Some(newest(&path, depth + 1)),
        false => fs::metadata(&path).ok()?.modified().ok(),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_building_makes_is_no_change() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src")).unwrap();
        let write = |name: &str, seconds: u64| {
            let file = dir.path().join(name);
            fs::write(&file, "").unwrap();
            fs::File::options()
                .write(true)
                .open(&file)
                .unwrap()
                .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
                .unwrap();
        };
        write("src/lib.rs", 10);
        write("hook.wasm", 20);
        write("Cargo.lock", 20);
        assert_eq!(newest(dir.path(), 0), SystemTime::UNIX_EPOCH + Duration::from_secs(10));
        write("hook.toml", 30);
        assert_eq!(newest(dir.path(), 0), SystemTime::UNIX_EPOCH + Duration::from_secs(30));
    }
}
