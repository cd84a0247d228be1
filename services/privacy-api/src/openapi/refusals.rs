//! Answers of operations that were not carried out: every one of them a problem (RFC 9457).

use std::collections::BTreeMap;

use contracts::http::Problem;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use crate::problem::PROBLEM_JSON;

type Map = BTreeMap<String, RefOr<Response>>;
/// Status, meaning, and a header that comes with it.
type Refusal = (u16, &'static str, Option<(&'static str, &'static str)>);

const FAULT: Refusal = (500, "A fault of ours; the log has it under the request's id.", None);
const UNAVAILABLE: Refusal = (
    503,
    "Something this service needs is unavailable.",
    Some(("Retry-After", "Seconds until it is worth trying again.")),
);

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: [$($refusal:expr),+ $(,)?];)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl IntoResponses for $name {
                fn responses() -> Map {
                    problems(&[$($refusal),+])
                }
            }
        )+
    };
}

refusals! {
    /// What every operation that needs a token can answer.
    Guarded: [
        (401, "No token, or one that is not good.", Some(("WWW-Authenticate", "How to authenticate (RFC 6750)."))),
        (403, "The token's roles do not permit this.", Some(("WWW-Authenticate", "What is missing (RFC 6750)."))),
        FAULT,
        UNAVAILABLE,
    ];
    /// What every operation can answer that needs no token.
    Faults: [FAULT, UNAVAILABLE];
    /// There is no such job.
    JobIsMissing: [(404, "The organisation has no such job.", None)];
    /// A command that the job's state does not allow.
    NotInThisState: [(409, "The job's state does not allow it.", None)];
    /// A job without a package to hand out.
    NoPackage: [
        (409, "The job is not completed.", None),
        (410, "The package has been deleted.", None),
    ];
    /// A list that was asked for in a wrong way.
    ListRefused: [(400, "A parameter is wrong.", None), (404, "The cursor leads to no page of this list.", None)];
    /// A request for a job that was not accepted.
    NotCreated: [
        (400, "The body or the idempotency key is wrong or missing.", None),
        (408, "The body did not arrive whole and in time.", None),
        (409, "An equal job is open.", Some(("Location", "The open job."))),
        (413, "The body is too large.", None),
        (415, "The body is not JSON.", Some(("Accept", "What would be understood."))),
        (422, "The idempotency key came with another body before.", None),
    ];
    /// A signed link that opens nothing.
    LinkRefusals: [
        (403, "The link is not one that was issued.", None),
        (410, "The link has expired, or the package has been deleted.", None),
        FAULT,
        UNAVAILABLE,
    ];
    /// A range that does not exist.
    RangeRefused: [(416, "The range begins behind the package's end.", Some(("Content-Range", "The package's size.")))];
}

fn problems(refusals: &[Refusal]) -> Map {
    let described = |(status, meaning, header): &Refusal| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response = ResponseBuilder::new().description(*meaning).content(PROBLEM_JSON, content);
        let response = match header {
            None => response,
            Some((name, description)) => {
                let text = ObjectBuilder::new().schema_type(Type::String);
                response.header(
                    *name,
                    HeaderBuilder::new().schema(Some(text)).description(Some(*description)).build(),
                )
            }
        };
        (status.to_string(), response.build().into())
    };
    refusals.iter().map(described).collect()
}
