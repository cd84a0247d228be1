//! `lethe download`

mod part;
mod place;
mod source;
mod transfer;

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use contracts::http::{JobView, PackageView};
use serde::Serialize;
use uuid::Uuid;

use self::part::Part;
use self::place::Place;
use self::source::Source;
use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text::amount::size;
use crate::text::plain;
use crate::watch::found_nobody;

/// Download a finished package.
#[derive(Debug, Args)]
#[command(
    long_about = "Downloads a job's package through its signed link, and checks size and SHA-256 before the file \
                  gets its name. What has arrived is kept beside the target when the download is interrupted, and \
                  the same command goes on from there. The file is readable by its owner alone. Needs the role \
                  owner. The token never leaves for the host of the signed link.",
    after_long_help = "Examples:\n  \
                       lethe download 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f\n  \
                       lethe download 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f --output exports/ --force"
)]
pub struct Download {
    /// The job's id.
    id: Uuid,
    /// The file to write, or the directory to write into [default: the package's own name]
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Overwrite the file if it is there.
    #[arg(long)]
    force: bool,
    /// One volume of a package that was split, by its number [default: all of them]
    #[arg(long, value_name = "NUMBER")]
    volume: Option<i32>,
    #[command(flatten)]
    access: ApiAccess,
}

/// Where a package is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The file or the directory; the package's own name in the current directory when absent.
    pub output: Option<PathBuf>,
    /// Which volume; all of them when absent.
    pub volume: Option<i32>,
    /// Whether a file that is there may be overwritten.
    pub force: bool,
}

/// A package that was downloaded and checked: one file, or one per volume. For programs one is an
/// object, and several are a list.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Saved {
    /// The whole package, or the volume asked for.
    File(SavedFile),
    /// Every volume.
    Volumes(Vec<SavedFile>),
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Volumes(files) => {
                let lines: Vec<String> = files.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

/// A file that was downloaded and checked.
#[derive(Debug, Clone, Serialize)]
pub struct SavedFile {
    file: PathBuf,
    size_bytes: u64,
    sha256: String,
    /// How much of it an earlier run had brought already.
    resumed_at_bytes: u64,
}

impl fmt::Display for SavedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = i64::try_from(self.size_bytes).unwrap_or(i64::MAX);
        let file = self.file.display().to_string();
        write!(f, "saved {} ({}, SHA-256 {} verified)", plain(&file), size(bytes), self.sha256)
    }
}

impl Download {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let api = Api::open(&self.access)?;
        let job = api.job_now(self.id).await?;
        let wanted = Wanted { output: self.output, volume: self.volume, force: self.force };
        let saved = download(&api, &job, &wanted, output).await?;
        output.result(&saved, || saved.to_string())?;
        Ok(Outcome::Done)
    }
}

/// Downloads a job's package, all its volumes unless one was asked for, and checks it.
///
/// # Errors
/// [`Failure`] when there is none, it cannot be had or written, or is not what was promised.
pub async fn download(
    api: &Api,
    job: &JobView,
    wanted: &Wanted,
    output: &mut Output,
) -> Result<Saved, Failure> {
    let volumes = volumes(job, wanted)?;
    let to_one_file = wanted.output.as_ref().is_some_and(|path| !path.is_dir());
    if volumes.len() > 1 && to_one_file {
        return Err(Failure::usage(format!(
            "the package has {} volumes, and --output is one file",
            volumes.len()
        ))
        .next("give a directory that is there, or one --volume"));
    }
    let mut files = Vec::new();
    for package in volumes {
        files.push(fetch(api, (job.summary.id, package), wanted, output).await?);
    }
    Ok(match <[SavedFile; 1]>::try_from(files) {
        Ok([file]) => Saved::File(file),
        Err(files) => Saved::Volumes(files),
    })
}

/// Downloads one volume and checks it.
async fn fetch(
    api: &Api,
    (job, package): (Uuid, &PackageView),
    wanted: &Wanted,
    output: &mut Output,
) -> Result<SavedFile, Failure> {
    let place = Place::choose(wanted, &package.file_name)?;
    let expected_size = u64::try_from(package.size_bytes)
        .map_err(|error| Failure::new("the API says that the package has a negative size").because(error))?;
    let mut part = Part::open(place.part(&package.sha256), expected_size)?;
    let resumed_at_bytes = part.size_bytes();
    if resumed_at_bytes > 0 {
        let (done, all) = (show(resumed_at_bytes), show(expected_size));
        output.remark(format!("going on where an earlier download stopped, at {done} of {all}"));
    }
    let source = Source::new(api, (job, package.volume_no))?;
    tokio::select! {
        transferred = transfer::transfer(source, &mut part, output) => transferred?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::interrupted("the download was interrupted")
            .next("what has arrived is kept; the same command goes on from there")),
    }
    part.verify(&package.sha256)?;
    place.settle(part)?;
    if package.file_name.ends_with(".age") {
        let file = place.file.display();
        output.remark(format!(
            "the package is encrypted; open it with: age --decrypt --output package.zip {file}"
        ));
    }
    Ok(SavedFile {
        file: place.file,
        size_bytes: expected_size,
        sha256: package.sha256.clone(),
        resumed_at_bytes,
    })
}

/// The volumes that are wanted.
fn volumes<'a>(job: &'a JobView, wanted: &Wanted) -> Result<Vec<&'a PackageView>, Failure> {
    let first = package(job)?;
    // An API of an earlier version names the package alone.
    let all: Vec<&PackageView> =
        if job.packages.is_empty() { vec![first] } else { job.packages.iter().collect() };
    let Some(number) = wanted.volume else {
        return Ok(all);
    };
    let found = all.iter().copied().find(|package| package.volume_no == number);
    found
        .map(|package| vec![package])
        .ok_or_else(|| Failure::usage(format!("the package has no volume {number}: it has {}", all.len())))
}

fn package(job: &JobView) -> Result<&PackageView, Failure> {
    let id = job.summary.id;
    let state = job.summary.state.as_str();
    if state == "expired" {
        return Err(
            Failure::new("the package has expired and was deleted").next("ask for a new one: lethe export")
        );
    }
    if found_nobody(&job.summary) {
        return Err(Failure::new(
            "the job has no package: nobody was found by the identity that it was given",
        )
        .next("ask again with another identity of the person, or tell them that there is nothing"));
    }
    job.package.as_ref().ok_or_else(|| {
        let failure = Failure::new(format!("the job has no package: it is {state}"));
        match job.summary.ended_at {
            None => failure.next(format!("wait for it: lethe jobs show {id} --watch")),
            Some(_) => failure.next(format!("see why: lethe jobs show {id}")),
        }
    })
}

fn show(bytes: u64) -> String {
    size(i64::try_from(bytes).unwrap_or(i64::MAX))
}
