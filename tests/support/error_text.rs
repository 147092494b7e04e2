//! What an error of the data crate must look like.

use sidecart_core::ErrorClass;
use sidecart_data::Error;

/// Checks the class of an error and that its text names all parts.
#[track_caller]
pub(crate) fn assert_error<T>(name: &str, result: Result<T, Error>, class: ErrorClass, parts: &[&str]) {
    let Err(error) = result else { panic!("{name}: no error") };
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{name}: `{part}` is not in\n{text}");
    }
    assert_eq!(error.class(), class, "{name}: {text}");
    assert!(!text.ends_with('.') && !text.contains('\n'), "{name}: {text}");
}
