//! `POST /v1/offers`: from a question for a slate to the bytes of its answer.
//!
//! | file | concept |
//! |---|---|
//! | `question.rs` | the table of a question, from which it is checked and documented |
//! | `slate.rs` | the table of an answer |
//! | `read.rs` | a checked question in the terms of one version |
//! | `answer.rs` | asking the scorer |
//! | `write.rs` | the bytes of an answer |
//! | `session.rs` | what the visitor has seen, from lists and tokens, and the next token |
//! | `threshold.rs` | an amount to reach, and what fills it |
//! | `exposures.rs` | what was shown, for the log |

mod answer;
mod exposures;
mod question;
mod read;
mod session;
mod slate;
mod threshold;
mod write;

pub(crate) use answer::answer_offers;
pub(crate) use question::{OFFERS_QUERY, check_offers_query};
pub(crate) use slate::SLATE;
