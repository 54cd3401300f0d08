//! `jobs`: work by the clock.

use crate::{
    bindings::{jobs, types::Error},
    cron::Cron,
    state::{Job, State},
};

/// Jobs that one plugin may have.
const JOBS_MAX: usize = 64;

impl jobs::Host for State {
    fn schedule(&mut self, tag: String, cron: String, limit: u32) -> Result<(), Error> {
        let cron = Cron::parse(&cron).map_err(Error::Invalid)?;
        self.jobs.retain(|j| j.tag != tag);
        if self.jobs.len() >= JOBS_MAX {
            return Err(Error::Quota(format!("a plugin may have {JOBS_MAX} jobs")));
        }
        self.jobs.push(Job { tag, cron, left: (limit > 0).then_some(limit), next: None });
        Ok(())
    }

    fn remove(&mut self, tag: String) -> bool {
        let before = self.jobs.len();
        self.jobs.retain(|j| j.tag != tag);
        self.jobs.len() < before
    }
}
