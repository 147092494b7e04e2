//! Which customers behave alike.
