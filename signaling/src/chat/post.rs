//! What the workers of a pod send each other: a ring in memory that is fast, bounded, and may drop.
//!
//! Dropping is allowed because nothing relies on a single mail: packets belong to links that send again, and tickets are
//! put into the pool again and again.

use std::sync::Arc;

use signaling_core::id::WorkerId;
use signaling_core::pairing::{Reply, Request};
use tokio::sync::mpsc;

use super::perform::number;

/// Mails that may wait for a worker.
const MAILBOX: usize = 8192;

/// One mail.
#[derive(Debug)]
pub enum Mail {
    /// A packet of the link between two workers.
    Packet {
        /// The sender.
        from: WorkerId,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// A request to the pool, which worker 0 keeps.
    Ask {
        /// Whom to answer.
        from: u16,
        /// What is asked.
        request: Request,
    },
    /// The pool's answer.
    Answer(Reply),
    /// Close so many connections, and say how many are left.
    Drain {
        /// How many.
        some: usize,
    },
}

/// One worker's way to its siblings.
#[derive(Clone, Debug)]
pub struct Post {
    number: u16,
    names: Arc<[WorkerId]>,
    mailboxes: Arc<[mpsc::Sender<Mail>]>,
}

impl Post {
    /// The post of a pod's workers, with the end at which each takes its mail.
    #[must_use]
    pub fn among(pod: &str, workers: u16) -> Vec<(Self, mpsc::Receiver<Mail>)> {
        let names: Arc<[WorkerId]> = (0..workers).map(|number| WorkerId::new(pod, number)).collect();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| mpsc::channel(MAILBOX)).unzip();
        let mailboxes: Arc<[_]> = senders.into();
        receivers
            .into_iter()
            .zip(0..)
            .map(|(receiver, number)| {
                let post = Self {
                    number,
                    names: Arc::clone(&names),
                    mailboxes: Arc::clone(&mailboxes),
                };
                (post, receiver)
            })
            .collect()
    }

    /// This worker's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// This worker's name.
    #[must_use]
    pub fn name(&self) -> &WorkerId {
        &self.names[usize::from(self.number)]
    }

    /// All workers' names.
    #[must_use]
    pub fn everyone(&self) -> &[WorkerId] {
        &self.names
    }

    /// Tells each worker how many connections to close.
    pub async fn drain(&self, closes: impl IntoIterator<Item = usize>) {
        for (mailbox, some) in self.mailboxes.iter().zip(closes) {
            // Nothing else comes again in place of this mail: it waits for room. A worker that has ended needs none.
            let _ = mailbox.send(Mail::Drain { some }).await;
        }
    }

    pub(super) fn packet(&self, to: &WorkerId, bytes: &[u8]) {
        let from = self.name().clone();
        self.send(
            number(to),
            Mail::Packet {
                from,
                bytes: bytes.to_vec(),
            },
        );
    }

    pub(super) fn ask(&self, request: Request) {
        self.send(
            Some(0),
            Mail::Ask {
                from: self.number,
                request,
            },
        );
    }

    pub(super) fn answer(&self, to: u16, reply: Reply) {
        self.send(Some(usize::from(to)), Mail::Answer(reply));
    }

    fn send(&self, to: Option<usize>, mail: Mail) {
        if let Some(mailbox) = to.and_then(|to| self.mailboxes.get(to)) {
            // Full: the sender's link or ticket comes again.
            let _ = mailbox.try_send(mail);
        }
    }
}
