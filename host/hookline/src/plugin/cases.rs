//! The tests in a plugin's folder: `tests/NAME.toml`.

use crate::error::{Hint, usage};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// What a plugin is given, and what it shall say.
pub(crate) struct Case {
    /// A capture file.
    pub(crate) read: Option<PathBuf>,
    /// Items as JSON, one a line.
    pub(crate) items: Option<PathBuf>,
    /// Events as JSON, one a line: each line's fields must be in the event's.
    pub(crate) expect: Option<PathBuf>,
    /// `NAME=VALUE`
    pub(crate) env: Vec<String>,
}

/// As it is written; paths are relative to the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    read: Option<PathBuf>,
    items: Option<PathBuf>,
    expect: PathBuf,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// The plugin in `folder`, and its cases by name.
///
/// # Errors
/// There is no plugin or no test, or a test is written wrongly: which, and where.
pub(crate) fn of_folder(folder: &Path) -> anyhow::Result<(PathBuf, Vec<(String, Case)>)> {
    let plugin = plugin_of(folder)?;
    let tests = folder.join("tests");
    let mut files: Vec<PathBuf> = match fs::read_dir(&tests) {
        Ok(entries) => entries.flatten().map(|e| e.path()).filter(|f| f.extension().is_some_and(|e| e == "toml")).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(usage(format!("{}: {e}", tests.display()))),
    };
    if files.is_empty() {
        let hint = Hint(
            "write one: read = \"a.pcap\" (or items = \"a.ndjson\") and expect = \"a.expected.ndjson\", then run with --bless".to_owned(),
        );
        return Err(usage(format!("{} has no NAME.toml", tests.display())).context(hint));
    }
    files.sort();
    let cases = files.iter().map(|file| Ok((file.file_stem().unwrap_or_default().to_string_lossy().into_owned(), read(file)?)));
    Ok((plugin, cases.collect::<anyhow::Result<_>>()?))
}

/// The plugin in `folder`: the file that has the folder's name.
///
/// # Errors
/// There is none.
pub(crate) fn plugin_of(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = folder.canonicalize().map_err(|e| usage(format!("{}: {e}", folder.display())))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let candidates = ["wasm", "js"].map(|ending| folder.join(format!("{name}.{ending}")));
    candidates.iter().find(|file| file.is_file()).cloned().ok_or_else(|| {
        let hint = Hint("build it with `hookline plugin build`".to_owned());
        usage(format!("there is neither {} nor the same with .js", candidates[0].display())).context(hint)
    })
}

fn read(file: &Path) -> anyhow::Result<Case> {
    let wrong = |what: String| usage(format!("{}: {what}", file.display()));
    let text = fs::read_to_string(file).map_err(|e| wrong(e.to_string()))?;
    let written: Written = toml::from_str(&text).map_err(|e| wrong(e.to_string().trim_end().to_owned()))?;
    if written.read.is_some() == written.items.is_some() {
        return Err(wrong("give either read = \"CAPTURE\" or items = \"ITEMS.ndjson\"".to_owned()));
    }
    let beside = |path: PathBuf| file.parent().unwrap_or(Path::new(".")).join(path);
    Ok(Case {
        read: written.read.map(beside),
        items: written.items.map(beside),
        expect: Some(beside(written.expect)),
        env: written.env.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
    })
}
