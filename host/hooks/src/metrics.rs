//! The metrics that plugins register, as Prometheus reads them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Series that one plugin may have: beyond this, labels come from the traffic and would grow for ever.
const SERIES_MAX: usize = 1000;
/// Bytes of a name, a help text or a label.
const TEXT_MAX: usize = 200;

/// What a series counts like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeriesKind {
    Counter,
    Gauge,
}

/// One number. Shared by all instances of a plugin, so that it survives a reload.
#[derive(Debug)]
pub(crate) struct Series {
    kind: SeriesKind,
    bits: AtomicU64,
}

impl Series {
    /// Adds `v`; a counter ignores what is not positive.
    pub(crate) fn add(&self, v: f64) {
        if !v.is_finite() || (self.kind == SeriesKind::Counter && v <= 0.0) {
            return;
        }
        let add = |bits| Some((f64::from_bits(bits) + v).to_bits());
        // The closure never gives up, so neither does the update.
        let _ = self.bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Sets a gauge; a counter cannot be set.
    pub(crate) fn set(&self, v: f64) {
        if self.kind == SeriesKind::Gauge {
            self.bits.store(v.to_bits(), Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
struct Family {
    kind: SeriesKind,
    help: String,
    /// By plugin and rendered labels.
    series: BTreeMap<(String, String), Arc<Series>>,
}

/// Every plugin's metrics.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    families: Mutex<BTreeMap<String, Family>>,
}

impl Registry {
    /// The series of this name and labels; made if there is none.
    pub(crate) fn register(
        &self,
        plugin: &str,
        kind: SeriesKind,
        name: &str,
        help: &str,
        labels: &[(String, String)],
    ) -> Result<Arc<Series>, Refusal> {
        if !is_name(name) || name.len() > TEXT_MAX {
            return Err(Refusal::Invalid(format!("{name:?} is no metric name: use letters, digits and _")));
        }
        if let Some((bad, _)) = labels.iter().find(|(n, v)| !is_name(n) || n == "plugin" || v.len() > TEXT_MAX) {
            return Err(Refusal::Invalid(format!("label {bad:?} is no label name, or its value is longer than {TEXT_MAX} bytes")));
        }
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let used: usize = families.values().map(|f| f.series.keys().filter(|(p, _)| p == plugin).count()).sum();
        let family = families.entry(name.to_owned()).or_insert_with(|| Family {
            kind,
            help: help.chars().take(TEXT_MAX).collect(),
            series: BTreeMap::new(),
        });
        if family.kind != kind {
            return Err(Refusal::Invalid(format!("{name:?} is registered as another kind already")));
        }
        let key = (plugin.to_owned(), render_labels(plugin, labels));
        if let Some(series) = family.series.get(&key) {
            return Ok(Arc::clone(series));
        }
        if used >= SERIES_MAX {
            return Err(Refusal::Quota(format!("a plugin may have {SERIES_MAX} series")));
        }
        let series = Arc::new(Series { kind, bits: AtomicU64::new(0) });
        family.series.insert(key, Arc::clone(&series));
        Ok(series)
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        for (name, family) in &*self.families.lock().unwrap_or_else(PoisonError::into_inner) {
            let (suffix, kind) = match family.kind {
                SeriesKind::Counter if name.ends_with("_total") => ("", "counter"),
                SeriesKind::Counter => ("_total", "counter"),
                SeriesKind::Gauge => ("", "gauge"),
            };
            let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP hookline_plugin_{name}{suffix} {help}\n# TYPE hookline_plugin_{name}{suffix} {kind}");
            for ((_, labels), series) in &family.series {
                let value = f64::from_bits(series.bits.load(Ordering::Relaxed));
                let _ = writeln!(out, "hookline_plugin_{name}{suffix}{{{labels}}} {value}");
            }
        }
        out
    }
}

/// Why a series was not registered.
pub(crate) enum Refusal {
    Invalid(String),
    Quota(String),
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn render_labels(plugin: &str, labels: &[(String, String)]) -> String {
    let quoted = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut out = format!("plugin=\"{}\"", quoted(plugin));
    for (name, value) in labels {
        let _ = write!(out, ",{name}=\"{}\"", quoted(value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_renders() {
        let r = Registry::default();
        let labels = [("code".to_owned(), "a\"b".to_owned())];
        for _ in 0..2 {
            let s = r.register("p", SeriesKind::Counter, "hits", "Hits.", &labels).ok().unwrap();
            s.add(1.5);
            s.add(-1.0);
            s.set(9.0);
        }
        assert!(
            r.render().contains("# TYPE hookline_plugin_hits_total counter\nhookline_plugin_hits_total{plugin=\"p\",code=\"a\\\"b\"} 3\n")
        );
        assert!(r.register("p", SeriesKind::Gauge, "hits", "", &[]).is_err());
        assert!(r.register("p", SeriesKind::Gauge, "1x", "", &[]).is_err());
    }

    #[test]
    fn cardinality_is_bounded_per_plugin() {
        let r = Registry::default();
        let add = |plugin: &str, i: usize| r.register(plugin, SeriesKind::Counter, "c", "", &[("i".into(), i.to_string())]).is_ok();
        assert!((0..SERIES_MAX).all(|i| add("p", i)));
        assert!(!add("p", SERIES_MAX) && add("p", 3) && add("q", 0));
    }
}
