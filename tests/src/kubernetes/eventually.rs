//! Waiting for what a controller brings about.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{sleep, timeout};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// Looks again and again until it finds what it looks for, and answers with that.
///
/// `look` fails for as long as things are not yet as they shall be, and says in its error how they are; a request that
/// fails is one more such state.
///
/// # Errors
/// It has not found it `within` this time: says `what` was waited for, and the last state that was seen.
pub async fn eventually<T>(
    within: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut last = None;
    let found = timeout(within, async {
        loop {
            match look().await {
                Ok(found) => return found,
                Err(state) => last = Some(state),
            }
            sleep(LOOK).await;
        }
    })
    .await;
    match (found, last) {
        (Ok(found), _) => Ok(found),
        (Err(_), Some(state)) => bail!("not within {within:?}: {what}. Last seen: {state:#}"),
        (Err(_), None) => bail!("not within {within:?}: {what}. The first look has not come to an end"),
    }
}
