//! The peer: psql's COPY of every exported collection, one after another, piped through the same compressor.
//!
//! Raw DEFLATE of the library and level that the export-worker has, in this process beside psql, so
//! the two overlap. It neither hashes nor writes: what it delivers is thrown away.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::DeflateEncoder;

/// The level at which the export-worker compresses unless told otherwise.
const LEVEL: u32 = 2;

/// Reads an organisation in one format; answers how long it took and the bytes before compression.
pub fn copy(url: &str, organisation: &str, format: &str) -> Result<(Duration, u64)> {
    let begun = Instant::now();
    let mut encoder = DeflateEncoder::new(std::io::sink(), Compression::new(LEVEL));
    let mut bytes = 0;
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
        bytes += pipe(url, &sql, &mut encoder)?;
    }
    encoder.finish()?;
    Ok((begun.elapsed(), bytes))
}

fn pipe(url: &str, sql: &str, into: &mut impl Write) -> Result<u64> {
    let program = std::env::var("LETHE_TEST_PSQL").unwrap_or_else(|_| "psql".to_owned());
    let arguments = ["-X", "-q", "-d", url, "-c", sql];
    let mut child = Command::new(&program).args(arguments).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("no output")?;
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let read = output.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        bytes += u64::try_from(read)?;
        into.write_all(chunk)?;
    }
    ensure!(child.wait()?.success(), "psql failed: {sql}");
    Ok(bytes)
}

/// The collections of the sample's data map with the columns that an export holds.
fn collections() -> Result<Vec<(String, Vec<String>)>> {
    let map = domain::datamap::DataMap::parse(sample::DATA_MAP)?;
    let dataset = map.datasets.first().context("no dataset")?;
    let columns = |collection: &domain::datamap::Collection| {
        let open = collection.fields.iter().filter(|field| field.secret.is_none());
        open.map(|field| field.name.clone()).collect()
    };
    Ok(dataset.collections.iter().filter(|c| !c.skipped).map(|c| (c.name.clone(), columns(c))).collect())
}
