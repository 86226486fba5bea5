//! What the load test is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// The ramp-up time that is used when none is given and the test is long enough.
const RAMP_UP: Duration = Duration::from_secs(30);

/// Drives people through whole calls against a running service (find_match, offer, answer, 20 candidates each side, leave,
/// and again), and checks what each of them saw.
///
/// Exit status: 0 when all went well, 1 when there was an error or anything was doubled, lost, crossed or reordered, 2 when
/// there was nothing to test.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "load-test",
    version,
    rename_all = "camelCase",
    rename_all_env = "camelCase"
)]
pub struct Options {
    /// Server URL
    #[arg(long, value_name = "url", default_value = "http://localhost:3000")]
    pub server_url: String,
    /// Max connections
    #[arg(long, value_name = "num", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..))]
    pub max_connections: u32,
    /// Concurrent connections per step
    #[arg(long, value_name = "num", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: u32,
    /// Total test duration
    #[arg(long, value_name = "ms", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub test_duration: u64,
    /// Ramp-up time [default: 30000, and no more than half of the test]
    #[arg(long, value_name = "ms")]
    pub ramp_up_time: Option<u64>,
    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Trust the certificates of this file (PEM) with https, instead of those that the system trusts
    #[arg(long, value_name = "path")]
    pub ca_file: Option<PathBuf>,
}

impl Options {
    /// How long the test takes, without the leaving of all at its end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.test_duration)
    }

    /// Over how long the connections are opened.
    #[must_use]
    pub fn ramp_up(&self) -> Duration {
        self.ramp_up_time
            .map_or_else(|| RAMP_UP.min(self.duration() / 2), Duration::from_millis)
    }

    /// When each step begins, and how many connections have been begun by its end.
    pub fn steps(&self) -> impl Iterator<Item = (Duration, u32)> + use<> {
        let (all, each) = (self.max_connections, self.concurrency);
        let count = all.div_ceil(each);
        let interval = self.ramp_up() / count;
        (0..count).map(move |step| (interval * step, all.min((step + 1) * each)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let all = ["load-test"].iter().chain(arguments);
        Options::try_parse_from(all).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_and_their_defaults_are_those_of_the_first_load_test() {
        let options = parse(&[]).unwrap();
        assert_eq!(options.server_url, "http://localhost:3000");
        assert_eq!((options.max_connections, options.concurrency), (1000, 50));
        assert_eq!(
            (options.test_duration, options.ramp_up().as_millis()),
            (60_000, 30_000)
        );
        let given = [
            "--serverUrl",
            "https://a",
            "--maxConnections",
            "10",
            "--concurrency",
            "5",
            "--testDuration",
            "8000",
            "--rampUpTime",
            "100",
        ];
        let options = parse(&given).unwrap();
        assert_eq!(options.server_url, "https://a");
        assert_eq!((options.max_connections, options.concurrency), (10, 5));
        assert_eq!((options.test_duration, options.ramp_up_time), (8000, Some(100)));
    }

    #[test]
    fn a_short_test_ramps_up_in_half_of_its_time() {
        let options = parse(&["--testDuration", "8000"]).unwrap();
        assert_eq!(options.ramp_up(), Duration::from_secs(4));
    }

    #[test]
    fn connections_are_opened_in_steps_over_the_ramp_up_time() {
        let options = parse(&["--maxConnections", "120", "--rampUpTime", "3000"]).unwrap();
        let steps: Vec<_> = options
            .steps()
            .map(|(at, until)| (at.as_millis(), until))
            .collect();
        assert_eq!(steps, [(0, 50), (1000, 100), (2000, 120)]);
    }

    #[test]
    fn what_makes_no_test_is_refused() {
        for wrong in [
            &["--maxConnections", "1"][..],
            &["--concurrency", "0"],
            &["--testDuration", "soon"],
            &["--connections", "5"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
