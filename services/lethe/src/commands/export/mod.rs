//! `lethe export`

mod options;

use clap::Args;

pub(super) use self::options::ExportOptions;
use crate::api::{Api, ApiAccess, NewJob};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Ask for an export of an organisation.
#[derive(Debug, Args)]
#[command(
    long_about = "Asks for an export of everything that the data map names of the token's organisation, as one ZIP \
                  archive with a manifest. Needs the role owner.\n\n\
                  Without --wait it prints the job and returns at once. With --wait it shows progress until the job \
                  has ended; it outlasts a restart of the API, and Ctrl-C stops the looking, not the job. With \
                  --output it downloads the package too.\n\n\
                  With --encrypt-to or --passphrase the package is encrypted while it is written, in the format of \
                  age; `age --decrypt` opens it, and so does rage.\n\n\
                  `lethe subject export` asks for the data of one person.",
    after_long_help = "Examples:\n  \
                       lethe export --wait\n  \
                       lethe export --format both --include-media --output export.zip\n  \
                       lethe export --encrypt-to age1… --output .\n  \
                       lethe export --json | jq -r .id"
)]
pub struct Export {
    #[command(flatten)]
    options: ExportOptions,
    #[command(flatten)]
    access: ApiAccess,
}

impl Export {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let body = self.options.body()?;
        let new = NewJob { route: &["export"], body, idempotency_key: self.options.idempotency_key()? };
        let api = Api::open(&self.access)?;
        self.options.carry_out(&api, &new, output).await
    }
}
