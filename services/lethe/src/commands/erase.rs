//! `lethe erase`

use clap::Args;
use contracts::http::{DeleteBody, SecretText};
use domain::erasure::GracePeriod;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::ask;
use super::erasing::{ErasureOptions, grace_period};
use crate::api::{Api, ApiAccess, NewJob};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text::amount::of;

/// Ask for the erasure of an organisation.
#[derive(Debug, Args)]
#[command(
    long_about = "Asks for the erasure of everything that the data map names of the token's organisation (Art. 17): \
                  rows are deleted or anonymised as the data map says, tokens are revoked at their providers, and with \
                  --delete-media the media objects go too. Needs the role owner and a recent sign-in; when that was \
                  too long ago, sign in again and use the new token.\n\n\
                  The organisation's name confirms it, to the letter. Without --confirm it is asked for on the \
                  terminal, after saying what will happen; where there is no terminal, --confirm is needed.\n\n\
                  The erasure begins when its grace period is over. Until then, and while it is being \
                  planned, `lethe jobs cancel ID` calls it off and restores what was marked as deleted. Once something \
                  was changed nothing brings anything back.\n\n\
                  With --after-export it also waits for the end of that export of the same organisation, and erases \
                  nothing when the export failed or was called off.\n\n\
                  With --dry-run it ends with its plan, which is made at once, and nothing is erased: \
                  `lethe jobs plan ID` shows it, and so does --wait. What a legal hold covers is left and reported. \
                  `lethe subject erase` asks for the erasure of one person.",
    after_long_help = "Examples:\n  \
                       lethe erase --dry-run --wait\n  \
                       lethe erase\n  \
                       lethe erase --confirm \"O'Hara & Søn\" --grace-days 0 --delete-media --wait\n  \
                       lethe erase --confirm 'Aurelia Robotics' --json | jq -r .not_before\n  \
                       lethe erase --after-export 0190a5c4-7d1e-7000-8000-000000000001 --grace-days 0"
)]
pub struct Erase {
    /// The organisation's name, to the letter: case, spaces and accents count. Asked for when it is missing.
    #[arg(long, value_name = "NAME")]
    confirm: Option<SecretString>,
    /// How many days of 24 hours it waits before it begins: 0 to 30.
    #[arg(long, value_name = "DAYS", default_value_t = GracePeriod::default().into(),
          value_parser = clap::value_parser!(i64).range(0..=GracePeriod::LONGEST))]
    grace_days: i64,
    /// The export that must be complete before anything is erased: its job's id.
    #[arg(long, value_name = "JOB")]
    after_export: Option<Uuid>,
    #[command(flatten)]
    options: ErasureOptions,
    #[command(flatten)]
    access: ApiAccess,
}

impl Erase {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let idempotency_key = self.options.idempotency_key()?;
        let grace_period_days = grace_period(self.grace_days)?;
        let api = Api::open(&self.access)?;
        let name = match &self.confirm {
            Some(name) => name.clone(),
            None => self.ask(api.origin())?,
        };
        if name.expose_secret().is_empty() {
            return Err(Failure::usage("the organisation's name is empty; nothing was asked for")
                .next("give the name as the organisation's own table has it"));
        }
        let body = DeleteBody {
            confirm_org_name: SecretText::new(name),
            delete_media: self.options.delete_media,
            grace_period_days,
            dry_run: self.options.dry_run,
            after_export: self.after_export,
            label: self.options.naming.label.clone(),
            external_reference: self.options.naming.reference.clone(),
        };
        let new = NewJob { route: &["delete"], body, idempotency_key };
        self.options.carry_out(&api, &new, output).await
    }

    fn ask(&self, origin: &str) -> Result<SecretString, Failure> {
        let terminal = ask::terminal("the organisation's name", "confirm the erasure with --confirm NAME")?;
        let question = format!("{}\nThe organisation's name, to confirm this: ", self.warning(origin));
        ask::line(&terminal, &question).map(SecretString::from)
    }

    /// What will happen.
    fn warning(&self, origin: &str) -> String {
        let whose = format!("everything that the data map names of the token's organisation, at {origin}");
        if self.options.dry_run {
            return format!("This plans the erasure of {whose}. Nothing is erased.\n");
        }
        let media = match self.options.delete_media {
            true => "  Media objects that its rows name are deleted too.",
            false => "  Media objects that its rows name stay; --delete-media deletes them too.",
        };
        format!("This erases {whose}.\n{media}\n{}\n", self.beginning())
    }

    /// When it begins, and what it waits for.
    fn beginning(&self) -> String {
        let days = usize::try_from(self.grace_days).unwrap_or_default();
        match (self.after_export, days) {
            (None, 0) => "  It begins at once, and nothing brings anything back.".to_owned(),
            (None, days) => format!(
                "  It begins in {}. Until then it can be called off; after that nothing brings anything back.",
                of(days, "day")
            ),
            (Some(export), days) => {
                let grace = if days > 0 {
                    format!(", in {} at the earliest", of(days, "day"))
                } else {
                    String::new()
                };
                format!(
                    "  It begins when the export {export} is complete{grace}; if that fails, nothing is erased.\n  \
                     Until then it can be called off; after that nothing brings anything back."
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        erase: Erase,
    }

    fn warning(arguments: &[&str]) -> String {
        let arguments = [&["erase"], arguments].concat();
        Line::try_parse_from(arguments).unwrap().erase.warning("http://x:1")
    }

    #[test]
    fn it_says_what_will_happen_and_when() {
        let week = warning(&[]);
        assert!(week.contains("at http://x:1.\n") && week.contains("Media objects that its rows name stay"));
        assert!(week.contains("It begins in 7 days. Until then it can be called off"), "{week}");
        assert!(warning(&["--grace-days", "1"]).contains("begins in 1 day."));
        let now = warning(&["--grace-days", "0", "--delete-media"]);
        assert!(now.contains("begins at once") && now.contains("are deleted too"), "{now}");
        let export = "0190a5c4-7d1e-7000-8000-000000000001";
        let after = warning(&["--grace-days", "0", "--after-export", export]);
        let waits = format!("begins when the export {export} is complete; if that fails, nothing is erased.");
        assert!(after.contains(&waits) && after.contains("Until then it can be called off"), "{after}");
        assert!(warning(&["--after-export", export]).contains("is complete, in 7 days at the earliest; if"));
        assert!(warning(&["--dry-run"]).contains("Nothing is erased"));
    }
}
