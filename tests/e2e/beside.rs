//! Others write while rows are erased: inserts, updates and deletes, in short transactions and in long ones, in
//! the organisations that are being erased and in others; holds are placed and released meanwhile. By SQL that
//! shares nothing with what erased: no `completed` is a lie, no held row changed after its 201, no row changed
//! that no job is about, and jobs, journals, audit log and tables count the same.
//!
//! `LETHE_TEST_SOAK` is a number of erasures, for which the test has servers of its own: services and servers
//! are killed and workers stopped meanwhile (`make soak`). `LETHE_TEST_SEED` is another seed.
#![expect(clippy::indexing_slicing, reason = "a test ends with a panic that says why")]

mod book;
mod desk;
mod faults;
mod holding;
mod oracle;
mod round;
mod seen;
mod writer;

use std::time::Instant;

use tests::Servers;

use crate::erasure_kills::{say, setting};
use desk::{Desk, Figures};

/// Erasures of an ordinary run.
const ERASURES: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_erasure_lies_while_others_write_beside_it() {
    let (soak, seed) = (setting("LETHE_TEST_SOAK", 0), setting("LETHE_TEST_SEED", 11));
    let directory = tempfile::Builder::new().prefix("lethe-soak-").tempdir_in("/var/tmp").unwrap();
    let (servers, erasures) = match soak {
        0 => (Servers::shared().unwrap(), ERASURES),
        erasures => (Servers::start(directory.path()).unwrap(), erasures),
    };
    say(&format!("seed {seed}, {erasures} erasures"));
    let mut desk = Desk::open(servers, seed, soak > 0).await;
    let began = Instant::now();
    while desk.figures.erasures < erasures {
        desk.round().await;
    }
    desk.end().await;
    desk.would_be_seen().await;
    let Figures { erasures, further, passes, holds, kills, suspensions, written, given_up, rows } =
        &desk.figures;
    say(&format!(
        "seed {seed}: {erasures} erasures and {further} after the release of a hold ({rows} rows), {passes} further passes, \
         {holds} holds, {kills} kills, {suspensions} suspensions, {written} transactions beside them and {given_up} given up, \
         {} s, 0 violations",
        began.elapsed().as_secs()
    ));
}
