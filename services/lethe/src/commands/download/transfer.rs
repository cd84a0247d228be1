//! Bringing the bytes over, as often as it takes.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use reqwest::Response;

use super::part::Part;
use super::source::{Rest, Source, SourceError};
use crate::failure::Failure;
use crate::output::Output;
use crate::patience::Patience;
use crate::progress::byte_bar;

/// For how long nothing may arrive before we give up.
const OUTAGE_LIMIT: Duration = Duration::from_secs(60);
/// How many links in a row may be refused: the first may have ended, the second is new.
const MOST_ENDED_LINKS: u32 = 2;

/// Brings over what is missing of `part`.
pub(super) async fn transfer(
    mut source: Source<'_>,
    part: &mut Part,
    output: &mut Output,
) -> Result<(), Failure> {
    let bar = byte_bar("download", part.expected_size_bytes(), output.draws());
    // What is there already was not brought over now, and must not count for the rate.
    bar.set_position(part.size_bytes());
    bar.reset_eta();
    let mut patience = Patience::of(OUTAGE_LIMIT);
    let mut ended_links = 0;
    while !part.is_whole() {
        let before = part.size_bytes();
        let error = match source.rest(before).await {
            Ok(Rest::LinkEnded) if ended_links + 1 < MOST_ENDED_LINKS => {
                ended_links += 1;
                continue;
            }
            Ok(Rest::LinkEnded) => return Err(source.refused()),
            Ok(Rest::Continued(response)) => receive(response, part, &bar).await?,
            Ok(Rest::Anew(response)) => {
                part.restart()?;
                receive(response, part, &bar).await?
            }
            Err(error) => Some(error),
        };
        ended_links = 0;
        if part.size_bytes() > before {
            patience.restore();
        }
        if let Some(error) = error {
            wait(error, &mut patience).await?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Takes what arrives until the response ends; why, if it ended too early.
async fn receive(
    mut response: Response,
    part: &mut Part,
    bar: &ProgressBar,
) -> Result<Option<SourceError>, Failure> {
    let origin = response.url().origin().ascii_serialization();
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => {
                part.take(&bytes)?;
                bar.set_position(part.size_bytes());
            }
            Ok(None) if part.is_whole() => return Ok(None),
            Ok(None) => return Ok(Some(SourceError::Short(origin))),
            Err(error) => return Ok(Some(SourceError::Unreachable(origin, error.without_url()))),
        }
    }
}

async fn wait(error: SourceError, patience: &mut Patience) -> Result<(), Failure> {
    if !error.is_passing() {
        return Err(error.into());
    }
    match patience.fail(Instant::now(), error.retry_after()) {
        Some(pause) => {
            tokio::time::sleep(pause).await;
            Ok(())
        }
        None => Err(error.into()),
    }
}
