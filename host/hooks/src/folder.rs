//! The plugin folder: what lies in it is loaded, what changes is replaced, what goes is unloaded.

use crate::{
    host::{Code, HookHost},
    manifest::Manifest,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
};
use std::{
    collections::BTreeMap,
    fs, io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Bytes of a plugin file: the largest known (a Python runtime) has 19 MB.
const FILE_MAX: u64 = 256 << 20;

/// What tells a file's version from another without reading it. Symbolic links are followed, so a Kubernetes volume's swap of `..data` is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Print(Vec<(PathBuf, u64, Option<SystemTime>)>);

/// A folder of plugins, and what of it is loaded.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// As seen at the last look: a file is taken when two looks agree, so that one that is still being written is left alone.
    seen: BTreeMap<String, Print>,
    loaded: BTreeMap<String, Print>,
}

/// What a look at the folder did.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// A plugin was loaded or replaced.
    Loaded(String),
    /// A plugin was taken out.
    Unloaded(String),
    /// A plugin was not taken, and why.
    Refused(String, String),
}

impl Folder {
    /// The folder at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, seen: BTreeMap::new(), loaded: BTreeMap::new() }
    }

    /// Loads everything that is there now.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn load_all(&mut self, host: &HookHost) -> io::Result<Vec<Change>> {
        self.seen = self.look()?;
        self.scan(host)
    }

    /// Takes over what changed since the last look and has not changed since.
    ///
    /// # Errors
    /// The folder cannot be read; nothing is unloaded then.
    pub fn scan(&mut self, host: &HookHost) -> io::Result<Vec<Change>> {
        let now = self.look()?;
        let mut changes = Vec::new();
        for (name, print) in &now {
            if self.seen.get(name) == Some(print) && self.loaded.get(name) != Some(print) {
                self.loaded.insert(name.clone(), print.clone());
                changes.push(load(host, name, print));
            }
        }
        let gone: Vec<String> = self.loaded.keys().filter(|n| !now.contains_key(*n) && !self.seen.contains_key(*n)).cloned().collect();
        for name in gone {
            self.loaded.remove(&name);
            host.unload(&name);
            changes.push(Change::Unloaded(name));
        }
        self.seen = now;
        Ok(changes)
    }

    /// The plugins that lie in the folder, by name. Hidden files and folders are passed over.
    fn look(&self) -> io::Result<BTreeMap<String, Print>> {
        let mut found = BTreeMap::new();
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            // A folder that comes later is as good as an empty one.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(e) => return Err(e),
        };
        for entry in entries {
            let file = entry?.path();
            let (Some(name), Some(ending)) = (file.file_stem().and_then(|s| s.to_str()), file.extension().and_then(|s| s.to_str())) else {
                continue;
            };
            if name.starts_with('.') || !matches!(ending, "wasm" | "js") {
                continue;
            }
            let parts = [file.clone(), file.with_extension("toml")];
            let prints = parts.into_iter().filter_map(|p| {
                let meta = fs::metadata(&p).ok().filter(fs::Metadata::is_file)?;
                Some((p, meta.len(), meta.modified().ok()))
            });
            let print = Print(prints.collect());
            if print.0.first().is_some_and(|(p, ..)| *p == file) {
                found.insert(name.to_owned(), print);
            }
        }
        Ok(found)
    }
}

/// Wakes whoever follows a folder when something in it changes. Where the kernel does not tell (another machine's disk), nobody is woken, so a
/// folder is to be looked at now and then all the same.
#[derive(Debug)]
pub struct Watch(Option<OwnedFd>);

/// What is told: a file that was written to its end, moved in or out, or removed; a link that was made or renamed, which is how a Kubernetes
/// volume swaps `..data`; and the folder's own end.
const TOLD: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::MOVE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

impl Watch {
    /// A watch on `folder`. One that cannot be watched, or is not there yet, wakes nobody.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let open = || {
            let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            inotify::add_watch(&fd, folder, TOLD)?;
            Ok::<_, rustix::io::Errno>(fd)
        };
        Self(open().ok())
    }

    /// Waits until something changes, at most for `max`. Says whether something did.
    #[must_use]
    pub fn wait(&self, max: Duration) -> bool {
        let Some(fd) = &self.0 else {
            std::thread::sleep(max);
            return false;
        };
        let timeout = Timespec { tv_sec: i64::try_from(max.as_secs()).unwrap_or(i64::MAX), tv_nsec: max.subsec_nanos().into() };
        let woken = poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&timeout)).is_ok_and(|n| n > 0);
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        let mut events = inotify::Reader::new(fd, &mut buffer);
        // What changed is found by looking at the folder: only that something did is of use.
        while events.next().is_ok() {}
        woken
    }
}

fn load(host: &HookHost, name: &str, print: &Print) -> Change {
    let result = print.0.first().ok_or_else(|| "it is gone".to_owned()).and_then(|(file, len, _)| {
        if *len > FILE_MAX {
            return Err(format!("{} has {len} bytes; at most {FILE_MAX}", file.display()));
        }
        read_plugin(file)
    });
    let (code, manifest) = match result {
        Ok(read) => read,
        Err(reason) => {
            host.refuse(name, &reason);
            return Change::Refused(name.to_owned(), reason);
        }
    };
    match host.load(name, code, manifest) {
        Ok(()) => Change::Loaded(name.to_owned()),
        Err(e) => Change::Refused(e.plugin, e.reason),
    }
}

/// Reads the plugin in `file` with the manifest beside it.
///
/// # Errors
/// Which file cannot be read or is wrong, and where.
pub fn read_plugin(file: &Path) -> Result<(Code, Manifest), String> {
    let bytes = fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let code = if file.extension().is_some_and(|e| e == "js") {
        let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", file.display()))?;
        Code::Script(file.file_name().unwrap_or_default().to_string_lossy().into_owned(), text)
    } else {
        Code::Wasm(bytes)
    };
    let path = file.with_extension("toml");
    let manifest = match fs::read_to_string(&path) {
        Ok(text) => Manifest::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Manifest::default(),
        Err(e) => return Err(format!("{}: {e}", path.display())),
    };
    Ok((code, manifest))
}
