//! The service in its frame: opens the port, serves until told to stop, and lets requests finish.

use std::io;
use std::net::TcpListener;
use std::num::NonZero;
use std::sync::Arc;

use actix_web::HttpServer;
use actix_web::dev::Server;
use chassis::{Context, Service};

use crate::app::app;
use crate::config::Config;
use crate::state::ApiState;

/// The public HTTP API.
#[derive(Debug)]
pub enum PrivacyApi {}

impl Service for PrivacyApi {
    const NAME: &'static str = "privacy-api";
    const ABOUT: &'static str = "Serves the public HTTP API: takes requests, shows jobs, hands out packages";
    type Config = Config;

    fn check(config: &Config, context: &Context) -> anyhow::Result<()> {
        ApiState::new(config, context.store.clone(), context.relay.clone(), &context.metrics)?;
        Ok(())
    }

    async fn serve(config: Config, context: Context) -> anyhow::Result<()> {
        let state = ApiState::new(&config, context.store.clone(), context.relay.clone(), &context.metrics)?;
        if !state.links.secure() {
            tracing::warn!("public_url is not https: tokens and packages travel unprotected");
        }
        let listener = TcpListener::bind(config.listen).map_err(|error| {
            anyhow::anyhow!(
                "service.listen: cannot listen on {}: {error}; choose another port",
                config.listen
            )
        })?;
        let events = Arc::clone(&state.events);
        let server = server(listener, state)?;
        let handle = server.handle();
        let stopping = context.stopping.clone();
        tokio::spawn(async move {
            stopping.cancelled().await;
            events.stop();
            handle.stop(true).await;
        });
        server.await?;
        Ok(())
    }
}

/// A server on an open port. Runs when awaited, until its handle stops it.
///
/// # Errors
/// When the port cannot be used.
pub fn server(listener: TcpListener, state: ApiState) -> io::Result<Server> {
    let limits = state.limits.clone();
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let server = HttpServer::new(move || app(state.clone()))
        .workers(limits.workers.unwrap_or(processors))
        .max_connections(limits.connections_per_worker)
        .shutdown_timeout(limits.finish_within.as_secs())
        // Whoever closes a connection has gone: its stream ends at once, not with the next event.
        .h1_allow_half_closed(false)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}
