//! What can go wrong.

/// Why the sample company could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The database refused a step.
    #[error("{step} failed in the sample company's database")]
    Database {
        /// What was being done.
        step: String,
        /// The driver's error.
        source: tokio_postgres::Error,
    },
    /// There are rows already, and seeding never replaces any.
    #[error(
        "the table organisations holds rows already; seed an empty database, or drop and create this one first"
    )]
    NotEmpty,
}

/// Names the step in which an error of the driver occurred.
pub(crate) trait During<T> {
    /// Turns the driver's error into ours.
    fn during(self, step: impl Into<String>) -> Result<T, SampleError>;
}

impl<T> During<T> for Result<T, tokio_postgres::Error> {
    fn during(self, step: impl Into<String>) -> Result<T, SampleError> {
        self.map_err(|source| SampleError::Database { step: step.into(), source })
    }
}
