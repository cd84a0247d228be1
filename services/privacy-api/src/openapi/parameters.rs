//! Parameters of the operations, with what is allowed for each.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Required, Schema};
use utoipa::{IntoParams, ToSchema};

use super::names::{ActionName, JobKindName, JobStateName};
use crate::extract::{LARGEST_PAGE, MOST_VOLUMES};

/// A quoted string with `\"` and `\\` escaped, or a bare token.
const IDEMPOTENCY_KEY: &str = r#"^("([!#-\[\]-~]|\\["\\]){1,200}"|[!#-+\--:<-\[\]-~]{1,200})$"#;

/// Parameters of requests that make a job.
#[derive(Debug)]
pub enum KeyParameters {}
/// Parameters of requests that place a hold.
#[derive(Debug)]
pub enum OptionalKeyParameters {}
/// Parameters of operations on one job.
#[derive(Debug)]
pub enum JobParameters {}
/// Parameters of operations on one step of a job.
#[derive(Debug)]
pub enum StepParameters {}
/// Parameters of operations on one hold.
#[derive(Debug)]
pub enum HoldParameters {}
/// Parameters of `GET /holds`.
#[derive(Debug)]
pub enum HoldsParameters {}
/// Parameters of `GET /jobs/{id}/download`.
#[derive(Debug)]
pub enum DownloadParameters {}
/// Parameters of `GET /jobs/{id}/events`, beside the job's id.
#[derive(Debug)]
pub enum EventParameters {}
/// Parameters of `GET /jobs`.
#[derive(Debug)]
pub enum JobsParameters {}
/// Parameters of `GET /audit`.
#[derive(Debug)]
pub enum AuditParameters {}
/// Parameters of a signed link.
#[derive(Debug)]
pub enum LinkParameters {}
/// Headers that ask for a part of a package.
#[derive(Debug)]
pub enum RangeParameters {}

impl IntoParams for KeyParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A key of the caller's own, new for each request: a quoted string or a bare token. The same request \
                           with the same key is the same job. Without a key, an equal job that is open is the answer.";
        vec![optional(ParameterIn::Header, "Idempotency-Key", description, key())]
    }
}

impl IntoParams for OptionalKeyParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A key of the caller's own, new for each request: a quoted string or a bare token. One should \
                           be sent: only a request with a key can be repeated.";
        vec![optional(ParameterIn::Header, "Idempotency-Key", description, key())]
    }
}

impl IntoParams for JobParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![required(ParameterIn::Path, "id", "The job's id.", uuid())]
    }
}

impl IntoParams for StepParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let step = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(i32::MAX));
        vec![
            required(ParameterIn::Path, "id", "The job's id.", uuid()),
            required(ParameterIn::Path, "step", "The step's number in the job.", step),
        ]
    }
}

impl IntoParams for HoldParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![required(ParameterIn::Path, "id", "The hold's id.", uuid())]
    }
}

impl IntoParams for HoldsParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let [limit, cursor] = page();
        let active = ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into()));
        let about = "Whether only holds that hold now are listed.";
        vec![limit, cursor, optional(ParameterIn::Query, "active", about, active)]
    }
}

impl IntoParams for DownloadParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let volume = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MOST_VOLUMES))
            .default(Some(1.into()));
        let description = "Which volume of a package that is split into several.";
        vec![
            required(ParameterIn::Path, "id", "The job's id.", uuid()),
            optional(ParameterIn::Query, "volume", description, volume),
        ]
    }
}

impl IntoParams for EventParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let once = ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into()));
        let description = "Whether the stream ends after what is known at the moment.";
        let last = "The `id` of the event that was received last; any other text begins anew.";
        vec![
            optional(ParameterIn::Query, "once", description, once),
            optional(ParameterIn::Header, "Last-Event-ID", last, text()),
        ]
    }
}

impl IntoParams for JobsParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let [limit, cursor] = page();
        vec![
            limit,
            cursor,
            optional(ParameterIn::Query, "state", "Only jobs in this state.", named::<JobStateName>()),
            optional(ParameterIn::Query, "kind", "Only jobs of this kind.", named::<JobKindName>()),
        ]
    }
}

impl IntoParams for AuditParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let [limit, cursor] = page();
        vec![
            limit,
            cursor,
            optional(ParameterIn::Query, "job", "Only entries about this job.", uuid()),
            optional(ParameterIn::Query, "action", "Only this action.", named::<ActionName>()),
        ]
    }
}

impl IntoParams for LinkParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let query = |name, description| required(ParameterIn::Query, name, description, text());
        let expires = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        vec![
            required(ParameterIn::Path, "package_id", "The package's id.", uuid()),
            query("organisation", "Whose package it is."),
            query("file", "The name under which the download is saved."),
            query("kid", "The key that signed the link."),
            required(ParameterIn::Query, "expires", "When the link ends, in seconds since 1970.", expires),
            query("signature", "The signature over all of these."),
        ]
    }
}

impl IntoParams for RangeParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            optional(ParameterIn::Header, "Range", "One range of bytes, as `bytes=1000-`.", text()),
            optional(
                ParameterIn::Header,
                "If-Range",
                "The `ETag` of the part that is there already.",
                text(),
            ),
        ]
    }
}

fn key() -> ObjectBuilder {
    text().pattern(Some(IDEMPOTENCY_KEY)).examples(["\"8e03978e-40d5-43dd-bc93-6894a57f9324\""])
}

fn page() -> [Parameter; 2] {
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(LARGEST_PAGE))
        .default(Some(50.into()));
    [
        optional(ParameterIn::Query, "limit", "Most entries of a page.", limit),
        optional(ParameterIn::Query, "cursor", "`next_cursor` of the page before.", text()),
    ]
}

fn required(
    place: ParameterIn,
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    parameter(place, name, description, schema).required(Required::True).build()
}

fn optional(
    place: ParameterIn,
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    parameter(place, name, description, schema).required(Required::False).build()
}

fn parameter(
    place: ParameterIn,
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    ParameterBuilder::new().parameter_in(place).name(name).description(Some(description)).schema(Some(schema))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

fn named<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}
