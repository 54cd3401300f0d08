//! Counters, gauges and histograms.

use crate::bindings::hookline::hooks::metrics;

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

/// A number that only grows.
#[derive(Clone, Copy, Debug)]
pub struct Counter(u32);

impl Counter {
    /// Registers a counter; the same name and labels give the same counter.
    ///
    /// # Errors
    /// The name is no metric name, or there are too many series.
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)]) -> Result<Self, String> {
        metrics::counter(name, help, &owned(labels)).map(Self).map_err(|e| crate::text(&e))
    }

    /// Adds to it.
    pub fn add(&self, n: f64) {
        metrics::add(self.0, n);
    }
}

/// A number that goes up and down.
#[derive(Clone, Copy, Debug)]
pub struct Gauge(u32);

impl Gauge {
    /// Registers a gauge; the same name and labels give the same gauge.
    ///
    /// # Errors
    /// As [`Counter::new`].
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)]) -> Result<Self, String> {
        metrics::gauge(name, help, &owned(labels)).map(Self).map_err(|e| crate::text(&e))
    }

    /// Sets it.
    pub fn set(&self, v: f64) {
        metrics::set(self.0, v);
    }
}

/// How often values lay between bounds.
#[derive(Clone, Copy, Debug)]
pub struct Histogram(u32);

impl Histogram {
    /// Registers a histogram with these upper bounds, ascending; the same name and labels give the same histogram.
    ///
    /// # Errors
    /// As [`Counter::new`], and bounds that do not grow.
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)], bounds: &[f64]) -> Result<Self, String> {
        metrics::histogram(name, help, &owned(labels), bounds).map(Self).map_err(|e| crate::text(&e))
    }

    /// Counts a value.
    pub fn observe(&self, v: f64) {
        metrics::observe(self.0, v);
    }
}
