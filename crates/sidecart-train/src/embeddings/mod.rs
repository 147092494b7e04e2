//! Two vectors per item, learned from whole baskets and shared attributes.
//!
//! Every item has an *input* vector (what it says as a part of the basket), an *output* vector (what
//! it answers as a candidate) and a bias from its popularity. A basket's context is the pooled sum
//! of its input vectors, `h = n^-pooling_exponent (u_1 + .. + u_n)`, and a candidate scores
//! `h . v + bias`. The two sides differ, so the relation is directed: a phone may ask for a case
//! without the case asking for a phone.
//!
//! What is trained and where it comes from:
//!
//! - **Softmax over the catalogue, sampled.** The model is to predict an item of a basket from the
//!   others. The full softmax is estimated with a few shared negative items per step, whose logits
//!   are lowered by the logarithm of how often they are expected in the sample (Bengio and Senécal
//!   2003, 2008; for shared and in-batch negatives Yi et al., RecSys 2019). Items of the basket
//!   itself are never its negatives: they are no candidates when the model is asked either.
//! - **Context or pairs.** [`EmbeddingLoss::Context`] pools the whole basket, as the continuous
//!   bag of words does with a window (Mikolov et al. 2013); [`EmbeddingLoss::Pairwise`] predicts one
//!   item from one other, as item2vec does (Barkan and Koenigstein 2016).
//! - **Attributes.** An item's vector is its own vector plus those of its attributes: category
//!   levels, brand, product line, size within its category ([`ItemFeatures`]). Frequent items move away
//!   from what they share, rare and new ones stay close to it (the idea of Meta-Prod2Vec, Vasile et
//!   al. 2016, and of sums of feature vectors in factorisation machines, Rendle 2010).
//! - **Context dropout.** Each item of a context is left out with some probability, so that a
//!   candidate is supported by several items and not by one (denoising, as in Wu et al. 2016).
//! - **Adagrad** (Duchi, Hazan, Singer 2011) with one accumulator per vector and a learning rate that
//!   falls to zero, which stands in for averaging the last epochs.
//!
//! Every sum has one fixed order and one task per result, so vectors are the same bits at any number
//! of threads and on every instruction set.

mod algorithm;
mod batch;
mod features;
mod loss;
mod negatives;
mod params;
mod table;

#[cfg(test)]
mod tests;

pub use algorithm::{Embeddings, train};
pub use features::{Attribute, ItemFeatures, standard_attributes};
pub use params::{CheckedEmbeddingParams, EmbeddingLoss, EmbeddingParams};
