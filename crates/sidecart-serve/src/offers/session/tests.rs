use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use proptest::prelude::*;
use sha2::Sha256;
use sidecart_core::{ExternalIdRef, Rng};

use super::*;
use crate::error::Error;
use crate::offers::OfferKind;

fn key(byte: u8) -> SessionKey {
    SessionKey::from_bytes(&[byte; MIN_KEY_BYTES]).unwrap()
}

fn item(number: i64) -> ItemKey {
    ItemKey::of(ExternalIdRef::Int(number))
}

fn kind(number: usize) -> OfferKind {
    OfferKind::ALL[number % 3]
}

fn problem(token: &str, key: &SessionKey, now: i64) -> Option<TokenProblem> {
    match decode(token, key, now) {
        Ok(_) => None,
        Err(Error::SessionToken { problem }) => Some(problem),
        Err(other) => panic!("{other}"),
    }
}

/// A session of many events, in which shows happen whether or not they are allowed.
fn filled(n_items: i64, n_events: usize, seed: u64) -> SessionState {
    let mut rng = Rng::new(seed, 1);
    let mut state = SessionState::new(1_000, MAX_LIFETIME_S);
    for at in 0..n_events {
        let item = item(rng.below(n_items as usize) as i64);
        if rng.chance(0.3) {
            state.record_declined(item, kind(at), 1_000 + at as i64);
        } else {
            state.record_shown(item, kind(at));
        }
    }
    state
}

/// The whole truth about a session, in unbounded memory.
#[derive(Default)]
struct Truth {
    shown_total: u32,
    shown: BTreeMap<ItemKey, u32>,
    last_declined: BTreeMap<ItemKey, i64>,
    declined_by_kind: [u32; 3],
}

