//! The frontier of relevance and value: what more money of a slate costs in relevance.
//!
//! Test baskets are cut in two at random; one half is asked about, the other is what comes. The
//! same questions are answered again and again with another weight of money, and each answer has
//! two measures: its hits, the offers that the other half holds, and their money. Both are
//! *realised* (counted in the other half) and *expected* (the sums of `p` and of `p x gain`).
//!
//! The weight is the exponent `a` of the value `p x gain^a`, the one that a shop sets
//! (`policy.gain_exponent`), and not a mixture `(1 - l) p + l p gain / mean`, which would be
//! monotone for slates of any kind but which no policy could ask for. It need not be: for slates of
//! things to add under caps and without diversity the exponent is monotone too, from 0 to 1. Such slates
//! are the bases of a laminar matroid, in which the optima of two exponents `a < b` can be paired
//! so that each exchange is allowed in both. Of a pair `i` left and `j` came:
//! `p_i g_i^a >= p_j g_j^a` and `p_j g_j^b >= p_i g_i^b`, so that `g_j >= g_i`, hence `p_i >= p_j`,
//! and for `b <= 1` also `p_j g_j >= p_i g_i`: expected relevance falls and expected value rises in
//! every single question (`frontier_slates_are_monotone` in `sidecart-serve` tries it against every
//! slate). Beyond 1 both fall. What it does not promise is the most money for each loss of relevance:
//! a mixture may reach a little more between the two ends, which they share. With diversity, and in what is counted in baskets, a point may be
//! worse in both: it is dominated, marked so, and not part of the frontier.
//!
//! | file | concept |
//! |---|---|
//! | `outcomes.rs` | what a slate said and what came of it |
//! | `dominance.rs` | which points are not dominated |
//! | `measure.rs` | points, steps and their intervals |
//! | `report.rs` | the report |
//! | `table.rs`, `html.rs`, `plot.rs` | its forms |

mod dominance;
mod html;
mod measure;
mod outcomes;
mod plot;
mod report;
mod table;

#[cfg(test)]
mod tests;

pub use dominance::frontier;
pub use outcomes::{ExpectedOutcome, FrontierEntry, FrontierInputs, SlateOutcome};
pub use report::{Figures, FrontierFacts, FrontierPoint, FrontierReport, FrontierStep};
