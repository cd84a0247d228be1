//! The variables that name the servers of a test run.

/// The variable's value.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("run through make test: {name} is not set"))
}
