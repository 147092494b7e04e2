//! Errors to exit codes, in one place.

use std::io::ErrorKind;
use std::process::ExitCode;

use sidecart::core::ErrorClass;

/// Prints an error with its causes and chooses the exit code. A reader that closed the pipe is no
/// error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let closed_pipe = |e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe;
    if error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(closed_pipe)) {
        return ExitCode::SUCCESS;
    }
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Transparent wrappers repeat what their source says.
        if !last.contains(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
        }
        last = cause;
    }
    #[expect(clippy::print_stderr, reason = "the one place where errors reach the user")]
    {
        eprintln!("{text}");
    }
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    let class = error.chain().find_map(|cause| {
        if let Some(e) = cause.downcast_ref::<sidecart::Error>() {
            Some(e.class())
        } else if let Some(e) = cause.downcast_ref::<sidecart_http::Error>() {
            Some(e.class())
        } else {
            cause.downcast_ref::<std::io::Error>().map(|_| ErrorClass::Environment)
        }
    });
    match class {
        Some(ErrorClass::Caller) | None => 2,
        Some(ErrorClass::Data) => 3,
        Some(ErrorClass::Environment) => 4,
        Some(ErrorClass::Bug) => 70,
    }
}
