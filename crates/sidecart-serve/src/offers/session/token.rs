use std::fmt;

use super::base64url;
use super::item_key::{ItemKey, KEY_BYTES};
use super::keys::{SessionKey, SessionKeys};
use super::state::{DeclinedAfter, MAX_DECLINED, MAX_LIFETIME_S, MAX_SHOWN, SessionState, Shown};
use crate::error::{Error, Result};

pub(super) const VERSION: u8 = 2;
const MAC_BYTES: usize = 32;
const SHOWN_BYTES: usize = KEY_BYTES + 1;
const DECLINED_BYTES: usize = KEY_BYTES + 1 + 4;
/// Version, beginning, lifetime, number shown, declined by kind, floors, and the two lengths.
const FIXED_BYTES: usize = 1 + 8 + 4 + 4 + 3 + 1 + 4 + 1 + 1;
const MAX_BYTES: usize = FIXED_BYTES + MAX_SHOWN * SHOWN_BYTES + MAX_DECLINED * DECLINED_BYTES + MAC_BYTES;
/// "Nothing was forgotten" in the place of seconds.
const NO_FLOOR: i32 = i32::MIN;

/// Longest token, in characters of one byte: below a browser's limit for one cookie.
pub const MAX_TOKEN_CHARS: usize = base64url::n_chars(MAX_BYTES);

/// What is wrong with a token. Whoever asks decides what follows; a request with a token that was
/// not made here is best refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TokenProblem {
    /// Longer than any token.
    TooLong,
    /// Not the text of a whole token.
    Malformed,
    /// Of a version that this program does not read.
    Version {
        /// The version.
        got: u8,
    },
    /// Not signed with one of these keys, or changed since.
    Signature,
}

impl fmt::Display for TokenProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "is longer than {MAX_TOKEN_CHARS} characters"),
            Self::Malformed => write!(f, "is not the text of a whole token"),
            Self::Version { got } => write!(f, "has version {got}, expected {VERSION}"),
            Self::Signature => write!(f, "was not signed with a key of this server or was changed"),
        }
    }
}

/// The signed token of a session: letters, digits, `-` and `_`, at most [`MAX_TOKEN_CHARS`].
///
/// ```
/// use sidecart_serve::offers::session::{SessionKey, SessionKeys, SessionState, decode, encode};
///
/// let keys = SessionKeys::from(SessionKey::from_bytes(&[7; 32])?); // 32 random bytes of your own
/// let token = encode(&SessionState::new(1_000, 3_600), keys.signing());
/// let state = decode(&token, &keys)?;
/// assert!(!state.is_over(4_599) && state.is_over(4_600));
/// # Ok::<(), sidecart_serve::Error>(())
/// ```
#[must_use]
pub fn encode(state: &SessionState, key: &SessionKey) -> String {
    let state = state.clone().shortened();
    let mut bytes = Vec::with_capacity(MAX_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&state.started_at.to_le_bytes());
    bytes.extend_from_slice(&state.lifetime_s.to_le_bytes());
    bytes.extend_from_slice(&state.shown_total.to_le_bytes());
    bytes.extend_from_slice(&state.declined_by_kind);
    bytes.push(state.shown_floor);
    bytes.extend_from_slice(&state.declined_floor_s.unwrap_or(NO_FLOOR).to_le_bytes());
    // Both lists end at a length below 256 once they are shortened.
    bytes.push(state.shown.len() as u8);
    bytes.push(state.declined.len() as u8);
    for shown in &state.shown {
        bytes.extend_from_slice(&shown.item.bytes());
        bytes.push(shown.n_times);
    }
    for declined in &state.declined {
        bytes.extend_from_slice(&declined.item.bytes());
        bytes.push(declined.n_times);
        bytes.extend_from_slice(&declined.after_s.to_le_bytes());
    }
    let mac = key.sign(&bytes);
    bytes.extend_from_slice(mac.as_ref());
    base64url::encode(&bytes)
}

/// Reads a token and checks its signature before anything in it is believed. The signature is
/// compared in constant time. The session may be [over](SessionState::is_over).
///
/// # Errors
/// [`Error::SessionToken`] with the [`TokenProblem`].
pub fn decode(token: &str, keys: &SessionKeys) -> Result<SessionState> {
    let refuse = |problem| Error::SessionToken { problem };
    if token.len() > MAX_TOKEN_CHARS {
        return Err(refuse(TokenProblem::TooLong));
    }
    let bytes = base64url::decode(token).ok_or(refuse(TokenProblem::Malformed))?;
    if bytes.len() < FIXED_BYTES + MAC_BYTES {
        return Err(refuse(TokenProblem::Malformed));
    }
    let (signed, mac) = bytes.split_at(bytes.len() - MAC_BYTES);
    if signed[0] != VERSION {
        return Err(refuse(TokenProblem::Version { got: signed[0] }));
    }
    if !keys.all().iter().any(|key| key.has_signed(signed, mac)) {
        return Err(refuse(TokenProblem::Signature));
    }
    read(&mut Reader { bytes: &signed[1..] }).ok_or(refuse(TokenProblem::Malformed))
}

/// The fields behind the version; `None` where they are not those of a state.
fn read(reader: &mut Reader<'_>) -> Option<SessionState> {
    let started_at = i64::from_le_bytes(reader.take()?);
    let lifetime_s = u32::from_le_bytes(reader.take()?);
    let shown_total = u32::from_le_bytes(reader.take()?);
    let declined_by_kind = reader.take()?;
    let [shown_floor] = reader.take()?;
    let declined_floor_s = Some(i32::from_le_bytes(reader.take()?)).filter(|after_s| *after_s != NO_FLOOR);
    let [n_shown, n_declined] = reader.take()?.map(usize::from);
    if n_shown > MAX_SHOWN || n_declined > MAX_DECLINED || lifetime_s > MAX_LIFETIME_S {
        return None;
    }
    let mut shown = Vec::with_capacity(n_shown);
    for _ in 0..n_shown {
        let item = ItemKey::from_bytes(reader.take()?);
        let [n_times] = reader.take()?;
        shown.push(Shown { item, n_times });
    }
    let mut declined = Vec::with_capacity(n_declined);
    for _ in 0..n_declined {
        let item = ItemKey::from_bytes(reader.take()?);
        let [n_times] = reader.take()?;
        declined.push(DeclinedAfter { item, n_times, after_s: i32::from_le_bytes(reader.take()?) });
    }
    let is_whole = reader.bytes.is_empty() && declined.is_sorted_by_key(|declined| declined.after_s);
    is_whole.then_some(SessionState {
        started_at,
        lifetime_s,
        shown_total,
        declined_by_kind,
        shown_floor,
        declined_floor_s,
        shown,
        declined,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*first)
    }
}
