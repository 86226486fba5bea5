//! What a server of a test says on its standard output.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Reads lines until `find` answers to one, and goes on reading in the background: a pipe that nobody empties would stop who
/// writes into it, and one that is closed would end them.
///
/// # Errors
/// Nothing was found `within` this time, or before the output ended: all that was said.
pub(crate) fn find_line<T>(
    output: impl Read + Send + 'static,
    within: Duration,
    find: impl Fn(&str) -> Option<T>,
) -> Result<T, String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once it is found.
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + within;
    let mut said = String::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(found) = find(&line) {
            return Ok(found);
        }
        said = said + &line + "\n";
    }
    Err(said)
}
