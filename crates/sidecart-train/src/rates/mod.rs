//! Shrunk rates of rare events, with intervals.
