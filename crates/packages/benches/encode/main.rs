//! How fast rows become files: encoding, hashing, compressing and the whole way.
//!
//! `cargo bench -p packages` prints MB/s (millions of bytes a second) over rows made up here: of
//! processor time for what runs on one thread, of time passed for the whole way. The numbers are of
//! one machine at one moment; compare lines of one run. With `-- encode` it stops after encoding.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a benchmark prints, and stops where anything is wrong"
)]

mod rows;

use std::hint::black_box;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use packages::{
    ArchiveWriter, CollectionWriter, Formats, JobFolder, Outputs, PackageStore, PartOptions, RowEncoder,
    Sha256Digest, entry_name,
};

use rows::{columns, made_up_rows};

const ROWS: usize = 200_000;
const ROUNDS: usize = 5;

fn main() {
    let rows = made_up_rows(ROWS);
    let copied: usize = rows.iter().map(Vec::len).sum();
    println!("{ROWS} rows, {} MB as COPY writes them, {} bytes a row", copied / 1_000_000, copied / ROWS);
    let (json, csv) = encoding(&rows, copied);
    if std::env::args().any(|argument| argument == "encode") {
        return;
    }
    floor(&rows, copied);
    compression("json", &json);
    compression("csv", &csv);
    pipeline(&rows);
    memory(&rows);
}

fn encoding(rows: &[Vec<u8>], copied: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    let time = best(|| encode(rows, Some(&mut json), None));
    report("encode json", time, copied, json.len());
    let time = best(|| encode(rows, None, Some(&mut csv)));
    report("encode csv", time, copied, csv.len());
    let time = best(|| encode(rows, Some(&mut json), Some(&mut csv)));
    report("encode both", time, copied, json.len() + csv.len());
    (json, csv)
}

fn encode(rows: &[Vec<u8>], json: Option<&mut Vec<u8>>, csv: Option<&mut Vec<u8>>) {
    let mut out = Outputs { json, csv };
    for buffer in [&mut out.json, &mut out.csv].into_iter().flatten() {
        buffer.clear();
    }
    let mut encoder = RowEncoder::new(&columns()).unwrap();
    encoder.begin(&mut out);
    for row in rows {
        encoder.push(row, &mut out).unwrap();
    }
    encoder.finish(&mut out).unwrap();
}

/// What no encoder can be faster than, and what else is done to every byte.
fn floor(rows: &[Vec<u8>], copied: usize) {
    let mut copy = Vec::with_capacity(copied);
    let time = best(|| {
        copy.clear();
        for row in rows {
            copy.extend_from_slice(black_box(row));
        }
    });
    report("copy rows", time, copied, copied);
    let time = best(|| {
        black_box(Sha256Digest::of(black_box(&copy)));
    });
    report("sha-256", time, copied, copied);
    let time = best(|| {
        black_box(crc32fast::hash(black_box(&copy)));
    });
    report("crc-32", time, copied, copied);
}

fn compression(name: &str, content: &[u8]) {
    for level in 1..=6 {
        let mut compressed = 0;
        let time = once(|| compressed = deflate(content, level));
        let ratio = content.len() as f64 / compressed as f64;
        let speed = speed(content.len(), time);
        println!("deflate {name} level {level}: {speed:7.0} MB/s, {ratio:.2} times smaller");
    }
}

fn deflate(content: &[u8], level: u32) -> usize {
    let mut deflate = Compress::new(Compression::new(level), false);
    let mut out = Vec::with_capacity(512 * 1024);
    let mut total = 0;
    for block in content.chunks(256 * 1024) {
        out.clear();
        deflate.compress_vec(block, &mut out, FlushCompress::Sync).unwrap();
        total += out.len();
    }
    total
}

/// The whole way: rows in, archive in a directory out.
fn pipeline(rows: &[Vec<u8>]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}", directory.path().display());
    for fsync in ["true", "false"] {
        let store = PackageStore::open(&url, [("fsync".to_owned(), fsync.to_owned())]).unwrap();
        for (name, formats) in
            [("json", Formats::JsonOnly), ("csv", Formats::CsvOnly), ("both", Formats::Both)]
        {
            for block_kib in [256, 1024] {
                let options = PartOptions { block_bytes: block_kib * 1024, ..PartOptions::default() };
                let (passed, used) = (Instant::now(), process_time());
                let (content, archive) = runtime.block_on(package(&store, rows, formats, &options));
                let (passed, used) = (passed.elapsed(), process_time().saturating_sub(used));
                println!(
                    "package {name}, blocks of {block_kib} KiB, fsync {fsync}: {:5.0} MB/s passed, {:5.0} MB/s used, {:.2} times smaller",
                    speed(content, passed),
                    speed(content, used),
                    content as f64 / archive as f64
                );
            }
        }
    }
}

/// Memory must not grow with the number of rows.
fn memory(rows: &[Vec<u8>]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}", directory.path().display());
    let store = PackageStore::open(&url, []).unwrap();
    let options = PartOptions::default();
    for share in [50, 10, 1] {
        // 5 sets the peak back to what is resident now (Linux, proc(5)).
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let start = peak_kib();
        runtime.block_on(package(&store, &rows[..ROWS / share], Formats::Both, &options));
        println!("package both, {} rows: {} KiB at most", ROWS / share, peak_kib() - start);
    }
}

fn peak_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn package(
    store: &PackageStore,
    rows: &[Vec<u8>],
    formats: Formats,
    options: &PartOptions,
) -> (usize, usize) {
    let folder = JobFolder::new("bench", uuid::Uuid::nil()).attempt(1, 1);
    let mut writer = CollectionWriter::new(store, folder.part("rows"), &columns(), formats, options).unwrap();
    for row in rows {
        writer.write(row).await.unwrap();
    }
    let content = writer.uncompressed_bytes();
    let at = chrono::DateTime::UNIX_EPOCH;
    let mut archive = ArchiveWriter::new(store, folder.archive(), at);
    for (format, part) in writer.finish().await.unwrap().into_parts() {
        archive.add_part(&entry_name("rows", format), part).await.unwrap();
    }
    let archive = archive.finish().await.unwrap();
    (content as usize, archive.size_bytes as usize)
}

fn best(mut run: impl FnMut()) -> Duration {
    (0..ROUNDS).map(|_| once(&mut run)).min().unwrap()
}

/// The processor time that `run` takes on this thread.
fn once(mut run: impl FnMut()) -> Duration {
    let start = thread_time();
    run();
    thread_time().saturating_sub(start)
}

fn report(name: &str, time: Duration, read: usize, written: usize) {
    println!("{name}: {:7.0} MB/s read, {:7.0} MB/s written", speed(read, time), speed(written, time));
}

fn speed(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

/// From Linux's books, so that a busy machine does not spoil the figures.
fn thread_time() -> Duration {
    let books = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(books.split(' ').next().unwrap().parse().unwrap())
}

/// The same of all threads together, in hundredths of a second.
fn process_time() -> Duration {
    let books = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = books.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
