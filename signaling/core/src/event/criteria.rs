//! The payload of `find_match` and `next_match`.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{self, Event, Fields, given};
use super::{Limits, Rejection, Target};
use crate::pairing::{Criteria, Mode};

/// The longest language tag or region, in bytes; BCP 47 section 4.4.1 asks for 35 at least.
const MAX_TAG: usize = 64;

impl Criteria {
    /// Reads the payload, which may be missing or null: then everybody will do.
    pub(super) fn parse<'a>(event: &Event<'a>, limits: &Limits) -> Result<(Self, Target<'a>), Rejection> {
        if event
            .payload
            .is_some_and(|payload| payload.len() > limits.criteria)
        {
            return Err(Rejection::too_large("criteria", limits.criteria));
        }
        let Some(fields) = event.fields()? else {
            return Ok((Self::default(), Target::default()));
        };
        let criteria = Self::new(
            mode(fields)?,
            tag(fields.language, "language")?,
            tag(fields.region, "region")?,
            interests(fields, limits)?,
        );
        Ok((criteria, Target::parse(fields)?))
    }
}

fn mode(fields: &Fields<'_>) -> Result<Option<Mode>, Rejection> {
    let Some(value) = given(fields.mode) else {
        return Ok(None);
    };
    let unknown = || Rejection::field("mode", "mode is one of video, audio, text");
    let word = fields::text(value, "mode").map_err(|_| unknown())?;
    Mode::parse(&word).map(Some).ok_or_else(unknown)
}

fn tag(value: Option<&str>, field: &'static str) -> Result<Option<String>, Rejection> {
    let Some(value) = given(value) else {
        return Ok(None);
    };
    fields::bounded(value, field, MAX_TAG)?;
    let text = fields::text(value, field)?;
    Ok(Some(text.into_owned()))
}

fn interests(fields: &Fields<'_>, limits: &Limits) -> Result<Vec<String>, Rejection> {
    let Some(value) = given(fields.interests) else {
        return Ok(Vec::new());
    };
    let wrong = || Rejection::field("interests", "interests is an array of strings");
    let interests = Vec::<Interest<'_>>::deserialize(&mut serde_json::Deserializer::from_str(value))
        .map_err(|_| wrong())?;
    if interests.len() > limits.interests {
        let message = format!("at most {} interests", limits.interests);
        return Err(Rejection::field("interests", message));
    }
    if interests
        .iter()
        .any(|Interest(interest)| interest.chars().count() > limits.interest_chars)
    {
        let message = format!("an interest has at most {} characters", limits.interest_chars);
        return Err(Rejection::field("interests", message));
    }
    Ok(interests
        .into_iter()
        .map(|Interest(interest)| interest.into_owned())
        .collect())
}

#[derive(Deserialize)]
struct Interest<'a>(#[serde(borrow)] Cow<'a, str>);
