//! What the documentation says about metrics, taken from the registry itself.

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{IntGauge, Opts, Registry};

use super::{Metrics, process};
use crate::status::Status;

/// One metric, documented.
#[derive(Clone, Debug)]
pub struct Documented {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Each label with its values, in their order.
    pub labels: Vec<(String, Vec<String>)>,
    /// Its help text.
    pub help: String,
}

/// Every metric of a pod, in the order of their names.
#[must_use]
pub fn documented() -> Vec<Documented> {
    let metrics = Metrics::new(1);
    metrics.refresh(&Status::new("pod", 1, 1));
    metrics.families().iter().map(document).collect()
}

fn document(family: &MetricFamily) -> Documented {
    let mut labels: Vec<(String, Vec<String>)> = Vec::new();
    for pair in family.get_metric().iter().flat_map(|metric| metric.get_label()) {
        let value = pair.value().to_owned();
        match labels.iter_mut().find(|(name, _)| name == pair.name()) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => labels.push((pair.name().to_owned(), vec![value])),
        }
    }
    let kind = match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        _ => "gauge",
    };
    Documented {
        name: family.name().to_owned(),
        kind,
        labels,
        help: family.help().to_owned(),
    }
}

/// Declares the metric that is always 1 and whose labels name the build.
pub(super) fn declare_build(registry: &Registry) {
    let opts = Opts::new("webrtc_build_info", "The build that runs; always 1.")
        .const_label("version", process::VERSION)
        .const_label("revision", process::REVISION);
    let build = IntGauge::with_opts(opts).expect("declared names are valid");
    build.set(1);
    registry.register(Box::new(build)).expect("it is declared once");
}