#[derive(Clone, Debug)]
enum Event {
    /// Ask, and show where it is allowed.
    Show {
        item: i64,
        kind: usize,
    },
    Decline {
        item: i64,
        kind: usize,
    },
    Wait {
        seconds: i64,
    },
    Travel,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    // Few items make repeats, many make the lists overflow.
    prop::sample::select(vec![2i64, 12, 200]).prop_flat_map(|n_items| {
        prop::collection::vec(
            prop_oneof![
                6 => (0..n_items, 0usize..3).prop_map(|(item, kind)| Event::Show { item, kind }),
                2 => (0..n_items, 0usize..3).prop_map(|(item, kind)| Event::Decline { item, kind }),
                1 => (0i64..120).prop_map(|seconds| Event::Wait { seconds }),
                1 => Just(Event::Travel),
            ],
            0..160,
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn no_order_of_events_exceeds_a_cap(
        events in events(),
        offers_per_session in 0u32..140,
        shows_per_item in 0u32..4,
        cool_down_s in 0u32..600,
        declines_before_silence in prop::sample::select(vec![1u32, 3, 254]),
    ) {
        let limits = SessionLimits { offers_per_session, shows_per_item, cool_down_s, declines_before_silence };
        limits.check().unwrap();
        let key = key(1);
        let mut now = 1_000i64;
        let mut state = SessionState::new(now, 86_400);
        let mut truth = Truth::default();
        let mut overflowed = false;
        for event in events {
            match event {
                Event::Show { item: number, kind: k } => {
                    let (item, kind) = (item(number), kind(k));
                    let allowed = state.may_show(item, kind, now, &limits);
                    let n_shown = truth.shown.get(&item).copied().unwrap_or(0);
                    let until = truth.last_declined.get(&item).map(|t| t + i64::from(cool_down_s));
                    let truly = truth.shown_total < offers_per_session
                        && n_shown < shows_per_item
                        && until.is_none_or(|until| now >= until)
                        && truth.declined_by_kind[kind as usize] < declines_before_silence;
                    // Never less cautious than the truth, and exact while nothing was forgotten.
                    prop_assert!(truly || allowed.is_err());
                    prop_assert!(overflowed || allowed.is_ok() == truly, "{:?}", allowed);
                    if allowed.is_ok() {
                        state.record_shown(item, kind);
                        truth.shown_total += 1;
                        *truth.shown.entry(item).or_default() += 1;
                        prop_assert!(truth.shown_total <= offers_per_session);
                        prop_assert!(truth.shown[&item] <= shows_per_item);
                    }
                }
                Event::Decline { item: number, kind: k } => {
                    state.record_declined(item(number), kind(k), now);
                    truth.last_declined.insert(item(number), now);
                    truth.declined_by_kind[kind(k) as usize] += 1;
                }
                Event::Wait { seconds } => now += seconds,
                Event::Travel => {
                    let token = encode(&state, &key);
                    prop_assert!(token.len() <= MAX_TOKEN_CHARS);
                    let back = decode(&token, &key, now).unwrap();
                    prop_assert_eq!(&back, &state);
                    state = back;
                }
            }
            prop_assert!(state.shown().len() <= MAX_SHOWN && state.declined().len() <= MAX_DECLINED);
            prop_assert_eq!(state.shown_total(), truth.shown_total);
            overflowed |= truth.shown.len() > MAX_SHOWN || truth.last_declined.len() > MAX_DECLINED;
        }
    }

    #[test]
    fn random_texts_are_refused(text in "[A-Za-z0-9_=+/. -]{0,400}", any in ".{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = key(1);
        prop_assert!(problem(&text, &key, 0).is_some());
        prop_assert!(problem(&any, &key, 0).is_some());
        let mut versioned = bytes;
        if let Some(first) = versioned.first_mut() {
            *first = 1;
        }
        prop_assert!(problem(&base64url::encode(&versioned), &key, 0).is_some());
    }

    #[test]
    fn signed_nonsense_is_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..700), n_shown in 0u8..70, n_declined in 0u8..40) {
        // As a holder of the key with a defect would make it: the signature is right.
        let mut bytes = bytes;
        bytes.insert(0, 1);
        if bytes.len() > 34 {
            (bytes[33], bytes[34]) = (n_shown, n_declined);
        }
        if let Ok(state) = decode(&signed(&bytes), &key(1), i64::MIN) {
            prop_assert!(state.shown().len() <= MAX_SHOWN && state.declined().len() <= MAX_DECLINED);
            prop_assert_eq!(encode(&state, &key(1)), signed(&bytes));
        }
    }
}

fn signed(bytes: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(&[1; MIN_KEY_BYTES]).unwrap();
    let mac = mac.chain_update(b"sidecart session token").chain_update(bytes).finalize().into_bytes();
    base64url::encode(&[bytes, &mac[..]].concat())
}

#[test]
fn every_flipped_bit_is_refused() {
    for n_events in [0, 1, 3, 40] {
        let state = filled(30, n_events, 5);
        let token = encode(&state, &key(1));
        assert_eq!(decode(&token, &key(1), 1_000).unwrap(), state);
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                // A flip of the highest bit leaves no text at all.
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(problem(&changed, &key(1), 1_000).is_some(), "bit {bit} of character {at}");
                }
            }
            assert!(problem(&token[..at], &key(1), 1_000).is_some(), "cut at {at}");
        }
        for more in ["A", "AA", "AAA", "AAAA", "=", " "] {
            assert!(problem(&format!("{token}{more}"), &key(1), 1_000).is_some());
        }
    }
}

#[test]
fn each_problem_has_its_name() {
    let token = encode(&SessionState::new(1_000, 60), &key(1));
    assert_eq!(problem(&token, &key(1), 1_059), None);
    assert_eq!(problem(&token, &key(1), 1_060), Some(TokenProblem::Expired));
    assert_eq!(problem(&token, &key(1), i64::MAX), Some(TokenProblem::Expired));
    assert_eq!(problem(&token, &key(2), 1_000), Some(TokenProblem::Signature));
    assert_eq!(problem("", &key(1), 1_000), Some(TokenProblem::Malformed));
    assert_eq!(problem(&"A".repeat(MAX_TOKEN_CHARS + 1), &key(1), 1_000), Some(TokenProblem::TooLong));
    assert_eq!(problem(&"A".repeat(MAX_TOKEN_CHARS), &key(1), 1_000), Some(TokenProblem::Version { got: 0 }));
    // An expired token of another key says nothing of its time.
    assert_eq!(problem(&token, &key(2), i64::MAX), Some(TokenProblem::Signature));
    assert!(SessionKey::from_bytes(&[1; MIN_KEY_BYTES - 1]).is_err());
    assert!(SessionKey::from_bytes(&[1; 200]).is_ok());
    assert_eq!(format!("{:?}", key(7)), "SessionKey(..)");
}

#[test]
fn the_form_of_version_1_stays() {
    let mut state = SessionState::new(1_700_000_000, 3_600);
    state.record_shown(item(7), OfferKind::CrossSell);
    state.record_declined(item(7), OfferKind::CrossSell, 1_700_000_060);
    let expected = "AQDxU2UAAAAAEA4AAAEAAAAAAAAAAAAAAAEAAAD_____AQF90WV6NhkBfdFlejYZADwAAA\
                    BEfLJGqWNAEiD1HJOcoY8nQUA9J3q4c4ED-ASPlVslig";
    assert_eq!(encode(&state, &key(1)), expected);
}

