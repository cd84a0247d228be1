//! `lethe holds place`

use chrono::{NaiveDate, Utc};
use clap::{Args, ValueEnum};
use contracts::http::{HoldBody, HoldGround};

use super::scope::Scope;
use crate::api::{Api, ApiAccess};
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
                  kept sealed and never shown again. Needs the role owner or privacy_officer.",
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
        let Self { scope, ground, owner, review_on, access } = self;
        let body = HoldBody { scope: scope.body()?, ground: ground.into(), owner, review_on };
        let hold = Api::open(&access)?.place_hold(&body).await?;
        output.result(&hold, || text::hold::hold(&hold, Utc::now()))?;
        Ok(Outcome::Done)
    }
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
