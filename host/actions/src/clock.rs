//! What the time is: given to whoever needs it, so that tests say what it is.

use hookline_item::Timestamp;
use std::{sync::Arc, time::SystemTime};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "deliveries happen now, whatever time the packets carry; this is the one place that reads it"
)]
pub fn wall_clock() -> Clock {
    Arc::new(|| Timestamp(0).plus(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()))
}
