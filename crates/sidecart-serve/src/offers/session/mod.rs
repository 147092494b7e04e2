//! What a visitor was offered and has declined in this session, carried by the visitor in a signed
//! token.
//!
//! [`SessionState`] holds the counts and the one set of rules, under the [`SessionLimits`] of the
//! policy; a question brings it as [`OffersQuery::session`](super::OffersQuery::session). A caller
//! with lists of its own records them into a state; a server keeps nothing: a request brings the
//! token of the answer before, and the answer brings the next one. [`encode`] and [`decode`] turn a
//! state into a token and back.
//!
//! A token holds no id of an item or a customer in the clear: items stand as 48 bits of a hash. It is
//! signed and not encrypted, so whoever has a list of a shop's items can find out which of them it
//! means. A signature proves that a token was made here, not that it is the newest one: a client that
//! throws its token away starts anew, and one that keeps an old token repeats it. The caps bind
//! whoever sends back what it was given, which a shop's own pages do.
//!
//! | file | concept |
//! |---|---|
//! | `limits.rs` | the caps of a policy, and why an offer is refused |
//! | `state.rs` | what was shown and declined, and what it forbids |
//! | `item_key.rs` | items that mean the same in every version of a model |
//! | `keys.rs` | the secrets that sign |
//! | `token.rs` | the signed form |
//! | `base64url.rs` | bytes as text for headers and cookies |

mod base64url;
mod item_key;
mod keys;
mod limits;
mod state;
mod token;

#[cfg(test)]
mod tests;

pub use item_key::ItemKey;
pub use keys::{MAX_KEYS, MIN_KEY_BYTES, SessionKey, SessionKeys};
pub use limits::{Refusal, SessionLimits};
pub use state::{Declined, MAX_DECLINED, MAX_LIFETIME_S, MAX_SHOWN, SessionAt, SessionState, Shown};
pub use token::{MAX_TOKEN_CHARS, TokenProblem, decode, encode};
