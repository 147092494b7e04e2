use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::base64url;
use super::item_key::{ItemKey, KEY_BYTES};
use super::state::{DeclinedAfter, MAX_DECLINED, MAX_LIFETIME_S, MAX_SHOWN, SessionState, Shown};
use crate::error::{Error, Result};
use crate::offers::OfferKind;

/// Fewest bytes of a key.
pub const MIN_KEY_BYTES: usize = 32;

const VERSION: u8 = 1;
/// What is signed begins with this, so that no other use of the key makes a token.
const PURPOSE: &[u8] = b"sidecart session token";
const MAC_BYTES: usize = 32;
const SHOWN_BYTES: usize = KEY_BYTES + 1;
const DECLINED_BYTES: usize = KEY_BYTES + 1 + 4;
/// Version, beginning, lifetime, counts by kind, floors, and the two lengths.
const FIXED_BYTES: usize = 1 + 8 + 4 + 3 * 4 + 3 + 1 + 4 + 1 + 1;
const MAX_BYTES: usize = FIXED_BYTES + MAX_SHOWN * SHOWN_BYTES + MAX_DECLINED * DECLINED_BYTES + MAC_BYTES;
/// "Nothing was forgotten" in the place of seconds.
const NO_FLOOR: u32 = u32::MAX;

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
    /// Not signed with this key, or changed since.
    Signature,
    /// The session is over.
    Expired,
}

impl fmt::Display for TokenProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "is longer than {MAX_TOKEN_CHARS} characters"),
            Self::Malformed => write!(f, "is not the text of a whole token"),
            Self::Version { got } => write!(f, "has version {got}, expected {VERSION}"),
            Self::Signature => write!(f, "was not signed with this key or was changed"),
            Self::Expired => write!(f, "is of a session that is over"),
        }
    }
}

/// A secret that signs tokens (HMAC-SHA-256). Servers that share visitors share the key.
#[derive(Clone)]
pub struct SessionKey(Hmac<Sha256>);

impl SessionKey {
    /// A key of [`MIN_KEY_BYTES`] or more bytes from a good source of randomness.
    ///
    /// # Errors
    /// [`Error::Query`] for fewer bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |_| Error::Query {
            field: "session key",
            got: format!("{} bytes", bytes.len()),
            expected: format!("at least {MIN_KEY_BYTES} random bytes"),
        };
        if bytes.len() < MIN_KEY_BYTES {
            return Err(refuse(()));
        }
        let mac = Hmac::new_from_slice(bytes).map_err(|_| refuse(()))?;
        Ok(Self(mac.chain_update(PURPOSE)))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// The signed token of a session: letters, digits, `-` and `_`, at most [`MAX_TOKEN_CHARS`].
///
/// ```
/// use sidecart_serve::offers::session::{SessionKey, SessionState, decode, encode};
///
/// let key = SessionKey::from_bytes(&[7; 32])?; // 32 random bytes of your own
/// let token = encode(&SessionState::new(1_000, 3_600), &key);
/// assert_eq!(decode(&token, &key, 1_010)?, SessionState::new(1_000, 3_600));
/// assert!(decode(&token, &key, 4_600).is_err()); // over
/// # Ok::<(), sidecart_serve::Error>(())
/// ```
#[must_use]
pub fn encode(state: &SessionState, key: &SessionKey) -> String {
    let mut bytes = Vec::with_capacity(MAX_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&state.started_at.to_le_bytes());
    bytes.extend_from_slice(&state.lifetime_s.to_le_bytes());
    state.shown_by_kind.iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
    bytes.extend_from_slice(&state.declined_by_kind);
    bytes.push(state.shown_floor);
    bytes.extend_from_slice(&state.declined_floor_s.unwrap_or(NO_FLOOR).to_le_bytes());
    // Both lists end at a length below 256, see `SessionState`.
    bytes.push(state.shown.len() as u8);
    bytes.push(state.declined.len() as u8);
    for shown in &state.shown {
        bytes.extend_from_slice(&shown.item.bytes());
        bytes.push(shown.n_times);
    }
    for declined in &state.declined {
        bytes.extend_from_slice(&declined.item.bytes());
        bytes.push(declined.kind as u8);
        bytes.extend_from_slice(&declined.after_s.to_le_bytes());
    }
    let mac = key.0.clone().chain_update(&bytes).finalize().into_bytes();
    bytes.extend_from_slice(&mac);
    base64url::encode(&bytes)
}

/// Reads a token and checks its signature before anything in it is believed; `now` in seconds
/// since 1970. The signature is compared in constant time.
///
/// # Errors
/// [`Error::SessionToken`] with the [`TokenProblem`].
pub fn decode(token: &str, key: &SessionKey, now: i64) -> Result<SessionState> {
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
    key.0.clone().chain_update(signed).verify_slice(mac).map_err(|_| refuse(TokenProblem::Signature))?;
    let state = read(&mut Reader { bytes: &signed[1..] }).ok_or(refuse(TokenProblem::Malformed))?;
    if now >= state.expires_at() {
        return Err(refuse(TokenProblem::Expired));
    }
    Ok(state)
}

/// The fields behind the version; `None` where they are not those of a state.
fn read(reader: &mut Reader<'_>) -> Option<SessionState> {
    let started_at = i64::from_le_bytes(reader.take()?);
    let lifetime_s = reader.number()?;
    let shown_by_kind = [reader.number()?, reader.number()?, reader.number()?];
    let declined_by_kind = reader.take()?;
    let [shown_floor] = reader.take()?;
    let declined_floor_s = Some(reader.number()?).filter(|after_s| *after_s != NO_FLOOR);
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
        let [kind] = reader.take()?;
        let kind = *OfferKind::ALL.get(usize::from(kind))?;
        declined.push(DeclinedAfter { item, kind, after_s: reader.number()? });
    }
    let state = SessionState {
        started_at,
        lifetime_s,
        shown_by_kind,
        declined_by_kind,
        shown_floor,
        declined_floor_s,
        shown,
        declined,
    };
    reader.bytes.is_empty().then_some(state)
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

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}
