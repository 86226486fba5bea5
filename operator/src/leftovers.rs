//! What a ChatService had as children and has no longer: the traces of features that were switched off.

use crate::build::{Built, Kind};
use crate::facts::Facts;
use crate::names;
use crate::validate::ValidatedChatService;

/// A live object that the ChatService controls (by its owner reference).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owned {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// What is to be deleted, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Before the children are applied: KEDA refuses a ScaledObject beside another autoscaler, and two of them would take
    /// turns.
    pub before: Vec<Owned>,
    /// After that.
    pub after: Vec<Owned>,
}

/// Finds the leftovers among what the ChatService `owned` when `facts` were read.
///
/// What only older pods use, the Redis, Kafka and credentials of before, stays until the last of them has ended.
#[must_use]
pub fn leftovers(
    chat: &ValidatedChatService,
    facts: &Facts,
    built: &Built,
    owned: impl IntoIterator<Item = Owned>,
) -> Leftovers {
    let is_settled = facts.rolled_out && !built.replaces_pods;
    let mut left = Leftovers::default();
    for object in owned {
        let is_child = built
            .children
            .iter()
            .any(|child| child.kind == object.kind && child.name() == object.name);
        if is_child || (!is_settled && serves_pods(chat, &object)) {
            continue;
        }
        match object.kind {
            Kind::HorizontalPodAutoscaler | Kind::ScaledObject => left.before.push(object),
            _ => left.after.push(object),
        }
    }
    left.before.sort();
    left.after.sort();
    left
}

fn serves_pods(chat: &ValidatedChatService, object: &Owned) -> bool {
    let of_backends = [
        names::redis(&chat.name),
        names::kafka(&chat.name),
        names::events(&chat.name),
    ];
    of_backends.contains(&object.name)
}
