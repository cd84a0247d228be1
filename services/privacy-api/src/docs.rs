//! The description of the API, for programs and for people. Needs no token.

use std::sync::{Arc, LazyLock};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::Config;

use crate::error::ApiError;
use crate::openapi;
use crate::state::ApiState;

/// The page brings its own scripts and styles; styles are also set from scripts, and its icons are
/// `data:` URLs. Nothing comes from elsewhere.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Relative to `/docs/`, so that it holds below any path of a proxy.
static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Without "none", the page would have a stranger's service look at the document.
    Arc::new(Config::from("../api/v1/openapi.json").validator_url("none"))
});

/// Get this document
///
/// The description of this API (OpenAPI 3.1). People find it under `/docs/`.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "description",
    operation_id = "getDocument",
    responses(
        (status = 200, description = "This document.", content_type = "application/json", body = serde_json::Value),
        openapi::Faults,
    ),
)]
pub async fn openapi() -> Result<HttpResponse, ApiError> {
    let unwritten = |error: serde_json::Error| {
        ApiError::Internal("the document cannot be written", Some(Box::new(error)))
    };
    let text = openapi::document().to_json().map_err(unwritten)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}

/// `/docs` is a folder.
pub async fn folder(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, state.links.path("/docs/"))).finish()
}

/// A file of the page.
pub async fn page(request: HttpRequest) -> HttpResponse {
    let file = request.match_info().get("file").unwrap_or_default();
    match utoipa_swagger_ui::serve(file, Arc::clone(&PAGE)) {
        Ok(Some(file)) => HttpResponse::Ok()
            .content_type(file.content_type)
            .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
            .body(file.bytes.into_owned()),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
