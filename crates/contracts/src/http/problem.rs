//! What every error of the API looks like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error (RFC 9457). Holds no personal data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable URI reference that names the kind of problem.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request and what would be right.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// The members of the body or the parameters that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The request's id, as in the log.
    pub request_id: String,
    /// The trace it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The job that stands in the way, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The hold that is stored and does not bind yet, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
}

/// One wrong member or parameter.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer into the body (RFC 6901), or the parameter's name.
    pub pointer: String,
    /// What would be right.
    pub detail: String,
}
