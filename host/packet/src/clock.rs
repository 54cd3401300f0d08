//! Packet time that never runs backwards.

use hookline_item::Timestamp;

/// Nanoseconds of packet time since the first frame. Frames slightly out of order do not move it; a jump back starts to count anew
/// from there, so that one frame with a wild time cannot stop all timeouts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    elapsed: u64,
    top: Option<u64>,
}

impl Clock {
    /// Takes note of a frame's time and returns the time elapsed.
    pub(crate) fn at(&mut self, at: Timestamp) -> u64 {
        let top = *self.top.get_or_insert(at.0);
        if at.0 > top {
            self.elapsed = self.elapsed.saturating_add(at.0 - top);
            self.top = Some(at.0);
        } else if at.steps_back_from(Timestamp(top)) {
            self.top = Some(at.0);
        }
        self.elapsed
    }

    /// The time elapsed.
    pub(crate) fn now(&self) -> u64 {
        self.elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disorder_does_not_add_up_and_steps_back_do_not_stop_time() {
        let mut clock = Clock::default();
        let at = |c: &mut Clock, secs| c.at(Timestamp::new(secs, 0)) / 1_000_000_000;
        assert_eq!([100, 110, 105, 110, 112].map(|s| at(&mut clock, s)), [0, 10, 10, 10, 12]);
        assert_eq!([1_000_000, 113, 114].map(|s| at(&mut clock, s)), [999_900, 999_900, 999_901]);
    }
}
