//! What exports have in common, whosever data they hold.

use std::path::PathBuf;

use chrono::Utc;
use clap::{Args, ValueEnum};
use contracts::http::{ExportBody, Format, JobView};
use domain::job::JobKind;
use serde::Serialize;

use super::super::download::{self, Saved, Wanted};
use super::super::encrypt_to::EncryptTo;
use super::super::idempotency::IdempotencyOption;
use super::super::naming::NamingOptions;
use crate::api::{Api, NewJob};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::{text, watch};

/// Which package is wanted, and whether to wait for it.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// The format of the data files.
    #[arg(long, value_enum, default_value_t = FileFormat::Json)]
    format: FileFormat,
    /// Media objects too, beside the rows.
    #[arg(long)]
    include_media: bool,
    /// Show progress until the job has ended. The exit code is 3 when it ends without its result, and 4
    /// when it is about a person and found nobody.
    #[arg(long)]
    wait: bool,
    /// Wait, and download the package to this file or into this directory.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Overwrite the file of --output if it is there.
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    idempotency: IdempotencyOption,
    #[command(flatten)]
    encrypt_to: EncryptTo,
    #[command(flatten)]
    naming: NamingOptions,
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

impl ExportOptions {
    /// The package that is wanted.
    pub(in crate::commands) fn body(&self) -> Result<ExportBody, Failure> {
        let format = match self.format {
            FileFormat::Json => Format::Json,
            FileFormat::Csv => Format::Csv,
            FileFormat::Both => Format::Both,
        };
        Ok(ExportBody {
            include_media: self.include_media,
            format,
            encryption: self.encrypt_to.body()?,
            label: self.naming.label.clone(),
            external_reference: self.naming.reference.clone(),
        })
    }

    /// The key under which repetitions are one request.
    pub(in crate::commands) fn idempotency_key(&self) -> Result<String, Failure> {
        self.idempotency.key()
    }

    /// Asks for the export, waits for it and fetches it, as far as that is wanted.
    pub(in crate::commands) async fn carry_out(
        &self,
        api: &Api,
        new: &NewJob<impl Serialize>,
        output: &mut Output,
    ) -> Result<Outcome, Failure> {
        let id = api.create(new).await?;
        if !self.wait && self.output.is_none() {
            return print(&api.job_now(id).await?, None, output);
        }
        output.remark(format!("export {id}"));
        let job = watch::until_ended(api, id, Some(JobKind::Export), output).await?;
        let Some(path) = &self.output else {
            return print(&job, None, output);
        };
        if watch::outcome(&job) != Outcome::Done {
            return print(&job, None, output);
        }
        let wanted = Wanted { output: Some(path.clone()), volume: None, force: self.force };
        let saved = download::download(api, &job, &wanted, output).await?;
        print(&job, Some(&saved), output)
    }
}

fn print(job: &JobView, saved: Option<&Saved>, output: &mut Output) -> Result<Outcome, Failure> {
    output.result(&Exported { job, download: saved }, || match saved {
        Some(saved) => format!("{}\n{saved}", text::job::job(job, Utc::now())),
        None => text::job::job(job, Utc::now()),
    })?;
    Ok(watch::outcome(job))
}
