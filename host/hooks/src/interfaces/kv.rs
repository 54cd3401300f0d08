//! `kv`: what a plugin keeps beyond its instance.

use crate::{
    bindings::{kv, types::Error},
    state::State,
};

impl kv::Host for State {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.kv()?.get(&key, self.now)?)
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl_s: u32) -> Result<(), Error> {
        Ok(self.kv()?.set(&key, &value, ttl_s, self.now)?)
    }

    fn delete(&mut self, key: String) -> Result<bool, Error> {
        Ok(self.kv()?.delete(&key, self.now)?)
    }

    fn add(&mut self, key: String, n: i64, ttl_s: u32) -> Result<i64, Error> {
        Ok(self.kv()?.add(&key, n, ttl_s, self.now)?)
    }

    fn keys(&mut self, prefix: String) -> Result<Vec<String>, Error> {
        Ok(self.kv()?.keys(&prefix, self.now)?)
    }
}

impl State {
    /// The plugin's store, opened when it is first asked for.
    fn kv(&mut self) -> Result<std::sync::Arc<crate::kv::Kv>, Error> {
        if let Some(kv) = &self.kv {
            return Ok(std::sync::Arc::clone(kv));
        }
        let kv = self.around.stores.open(&self.identity.name, self.identity.manifest.run.kv_kib)?;
        self.kv = Some(std::sync::Arc::clone(&kv));
        Ok(kv)
    }
}
