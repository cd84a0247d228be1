//! Accepted export requests per second, as a ratio of pgbench sending the same statements.
//!
//! Services that would work on what is accepted do not run meanwhile; the API's own relay does, and
//! publishes. Every request is a new job: each organisation asks once for each kind of export.

mod pgbench;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, StatusCode};
use tests::System;
use uuid::Uuid;

use crate::cpu::Meter;
use crate::table::{Table, Target};

/// Connections, of HTTP and of pgbench alike.
const CLIENTS: usize = 8;
const ORGANISATIONS: u32 = 1_500;
const DURATION: Duration = Duration::from_secs(10);

/// A request: whose, and for what.
type Request = (Arc<str>, &'static str, bool);

pub async fn measure(system: &mut System, table: &mut Table) -> Result<()> {
    println!("requests: {CLIENTS} connections, up to {} s; making tokens", DURATION.as_secs());
    for service in tests::SERVICES.into_iter().filter(|service| *service != "privacy-api") {
        system.process(service)?.kill()?;
    }
    let requests = requests(system)?;
    let meter = Meter::start(system, &[]).await?;
    let accepted = accepted_per_second(system, requests).await?;
    let beside = meter.read()?;
    println!("  accepted       {accepted:>7.0} /s  {beside}");
    let meter = Meter::start(system, &[]).await?;
    let peer = pgbench::transactions_per_second(system, CLIENTS, DURATION).await?;
    let peer_cores = meter.read()?;
    println!("  pgbench        {peer:>7.0} /s  {peer_cores}");
    let reason = format!("{accepted:.0}/s, {beside}; pgbench {peer:.0}/s, {peer_cores}");
    table.add("accepted requests/s over pgbench", Target::AtLeast(0.5), (accepted / peer, ""), &reason);
    Ok(())
}

/// As many as there may be, those of one organisation far apart.
fn requests(system: &System) -> Result<VecDeque<Request>> {
    let mut tokens = Vec::new();
    for _ in 0..ORGANISATIONS {
        tokens.push(Arc::from(system.token(&Uuid::new_v4().to_string(), "owner")?));
    }
    let kinds = ["json", "csv", "both"].into_iter().flat_map(|format| [(format, false), (format, true)]);
    Ok(kinds
        .flat_map(|(format, media)| tokens.iter().map(move |token| (Arc::clone(token), format, media)))
        .collect())
}

async fn accepted_per_second(system: &System, requests: VecDeque<Request>) -> Result<f64> {
    let http = Client::builder().pool_max_idle_per_host(CLIENTS).build()?;
    let url = format!("{}/api/v1/privacy/export", system.base);
    let requests = Arc::new(Mutex::new(requests));
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(client(http.clone(), url.clone(), Arc::clone(&requests), begun + DURATION)))
        .collect();
    let mut accepted = 0;
    for client in clients {
        accepted += client.await??;
    }
    Ok(f64::from(accepted) / begun.elapsed().as_secs_f64())
}

/// One connection, kept alive: the next request follows the answer to the last.
async fn client(
    http: Client,
    url: String,
    requests: Arc<Mutex<VecDeque<Request>>>,
    end: Instant,
) -> Result<u32> {
    let mut accepted = 0;
    while Instant::now() < end {
        let next = requests.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((token, format, include_media)) = next else {
            break;
        };
        let body = serde_json::json!({"format": format, "include_media": include_media});
        let key = format!("\"{}\"", Uuid::new_v4());
        let request = http.post(&url).bearer_auth(token).header("idempotency-key", key).json(&body);
        let response = request.send().await.context("no answer")?;
        ensure!(response.status() == StatusCode::ACCEPTED, "not accepted: {}", response.status());
        // Read to its end, or the connection could not be used again.
        response.bytes().await?;
        accepted += 1;
    }
    Ok(accepted)
}
