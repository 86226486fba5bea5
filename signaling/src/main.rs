//! The signaling pod. Configured by its environment alone.

use signaling::config::{Config, process_environment};

fn main() -> anyhow::Result<()> {
    let (config, warnings) = Config::from_env(process_environment()?)?;
    config.check_files()?;
    tracing_subscriber::fmt().init();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    signaling::pod::run(&config)
}
