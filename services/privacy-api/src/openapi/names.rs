//! Closed vocabularies of the domain, as schemas: they cannot fall behind the code.

use domain::audit::Action;
use domain::job::{JobKind, JobState};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The names of a job's states.
#[derive(Debug)]
pub enum JobStateName {}
/// The names of kinds of jobs.
#[derive(Debug)]
pub enum JobKindName {}
/// The names of audited actions.
#[derive(Debug)]
pub enum ActionName {}

impl ToSchema for JobStateName {}
impl PartialSchema for JobStateName {
    fn schema() -> RefOr<Schema> {
        one_of(JobState::NAMES)
    }
}

impl ToSchema for JobKindName {}
impl PartialSchema for JobKindName {
    fn schema() -> RefOr<Schema> {
        one_of(JobKind::ALL.map(JobKind::name))
    }
}

impl ToSchema for ActionName {}
impl PartialSchema for ActionName {
    fn schema() -> RefOr<Schema> {
        one_of(Action::ALL.map(Action::name))
    }
}

fn one_of(names: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
}
