//! What a field of [`Metrics`](super::Metrics) may be: an instrument that declares itself to a registry.

use std::marker::PhantomData;

use prometheus::core::Collector;
use prometheus::{Counter, Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry};

use super::label::Label;

/// What an instrument is declared with.
pub(super) struct Declaration<'a> {
    pub(super) registry: &'a Registry,
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) buckets: &'static [f64],
    pub(super) workers: usize,
}

impl Declaration<'_> {
    /// Makes one series, with its label where it has one.
    fn child<C: Child>(&self, label: Option<(&str, &str)>) -> C {
        let opts = Opts::new(self.name, self.help);
        let opts = match label {
            Some((name, value)) => opts.const_label(name, value),
            None => opts,
        };
        let child = C::with_opts(opts, self.buckets);
        self.registry
            .register(Box::new(child.clone()))
            .expect("each name and label is declared once");
        child
    }
}

/// One series.
pub(super) trait Child: Collector + Clone + 'static {
    fn with_opts(opts: Opts, buckets: &[f64]) -> Self;
}

macro_rules! children {
    ($($kind:ty),+) => {$(
        impl Child for $kind {
            fn with_opts(opts: Opts, _: &[f64]) -> Self {
                Self::with_opts(opts).expect("declared names are valid")
            }
        }
    )+};
}
children!(IntCounter, IntGauge, Counter, Gauge);

impl Child for Histogram {
    fn with_opts(opts: Opts, buckets: &[f64]) -> Self {
        let opts = HistogramOpts {
            common_opts: opts,
            buckets: buckets.to_vec(),
        };
        Self::with_opts(opts).expect("declared names and buckets are valid")
    }
}

/// What can be declared: a series, or a family of them.
pub(super) trait Instrument {
    fn declare(declaration: &Declaration<'_>) -> Self;
}

impl<C: Child> Instrument for C {
    fn declare(declaration: &Declaration<'_>) -> Self {
        declaration.child(None)
    }
}

/// One series for each value of a label, all there from the start.
pub(super) struct Family<L, C = IntCounter> {
    children: Box<[C]>,
    label: PhantomData<L>,
}

impl<L: Label, C> Family<L, C> {
    /// The series of one value. No lookup: an index into an array.
    pub(super) fn of(&self, label: L) -> &C {
        &self.children[label.index()]
    }
}

impl<L: Label, C: Child> Instrument for Family<L, C> {
    fn declare(declaration: &Declaration<'_>) -> Self {
        let child = |label: &L| declaration.child(Some((L::NAME, label.as_str())));
        Self {
            children: L::ALL.iter().map(child).collect(),
            label: PhantomData,
        }
    }
}

/// One series for each worker, by its number.
pub(super) struct PerWorker<C>(pub(super) Box<[C]>);

impl<C: Child> Instrument for PerWorker<C> {
    fn declare(declaration: &Declaration<'_>) -> Self {
        let child = |number: usize| declaration.child(Some(("worker", &number.to_string())));
        Self((0..declaration.workers).map(child).collect())
    }
}
