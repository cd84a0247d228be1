//! Revocation against a provider of the test's own, that answers as it is told to.

mod asking;
mod guard;
mod provider;
