//! What surrounds every request: its id, its trace, its log line, its count, its time limit, the
//! headers of its answer and, if it failed, the problem that says why.
//!
//! Personal data must not pass through here: neither query nor path reach the log, only the
//! route's template.

mod answer;
mod headers;
mod metrics;
mod middleware;
mod request_id;

pub use metrics::HttpMetrics;
pub use middleware::frame;
