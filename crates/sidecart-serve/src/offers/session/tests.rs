use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use proptest::prelude::*;
use sha2::Sha256;
use sidecart_core::{ExternalIdRef, Rng};

use super::token::VERSION;
use super::*;
use crate::error::Error;
use crate::offers::OfferKind;

fn key(byte: u8) -> SessionKey {
    SessionKey::from_bytes(&[byte; MIN_KEY_BYTES]).unwrap()
}

fn keys(byte: u8) -> SessionKeys {
    key(byte).into()
}

fn item(number: i64) -> ItemKey {
    ItemKey::of(ExternalIdRef::Int(number))
}

fn kind(number: usize) -> OfferKind {
    OfferKind::ALL[number % 3]
}

fn problem(token: &str, keys: &SessionKeys) -> Option<TokenProblem> {
    match decode(token, keys) {
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
            state.record_declined(item, Some(kind(at)), 1_000 + at as i64);
        } else {
            state.record_shown(item);
        }
    }
    state
}

/// The whole truth about a session, in unbounded memory.
#[derive(Default)]
struct Truth {
    shown_total: u32,
    shown: BTreeMap<ItemKey, u32>,
    declined: Vec<(ItemKey, i64)>,
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
        declines_before_cool_down in 1u32..4,
        declines_before_silence in prop::sample::select(vec![Some(1u32), Some(3), Some(254), None]),
    ) {
        let limits = SessionLimits {
            offers_per_session,
            shows_per_item: Some(shows_per_item),
            cool_down_s,
            declines_before_cool_down,
            declines_before_silence,
        };
        let (key, keys) = (key(1), keys(1));
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
                    let lately = |&&(declined, time): &&(ItemKey, i64)| declined == item && now - time < i64::from(cool_down_s);
                    let n_lately = truth.declined.iter().filter(lately).count();
                    let truly = truth.shown_total < offers_per_session
                        && n_shown < shows_per_item
                        && n_lately < declines_before_cool_down as usize
                        && declines_before_silence.is_none_or(|limit| truth.declined_by_kind[kind as usize] < limit);
                    // Never less cautious than the truth, and exact while nothing was forgotten.
                    prop_assert!(truly || allowed.is_err());
                    prop_assert!(overflowed || allowed.is_ok() == truly, "{:?}", allowed);
                    if allowed.is_ok() {
                        state.record_shown(item);
                        truth.shown_total += 1;
                        *truth.shown.entry(item).or_default() += 1;
                        prop_assert!(truth.shown_total <= offers_per_session);
                        prop_assert!(truth.shown[&item] <= shows_per_item);
                    }
                }
                Event::Decline { item: number, kind: k } => {
                    state.record_declined(item(number), Some(kind(k)), now);
                    truth.declined.push((item(number), now));
                    truth.declined_by_kind[kind(k) as usize] += 1;
                }
                Event::Wait { seconds } => now += seconds,
                Event::Travel => {
                    let token = encode(&state, &key);
                    prop_assert!(token.len() <= MAX_TOKEN_CHARS);
                    let back = decode(&token, &keys).unwrap();
                    prop_assert!(back.shown().len() <= MAX_SHOWN && back.declined().len() <= MAX_DECLINED);
                    prop_assert_eq!(encode(&back, &key), token);
                    let was_short = state.shown().len() <= MAX_SHOWN && state.declined().len() <= MAX_DECLINED;
                    prop_assert_eq!(back == state, was_short);
                    overflowed |= !was_short;
                    state = back;
                }
            }
            prop_assert_eq!(state.shown_total(), truth.shown_total);
        }
    }

    #[test]
    fn random_texts_are_refused(text in "[A-Za-z0-9_=+/. -]{0,400}", any in ".{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let keys = keys(1);
        prop_assert!(problem(&text, &keys).is_some());
        prop_assert!(problem(&any, &keys).is_some());
        let mut versioned = bytes;
        if let Some(first) = versioned.first_mut() {
            *first = VERSION;
        }
        prop_assert!(problem(&base64url::encode(&versioned), &keys).is_some());
    }

    #[test]
    fn signed_nonsense_is_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..700), n_shown in 0u8..70, n_declined in 0u8..40) {
        // As a holder of the key with a defect would make it: the signature is right.
        let mut bytes = bytes;
        bytes.insert(0, VERSION);
        if bytes.len() > 26 {
            (bytes[25], bytes[26]) = (n_shown, n_declined);
        }
        if let Ok(state) = decode(&signed(&bytes), &keys(1)) {
            prop_assert!(state.shown().len() <= MAX_SHOWN && state.declined().len() <= MAX_DECLINED);
            prop_assert_eq!(encode(&state, &key(1)), signed(&bytes));
            let mut next = state.renewed(i64::MAX, 60);
            next.record_declined(item(1), None, i64::MIN);
            prop_assert!(decode(&encode(&next, &key(1)), &keys(1)).is_ok());
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
        assert_eq!(decode(&token, &keys(1)).unwrap(), state);
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                // A flip of the highest bit leaves no text at all.
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(problem(&changed, &keys(1)).is_some(), "bit {bit} of character {at}");
                }
            }
            assert!(problem(&token[..at], &keys(1)).is_some(), "cut at {at}");
        }
        for more in ["A", "AA", "AAA", "AAAA", "=", " "] {
            assert!(problem(&format!("{token}{more}"), &keys(1)).is_some());
        }
    }
}

