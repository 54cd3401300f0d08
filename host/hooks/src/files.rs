//! A directory of the plugin's own, with a bound on what is in it.

use crate::refused::Refused;
use std::{
    collections::HashMap,
    fs,
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// Files of one plugin: a directory of more is slow to list, and inodes are the disk's too.
const FILES_MAX: usize = 10_000;
/// Bytes of a name with its directories.
const NAME_MAX: usize = 512;
/// Files that are listed at once.
const LISTED_MAX: usize = 1000;
/// What a file is written under until it is whole; no file or directory of a plugin's may be called so.
const PART: &str = ".hookline-part";

/// All plugins' directories.
#[derive(Debug)]
pub(crate) struct Directories {
    /// Where they lie; `None` for a temporary folder, which is made when the first plugin asks.
    folder: Option<PathBuf>,
    temporary: OnceLock<Option<tempfile::TempDir>>,
    open: Mutex<HashMap<String, Arc<Directory>>>,
}

impl Directories {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, temporary: OnceLock::new(), open: Mutex::default() }
    }

    /// The directory of `plugin`.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn of(&self, plugin: &str) -> Result<Arc<Directory>, String> {
        let temporary = || self.temporary.get_or_init(|| tempfile::tempdir().ok()).as_ref().map(tempfile::TempDir::path);
        let folder = self.folder.as_deref().or_else(temporary).ok_or("the temporary folder cannot be written")?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(open.entry(plugin.to_owned()).or_insert_with(|| Arc::new(Directory::new(folder.join(plugin))))))
    }
}

/// One plugin's directory; it is made when the first file is written. Its instances, old and new, share it.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// What is in it, counted when it is first used: only the host writes there.
    used: Mutex<Option<Used>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    files: usize,
    bytes: u64,
}

impl Directory {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, used: Mutex::default() }
    }

    /// The contents of a file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Refused> {
        match fs::read(self.path(name)?) {
            Ok(contents) => Ok(Some(contents)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(broken(name, &e)),
        }
    }

    /// Replaces a file's contents, if all together are at most `bytes_max` then.
    pub(crate) fn write(&self, name: &str, contents: &[u8], bytes_max: u64) -> Result<(), Refused> {
        let path = self.path(name)?;
        self.change(
            &path,
            bytes_max,
            |_| contents.len() as u64,
            |path| {
                let part = path.with_file_name(PART);
                let written = fs::write(&part, contents).and_then(|()| fs::rename(&part, path));
                // What is left if that failed too is overwritten next time, and shown to nobody.
                written.inspect_err(|_| drop(fs::remove_file(&part)))
            },
        )
        .map_err(|e| e.named(name))
    }

    /// Adds to the end of a file.
    pub(crate) fn append(&self, name: &str, contents: &[u8], bytes_max: u64) -> Result<(), Refused> {
        let path = self.path(name)?;
        self.change(
            &path,
            bytes_max,
            |before| before + contents.len() as u64,
            |path| fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(contents),
        )
        .map_err(|e| e.named(name))
    }

    /// Removes a file; false if there was none.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Refused> {
        let path = self.path(name)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(size) = size(&path) else { return Ok(false) };
        fs::remove_file(&path).map_err(|e| broken(name, &e))?;
        if let Some(used) = used.as_mut() {
            used.files = used.files.saturating_sub(1);
            used.bytes = used.bytes.saturating_sub(size);
        }
        Ok(true)
    }

    /// Names and sizes of the files whose names begin with `prefix`, by name.
    pub(crate) fn find(&self, prefix: &str) -> Result<Vec<(String, u64)>, Refused> {
        let mut found = Vec::new();
        self.walk(&self.root, &mut |name, size| {
            if name.starts_with(prefix) {
                found.push((name, size));
            }
        })
        .map_err(|e| broken(prefix, &e))?;
        found.sort();
        found.truncate(LISTED_MAX);
        Ok(found)
    }

    /// Changes the file at `path`, whose size then follows from that before, if there is room for it.
    fn change(
        &self,
        path: &Path,
        bytes_max: u64,
        after: impl FnOnce(u64) -> u64,
        write: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), Failed> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = match *used {
            Some(used) => used,
            None => self.count()?,
        };
        let before = size(path).ok();
        now.files += usize::from(before.is_none());
        now.bytes = (now.bytes - before.unwrap_or(0).min(now.bytes)).saturating_add(after(before.unwrap_or(0)));
        if now.files > FILES_MAX {
            return Err(Failed::Full(format!("a plugin may have {FILES_MAX} files")));
        }
        if now.bytes > bytes_max {
            return Err(Failed::Full(format!("its files would have {} bytes; run.files_kib allows {bytes_max}", now.bytes)));
        }
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        // What a failed write left behind is counted anew.
        *used = None;
        write(path)?;
        *used = Some(now);
        Ok(())
    }

    fn count(&self) -> io::Result<Used> {
        let mut used = Used::default();
        self.walk(&self.root, &mut |_, size| {
            used.files += 1;
            used.bytes += size;
        })?;
        Ok(used)
    }

    /// Calls `f` with the name and the size of every file in `folder` and below.
    fn walk(&self, folder: &Path, f: &mut dyn FnMut(String, u64)) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        for entry in entries {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            if entry.file_name() == PART {
                continue;
            }
            if kind.is_dir() {
                self.walk(&path, f)?;
            } else if kind.is_file()
                && let Some(name) = path.strip_prefix(&self.root).ok().and_then(Path::to_str)
            {
                f(name.to_owned(), entry.metadata()?.len());
            }
        }
        Ok(())
    }

    /// Where a file of this name lies: always below the root.
    fn path(&self, name: &str) -> Result<PathBuf, Refused> {
        let plain = |part| matches!(part, Component::Normal(part) if part != PART);
        let path = Path::new(name);
        let named = !name.is_empty() && name.len() <= NAME_MAX && !name.contains('\0') && !name.ends_with('/');
        if !named || !path.components().all(plain) {
            return Err(Refused::Invalid(format!(
                "{name:?} is no name for a file: give a relative one of at most {NAME_MAX} bytes, without `..`"
            )));
        }
        Ok(self.root.join(path))
    }
}

