//! The pod's figures, as Prometheus reads them.

use chat_tests::pod::Pod;

use crate::client::get;

/// The value of a series, named as in the exposition format.
pub fn value(pod: &Pod, series: &str) -> f64 {
    let address = pod.metrics_address().unwrap_or(pod.address());
    let text = get(address, "/metrics");
    let line = text
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("there is no {series}"))
        .parse()
        .expect("a number")
}
