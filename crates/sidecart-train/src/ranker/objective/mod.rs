//! The loss of a ranking: [`LambdaRank`] over query groups, for [`trees::fit`](crate::trees::fit).
//!
//! A query is a set of rows that compete for the places of one list: the candidates for a customer
//! at one point in time. Some of its rows are relevant. The loss speaks of the order of a query's
//! rows alone, so nothing is spent on telling queries from each other.

mod discounts;
mod lambda_rank;
mod order;
mod pairs;
mod sigmoid;

#[cfg(test)]
mod tests;

pub use lambda_rank::{DEFAULT_TRUNCATION, LambdaRank};
