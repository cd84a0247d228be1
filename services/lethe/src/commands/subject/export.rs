//! `lethe subject export`

use clap::Args;
use contracts::http::{ExportBody, SubjectExportBody};

use super::super::export::ExportOptions;
use super::person::{Named, Person};
use crate::api::{Api, ApiAccess, NewJob};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Ask for an export of one person's data.
#[derive(Debug, Args)]
#[command(
    long_about = "Asks for an export of what the data map names of one person in the token's organisation (Art. 15, \
                  20). The person is found by an identity that the data map names, in any spelling that people use. \
                  It is kept sealed until the job has ended, and never printed. Needs the role owner.\n\n\
                  Who waits and nobody was found by that identity is told so, gets no package, and the exit code is 4. \
                  In all else it is as `lethe export`.",
    after_long_help = "Examples:\n  \
                       lethe subject export --email ada@example.org --output ada.zip\n  \
                       lethe subject export --identity user_id=4711 --format both --wait\n  \
                       lethe subject export --identity-file - --encrypt-to age1… --output . < identity"
)]
pub struct Export {
    #[command(flatten)]
    options: ExportOptions,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    access: ApiAccess,
}

impl Export {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let Named { identity_type, identity_value } = self.person.named()?;
        let ExportBody { include_media, format, encryption, label, external_reference } =
            self.options.body()?;
        let body = SubjectExportBody {
            identity_type,
            identity_value,
            include_media,
            format,
            encryption,
            label,
            external_reference,
        };
        let idempotency_key = self.options.idempotency_key()?;
        let new = NewJob { route: &["subjects", "export"], body, idempotency_key };
        let api = Api::open(&self.access)?;
        self.options.carry_out(&api, &new, output).await
    }
}
