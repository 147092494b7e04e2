use sidecart_core::{ExternalIdRef, mix64};

/// Shows nothing to a fixed part of the customers, so that the effect of showing can be measured.
///
/// Who is held out follows from a hash of the customer, or of the request where nobody is named: the
/// same customer is always treated alike, on every server.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct HoldOut {
    share: f64,
}

impl HoldOut {
    /// `share` in `0..1`; 0 holds nobody out.
    pub(crate) fn new(share: f64) -> Self {
        Self { share }
    }

    /// The probability of being shown what is offered.
    pub(crate) fn probability_shown(self) -> f64 {
        1.0 - self.share
    }

    /// Whether this customer, or this request of nobody known, is shown nothing. An id counts the same
    /// whether it came as a number or as a text.
    pub(crate) fn holds_out(self, customer: Option<ExternalIdRef<'_>>, request_id: &str) -> bool {
        if self.share <= 0.0 {
            return false;
        }
        let hash = match customer {
            Some(ExternalIdRef::Int(id)) => hash_text(&id.to_string()),
            Some(ExternalIdRef::Text(id)) => hash_text(id),
            None => hash_text(request_id),
        };
        ((hash >> 11) as f64 / (1u64 << 53) as f64) < self.share
    }
}

/// FNV-1a, then mixed: fixed for ever, because customers must not change sides with a release.
fn hash_text(text: &str) -> u64 {
    let start = 0xCBF2_9CE4_8422_2325;
    mix64(text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_out_its_share_and_always_the_same() {
        let hold_out = HoldOut::new(0.05);
        let held: Vec<i64> = (0..100_000).filter(|&id| hold_out.holds_out(Some(ExternalIdRef::Int(id)), "")).collect();
        assert!((4_700..5_300).contains(&held.len()), "{}", held.len());
        for id in &held[..50] {
            assert!(hold_out.holds_out(Some(ExternalIdRef::Text(&id.to_string())), "another request"));
            assert!(HoldOut::new(0.5).holds_out(Some(ExternalIdRef::Int(*id)), ""), "a larger share holds the smaller");
        }
        let requests = (0..100_000).filter(|i| hold_out.holds_out(None, &format!("request-{i}"))).count();
        assert!((4_700..5_300).contains(&requests), "{requests}");
        assert!(!HoldOut::new(0.0).holds_out(None, "x"));
    }

    #[test]
    fn sides_are_fixed_for_ever() {
        let held: Vec<i64> =
            (0..40).filter(|&id| HoldOut::new(0.2).holds_out(Some(ExternalIdRef::Int(id)), "")).collect();
        assert_eq!(held, [0, 4, 6, 10, 14, 19, 20, 21, 22, 28]);
    }
}
