//! A permission as an argument: a handler that takes `Granted<Operate>` cannot run without it.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use domain::access::Permission;
use domain::id::OrganisationId;
use store::{Actor, Origin};

use super::caller::Caller;
use super::error::TokenError;
use crate::error::ApiError;

/// A permission that a handler needs.
pub trait Needs {
    /// The permission.
    const PERMISSION: Permission;
}

/// Start, cancel or retry a job, or take its package.
#[derive(Debug)]
pub enum Operate {}
/// Place and release legal holds.
#[derive(Debug)]
pub enum ManageHolds {}
/// See jobs.
#[derive(Debug)]
pub enum ViewJobs {}
/// Read the audit log.
#[derive(Debug)]
pub enum ViewAudit {}

impl Needs for Operate {
    const PERMISSION: Permission = Permission::Operate;
}
impl Needs for ManageHolds {
    const PERMISSION: Permission = Permission::ManageHolds;
}
impl Needs for ViewJobs {
    const PERMISSION: Permission = Permission::ViewJobs;
}
impl Needs for ViewAudit {
    const PERMISSION: Permission = Permission::ViewAudit;
}

/// A caller that has the permission.
#[derive(Debug)]
pub struct Granted<N: Needs> {
    /// Who is calling.
    pub caller: Caller,
    /// The caller in the role that grants the permission.
    pub actor: Actor,
    needs: PhantomData<N>,
}

impl<N: Needs> Granted<N> {
    /// The organisation that the caller acts for.
    #[must_use]
    pub fn organisation(&self) -> &OrganisationId {
        &self.caller.organisation
    }

    /// Whether the caller may start, cancel, retry or take packages, too.
    #[must_use]
    pub fn operates(&self) -> bool {
        self.may(Permission::Operate)
    }

    /// Whether the caller may do that, too.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.caller.acting(permission).is_some()
    }

    /// The caller as the origin of a change, in the request's trace.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { actor: self.actor.clone(), headers: telemetry::inject_current() }
    }
}

impl<N: Needs> FromRequest for Granted<N> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(grant(caller))
    }
}

fn grant<N: Needs>(caller: Option<Caller>) -> Result<Granted<N>, ApiError> {
    let caller = caller.ok_or(TokenError::Missing)?;
    match caller.acting(N::PERMISSION) {
        Some(actor) => Ok(Granted { caller, actor, needs: PhantomData }),
        None => Err(ApiError::Forbidden(N::PERMISSION)),
    }
}
