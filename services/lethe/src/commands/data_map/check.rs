//! `lethe data-map check`

use std::path::PathBuf;

use clap::Args;
use domain::datamap::{self, DataMap};
use serde::Serialize;

use super::explain::{self, Explained};
use super::finding::{self, Finding};
use super::stores;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text::amount::of;

/// Check a data map, alone or against the live schema of its stores.
#[derive(Debug, Args)]
#[command(
    long_about = "Checks a data map: the YAML file that says where personal data lives in the company's databases \
                  (Fideslang datasets, with Lethe's additions under `lethe:`).\n\n\
                  Without --store the file is only read: grammar, names, and the way of every collection to its \
                  organisation. With --store it is compared with the live schema too, as the services do before any \
                  job runs: tables, columns, types, keys, strategies. Nothing is written, and no row is read.\n\n\
                  The exit code is 1 when something stands in the way of every job; with --strict also when \
                  something stands in the way of erasure.",
    after_long_help = "Examples:\n  \
                       lethe data-map check datamap.yaml --explain\n  \
                       lethe data-map check datamap.yaml --store vantage=postgres://vantage_reader@127.0.0.1:15432/vantage\n  \
                       LETHE_STORES='shop=postgres://…,crm=postgres://…' lethe data-map check datamap.yaml --strict --json"
)]
pub struct Check {
    /// The data map.
    file: PathBuf,
    /// A store of the map and a role that may read it; may be given several times. Passwords are better in
    /// LETHE_STORES (NAME=URL,NAME=URL): other users of this machine see the arguments of programs.
    #[arg(long = "store", value_name = "NAME=URL")]
    stores: Vec<String>,
    /// The same for all stores, in the environment.
    #[arg(long = "stores", value_name = "LIST", env = "LETHE_STORES", hide = true, hide_env_values = true)]
    store_list: Option<String>,
    /// Say also how each collection leads to its organisation.
    #[arg(long)]
    explain: bool,
    /// Let the check fail too when something stands in the way of erasure only.
    #[arg(long)]
    strict: bool,
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    /// Whether nothing stands in the way.
    ok: bool,
    /// The stores that the map was compared with; none when it was only read.
    checked_against: Vec<String>,
    findings: Vec<Finding>,
    collections: Vec<Explained>,
}

impl Check {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let stores = stores::named(&self.stores, self.store_list.as_deref())?;
        let text = std::fs::read_to_string(&self.file).map_err(|error| {
            Failure::new(format!("the data map {} cannot be read", self.file.display())).because(error)
        })?;
        let mut report = Report::about(self.file.display().to_string());
        match DataMap::parse(&text) {
            Err(error) => report.findings = Finding::of(error),
            Ok(map) => {
                report.collections = explain::explain(&map);
                if !stores.is_empty() {
                    let live = stores::live(&map, &stores).await?;
                    report.findings = datamap::check(&map, &live).into_iter().map(Finding::from).collect();
                    report.checked_against = stores.into_keys().collect();
                }
            }
        }
        report.ok = !report.findings.iter().any(|finding| finding.is_in_the_way(self.strict));
        output.result(&report, || report.text(self.explain))?;
        Ok(if report.ok { Outcome::Done } else { Outcome::No })
    }
}

impl Report {
    fn about(file: String) -> Self {
        Self { file, ok: false, checked_against: Vec::new(), findings: Vec::new(), collections: Vec::new() }
    }

    fn text(&self, explain: bool) -> String {
        let mut text = String::new();
        if explain && !self.collections.is_empty() {
            text.push_str(&format!("{}\n", explain::text(&self.collections)));
        }
        text.push_str(&finding::text(&self.file, &self.findings));
        text.push_str(&self.verdict());
        text
    }

    fn verdict(&self) -> String {
        let verdict = if self.ok { "good" } else { "not good" };
        let collections = of(self.collections.len(), "collection");
        if self.collections.is_empty() {
            format!("{}: {verdict}: it is no data map as it stands", self.file)
        } else if self.checked_against.is_empty() {
            format!(
                "{}: {verdict} as far as it was looked at: {collections}, read but compared with no database; \
                 give --store NAME=URL to compare it with the live schema",
                self.file
            )
        } else {
            let stores = self.checked_against.join(", ");
            format!("{}: {verdict}: {collections}, compared with the live schema of {stores}", self.file)
        }
    }
}
