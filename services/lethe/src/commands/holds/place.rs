//! `lethe holds place`

use chrono::{NaiveDate, Utc};
use clap::{Args, ValueEnum};
use contracts::http::{HoldBody, HoldGround};

use super::super::idempotency::IdempotencyOption;
use super::scope::Scope;
use crate::api::{Api, ApiAccess, ApiError};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// Place a legal hold.
#[derive(Debug, Args)]
#[command(
    long_about = "Places a legal hold (Art. 17(3)): what it covers is not erased until it is released. Erasures go on \
                  beside it and report what they have left, with the ground. A hold does not end by itself; the day \
                  of --review-on is for somebody to look whether it is still needed.\n\n\
                  It covers one of: everything of the organisation, the rows of one person, all rows of a collection, \
                  or those rows of a collection for which all --where are true. By what a person or a row is found is \
                  kept sealed and never shown again. Needs the role owner or privacy_officer.\n\n\
                  It ends when every erasure that is under way knows of the hold, after 10 seconds at most. If one does \
                  not by then, the hold is placed all the same and it says so: repeat the command with the key that it \
                  prints until it succeeds.",
    after_long_help = "Examples:\n  \
                       lethe holds place --organisation --ground legal_claims --owner Legal --review-on 2027-06-30\n  \
                       lethe holds place --subject-file - --ground legal_claims --owner Legal \\\n      \
                       --review-on 2027-06-30 < identity\n  \
                       lethe holds place --collection shop.invoices --ground legal_obligation --owner Accounting \\\n      \
                       --review-on 2027-01-31\n  \
                       lethe holds place --rows shop.orders --where placed_on '>=' 2026-01-01 --where total '>' 10000 \\\n      \
                       --ground legal_obligation --owner Accounting --review-on 2027-01-31"
)]
pub struct Place {
    /// Why the data may be kept.
    #[arg(long, value_enum)]
    ground: Ground,
    /// Who answers for it: a role or a department rather than a name.
    #[arg(long, value_name = "WHO")]
    owner: String,
    /// The day on which somebody looks whether it is still needed, as 2027-01-31.
    #[arg(long, value_name = "DATE")]
    review_on: NaiveDate,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    idempotency: IdempotencyOption,
    #[command(flatten)]
    access: ApiAccess,
}

/// The letters of Art. 17(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Ground {
    /// (a) The right of freedom of expression and information
    Expression,
    /// (b) A legal obligation, or a task in the public interest
    LegalObligation,
    /// (c) Public interest in the area of public health
    PublicHealth,
    /// (d) Archiving in the public interest, research, or statistics
    Archiving,
    /// (e) The establishment, exercise or defence of legal claims
    LegalClaims,
}

impl From<Ground> for HoldGround {
    fn from(ground: Ground) -> Self {
        match ground {
            Ground::Expression => Self::Expression,
            Ground::LegalObligation => Self::LegalObligation,
            Ground::PublicHealth => Self::PublicHealth,
            Ground::Archiving => Self::Archiving,
            Ground::LegalClaims => Self::LegalClaims,
        }
    }
}

impl Place {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let Self { scope, ground, owner, review_on, idempotency, access } = self;
        let key = idempotency.key()?;
        let body = HoldBody { scope: scope.body()?, ground: ground.into(), owner, review_on };
        let placed = Api::open(&access)?.place_hold(&body, &key).await;
        let hold = placed.map_err(|error| repeatable(error, &key))?;
        output.result(&hold, || text::hold::hold(&hold, Utc::now()))?;
        Ok(Outcome::Done)
    }
}

/// What to do about a hold that may be placed, and may not bind: the same again, which places no second one.
fn repeatable(error: ApiError, key: &str) -> Failure {
    let again =
        |why: &str| format!("{why}; repeat the command with --idempotency-key {key} until it succeeds");
    let lost = error.is_lost();
    let Some((hold, job)) = error.not_binding().map(|(hold, job)| (hold.to_owned(), job.map(str::to_owned)))
    else {
        let failure = Failure::from(error);
        return if lost { failure.next(again("the hold may be placed all the same")) } else { failure };
    };
    let failure = Failure::from(error).detail(format!("the hold: lethe holds show {hold}"));
    let failure = match job {
        Some(job) => failure.detail(format!("it waits for: lethe jobs show {job}")),
        None => failure,
    };
    failure.next(again("rely on the hold only when it binds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grounds_have_the_names_of_the_domain() {
        let name = |ground: &Ground| ground.to_possible_value().unwrap().get_name().to_owned();
        let names: Vec<String> = Ground::value_variants().iter().map(name).collect();
        assert_eq!(names, domain::hold::HoldGround::ALL.map(domain::hold::HoldGround::name));
        for ground in Ground::value_variants() {
            assert_eq!(serde_json::to_value(HoldGround::from(*ground)).unwrap(), name(ground));
        }
    }
}
