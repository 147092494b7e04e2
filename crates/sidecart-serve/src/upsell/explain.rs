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
        let said = match self.label {
            Label::Repeat => "go up at their next purchase (repeat",
            Label::Replacement => "go up when they replace it (replacement",
            Label::TierShare => "of first purchases are in higher tiers (tier_share, no upgrade rate",
        };
        let rate = self.rate(model);
        let mut text = format!(
            "tier {} of {} of {ladder}: {percent:.1} % {said}, {} of {} by {} customers",
            self.level + 1,
            self.n_levels,
            rate.upgrades,
            rate.events,
            rate.customers
        );
        if let Some((name, rate)) = self.segment_rate(model).filter(|(_, rate)| rate.events > 0) {
            let [rate, low, high] = [rate.rate, rate.low, rate.high].map(|share| 100.0 * share);
            text.push_str(&format!("; segment {name} {rate:.1} %, {low:.1}-{high:.1}"));
        }
        if self.n_records > 0 {
            text.push_str(&format!("; this customer bought higher {} of {} times", self.n_above, self.n_records));
        }
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
