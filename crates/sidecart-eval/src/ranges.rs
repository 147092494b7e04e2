use crate::EvalError;

/// Resamples behind an interval where nothing else is asked for.
pub(crate) const RESAMPLES: usize = 1_000;

/// A setting: its name, its value, whether it is in range, and the range.
pub(crate) type Range = (&'static str, usize, bool, &'static str);

/// The range of the number of resamples.
pub(crate) fn resamples(got: usize) -> Range {
    ("resamples", got, got >= 100, "100 or more")
}

/// Refuses the first setting out of range.
pub(crate) fn check(settings: impl IntoIterator<Item = Range>) -> Result<(), EvalError> {
    match settings.into_iter().find(|(_, _, is_valid, _)| !is_valid) {
        Some((field, got, _, expected)) => Err(EvalError::Parameter { field, got: got.to_string(), expected }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_setting_out_of_range_is_named() {
        assert!(check([resamples(100), ("k", 3, true, "1 or more")]).is_ok());
        let error = check([resamples(100), ("k", 0, false, "1 or more"), resamples(99)]).unwrap_err().to_string();
        assert!(error.starts_with('k') && error.contains("1 or more"), "{error}");
        assert!(check([resamples(99)]).unwrap_err().to_string().starts_with("resamples"));
    }
}
