//! Given pairs meet: at a steady rate, each two wanting the same as nobody else at that time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::frames;
use super::matches::match_found;
use super::sockets::{Incoming, Sockets, Writers};

/// So many pairs begin to look for each other at once, few enough that a pool finds any two of them at the first look; and
/// how long after it is the next ones' turn: 3,200 a second.
const PAIRS_AT_ONCE: usize = 16;
const EVERY: Duration = Duration::from_millis(5);
/// How many pairs look for each other at a time, at most: servers that do not come after would drop demands.
const LOOKING: usize = 512;
/// Who has not found the other by then never will.
const LONGEST: Duration = Duration::from_secs(60);

/// What those who have met do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// They stay together.
    Stay,
    /// The first of them leaves, and the meeting is over when the second one knows.
    Leave,
}

/// What a session is about.
#[derive(Clone)]
enum Stage {
    Free,
    Looking { partner: usize },
    Met { partner: usize, id: Vec<u8> },
}

struct Meeting {
    stages: Vec<Stage>,
    after: After,
    /// How many pairs have begun, and how many are done.
    begun: usize,
    done: usize,
    leave: Vec<u8>,
}

/// Has all pairs meet in this order. Who is in several of them comes to the next one when done with the last.
pub(super) fn meet(sockets: &mut Sockets, pairs: &[(usize, usize)], after: After) -> anyhow::Result<()> {
    let mut meeting = Meeting {
        stages: vec![Stage::Free; sockets.len()],
        after,
        begun: 0,
        done: 0,
        leave: frames::text(r#"42["leave_match"]"#),
    };
    let began = Instant::now();
    let mut groups = pairs.chunks(PAIRS_AT_ONCE).enumerate().peekable();
    while meeting.done < pairs.len() {
        if let Some((number, group)) = groups.peek()
            && began.elapsed() >= EVERY * u32::try_from(*number)?
            && meeting.begun - meeting.done < LOOKING
            && meeting.are_free(group)
        {
            meeting.begin(sockets, group)?;
            groups.next();
        }
        sockets.wait(Some(Duration::ZERO), |writers, at, incoming| {
            meeting.take(writers, at, &incoming)
        })?;
        let done = meeting.done;
        ensure!(
            began.elapsed() < LONGEST,
            "{done} of {} pairs have met",
            pairs.len()
        );
    }
    Ok(())
}

impl Meeting {
    fn are_free(&self, pairs: &[(usize, usize)]) -> bool {
        let free = |session: usize| matches!(self.stages[session], Stage::Free);
        pairs.iter().all(|&(one, other)| free(one) && free(other))
    }

    fn begin(&mut self, sockets: &Sockets, pairs: &[(usize, usize)]) -> anyhow::Result<()> {
        self.begun += pairs.len();
        for &(one, other) in pairs {
            let find = frames::text(&format!(r#"42["find_match",{{"interests":["{one}"]}}]"#));
            for (session, partner) in [(one, other), (other, one)] {
                sockets.send(session, &find)?;
                self.stages[session] = Stage::Looking { partner };
            }
        }
        Ok(())
    }

    fn take(&mut self, writers: &Writers, at: usize, incoming: &Incoming<'_>) -> anyhow::Result<()> {
        if let Some(id) = match_found(incoming)? {
            return self.found(writers, at, id);
        }
        if let Incoming::Text(text) = incoming
            && text.starts_with(b"42[\"peer_disconnected\"")
        {
            let Stage::Met { partner, .. } = self.stages[at] else {
                bail!("{at} is left and has met nobody");
            };
            self.stages[at] = Stage::Free;
            self.stages[partner] = Stage::Free;
            self.done += 1;
        }
        Ok(())
    }

    fn found(&mut self, writers: &Writers, at: usize, id: &[u8]) -> anyhow::Result<()> {
        let Stage::Looking { partner } = self.stages[at] else {
            bail!("{at} has found somebody and looks for nobody");
        };
        let id = id.to_vec();
        if let Stage::Met { id: theirs, .. } = &self.stages[partner] {
            ensure!(*theirs == id, "{at} has found somebody else than {partner}");
            match self.after {
                After::Stay => self.done += 1,
                After::Leave => writers.send(at.min(partner), &self.leave).context("leaving")?,
            }
        }
        self.stages[at] = Stage::Met { partner, id };
        Ok(())
    }
}
