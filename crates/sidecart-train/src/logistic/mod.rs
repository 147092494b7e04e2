//! Logistic regression with standardised columns.
