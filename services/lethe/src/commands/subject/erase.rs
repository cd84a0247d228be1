//! `lethe subject erase`

use clap::Args;
use contracts::http::SubjectErasureBody;
use domain::erasure::GracePeriod;

use super::super::ask;
use super::super::erasing::{ErasureOptions, grace_period};
use super::person::{Named, Person};
use crate::api::{Api, ApiAccess, NewJob};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text::plain;

/// Ask for the erasure of one person's data.
#[derive(Debug, Args)]
#[command(
    long_about = "Asks for the erasure of what the data map names of one person in the token's organisation (Art. \
                  17). The person is found by an identity that the data map names, in any spelling that people use. \
                  It is kept sealed until the job has ended, and never printed. Rows that others share are left, \
                  without what leads to the person. Needs the role owner and a recent sign-in; when that was too \
                  long ago, sign in again and use the new token.\n\n\
                  It asks for a yes on the terminal first; --yes gives it beforehand. It begins at once unless \
                  --grace-days says otherwise, and nothing brings anything back.\n\n\
                  With --dry-run it ends with its plan, and nothing is erased: `lethe jobs plan ID` shows it, and so \
                  does --wait. What a legal hold covers is left and reported. Who waits and nobody was found by that \
                  identity is told so, and the exit code is 4.",
    after_long_help = "Examples:\n  \
                       lethe subject erase --email ada@example.org --dry-run --wait\n  \
                       lethe subject erase --email ada@example.org --wait\n  \
                       lethe subject erase --identity user_id=4711 --grace-days 3 --yes\n  \
                       lethe subject erase --identity-file - --delete-media --yes --json < identity"
)]
pub struct Erase {
    /// How many days of 24 hours it waits before it begins: 0 to 30.
    #[arg(long, value_name = "DAYS", default_value_t = GracePeriod::NONE.into(),
          value_parser = clap::value_parser!(i64).range(0..=GracePeriod::LONGEST))]
    grace_days: i64,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    options: ErasureOptions,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    access: ApiAccess,
}

impl Erase {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let Named { identity_type, identity_value } = self.person.named()?;
        let idempotency_key = self.options.idempotency_key()?;
        let grace_period_days = grace_period(self.grace_days)?;
        let api = Api::open(&self.access)?;
        if !self.yes && !self.options.dry_run {
            confirmed(&identity_type, api.origin())?;
        }
        let body = SubjectErasureBody {
            identity_type,
            identity_value,
            delete_media: self.options.delete_media,
            grace_period_days,
            dry_run: self.options.dry_run,
            label: self.options.naming.label.clone(),
            external_reference: self.options.naming.reference.clone(),
        };
        let new = NewJob { route: &["subjects", "erase"], body, idempotency_key };
        self.options.carry_out(&api, &new, output).await
    }
}

/// Lets through whoever says yes.
fn confirmed(identity_type: &str, origin: &str) -> Result<(), Failure> {
    let terminal = ask::terminal("a yes", "confirm the erasure with --yes")?;
    let question = format!(
        "This erases what the data map names of the person with this {}, at {origin}. Nothing brings it back.\n\
         Go on? Type yes: ",
        plain(identity_type)
    );
    match ask::line(&terminal, &question)?.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::new("not confirmed; nothing was asked for")),
    }
}
