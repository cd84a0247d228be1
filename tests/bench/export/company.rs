//! The company whose organisations are exported: one database for all figures, seeded once.

use std::time::Instant;

use anyhow::{Context, Result};
use sample::Progress;
use tests::{Database, Servers};
use uuid::Uuid;

/// Rows of the largest organisation.
const LARGEST: u64 = 5_000_000;
const SMALL: u64 = 1_000;

/// An organisation and its rows over all tables.
#[derive(Debug, Clone)]
pub struct Organisation {
    pub id: String,
    pub rows: u64,
}

/// The organisations that the figures are measured with.
#[derive(Debug)]
pub struct Company {
    /// The company's database, as its administrator.
    pub url: String,
    /// Of 100 thousand, 1 million and 5 million rows.
    pub graded: Vec<Organisation>,
    /// Of 2 million rows.
    pub large: Organisation,
    /// Of 1,000 rows.
    pub small: Organisation,
}

impl Company {
    /// Makes and fills the database; organisations that no wanted figure needs stay small.
    pub async fn found(
        servers: &Servers,
        rows: Option<u64>,
        wanted: &impl Fn(&str) -> bool,
    ) -> Result<(Self, Database)> {
        let largest = rows.unwrap_or(LARGEST);
        let graded = if wanted("memory") { [largest / 50, largest / 5, largest] } else { [SMALL; 3] };
        let large = if wanted("throughput") || wanted("workers") { largest / 5 * 2 } else { SMALL };
        let sizes = [graded[0], graded[1], graded[2], large, SMALL];
        let mut subjects = Database::create(&servers.pg_url, "vantage").await?;
        sample::create(&subjects.client).await?;
        subjects.client.batch_execute(sample::ROLES_SQL).await?;
        let ids = seed(&mut subjects, &sizes).await?;
        let mut organisations =
            ids.into_iter().zip(sizes).map(|(id, rows)| Organisation { id: id.to_string(), rows });
        let graded = organisations.by_ref().take(3).collect();
        let large = organisations.next().context("no large organisation")?;
        let small = organisations.next().context("no small organisation")?;
        Ok((Self { url: subjects.url.clone(), graded, large, small }, subjects))
    }
}

async fn seed(subjects: &mut Database, sizes: &[u64]) -> Result<Vec<Uuid>> {
    let begun = Instant::now();
    let mut shown = 0;
    let report = |progress| match progress {
        Progress::Rows { table, done, total } if done >= shown => {
            println!("seeding: {done} of {total} rows, now {table}");
            shown = done + total / 8;
        }
        Progress::Indexes { done: 0, total } => println!("seeding: building {total} keys and indexes"),
        Progress::Statistics => println!("seeding: collecting statistics"),
        Progress::Rows { .. } | Progress::Indexes { .. } => {}
    };
    let scale = sample::Scale::organisations_of_rows(sizes);
    let seeded = sample::seed(&mut subjects.client, &scale, 1, report).await?;
    // Hint bits and the visibility map, so that whoever reads first does not pay for them.
    for command in ["VACUUM", "CHECKPOINT"] {
        subjects.client.batch_execute(command).await.context(command)?;
    }
    println!("seeded in {:.0} s\n", begun.elapsed().as_secs_f64());
    Ok(seeded.organisations.iter().map(|organisation| organisation.id).collect())
}
