use sidecart_core::ExternalIdRef;
use sidecart_serve::offers::exposure::ExposureRecord;
use sidecart_serve::offers::{Offer, OffersQuery};

use crate::app::App;
use crate::models::LiveVersion;

/// What the records of one slate share.
pub(super) struct Shown<'a> {
    pub(super) app: &'a App,
    pub(super) live: &'a LiveVersion,
    pub(super) query: &'a OffersQuery<'a>,
    pub(super) customer: Option<ExternalIdRef<'a>>,
    pub(super) request_id: &'a str,
    pub(super) held_out: bool,
}

impl Shown<'_> {
    pub(super) fn record(&self, position: u32, offer: &Offer) -> ExposureRecord {
        let items = self.live.scorer.model().items();
        ExposureRecord {
            request_id: self.request_id.to_owned(),
            time: (self.app.settings.now)().0.div_euclid(1_000),
            model: self.live.name.to_string(),
            version: self.live.version.clone(),
            customer_id: self.customer.map(Into::into),
            touchpoint: self.query.touchpoint.map(|touchpoint| touchpoint.name().to_owned()),
            kind: offer.kind,
            item: items.get(offer.item.0).into(),
            anchor: offer.anchor.map(|anchor| items.get(anchor.0).into()),
            position,
            score: offer.value,
            p: offer.p,
            probability_shown: self.app.hold_out.probability_shown(),
            held_out: self.held_out,
            policy: self.query.policy.map(|_| "changed by the question".to_owned()),
            accepted: None,
        }
    }
}
