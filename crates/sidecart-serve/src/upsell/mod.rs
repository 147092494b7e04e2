//! Dearer versions of the item in the cart, with the probability that the customer takes one.
