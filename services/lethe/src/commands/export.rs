//! `lethe export`

use std::path::PathBuf;

use chrono::Utc;
use clap::{Args, ValueEnum};
use contracts::http::{ExportBody, Format, JobView};
use serde::Serialize;
use uuid::Uuid;

use super::download::{self, Saved, Wanted};
use super::encrypt_to::EncryptTo;
use crate::api::{Api, ApiAccess, NewExport};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::{text, watch};

/// Ask for an export of an organisation.
#[derive(Debug, Args)]
#[command(
    long_about = "Asks for an export of everything that the data map names of the token's organisation, as one ZIP \
                  archive with a manifest. Needs the role owner.\n\n\
                  Without --wait it prints the job and returns at once. With --wait it shows progress until the job \
                  has ended; it outlasts a restart of the API, and Ctrl-C stops the looking, not the job. With \
                  --output it downloads the package too.\n\n\
                  With --encrypt-to or --passphrase the package is encrypted while it is written, in the format of \
                  age; `age --decrypt` opens it, and so does rage.",
    after_long_help = "Examples:\n  \
                       lethe export --wait\n  \
                       lethe export --format both --include-media --output export.zip\n  \
                       lethe export --encrypt-to age1… --output .\n  \
                       lethe export --json | jq -r .id"
)]
pub struct Export {
    /// The format of the data files.
    #[arg(long, value_enum, default_value_t = FileFormat::Json)]
    format: FileFormat,
    /// Media objects too, beside the rows.
    #[arg(long)]
    include_media: bool,
    /// Show progress until the job has ended. The exit code is 3 when it ends without its result.
    #[arg(long)]
    wait: bool,
    /// Wait, and download the package to this file or into this directory.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Overwrite the file of --output if it is there.
    #[arg(long, requires = "output")]
    force: bool,
    /// The key under which repetitions are one request [default: a new one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    encrypt_to: EncryptTo,
    #[command(flatten)]
    access: ApiAccess,
}

/// The format of the data files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// One JSON array per collection, one record a line
    Json,
    /// One CSV file per collection (RFC 4180)
    Csv,
    /// Both
    Both,
}

/// What is printed for programs.
#[derive(Serialize)]
struct Exported<'a> {
    #[serde(flatten)]
    job: &'a JobView,
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<&'a Saved>,
}

impl Export {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let new = self.request()?;
        let api = Api::open(&self.access)?;
        let id = api.create_export(&new).await?;
        if !self.wait && self.output.is_none() {
            return print(&api.job_now(id).await?, None, output);
        }
        output.remark(format!("export {id}"));
        let job = watch::until_ended(&api, id, output).await?;
        let Some(path) = &self.output else {
            return print(&job, None, output);
        };
        if watch::outcome(&job) == Outcome::JobWithoutResult {
            return print(&job, None, output);
        }
        let wanted = Wanted { output: Some(path.clone()), volume: None, force: self.force };
        let saved = download::download(&api, &job, &wanted, output).await?;
        print(&job, Some(&saved), output)
    }

    fn request(&self) -> Result<NewExport, Failure> {
        let format = match self.format {
            FileFormat::Json => Format::Json,
            FileFormat::Csv => Format::Csv,
            FileFormat::Both => Format::Both,
        };
        let idempotency_key = self.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let plain = |letter: char| letter.is_ascii_graphic() && letter != '"' && letter != '\\';
        if idempotency_key.is_empty() || !idempotency_key.chars().all(plain) {
            return Err(Failure::usage(
                "the idempotency key must be visible ASCII without spaces, \" and \\",
            ));
        }
        Ok(NewExport {
            body: ExportBody {
                include_media: self.include_media,
                format,
                encryption: self.encrypt_to.body()?,
            },
            idempotency_key,
        })
    }
}

fn print(job: &JobView, saved: Option<&Saved>, output: &mut Output) -> Result<Outcome, Failure> {
    output.result(&Exported { job, download: saved }, || match saved {
        Some(saved) => format!("{}\n{saved}", text::job::job(job, Utc::now())),
        None => text::job::job(job, Utc::now()),
    })?;
    Ok(watch::outcome(job))
}
