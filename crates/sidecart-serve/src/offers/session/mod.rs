//! What a visitor was offered in this session, carried by the visitor in a signed token.
//!
//! The server keeps nothing: a request brings the token of the answer before, and the answer
//! brings the next one. [`SessionState`] holds the counts and [`SessionState::may_show`] the
//! rules; [`encode`] and [`decode`] turn a state into a token and back.
//!
//! A signature proves that a token was made here, not that it is the newest one: a client that
//! throws its token away starts anew, and one that keeps an old token repeats it. The caps bind
//! whoever sends back what it was given, which a shop's own pages do.
//!
//! | file | concept |
//! |---|---|
//! | `limits.rs` | the caps, and why an offer is refused |
//! | `state.rs` | what was shown and declined |
//! | `item_key.rs` | items that mean the same in every version of a model |
//! | `token.rs` | the signed form |
//! | `base64url.rs` | bytes as text for headers and cookies |

mod base64url;
mod item_key;
mod limits;
mod state;
mod token;

#[cfg(test)]
mod tests;

pub use item_key::ItemKey;
pub use limits::{Refusal, SessionLimits};
pub use state::{Declined, MAX_DECLINED, MAX_LIFETIME_S, MAX_SHOWN, SessionState, Shown};
pub use token::{MAX_TOKEN_CHARS, MIN_KEY_BYTES, SessionKey, TokenProblem, decode, encode};
