//! The log: one line for each thing that happens to the pod, on standard output.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat, LogLevel};

/// Installs the process's log. Events of clients are at DEBUG; nothing at any level names what people say to each other.
///
/// # Errors
/// When there is one already.
pub fn install(log: &Log) -> Result<(), tracing_subscriber::util::TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Colours are for people at a terminal, not for files and collectors.
    let colours = std::io::stdout().is_terminal();
    let lines = fmt().with_max_level(level).with_ansi(colours);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
        LogFormat::Text => lines.with_target(false).finish().try_init(),
    }
}
