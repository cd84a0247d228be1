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
/// Status, meaning, and the headers that come with it.
type Refusal = (u16, &'static str, &'static [(&'static str, &'static str)]);

const FAULT: Refusal = (500, "A fault of ours; the log has it under the request's id.", &[]);
const UNAVAILABLE: Refusal = (
    503,
    "Something this service needs is unavailable.",
    &[("Retry-After", "Seconds until it is worth trying again.")],
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
        (401, "No token, one that is not good, or one whose holder has not signed in a short while ago where that is asked for.", &[("WWW-Authenticate", "How to authenticate (RFC 6750, RFC 9470).")]),
        (403, "The token's roles do not permit this.", &[("WWW-Authenticate", "What is missing (RFC 6750).")]),
        FAULT,
        UNAVAILABLE,
    ];
    /// What every operation can answer that needs no token.
    Faults: [FAULT, UNAVAILABLE];
    /// There is no such job.
    JobIsMissing: [(404, "The organisation has no such job.", &[])];
    /// There is no plan.
    PlanIsMissing: [(404, "The organisation has no such job, or the job no plan; the problem says when there will be one.", &[])];
    /// There is no such step.
    StepIsMissing: [(404, "The organisation has no such job with such a step.", &[])];
    /// There is no such hold.
    HoldIsMissing: [(404, "The organisation has no such hold.", &[])];
    /// A hold that was not placed, or does not bind yet.
    NotPlaced: [
        (400, "The body or the idempotency key is wrong, or the body is missing.", &[]),
        (408, "The body did not arrive whole and in time.", &[]),
        (413, "The body is too large.", &[]),
        (415, "The body is not JSON.", &[("Accept", "What would be understood.")]),
        (422, "The idempotency key came with other parameters before, or a value of the body cannot be used.", &[]),
        (503, "Something this service needs is unavailable; or, with `hold-not-binding`, the hold is stored and an erasure that is under way may not know of it yet: the same request with the same key confirms it.", &[
            ("Retry-After", "Seconds until it is worth trying again."),
            ("Location", "The hold that is stored, with `hold-not-binding`."),
        ]),
    ];
    /// A step that cannot be done without.
    NotSkipped: [
        (400, "The body is wrong or missing.", &[]),
        (408, "The body did not arrive whole and in time.", &[]),
        (409, "The step's state does not allow it.", &[]),
        (413, "The body is too large.", &[]),
        (415, "The body is not JSON.", &[("Accept", "What would be understood.")]),
        (422, "The reason does not fit the step.", &[]),
    ];
    /// A request for an erasure that was not accepted.
    NotErased: [
        (400, "The body or the idempotency key is wrong or missing.", &[]),
        (408, "The body did not arrive whole and in time.", &[]),
        (409, "An erasure of the same is open.", &[("Location", "The open job.")]),
        (413, "The body is too large.", &[]),
        (415, "The body is not JSON.", &[("Accept", "What would be understood.")]),
        (422, "The idempotency key came with other parameters before, or a value of the body cannot be used.", &[]),
    ];
    /// A command that the state does not allow.
    NotInThisState: [(409, "The state does not allow it.", &[])];
    /// A job that cannot be tried again.
    NotRetried: [(
        409,
        "The job's state does not allow it, or an equal job is open.",
        &[("Location", "The open job, if one is in the way.")],
    )];
    /// A stream of events that was not opened.
    StreamRefused: [
        (400, "A parameter is wrong.", &[]),
        (429, "The organisation has as many streams open as it may.", &[("Retry-After", "Seconds until it is worth trying again.")]),
    ];
    /// A job without a package to hand out.
    NoPackage: [
        (400, "A parameter is wrong, or there is no such volume.", &[]),
        (409, "The job is not completed.", &[]),
        (410, "The package has been deleted.", &[]),
    ];
    /// A list that was asked for in a wrong way.
    ListRefused: [(400, "A parameter is wrong.", &[]), (404, "The cursor leads to no page of this list.", &[])];
    /// A request for a job that was not accepted.
    NotCreated: [
        (400, "The body or the idempotency key is wrong or missing.", &[]),
        (408, "The body did not arrive whole and in time.", &[]),
        (409, "An equal job is open.", &[("Location", "The open job.")]),
        (413, "The body is too large.", &[]),
        (415, "The body is not JSON.", &[("Accept", "What would be understood.")]),
        (422, "The idempotency key came with other parameters before, or a value of the body cannot be used.", &[]),
        (429, "The organisation has asked for as many exports as it may for now.", &[
            ("Retry-After", "Seconds until there is room for one more."),
            ("RateLimit-Policy", "How many within how many seconds, as `\"exports\";q=50;w=86400`."),
            ("RateLimit", "What is left and for how long, as `\"exports\";r=0;t=3600`."),
        ]),
    ];
    /// A signed link that opens nothing.
    LinkRefusals: [
        (403, "The link is not one that was issued.", &[]),
        (410, "The link has expired, or the package has been deleted.", &[]),
        FAULT,
        UNAVAILABLE,
    ];
    /// A range that does not exist.
    RangeRefused: [(416, "The range begins behind the package's end.", &[("Content-Range", "The package's size.")])];
}

fn problems(refusals: &[Refusal]) -> Map {
    let described = |(status, meaning, headers): &Refusal| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response = ResponseBuilder::new().description(*meaning).content(PROBLEM_JSON, content);
        let response = headers.iter().fold(response, |response, (name, description)| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let header = HeaderBuilder::new().schema(Some(text)).description(Some(*description));
            response.header(*name, header.build())
        });
        (status.to_string(), response.build().into())
    };
    refusals.iter().map(described).collect()
}
