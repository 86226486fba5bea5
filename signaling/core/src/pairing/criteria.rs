//! Whom a person wants to meet.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What two people exchange. Never widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Picture and sound.
    Video,
    /// Sound.
    Audio,
    /// Text.
    Text,
}

impl Mode {
    /// Reads a mode's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "video" => Some(Self::Video),
            "audio" => Some(Self::Audio),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Whom a person wants to meet; what is unset matches all. Equal for equal wishes: folded, trimmed, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Criteria {
    /// What is exchanged.
    pub mode: Option<Mode>,
    /// A language tag, lower case.
    pub language: Option<Box<str>>,
    /// A region, lower case.
    pub region: Option<Box<str>>,
    /// Interests, lower case, each once, in order: one in common is wanted.
    pub interests: Box<[Box<str>]>,
}

impl Criteria {
    /// Criteria from what a person wrote.
    #[must_use]
    pub fn new(
        mode: Option<Mode>,
        language: Option<String>,
        region: Option<String>,
        interests: Vec<String>,
    ) -> Self {
        let fold =
            |text: String| Some(text.trim().to_lowercase().into_boxed_str()).filter(|text| !text.is_empty());
        let mut interests: Vec<Box<str>> = interests.into_iter().filter_map(fold).collect();
        interests.sort_unstable();
        interests.dedup();
        Self {
            mode,
            language: language.and_then(fold),
            region: region.and_then(fold),
            interests: interests.into(),
        }
    }

    /// The interests that both name.
    pub fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        self.interests
            .iter()
            .map(|interest| &**interest)
            .filter(|interest| {
                other
                    .interests
                    .binary_search_by(|known| (**known).cmp(interest))
                    .is_ok()
            })
    }

    /// JSON of what the two agree in: what one demands and the other has not spoken against.
    #[must_use]
    pub fn agreement(&self, other: &Self) -> String {
        #[derive(Serialize)]
        struct Agreement<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            mode: Option<Mode>,
            #[serde(skip_serializing_if = "Option::is_none")]
            language: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            region: Option<&'a str>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            interests: Vec<&'a str>,
        }
        let agreement = Agreement {
            mode: self.mode.or(other.mode),
            language: agreed(self.language.as_deref(), other.language.as_deref()),
            region: agreed(self.region.as_deref(), other.region.as_deref()),
            interests: self.common(other).collect(),
        };
        serde_json::to_string(&agreement).expect("strings are JSON")
    }
}

fn agreed<'a>(one: Option<&'a str>, other: Option<&'a str>) -> Option<&'a str> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one).filter(|one| *one == other),
        (one, other) => one.or(other),
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Text => "text",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_wishes_are_equal() {
        let one = Criteria::new(
            None,
            Some(" EN ".into()),
            Some(String::new()),
            vec!["Jazz".into(), "go".into()],
        );
        let other = Criteria::new(
            None,
            Some("en".into()),
            None,
            vec!["go".into(), "jazz".into(), "Go ".into()],
        );
        assert_eq!(one, other);
    }

    #[test]
    fn the_agreement_names_what_both_can_live_with() {
        let one = Criteria::new(
            Some(Mode::Video),
            Some("en".into()),
            Some("eu".into()),
            vec!["go".into()],
        );
        let other = Criteria::new(None, Some("fi".into()), None, vec!["chess".into(), "go".into()]);
        assert_eq!(
            one.agreement(&other),
            r#"{"mode":"video","region":"eu","interests":["go"]}"#
        );
        assert_eq!(Criteria::default().agreement(&Criteria::default()), "{}");
    }
}