fn size(path: &Path) -> io::Result<u64> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_file() { Ok(meta.len()) } else { Err(io::ErrorKind::IsADirectory.into()) }
}

/// Why a change was not made.
enum Failed {
    Full(String),
    Io(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failed {
    fn named(self, name: &str) -> Refused {
        match self {
            Self::Full(text) => Refused::Quota(text),
            Self::Io(error) => broken(name, &error),
        }
    }
}

/// A full or broken disk, or a directory where a file is asked for.
fn broken(name: &str, error: &io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Refused::Invalid(format!("{name:?}: a directory and a file cannot have one name"))
        }
        _ => Refused::Quota(format!("{name:?} cannot be used now: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Directory) {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::new(dir.path().join("p"));
        (dir, directory)
    }

    #[test]
    fn what_is_written_is_read_and_found() {
        let (_dir, files) = directory();
        assert_eq!(files.read("a/b.txt").unwrap(), None);
        files.write("a/b.txt", b"one", 100).unwrap();
        files.append("a/b.txt", b", two", 100).unwrap();
        files.append("c", b"x", 100).unwrap();
        assert_eq!(files.read("a/b.txt").unwrap().unwrap(), b"one, two");
        assert_eq!(files.find("").unwrap(), [("a/b.txt".to_owned(), 8), ("c".to_owned(), 1)]);
        assert_eq!(files.find("a/").unwrap().len(), 1);
        assert!(files.remove("c").unwrap() && !files.remove("c").unwrap());
    }

    #[test]
    fn no_name_leaves_the_directory() {
        let (dir, files) = directory();
        fs::write(dir.path().join("secret"), "s").unwrap();
        for name in ["../secret", "/etc/passwd", "a/../../secret", "", ".", "a/", "./a", "a\0b", ".hookline-part", "x/.hookline-part"] {
            assert!(matches!(files.read(name), Err(Refused::Invalid(_))), "{name:?}");
            assert!(matches!(files.write(name, b"", 10), Err(Refused::Invalid(_))), "{name:?}");
            assert!(matches!(files.remove(name), Err(Refused::Invalid(_))), "{name:?}");
        }
        assert!(matches!(files.read(&"a".repeat(NAME_MAX + 1)), Err(Refused::Invalid(_))));
        assert_eq!(fs::read(dir.path().join("secret")).unwrap(), b"s");
    }

    #[test]
    fn the_quota_holds_over_restarts() {
        let (dir, files) = directory();
        files.write("a", &[0; 60], 100).unwrap();
        assert!(matches!(files.append("a", &[0; 41], 100), Err(Refused::Quota(_))));
        files.write("a", &[0; 100], 100).unwrap();
        let again = Directory::new(dir.path().join("p"));
        assert!(matches!(again.write("b", &[0; 1], 100), Err(Refused::Quota(_))), "what was there is counted");
        again.remove("a").unwrap();
        again.write("b", &[0; 100], 100).unwrap();
        assert_eq!(again.find("").unwrap(), [("b".to_owned(), 100)]);
    }

    #[test]
    fn a_directory_is_no_file() {
        let (_dir, files) = directory();
        files.write("a/b", b"x", 100).unwrap();
        assert!(matches!(files.write("a", b"x", 100), Err(Refused::Invalid(_))));
        assert!(matches!(files.write("a/b/c", b"x", 100), Err(Refused::Invalid(_))));
        assert_eq!(files.read("a/b/c").unwrap(), None);
        assert!(!files.remove("a").unwrap());
        assert_eq!(files.find("").unwrap().len(), 1, "nothing is left of what failed");
    }
}