#[test]
fn the_longest_token_fits_its_bound_and_a_cookie() {
    let token = encode(&filled(10_000, 4_000, 2), &key(1));
    assert_eq!(token.len(), MAX_TOKEN_CHARS);
    const { assert!(MAX_TOKEN_CHARS < 4_000) };
}

#[test]
fn what_is_forgotten_makes_it_more_cautious() {
    let limits =
        SessionLimits { offers_per_session: 1_000, shows_per_item: 2, cool_down_s: 100, declines_before_silence: 254 };
    let mut state = SessionState::new(0, 10_000);
    let all = 0..MAX_SHOWN as i64 + 1;
    for number in all.clone() {
        for _ in 0..2 {
            assert_eq!(state.may_show(item(number), kind(0), 0, &limits), Ok(()));
            state.record_shown(item(number), kind(0));
        }
    }
    // Item 0 has left the list, and with it the knowledge of every new item.
    for number in all.chain([5_000]) {
        assert_eq!(state.may_show(item(number), kind(0), 0, &limits), Err(Refusal::ShowsPerItem { limit: 2 }));
    }

    let mut state = SessionState::new(0, 10_000);
    for number in 0..MAX_DECLINED as i64 + 1 {
        state.record_declined(item(number), kind(0), number * 10);
    }
    assert_eq!(state.may_show(item(0), kind(0), 99, &limits), Err(Refusal::CoolDown { until: 100 }));
    assert_eq!(state.may_show(item(9_999), kind(0), 99, &limits), Err(Refusal::CoolDown { until: 100 }));
    assert_eq!(state.may_show(item(9_999), kind(0), 100, &limits), Ok(()));
    assert_eq!(state.may_show(item(1), kind(0), 109, &limits), Err(Refusal::CoolDown { until: 110 }));
}

#[test]
fn clocks_that_go_back_do_not_shorten_a_cool_down() {
    let limits = SessionLimits { cool_down_s: 100, ..SessionLimits::default() };
    let mut state = SessionState::new(1_000, 5_000);
    state.record_declined(item(1), kind(1), 1_200);
    state.record_declined(item(2), kind(0), 900);
    assert_eq!(state.may_show(item(2), kind(0), 1_299, &limits), Err(Refusal::CoolDown { until: 1_300 }));
    assert_eq!(state.may_show(item(1), kind(0), 900, &limits), Err(Refusal::CoolDown { until: 1_300 }));
    state.record_declined(item(3), kind(2), i64::MAX);
    assert_eq!(state.may_show(item(3), kind(0), 5_999, &limits), Err(Refusal::CoolDown { until: 6_100 }));
    assert_eq!(state.may_show(item(3), kind(0), 6_000, &limits), Err(Refusal::SessionOver));
}

#[test]
fn a_kind_falls_silent_on_its_own() {
    let limits = SessionLimits { cool_down_s: 0, declines_before_silence: 2, ..SessionLimits::default() };
    let mut state = SessionState::new(0, 100);
    for number in 0..2 {
        state.record_declined(item(number), OfferKind::Upsell, 1);
    }
    assert_eq!(state.may_show(item(8), OfferKind::Upsell, 2, &limits), Err(Refusal::Silence { limit: 2 }));
    assert_eq!(state.may_show(item(8), OfferKind::CrossSell, 2, &limits), Ok(()));
}

#[test]
fn counts_that_are_full_stay_full() {
    let limits = SessionLimits {
        offers_per_session: u32::MAX,
        shows_per_item: u32::MAX,
        cool_down_s: 0,
        declines_before_silence: u32::MAX,
    };
    let mut state = SessionState::new(0, 100);
    for _ in 0..254 {
        state.record_shown(item(1), kind(0));
        state.record_declined(item(1), kind(1), 1);
    }
    assert_eq!(state.may_show(item(1), kind(1), 50, &limits), Ok(()));
    for _ in 0..300 {
        state.record_shown(item(1), kind(0));
        state.record_declined(item(2), kind(1), 1);
    }
    assert_eq!(state.may_show(item(1), kind(0), 50, &limits), Err(Refusal::ShowsPerItem { limit: 255 }));
    assert_eq!(state.may_show(item(9), kind(1), 50, &limits), Err(Refusal::Silence { limit: 255 }));
}
