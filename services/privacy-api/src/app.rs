//! Which path leads where.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};

use crate::auth::{authenticate, authenticate_or_ticket};
use crate::frame::frame;
use crate::links::BASE;
use crate::state::ApiState;
use crate::{docs, download, routes};

/// The whole application.
///
/// Everything below the base path needs a token, unknown paths too: without one, nobody learns what
/// there is. A known path answers another method with 405 and `Allow`.
pub fn app(
    state: ApiState,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(web::Data::new(state))
        .service(web::resource("/api/v1/openapi.json").route(web::get().to(docs::openapi)))
        .service(
            web::resource(format!("{BASE}/jobs/{{id}}/events"))
                .wrap(from_fn(authenticate_or_ticket))
                .route(web::get().to(routes::events)),
        )
        .service(
            web::scope(BASE)
                .wrap(from_fn(authenticate))
                .service(web::resource("/export").route(web::post().to(routes::export)))
                .service(web::resource("/delete").route(web::post().to(routes::delete)))
                .service(web::resource("/subjects/export").route(web::post().to(routes::export_subject)))
                .service(web::resource("/subjects/erase").route(web::post().to(routes::erase_subject)))
                .service(web::resource("/jobs").route(web::get().to(routes::jobs)))
                .service(web::resource("/jobs/{id}").route(web::get().to(routes::job)))
                .service(web::resource("/jobs/{id}/cancel").route(web::post().to(routes::cancel)))
                .service(web::resource("/jobs/{id}/retry").route(web::post().to(routes::retry)))
                .service(web::resource("/jobs/{id}/download").route(web::get().to(routes::link)))
                .service(
                    web::resource("/jobs/{id}/events/ticket").route(web::post().to(routes::event_ticket)),
                )
                .service(web::resource("/jobs/{id}/plan").route(web::get().to(routes::plan)))
                .service(
                    web::resource("/jobs/{id}/steps/{step}/retry").route(web::post().to(routes::retry_step)),
                )
                .service(
                    web::resource("/jobs/{id}/steps/{step}/skip").route(web::post().to(routes::skip_step)),
                )
                .service(
                    web::resource("/holds")
                        .route(web::get().to(routes::holds))
                        .route(web::post().to(routes::place_hold)),
                )
                .service(web::resource("/holds/{id}").route(web::get().to(routes::hold)))
                .service(web::resource("/holds/{id}/release").route(web::post().to(routes::release_hold)))
                .service(web::resource("/audit").route(web::get().to(routes::audit))),
        )
        .service(
            web::resource("/download/{package_id}")
                .route(web::get().to(download::download))
                .route(web::head().to(download::head)),
        )
        .service(web::resource("/docs").route(web::get().to(docs::folder)))
        .service(web::resource("/docs/{file:.*}").route(web::get().to(docs::page)))
        .wrap(from_fn(frame))
}
