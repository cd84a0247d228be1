//! `lethe demo seed`

use clap::Args;
use sample::{Progress, Scale, Seeded};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio_postgres::Client;

use super::database::{self, Found};
use crate::database::PlainDatabase;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::progress::row_bar;
use crate::text::amount::{count, of};
use crate::text::table::Table;

/// Rows of the first organisation when only the number of organisations is given.
const DEFAULT_ROWS: u64 = 6_000;

/// Create the sample company's database and fill it.
#[derive(Debug, Args)]
#[command(
    long_about = "Creates the sample company Vantage in a database of its own, and fills it: organisations with \
                  users, conversations, messages and media, with the traps of real schemas and real data. The same \
                  numbers give the same rows on every machine and every day.\n\n\
                  A missing database is created. A database with tables of somebody else is left alone. The roles \
                  vantage_reader and vantage_eraser are made for the services.",
    after_long_help = "Examples:\n  \
                       lethe demo seed --database-url postgres://postgres@127.0.0.1:15432/vantage\n  \
                       lethe demo seed --rows 1000000 --organisations 4 --recreate\n  \
                       lethe demo seed --keep --json | jq -r '.organisations[0].id'"
)]
pub struct Seed {
    /// The sample company's database, as postgres://user@host:port/database.
    #[arg(long, value_name = "URL", env = "LETHE_SAMPLE_URL", hide_env_values = true)]
    database_url: SecretString,
    /// How many organisations [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    organisations: Option<u32>,
    /// Rows of the first organisation over all tables; every other one has 1,000 then [default: a few thousand each]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    rows: Option<u64>,
    /// The number that all values are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Remove the database first, whatever is in it; on this machine only.
    #[arg(long)]
    recreate: bool,
    /// Change nothing and succeed when the sample company is there already.
    #[arg(long, conflicts_with = "recreate")]
    keep: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether rows were written by this run.
    seeded: bool,
    organisations: Vec<Organisation>,
}

#[derive(Debug, Serialize)]
struct Organisation {
    id: String,
    name: String,
    /// Rows that lead to it, over all tables; unknown when an earlier run wrote them.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
}

impl Seed {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let database = PlainDatabase::parse(self.database_url.expose_secret(), "--database-url")?;
        let mut client = database::open(&database, self.recreate).await?;
        let report = match database::look(&client).await? {
            Found::Foreign => return Err(foreign(&database)),
            Found::Seeded if self.keep => {
                output.remark("the sample company is there already; nothing was changed");
                existing(&client).await?
            }
            Found::Seeded => return Err(seeded(&database)),
            Found::Empty => self.fill(&mut client, output).await?,
            Found::Nothing => {
                sample::create(&client).await.map_err(failed)?;
                self.fill(&mut client, output).await?
            }
        };
        output.result(&report, || report.text())?;
        Ok(Outcome::Done)
    }

    async fn fill(&self, client: &mut Client, output: &mut Output) -> Result<Report, Failure> {
        client.batch_execute(sample::ROLES_SQL).await.map_err(|error| {
            Failure::new("the sample company's roles cannot be made")
                .because(error)
                .next("the role needs CREATEROLE")
        })?;
        client
            .batch_execute(&connectors::erase::journal_ddl("vantage_eraser"))
            .await
            .map_err(|error| Failure::new("the journal of erasures cannot be made").because(error))?;
        let bar = row_bar("seeding", output.draws());
        let seeded = sample::seed(client, &self.scale(), self.seed, |progress| match progress {
            Progress::Rows { table, done, total } => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(table);
            }
            Progress::Indexes { done, total } => bar.set_message(format!("{done} of {total} indexes")),
            Progress::Statistics => bar.set_message("statistics"),
        })
        .await;
        bar.finish_and_clear();
        let seeded = seeded.map_err(failed)?;
        let tables = seeded.rows.len();
        output.remark(format!("{} rows in {}", shown(seeded.rows.values().sum()), of(tables, "table")));
        Ok(Report::of(seeded))
    }

    fn scale(&self) -> Scale {
        if self.rows.is_none() && self.organisations.is_none() {
            return Scale::demo();
        }
        let organisations = usize::try_from(self.organisations.unwrap_or(3)).unwrap_or(1);
        Scale::rows(self.rows.unwrap_or(DEFAULT_ROWS), organisations.saturating_sub(1))
    }
}

impl Report {
    fn of(seeded: Seeded) -> Self {
        let organisation = |organisation: sample::SeededOrganisation| Organisation {
            id: organisation.id.to_string(),
            rows: Some(organisation.rows.values().sum()),
            name: organisation.name,
        };
        Self { seeded: true, organisations: seeded.organisations.into_iter().map(organisation).collect() }
    }

    fn text(&self) -> String {
        let mut table = Table::of(&["ORGANISATION", "ROWS", "NAME"]);
        for organisation in &self.organisations {
            let rows = organisation.rows.map_or_else(|| "-".to_owned(), shown);
            table.row([organisation.id.clone(), rows, organisation.name.clone()]);
        }
        table.text()
    }
}

/// The organisations that an earlier run wrote.
async fn existing(client: &Client) -> Result<Report, Failure> {
    let failed = |error| Failure::new("the organisations cannot be listed").because(error);
    let rows = client
        .query("SELECT id::text, name FROM public.organisations ORDER BY id", &[])
        .await
        .map_err(failed)?;
    let organisation = |row: &tokio_postgres::Row| {
        Ok(Organisation { id: row.try_get(0)?, name: row.try_get(1)?, rows: None })
    };
    let organisations = rows.iter().map(organisation).collect::<Result<_, _>>().map_err(failed)?;
    Ok(Report { seeded: false, organisations })
}

fn shown(rows: u64) -> String {
    count(i64::try_from(rows).unwrap_or(i64::MAX))
}

fn failed(error: sample::SampleError) -> Failure {
    Failure::new("the sample company cannot be set up")
        .because(error)
        .next("the role must be able to create tables; nothing of a failed seeding remains")
}

fn foreign(database: &PlainDatabase) -> Failure {
    Failure::new(format!("the database `{}` has tables that are not the sample company's", database.name()))
        .next(
            "name another database in --database-url; --recreate would remove this one with everything in it",
        )
}

fn seeded(database: &PlainDatabase) -> Failure {
    Failure::new(format!("the sample company is in the database `{}` already", database.name()))
        .next("keep it with --keep, or make it anew with --recreate")
}
