//! The public HTTP API: takes requests, shows jobs, hands out packages.
//!
//! The way of a request: [`frame`] gives it an id, a trace and a time limit; [`auth`] turns its token
//! into a caller; extractors ([`extract`], [`auth::Granted`]) make types of what it says; a handler
//! ([`routes`], [`download`]) asks the store and answers; [`error`] is the one place where a failure
//! becomes a status. Nothing here decides what a job may do: that is the domain's.

pub mod app;
pub mod auth;
pub mod config;
pub mod cursor;
pub mod derive;
pub mod docs;
pub mod download;
pub mod error;
pub mod events;
pub mod extract;
pub mod frame;
pub mod links;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod routes;
pub mod secret;
pub mod service;
pub mod state;

pub use app::app;
pub use config::Config;
pub use service::{PrivacyApi, server};
pub use state::ApiState;