#[test]
fn each_problem_has_its_name() {
    let token = encode(&SessionState::new(1_000, 60), &key(1));
    assert_eq!(problem(&token, &keys(1)), None);
    assert_eq!(problem(&token, &keys(2)), Some(TokenProblem::Signature));
    assert_eq!(problem("", &keys(1)), Some(TokenProblem::Malformed));
    assert_eq!(problem(&"A".repeat(MAX_TOKEN_CHARS + 1), &keys(1)), Some(TokenProblem::TooLong));
    assert_eq!(problem(&"A".repeat(MAX_TOKEN_CHARS), &keys(1)), Some(TokenProblem::Version { got: 0 }));
    assert!(SessionKey::from_bytes(&[1; MIN_KEY_BYTES - 1]).is_err());
    assert!(SessionKey::from_bytes(&[1; 200]).is_ok());
    assert_eq!(format!("{:?}", key(7)), "SessionKey(..)");
}

#[test]
fn keys_are_exchanged_without_a_break() {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}").repeat(32) + "\n").collect::<String>();
    let (before, both, after) = (text(&[1]), text(&[2, 1]), text(&[2]));
    let [before, both, after] = [before, both, after].map(|text| SessionKeys::parse(&text).unwrap());
    let token = encode(&SessionState::new(5, 60), before.signing());
    let state = decode(&token, &both).unwrap();
    assert_eq!(problem(&token, &after), Some(TokenProblem::Signature));
    let next = encode(&state, both.signing());
    assert_eq!((problem(&next, &after), problem(&next, &before)), (None, Some(TokenProblem::Signature)));
}

#[test]
fn the_form_of_version_2_stays() {
    let mut state = SessionState::new(1_700_000_000, 3_600);
    state.record_shown(item(7));
    state.record_declined(item(7), Some(OfferKind::CrossSell), 1_700_000_060);
    let expected = "AgDxU2UAAAAAEA4AAAEAAAABAAAAAAAAgAEBfdFlejYZAX3RZXo2GQE8AAAA-nlRiki35q0Ol4Uz87thD7xGaXs2sAih\
                    Wdsb3SOJS9c";
    assert_eq!(encode(&state, &key(1)), expected);
}

