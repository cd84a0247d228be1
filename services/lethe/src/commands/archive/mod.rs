//! `lethe archive`

mod contents;
mod listing;
mod manifest;
mod rows;
mod verify;

use std::path::PathBuf;

use clap::Args;

use self::contents::Contents;
use self::listing::Listing;
use self::manifest::Manifest;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// List what is in a downloaded package.
#[derive(Debug, Args)]
#[command(
    long_about = "Lists what is in a downloaded package, without unpacking it: each file with its records, its size \
                  and the categories of personal data that its manifest names. With --verify every file is read \
                  and compared with the manifest: its SHA-256, its size and its number of records; the exit code \
                  is 1 when something differs. Needs neither the API nor a token.",
    after_long_help = "Examples:\n  \
                       lethe archive export.zip\n  \
                       lethe archive export.zip --verify\n  \
                       lethe archive export.zip --json | jq '.files[].path'"
)]
pub struct Archive {
    /// The package.
    file: PathBuf,
    /// Read every file and compare it with the manifest.
    #[arg(long)]
    verify: bool,
}

impl Archive {
    pub(super) fn run(&self, output: &mut Output) -> Result<Outcome, Failure> {
        let contents = Contents::open(&self.file)?;
        let manifest = Manifest::read(&contents)?;
        let verdict = if self.verify { Some(verify::verify(&contents, &manifest, output)?) } else { None };
        let listing = Listing::new(&contents, &manifest, verdict);
        output.result(&listing, || listing.text())?;
        Ok(if listing.is_as_promised() { Outcome::Done } else { Outcome::No })
    }
}
