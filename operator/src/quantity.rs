//! Quantities of memory, CPU and storage, as [Kubernetes writes them][quantities].
//!
//! [quantities]: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Billionths, the finest that a quantity can say (`n`).
const NANO: i128 = 1_000_000_000;

/// What a quantity says, in billionths of its unit (bytes, cores); `None` where it says nothing or too much.
#[must_use]
pub fn parse(quantity: &Quantity) -> Option<i128> {
    let text = quantity.0.as_str();
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|char: char| !char.is_ascii_digit() && char != '.');
    let (number, suffix) = unsigned.split_at(end.unwrap_or(unsigned.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let billionths = digits.checked_mul(billionths(suffix)?)?;
    Some(sign * (billionths / scale))
}

/// How many billionths one of `suffix` is.
fn billionths(suffix: &str) -> Option<i128> {
    let binary = |power: u32| Some(NANO << (10 * power));
    let decimal = |power: i32| {
        let magnitude = 10_i128.checked_pow(power.unsigned_abs())?;
        let scaled = match power < 0 {
            true => NANO / magnitude,
            false => NANO.checked_mul(magnitude)?,
        };
        (scaled > 0).then_some(scaled)
    };
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        exponent => decimal(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    }
}

/// Whole bytes of memory or storage; `None` where the quantity says nothing, less than none or too much.
#[must_use]
pub fn bytes(quantity: &Quantity) -> Option<u64> {
    u64::try_from(parse(quantity)? / NANO).ok()
}

/// Memory of so many MiB: `512Mi`, `2Gi`.
#[must_use]
pub fn format_memory(mib: u64) -> String {
    if mib > 0 && mib.is_multiple_of(1024) {
        format!("{}Gi", mib / 1024)
    } else {
        format!("{mib}Mi")
    }
}

/// CPU of so many thousandths of a core: `500m`, `2`.
#[must_use]
pub fn format_cpu(millis: u64) -> String {
    if millis.is_multiple_of(1000) {
        format!("{}", millis / 1000)
    } else {
        format!("{millis}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<i128> {
        parse(&Quantity(text.to_owned()))
    }

    #[test]
    fn a_quantity_says_what_kubernetes_takes_it_for() {
        for (text, expected) in [
            ("0", 0),
            ("2", 2 * NANO),
            ("500m", NANO / 2),
            (".5", NANO / 2),
            ("1.", NANO),
            ("1.5Gi", 3 * NANO * 1024 * 1024 * 512),
            ("512Mi", NANO * 512 * 1024 * 1024),
            ("1e3", 1000 * NANO),
            ("12E-1", 1_200_000_000),
            ("1E", NANO * 1_000_000_000_000_000_000),
            ("3n", 3),
            ("-1k", -1000 * NANO),
            ("+1k", 1000 * NANO),
        ] {
            assert_eq!(parsed(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_says_nothing() {
        for text in [
            "", "m", "1,5", "1.2.3", "5 Gi", "1Zi", "e3", "--1", "1e99", "1e-99",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn memory_and_cpu_are_written_in_the_largest_unit_that_fits() {
        assert_eq!(format_memory(512), "512Mi");
        assert_eq!(format_memory(683), "683Mi");
        assert_eq!(format_memory(2048), "2Gi");
        assert_eq!(format_memory(0), "0Mi");
        assert_eq!(format_cpu(667), "667m");
        assert_eq!(format_cpu(4000), "4");
    }

    #[test]
    fn bytes_are_whole_and_never_less_than_none() {
        assert_eq!(bytes(&Quantity("256Mi".to_owned())), Some(256 * 1024 * 1024));
        assert_eq!(bytes(&Quantity("1500m".to_owned())), Some(1));
        assert_eq!(bytes(&Quantity("-1".to_owned())), None);
    }
}
