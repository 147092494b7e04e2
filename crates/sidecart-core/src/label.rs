use std::fmt;

use serde::{Deserialize, Serialize};

/// What the upgrade probability of a ladder is a probability of.
///
/// The discriminant is the number of the label in model files.
///
/// ```
/// use sidecart_core::Label;
///
/// assert_eq!(Label::TierShare.to_string(), "tier_share");
/// assert_eq!(Label::ALL[Label::Replacement as usize], Label::Replacement);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Label {
    /// The customer's main item of the next period with a purchase in the ladder is in a higher
    /// tier than usual.
    Repeat = 0,
    /// The next item bought in the ladder is in a higher tier than the one owned: ladders with few
    /// repeat buyers.
    Replacement = 1,
    /// Share of higher tiers among first purchases; no rate of upgrades.
    TierShare = 2,
}

impl Label {
    /// All labels in the order of their numbers, which is that of report rows.
    pub const ALL: [Self; 3] = [Self::Repeat, Self::Replacement, Self::TierShare];

    /// The name in files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Replacement => "replacement",
            Self::TierShare => "tier_share",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back() {
        for (number, label) in Label::ALL.into_iter().enumerate() {
            assert_eq!(label as usize, number);
            let text = format!("{:?}", label.name());
            assert_eq!(serde_json::to_string(&label).unwrap(), text);
            assert_eq!(serde_json::from_str::<Label>(&text).unwrap(), label);
        }
    }
}