#[test]
fn a_session_that_is_over_begins_anew_and_keeps_what_was_declined() {
    let limits = SessionLimits {
        offers_per_session: 1,
        cool_down_s: 1_000,
        declines_before_silence: Some(1),
        ..SessionLimits::default()
    };
    let mut state = SessionState::new(0, 60);
    state.record_shown(item(1));
    state.record_declined(item(1), Some(kind(0)), 10);
    assert_eq!(state.may_show(item(2), kind(1), 59, &limits), Err(Refusal::OffersPerSession { limit: 1 }));
    assert_eq!(state.may_show(item(2), kind(1), 60, &limits), Err(Refusal::SessionOver));
    let next = state.renewed(500, 600);
    assert_eq!((next.expires_at(), next.shown_total()), (1_100, 0));
    assert_eq!(next.may_show(item(2), kind(0), 500, &limits), Ok(()));
    assert_eq!(next.may_show(item(1), kind(0), 1_009, &limits), Err(Refusal::CoolDown { until: 1_010 }));
    assert_eq!(next.may_show(item(1), kind(0), 1_010, &limits), Ok(()));
    let mut many = SessionState::new(0, 60);
    (0..=MAX_DECLINED as i64).for_each(|number| many.record_declined(item(number), None, number));
    let many = decode(&encode(&many, &key(1)), &keys(1)).unwrap().renewed(500, 600);
    assert_eq!(many.may_show(item(999), kind(0), 999, &limits), Err(Refusal::CoolDown { until: 1_000 }));
}

#[test]
fn repeated_declines_of_one_item_are_merged_before_another_is_forgotten() {
    let limits = SessionLimits { cool_down_s: 1_000, declines_before_cool_down: 40, ..SessionLimits::default() };
    let mut state = SessionState::new(0, 10_000);
    state.record_declined(item(1), None, 0);
    for time in 1..=60 {
        state.record_declined(item(2), None, time);
        state = decode(&encode(&state, &key(1)), &keys(1)).unwrap();
    }
    assert_eq!(state.declined().map(|declined| u32::from(declined.n_times)).sum::<u32>(), 61);
    assert_eq!(state.may_show(item(1), kind(0), 100, &limits), Ok(()));
    // The fortieth newest was at 21; merged into a newer one it can only be later.
    assert!(state.may_show(item(2), kind(0), 1_020, &limits).is_err());
    assert_eq!(state.may_show(item(2), kind(0), 1_060, &limits), Ok(()));
}

#[test]
fn the_longest_token_fits_its_bound_and_a_cookie() {
    let token = encode(&filled(10_000, 4_000, 2), &key(1));
    assert_eq!(token.len(), MAX_TOKEN_CHARS);
    const { assert!(MAX_TOKEN_CHARS < 4_000) };
}

#[test]
fn what_is_forgotten_makes_it_more_cautious() {
    let limits = SessionLimits {
        offers_per_session: 1_000,
        shows_per_item: Some(2),
        cool_down_s: 100,
        declines_before_cool_down: 1,
        declines_before_silence: None,
    };
    let travel = |state: &SessionState| decode(&encode(state, &key(1)), &keys(1)).unwrap();
    let mut state = SessionState::new(0, 10_000);
    let all = 0..MAX_SHOWN as i64 + 1;
    for number in all.clone() {
        for _ in 0..2 {
            assert_eq!(state.may_show(item(number), kind(0), 0, &limits), Ok(()));
            state.record_shown(item(number));
        }
    }
    assert_eq!(state.may_show(item(5_000), kind(0), 0, &limits), Ok(()), "exact before it travels");
    // Item 0 has left the list, and with it the knowledge of every new item.
    let state = travel(&state);
    for number in all.chain([5_000]) {
        assert_eq!(state.may_show(item(number), kind(0), 0, &limits), Err(Refusal::ShowsPerItem { limit: 2 }));
    }

    let mut state = SessionState::new(0, 10_000);
    for number in 0..MAX_DECLINED as i64 + 1 {
        state.record_declined(item(number), Some(kind(0)), number * 10);
    }
    assert_eq!(state.may_show(item(9_999), kind(0), 99, &limits), Ok(()));
    let state = travel(&state);
    assert_eq!(state.may_show(item(0), kind(0), 99, &limits), Err(Refusal::CoolDown { until: 100 }));
    assert_eq!(state.may_show(item(9_999), kind(0), 99, &limits), Err(Refusal::CoolDown { until: 100 }));
    assert_eq!(state.may_show(item(9_999), kind(0), 100, &limits), Ok(()));
    assert_eq!(state.may_show(item(1), kind(0), 109, &limits), Err(Refusal::CoolDown { until: 110 }));
}

