//! `files`: a directory of the plugin's own.

use crate::{
    bindings::{files, types::Error},
    files::Directory,
    state::State,
};
use std::sync::Arc;

impl files::Host for State {
    fn read(&mut self, name: String) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.directory()?.read(&name)?)
    }

    fn write(&mut self, name: String, contents: Vec<u8>) -> Result<(), Error> {
        Ok(self.directory()?.write(&name, &contents, self.files_max())?)
    }

    fn append(&mut self, name: String, contents: Vec<u8>) -> Result<(), Error> {
        Ok(self.directory()?.append(&name, &contents, self.files_max())?)
    }

    fn remove(&mut self, name: String) -> Result<bool, Error> {
        Ok(self.directory()?.remove(&name)?)
    }

    fn find(&mut self, prefix: String) -> Result<Vec<files::Entry>, Error> {
        let found = self.directory()?.find(&prefix)?;
        Ok(found.into_iter().map(|(name, size)| files::Entry { name, size }).collect())
    }
}

impl State {
    fn files_max(&self) -> u64 {
        u64::from(self.identity.manifest.run.files_kib) << 10
    }

    /// The plugin's directory, looked up when it is first asked for.
    fn directory(&mut self) -> Result<Arc<Directory>, Error> {
        if let Some(directory) = &self.directory {
            return Ok(Arc::clone(directory));
        }
        let directory = self.around.directories.of(&self.identity.name).map_err(Error::Quota)?;
        self.directory = Some(Arc::clone(&directory));
        Ok(directory)
    }
}
