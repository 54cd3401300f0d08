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
/// Upper bounds of one histogram.
const BOUNDS_MAX: usize = 32;

/// What a series counts like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeriesKind {
    Counter,
    Gauge,
    Histogram,
}

/// One number. Shared by all instances of a plugin, so that it survives a reload.
#[derive(Debug)]
pub(crate) struct Series {
    kind: SeriesKind,
    /// The number; of a histogram the sum of what was observed.
    bits: AtomicU64,
    /// Upper bounds of a histogram, each with what was counted up to it; the last one has no bound.
    buckets: Vec<(f64, AtomicU64)>,
}

impl Series {
    /// Adds `v`; a counter ignores what is not positive.
    pub(crate) fn add(&self, v: f64) {
        if !v.is_finite() || (self.kind == SeriesKind::Counter && v <= 0.0) {
            return;
        }
        if self.kind != SeriesKind::Histogram {
            self.increase(v);
        }
    }

    /// Counts `v` in a histogram.
    pub(crate) fn observe(&self, v: f64) {
        if self.kind == SeriesKind::Histogram && v.is_finite() {
            self.increase(v);
            if let Some((_, count)) = self.buckets.iter().find(|(bound, _)| v <= *bound) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn increase(&self, v: f64) {
        let add = |bits| Some((f64::from_bits(bits) + v).to_bits());
        // The closure never gives up, so neither does the update.
        let _ = self.bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// How many series it is to whoever reads them.
    fn weight(&self) -> usize {
        if self.kind == SeriesKind::Histogram { self.buckets.len() + 2 } else { 1 }
    }

    fn render(&self, out: &mut String, name: &str, labels: &str) {
        // Writing to a String cannot fail.
        let value = f64::from_bits(self.bits.load(Ordering::Relaxed));
        if self.kind != SeriesKind::Histogram {
            let _ = writeln!(out, "hookline_plugin_{name}{{{labels}}} {value}");
            return;
        }
        let mut count = 0;
        for (bound, n) in &self.buckets {
            count += n.load(Ordering::Relaxed);
            let bound = if bound.is_infinite() { "+Inf".to_owned() } else { bound.to_string() };
            let _ = writeln!(out, "hookline_plugin_{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(out, "hookline_plugin_{name}_sum{{{labels}}} {value}\nhookline_plugin_{name}_count{{{labels}}} {count}");
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
    families: Mutex<Families>,
}

#[derive(Debug, Default)]
struct Families {
    by_name: BTreeMap<String, Family>,
    /// How many series each plugin has.
    used: BTreeMap<String, usize>,
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
        bounds: &[f64],
    ) -> Result<Arc<Series>, Refusal> {
        if !is_name(name) || name.len() > TEXT_MAX {
            return Err(Refusal::Invalid(format!("{name:?} is no metric name: use letters, digits and _")));
        }
        if let Some((bad, _)) = labels.iter().find(|(n, v)| !is_name(n) || n == "plugin" || n == "le" || v.len() > TEXT_MAX) {
            return Err(Refusal::Invalid(format!("label {bad:?} is no label name, or its value is longer than {TEXT_MAX} bytes")));
        }
        if bounds.len() > BOUNDS_MAX || bounds.iter().any(|b| !b.is_finite()) || bounds.windows(2).any(|w| w[0] >= w[1]) {
            return Err(Refusal::Invalid(format!("bounds of a histogram are at most {BOUNDS_MAX} numbers that grow")));
        }
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let Families { by_name, used } = &mut *families;
        let key = (plugin.to_owned(), render_labels(plugin, labels));
        if let Some(family) = by_name.get(name) {
            if family.kind != kind {
                return Err(Refusal::Invalid(format!("{name:?} is registered as another kind already")));
            }
            if let Some(series) = family.series.get(&key) {
                return Ok(Arc::clone(series));
            }
        }
        let bounds = bounds.iter().copied().chain([f64::INFINITY]).filter(|_| kind == SeriesKind::Histogram);
        let series = Arc::new(Series { kind, bits: AtomicU64::new(0), buckets: bounds.map(|b| (b, AtomicU64::new(0))).collect() });
        let used = used.entry(plugin.to_owned()).or_default();
        if *used + series.weight() > SERIES_MAX {
            return Err(Refusal::Quota(format!("a plugin may have {SERIES_MAX} series")));
        }
        *used += series.weight();
        let help = || help.chars().take(TEXT_MAX).collect();
        let family = by_name.entry(name.to_owned()).or_insert_with(|| Family { kind, help: help(), series: BTreeMap::new() });
        family.series.insert(key, Arc::clone(&series));
        Ok(series)
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        for (name, family) in &self.families.lock().unwrap_or_else(PoisonError::into_inner).by_name {
            let (suffix, kind) = match family.kind {
                SeriesKind::Counter if name.ends_with("_total") => ("", "counter"),
                SeriesKind::Counter => ("_total", "counter"),
                SeriesKind::Gauge => ("", "gauge"),
                SeriesKind::Histogram => ("", "histogram"),
            };
            let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP hookline_plugin_{name}{suffix} {help}\n# TYPE hookline_plugin_{name}{suffix} {kind}");
            for ((_, labels), series) in &family.series {
                series.render(&mut out, &format!("{name}{suffix}"), labels);
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
            let s = r.register("p", SeriesKind::Counter, "hits", "Hits.", &labels, &[]).ok().unwrap();
            s.add(1.5);
            s.add(-1.0);
            s.set(9.0);
        }
        assert!(
            r.render().contains("# TYPE hookline_plugin_hits_total counter\nhookline_plugin_hits_total{plugin=\"p\",code=\"a\\\"b\"} 3\n")
        );
        assert!(r.register("p", SeriesKind::Gauge, "hits", "", &[], &[]).is_err());
        assert!(r.register("p", SeriesKind::Gauge, "1x", "", &[], &[]).is_err());
    }

    #[test]
    fn histograms_count_up_to_their_bounds() {
        let r = Registry::default();
        let h = r.register("p", SeriesKind::Histogram, "s", "", &[], &[0.5, 1.0]).ok().unwrap();
        [0.5, 0.7, 7.0, f64::NAN].into_iter().for_each(|v| h.observe(v));
        h.add(1.0);
        let text = r.render();
        for line in [
            "_bucket{plugin=\"p\",le=\"0.5\"} 1",
            "_bucket{plugin=\"p\",le=\"1\"} 2",
            "_bucket{plugin=\"p\",le=\"+Inf\"} 3",
            "_sum{plugin=\"p\"} 8.2",
            "_count{plugin=\"p\"} 3",
        ] {
            assert!(text.contains(&format!("hookline_plugin_s{line}\n")), "{line}\n{text}");
        }
        assert!(r.register("p", SeriesKind::Histogram, "t", "", &[], &[1.0, 1.0]).is_err());
        assert!(r.register("p", SeriesKind::Histogram, "t", "", &[("le".into(), "1".into())], &[]).is_err());
    }

    #[test]
    fn cardinality_is_bounded_per_plugin() {
        let r = Registry::default();
        let add = |plugin: &str, i: usize| r.register(plugin, SeriesKind::Counter, "c", "", &[("i".into(), i.to_string())], &[]).is_ok();
        assert!((0..SERIES_MAX).all(|i| add("p", i)));
        assert!(!add("p", SERIES_MAX) && add("p", 3) && add("q", 0));
        // Names are bounded like labels: a refused one leaves nothing behind.
        assert!(r.register("p", SeriesKind::Gauge, "another", "", &[], &[]).is_err() && !r.render().contains("another"));
    }
}