#[test]
fn declines_may_be_told_in_any_order_and_by_clocks_that_disagree() {
    let limits = SessionLimits { cool_down_s: 100, ..SessionLimits::default() };
    let mut state = SessionState::new(1_000, 5_000);
    state.record_declined(item(1), Some(kind(1)), 1_200);
    state.record_declined(item(2), Some(kind(0)), 900);
    state.record_declined(item(1), Some(kind(1)), 1_100);
    assert!(state.declined().is_sorted_by_key(|declined| declined.time));
    // Before the session began counts as what it is; after the present rests.
    assert_eq!(state.may_show(item(2), kind(0), 999, &limits), Err(Refusal::CoolDown { until: 1_000 }));
    assert_eq!(state.may_show(item(2), kind(0), 1_000, &limits), Ok(()));
    assert_eq!(state.may_show(item(1), kind(0), 900, &limits), Err(Refusal::CoolDown { until: 1_300 }));
    let twice = SessionLimits { declines_before_cool_down: 2, ..limits };
    assert_eq!(state.may_show(item(1), kind(0), 1_199, &twice), Err(Refusal::CoolDown { until: 1_200 }));
    assert_eq!(state.may_show(item(1), kind(0), 1_200, &twice), Ok(()));
    state.record_declined(item(3), Some(kind(2)), i64::MAX);
    assert_eq!(state.may_show(item(3), kind(0), 5_999, &limits), Err(Refusal::CoolDown { until: 6_100 }));
    assert_eq!(state.may_show(item(3), kind(0), 6_000, &limits), Err(Refusal::SessionOver));
}

#[test]
fn a_kind_falls_silent_on_its_own() {
    let limits = SessionLimits { cool_down_s: 0, declines_before_silence: Some(2), ..SessionLimits::default() };
    let mut state = SessionState::new(0, 100);
    for number in 0..2 {
        state.record_declined(item(number), Some(OfferKind::Upsell), 1);
    }
    assert_eq!(state.may_show(item(8), OfferKind::Upsell, 2, &limits), Err(Refusal::Silence { limit: 2 }));
    assert_eq!(state.may_show(item(8), OfferKind::CrossSell, 2, &limits), Ok(()));
}

#[test]
fn counts_that_are_full_stay_full() {
    let limits = SessionLimits {
        offers_per_session: u32::MAX,
        shows_per_item: Some(u32::MAX),
        cool_down_s: 0,
        declines_before_cool_down: u32::MAX,
        declines_before_silence: Some(u32::MAX),
    };
    let mut state = SessionState::new(0, 100);
    for _ in 0..254 {
        state.record_shown(item(1));
        state.record_declined(item(1), Some(kind(1)), 1);
    }
    assert_eq!(state.may_show(item(1), kind(1), 50, &limits), Ok(()));
    for _ in 0..300 {
        state.record_shown(item(1));
        state.record_declined(item(2), Some(kind(1)), 1);
    }
    assert_eq!(state.may_show(item(1), kind(0), 50, &limits), Err(Refusal::ShowsPerItem { limit: 255 }));
    assert_eq!(state.may_show(item(9), kind(1), 50, &limits), Err(Refusal::Silence { limit: 255 }));
}
