//! How a command ends: exit code 2 for wrong usage or configuration, 1 for failure, and a hint what to do next.

use std::fmt;

/// An error that is the user's to mend: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Usage {}

/// What to do next; part of the chain of causes, printed after it.
#[derive(Debug)]
pub(crate) struct Hint(pub(crate) String);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Hint {}

/// A usage error.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(text.into()))
}

/// An error of the capture crate with its hint.
pub(crate) fn capture(error: hookline_capture::CaptureError) -> anyhow::Error {
    let hint = error.hint().map(|h| Hint(h.to_owned()));
    let error = anyhow::Error::new(error);
    match hint {
        Some(hint) => error.context(hint),
        None => error,
    }
}

/// Prints `error` with its causes and hints on standard error; returns the exit code.
pub(crate) fn report(error: &anyhow::Error) -> u8 {
    let hints: Vec<&Hint> = error.chain().filter_map(|e| e.downcast_ref()).chain(error.downcast_ref::<Hint>()).collect();
    let hint = hints.first().map(|h| h.0.clone());
    // A hint stands in the chain as the outermost context; it is printed last.
    let causes: Vec<String> = error.chain().map(ToString::to_string).filter(|t| hint.as_ref() != Some(t)).collect();
    eprintln!("error: {}", causes.join(": "));
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
    if error.chain().any(|e| e.is::<Usage>()) || error.is::<Usage>() { 2 } else { 1 }
}
