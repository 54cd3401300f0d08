//! Raises an alert for each HTTP response with a server error.

use hookline_sdk::{Alert, Batch, Items, Plugin, Severity, row};

row! {
    struct Failure<'a> {
        status: u64 = "response.status",
        method: &'a str = "request.method",
        path: &'a str = "request.path",
    }
}

struct Hook;

impl Plugin for Hook {
    fn init() -> Result<Self, String> {
        // The host runs the filter: what does not match never gets here.
        Items::matching("http and response.status >= 500").rows::<Failure>()?;
        Ok(Self)
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, item) in batch.rows::<Failure>() {
            let title = format!("{} on {} {}", row.status, row.method, row.path);
            // Over its rate, an alert is counted by the host and not raised.
            let _ = Alert::new(Severity::Warning, title).about(&item).raise();
        }
    }
}

hookline_sdk::export!(Hook);
