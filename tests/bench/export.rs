//! How fast is an export? Ratios against `COPY … TO STDOUT` in psql through the same compressor,
//! measured in the same run, because absolute times on shared machines mean little.
//!
//! The peer reads one collection with psql and pipes it through raw DEFLATE of the same library
//! and level, in one process beside psql. Ours is the whole way from request to downloadable
//! archive: planning, reading, encoding, hashing, compressing, assembling.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use tests::{Api, Database, Options, Servers, System};

/// Rows of the large organisation; another of a tenth lies beside it.
const ROWS: u64 = 1_000_000;
const SMALL_ROWS: u64 = 1_000;
/// The level at which the export-worker compresses unless told otherwise.
const LEVEL: u32 = 2;
const SMALL_RUNS: usize = 21;
const PATIENCE: Duration = Duration::from_secs(1_800);

/// What a run moved, and how long it took.
struct Run {
    rows: u64,
    bytes: u64,
    took: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let servers = Servers::shared()?;
    let mut subjects = Database::create(&servers.pg_url, "vantage").await?;
    sample::create(&subjects.client).await?;
    subjects.client.batch_execute(sample::ROLES_SQL).await?;
    let scale = sample::Scale::organisations_of_rows(&[rows, rows / 10, SMALL_ROWS]);
    println!("seeding an organisation of {rows} rows beside others …");
    let seeded = sample::seed(&mut subjects.client, &scale, 1, |_| {}).await?;
    let url = subjects.url.clone();
    let options = Options { lease: "60s", ..Options::default() };
    let mut system = System::start(servers, subjects, &options).await?;
    let large = seeded.organisations.first().context("no organisation")?.id.to_string();
    let small = seeded.organisations.get(2).context("no organisation")?.id.to_string();
    for format in ["csv", "json"] {
        // Once for the caches, on both sides alike.
        psql(&url, &large, format)?;
        let peer = psql(&url, &large, format)?;
        let ours = export(&system.api(&large, "owner")?, format).await?;
        report(format, &peer, &ours)?;
    }
    let peak = system.process("export-worker")?.peak_memory_bytes()?;
    println!("export-worker, peak resident memory: {} MiB", peak / 1_048_576);
    request_to_archive(&system.api(&small, "owner")?).await
}

/// Every exported collection by psql's COPY, one after another, through the same compressor.
fn psql(url: &str, organisation: &str, format: &str) -> Result<Run> {
    let program = std::env::var("LETHE_TEST_PSQL").unwrap_or_else(|_| "psql".to_owned());
    let begun = Instant::now();
    let mut encoder = DeflateEncoder::new(std::io::sink(), Compression::new(LEVEL));
    let (mut rows, mut bytes) = (0, 0);
    for (table, columns) in collections()? {
        let Some(from) = sample::rows_of_organisation(&table) else {
            continue;
        };
        let from = from.replace("$1", &format!("'{organisation}'"));
        let list = columns.iter().map(|c| format!("t.\"{c}\"")).collect::<Vec<_>>().join(", ");
        let sql = match format {
            "csv" => format!("COPY (SELECT {list} {from}) TO STDOUT (FORMAT csv, HEADER)"),
            _ => format!("COPY (SELECT row_to_json(r) FROM (SELECT {list} {from}) r) TO STDOUT"),
        };
        let mut child = Command::new(&program)
            .args(["-X", "-q", "-d", url, "-c", &sql])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = child.stdout.take().context("no output")?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = output.read(&mut buffer)?;
            let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            bytes += u64::try_from(read)?;
            rows += u64::try_from(chunk.iter().filter(|byte| **byte == b'\n').count())?;
            std::io::Write::write_all(&mut encoder, chunk)?;
        }
        ensure!(child.wait()?.success(), "psql failed: {sql}");
    }
    encoder.finish()?;
    Ok(Run { rows, bytes, took: begun.elapsed() })
}

/// The collections of the sample's data map with the columns that an export holds.
fn collections() -> Result<Vec<(String, Vec<String>)>> {
    let map = domain::datamap::DataMap::parse(sample::DATA_MAP)?;
    let dataset = map.datasets.first().context("no dataset")?;
    let columns = |collection: &domain::datamap::Collection| {
        collection
            .fields
            .iter()
            .filter(|field| field.secret.is_none())
            .map(|field| field.name.clone())
            .collect()
    };
    Ok(dataset.collections.iter().filter(|c| !c.skipped).map(|c| (c.name.clone(), columns(c))).collect())
}

async fn export(api: &Api, format: &str) -> Result<Run> {
    let begun = Instant::now();
    let job = api.export(format).await?;
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await?;
    let took = begun.elapsed();
    ensure!(job.summary.state == "completed", "the export failed: {:?}", job.failure);
    Ok(Run {
        rows: u64::try_from(job.progress.rows_done)?,
        bytes: u64::try_from(job.progress.bytes_done)?,
        took,
    })
}

fn report(format: &str, peer: &Run, ours: &Run) -> Result<()> {
    let seconds = |run: &Run| run.took.as_secs_f64();
    let thousand_rows =
        |run: &Run| -> Result<f64> { Ok(f64::from(u32::try_from(run.rows)?) / seconds(run) / 1e3) };
    let megabytes =
        |run: &Run| -> Result<f64> { Ok(f64::from(u32::try_from(run.bytes / 1_000)?) / seconds(run) / 1e3) };
    println!("{format}: psql COPY, compressed   {:>8.1} s  {:>7.0} MB/s", seconds(peer), megabytes(peer)?);
    println!(
        "{format}: export                   {:>8.1} s  {:>7.0} MB/s  {:>6.0} thousand rows/s",
        seconds(ours),
        megabytes(ours)?,
        thousand_rows(ours)?
    );
    println!("{format}: ratio of throughput, ours to psql: {:.2}", seconds(peer) / seconds(ours));
    Ok(())
}

/// Request to downloadable archive for a small organisation: the median of several.
async fn request_to_archive(api: &Api) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..SMALL_RUNS {
        times.push(export(api, "json").await?.took);
    }
    times.sort();
    let median = times.get(SMALL_RUNS / 2).context("no runs")?;
    let worst = times.last().context("no runs")?;
    println!(
        "{SMALL_ROWS} rows, request to archive: median {} ms, worst {} ms",
        median.as_millis(),
        worst.as_millis()
    );
    Ok(())
}
