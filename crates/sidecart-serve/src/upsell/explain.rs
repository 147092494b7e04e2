use std::fmt::Write;

use super::{Gain, Label, RateCell, Upgrade, UpsellModel, UpsellOffer};

impl Upgrade {
    /// The rate that the upgrade's segment (or, without one, everybody) has from this tier, with
    /// the counts behind it.
    #[must_use]
    pub fn rate<'m>(&self, model: &'m UpsellModel) -> &'m RateCell {
        let tier = model.ladders.tiers_of(self.ladder).start + self.level;
        let cell = self.segment.and_then(|segment| model.rates.cell(segment, self.kind, tier));
        cell.unwrap_or_else(|| model.rates.tier(self.kind, tier))
    }

    /// The rate that the segment has in all ladders, where the upgrade has a segment.
    #[must_use]
    pub fn segment_rate<'m>(&self, model: &'m UpsellModel) -> Option<(&'m str, &'m RateCell)> {
        let segment = self.segment?;
        let name = model.settings.segments.get(usize::from(segment))?;
        Some((name, model.rates.segment(segment, self.kind)?))
    }

    /// One line in words: ladder, tier, propensity with what it is one of, and the evidence.
    #[must_use]
    pub fn text(&self, model: &UpsellModel) -> String {
        let ladder = &model.ladders.ladder(self.ladder).name;
        let percent = 100.0 * self.propensity;
        let mut text = format!("tier {} of {} of {ladder}: ", self.level + 1, self.n_levels);
        let said = match self.label {
            Label::Repeat => write!(text, "{percent:.1} % go up at their next purchase (repeat"),
            Label::Replacement => write!(text, "{percent:.1} % go up when they replace it (replacement"),
            Label::TierShare => {
                write!(text, "{percent:.1} % of first purchases are in higher tiers (tier_share, no upgrade rate")
            }
        };
        let rate = self.rate(model);
        let counted = write!(text, ", {} of {} by {} customers", rate.upgrades, rate.events, rate.customers);
        let segment = match self.segment_rate(model).filter(|(_, rate)| rate.events > 0) {
            None => Ok(()),
            Some((name, rate)) => write!(
                text,
                "; segment {name} {:.1} %, {:.1}-{:.1}",
                100.0 * rate.rate,
                100.0 * rate.low,
                100.0 * rate.high
            ),
        };
        let own = match self.n_records {
            0 => Ok(()),
            n => write!(text, "; this customer bought higher {} of {n} times", self.n_above),
        };
        debug_assert!([said, counted, segment, own].iter().all(Result::is_ok), "texts grow without limit");
        text.push(')');
        text
    }
}

impl UpsellOffer {
    /// One line in words: what speaks for this item of all dearer ones, and what it earns.
    #[must_use]
    pub fn text(&self) -> String {
        let times = |n: u32| if n == 1 { "once".to_owned() } else { format!("{n} times") };
        let mut parts = Vec::new();
        if self.n_bought > 0 {
            parts.push(format!("bought before {}", times(self.n_bought)));
        }
        if self.n_switches > 0 {
            parts.push(format!("others went up to it {}", times(self.n_switches)));
        }
        if parts.is_empty() {
            parts.push("sells in a higher tier".into());
        }
        match self.gain {
            Gain::Margin(gain) => parts.push(format!("margin {:+.2}", gain.to_f64())),
            Gain::Price(gain) => parts.push(format!("shelf price {:+.2}", gain.to_f64())),
            Gain::Unknown => parts.push("gain unknown".into()),
        }
        parts.join(", ")
    }
}
