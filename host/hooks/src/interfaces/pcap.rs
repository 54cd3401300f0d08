//! `pcap`: packets, as they were captured.

use crate::{
    bindings::{files::Host as _, pcap, types::Error},
    manifest::Instances,
    state::{State, thread_cpu_time},
};

/// Streams that are asked for at once.
const STREAMS_MAX: usize = 1000;

impl pcap::Host for State {
    fn save(&mut self, streams: Vec<String>, name: String) -> Result<u64, Error> {
        self.admit_packets()?;
        if streams.len() > STREAMS_MAX {
            return Err(Error::Invalid(format!("{} streams; at most {STREAMS_MAX} at once", streams.len())));
        }
        let number =
            |text: &String| u64::from_str_radix(text, 16).map_err(|_| Error::Invalid(format!("{text:?} is not the `stream` of an item")));
        let streams: Vec<u64> = streams.iter().map(number).collect::<Result<_, _>>()?;
        let packets = self.around.packets.clone();
        let Some(packets) = packets else {
            return Err(Error::Denied("this run keeps no packets: it needs `hookline run --record-mib`".to_owned()));
        };
        let before = thread_cpu_time();
        let read = packets.pcapng(&streams);
        // Reading them is the host's work, not the plugin's.
        if let Some(started) = &mut self.budget.started {
            *started += thread_cpu_time().saturating_sub(before);
        }
        let (count, file) = read.map_err(Error::Quota)?;
        self.write(name, file)?;
        Ok(count)
    }
}

impl State {
    fn admit_packets(&self) -> Result<(), Error> {
        let manifest = &self.identity.manifest;
        if !manifest.grants.packets {
            return Err(Error::Denied("packets hold all that was sent, secrets too: add `packets = true` to `[grants]`".to_owned()));
        }
        if self.identity.scope.is_some() {
            return Err(Error::Denied(
                "packets cannot be narrowed as items are: it needs a manifest and a policy without `data`".to_owned(),
            ));
        }
        if manifest.run.instances == Instances::PerLane {
            return Err(Error::Denied("capture waits for an instance in a lane: it needs `run.instances = \"single\"`".to_owned()));
        }
        if self.subscriptions.open.is_some() {
            return Err(Error::Denied("there are no packets in on-init".to_owned()));
        }
        Ok(())
    }
}
