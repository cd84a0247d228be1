//! Answers of operations that were carried out.

use std::collections::BTreeMap;

use contracts::http::{AuditPage, EventTicket, HoldPage, HoldView, JobPage, JobView, PlanView, ReleasedHold};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

type Map = BTreeMap<String, RefOr<Response>>;

/// A command was accepted.
#[derive(Debug)]
pub enum AcceptedJob {}
/// A job.
#[derive(Debug)]
pub enum OneJob {}
/// The plan of an erasure.
#[derive(Debug)]
pub enum OnePlan {}
/// A hold was placed.
#[derive(Debug)]
pub enum HoldPlaced {}
/// A hold.
#[derive(Debug)]
pub enum OneHold {}
/// A page of holds.
#[derive(Debug)]
pub enum HoldList {}
/// A hold was released.
#[derive(Debug)]
pub enum HoldReleased {}
/// A stream of events.
#[derive(Debug)]
pub enum EventStream {}
/// A ticket to a stream of events.
#[derive(Debug)]
pub enum TicketIssued {}
/// A page of jobs.
#[derive(Debug)]
pub enum JobList {}
/// A page of the audit log.
#[derive(Debug)]
pub enum AuditList {}
/// A signed link.
#[derive(Debug)]
pub enum LinkIssued {}
/// A package.
#[derive(Debug)]
pub enum PackageBytes {}
/// The headers of a package.
#[derive(Debug)]
pub enum PackageHead {}

impl IntoResponses for AcceptedJob {
    fn responses() -> Map {
        let response = json::<JobView>("Accepted. The job's address is in `Location`.")
            .header("Location", header("The job."))
            .header("Retry-After", header("Seconds after which the job is worth a look."))
            .header(
                "Idempotent-Replayed",
                header("`true` when this request was accepted before, or an equal job answers it."),
            );
        one("202", response)
    }
}

impl IntoResponses for OneJob {
    fn responses() -> Map {
        let tag = || header("Changes with the content.");
        let mut responses = one("200", json::<JobView>("The job.").header("ETag", tag()));
        responses.extend(one(
            "304",
            ResponseBuilder::new().description("Nothing has changed.").header("ETag", tag()),
        ));
        responses
    }
}

impl IntoResponses for OnePlan {
    fn responses() -> Map {
        one("200", json::<PlanView>("The plan."))
    }
}

impl IntoResponses for HoldPlaced {
    fn responses() -> Map {
        let response = json::<HoldView>("Placed, and every erasure that is under way knows of it.")
            .header("Location", header("The hold."))
            .header("Idempotent-Replayed", header("`true` when this request was accepted before."));
        one("201", response)
    }
}

impl IntoResponses for OneHold {
    fn responses() -> Map {
        one("200", json::<HoldView>("The hold."))
    }
}

impl IntoResponses for HoldList {
    fn responses() -> Map {
        one(
            "200",
            json::<HoldPage>("A page of holds.")
                .header("Link", header("The next page, if there is one (RFC 8288).")),
        )
    }
}

impl IntoResponses for HoldReleased {
    fn responses() -> Map {
        one("200", json::<ReleasedHold>("Released, and the jobs that come of it."))
    }
}

impl IntoResponses for EventStream {
    fn responses() -> Map {
        // No schema: OpenAPI 3.1 has none for the events of a stream, and one for the whole text says nothing.
        let content = ContentBuilder::new().build();
        let response = ResponseBuilder::new()
            .description(
                "The events, until the job has ended or the stream has: `event: progress` with a ProgressEvent, \
                 `event: change` with a TimelineEntry, `event: end` with an EndEvent, each as JSON in `data`.",
            )
            .content("text/event-stream", content)
            .header("X-Accel-Buffering", header("`no`."));
        one("200", response)
    }
}

impl IntoResponses for TicketIssued {
    fn responses() -> Map {
        one("200", json::<EventTicket>("The ticket, and where it leads."))
    }
}

impl IntoResponses for JobList {
    fn responses() -> Map {
        one(
            "200",
            json::<JobPage>("A page of jobs.")
                .header("Link", header("The next page, if there is one (RFC 8288).")),
        )
    }
}

impl IntoResponses for AuditList {
    fn responses() -> Map {
        let link = header("The next page, if there is one (RFC 8288).");
        one("200", json::<AuditPage>("A page of the log.").header("Link", link))
    }
}

impl IntoResponses for LinkIssued {
    fn responses() -> Map {
        let response = ResponseBuilder::new().description("The package is at `Location`.");
        one("303", response.header("Location", header("The signed link.")))
    }
}

impl IntoResponses for PackageBytes {
    fn responses() -> Map {
        let mut responses = one("200", package("The package.").content("application/zip", bytes()));
        let part = package("A part of the package.").content("application/zip", bytes());
        responses.extend(one("206", part.header("Content-Range", header("Which part."))));
        responses
    }
}

impl IntoResponses for PackageHead {
    fn responses() -> Map {
        one("200", package("What a download would begin with."))
    }
}

fn one(status: &str, response: ResponseBuilder) -> Map {
    ResponsesBuilder::new().response(status, response.build()).build().into()
}

fn json<T: ToSchema>(description: &str) -> ResponseBuilder {
    let schema = Ref::from_schema_name(T::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/json", content)
}

fn package(description: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .header("Content-Length", header("How many bytes follow."))
        .header("Content-Disposition", header("The name under which it is to be saved."))
        .header("ETag", header("The package's SHA-256 in hex."))
        .header("Repr-Digest", header("The package's SHA-256 (RFC 9530)."))
        .header("Accept-Ranges", header("`bytes`."))
}

fn bytes() -> utoipa::openapi::Content {
    let schema = ObjectBuilder::new().schema_type(Type::String).content_media_type("application/zip");
    ContentBuilder::new().schema(Some(schema)).build()
}

fn header(description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}
