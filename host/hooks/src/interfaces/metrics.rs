//! `metrics`: numbers that Prometheus reads.

use crate::{
    bindings::{metrics, types::Error},
    metrics::{Refusal, SeriesKind},
    state::State,
};
use std::sync::Arc;

impl State {
    fn register(&mut self, kind: SeriesKind, name: &str, help: &str, labels: &[(String, String)], bounds: &[f64]) -> Result<u32, Error> {
        let series = self.around.metrics.register(&self.identity.name, kind, name, help, labels, bounds).map_err(|r| match r {
            Refusal::Invalid(text) => Error::Invalid(text),
            Refusal::Quota(text) => Error::Quota(text),
        })?;
        let known = self.series.iter().position(|s| Arc::ptr_eq(s, &series));
        let index = known.unwrap_or_else(|| {
            self.series.push(series);
            self.series.len() - 1
        });
        Ok(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn series(&self, id: u32) -> Option<&crate::metrics::Series> {
        self.series.get(usize::try_from(id).ok()?).map(Arc::as_ref)
    }
}

impl metrics::Host for State {
    fn counter(&mut self, name: String, help: String, labels: Vec<(String, String)>) -> Result<u32, Error> {
        self.register(SeriesKind::Counter, &name, &help, &labels, &[])
    }

    fn gauge(&mut self, name: String, help: String, labels: Vec<(String, String)>) -> Result<u32, Error> {
        self.register(SeriesKind::Gauge, &name, &help, &labels, &[])
    }

    fn histogram(&mut self, name: String, help: String, labels: Vec<(String, String)>, bounds: Vec<f64>) -> Result<u32, Error> {
        self.register(SeriesKind::Histogram, &name, &help, &labels, &bounds)
    }

    fn observe(&mut self, id: u32, v: f64) {
        if let Some(series) = self.series(id) {
            series.observe(v);
        }
    }

    fn add(&mut self, id: u32, v: f64) {
        if let Some(series) = self.series(id) {
            series.add(v);
        }
    }

    fn set(&mut self, id: u32, v: f64) {
        if let Some(series) = self.series(id) {
            series.set(v);
        }
    }
}
