//! What becomes of a job, as the API tells it.

use std::collections::VecDeque;
use std::time::Duration;

use contracts::http::ProgressEvent;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

use super::error::ApiError;
use super::sse::{Event, Parser};

/// The API sends a comment every 15 seconds; a stream that is silent for longer is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// The events of one job, from one connection.
#[derive(Debug)]
pub struct EventStream {
    origin: String,
    response: Response,
    parser: Parser,
    events: VecDeque<Event>,
}

/// What an event says, as far as somebody who waits wants to know it.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// How far the job is.
    Progress(Box<ProgressEvent>),
    /// The job has ended.
    End,
    /// Something else, or something that is newer than this program.
    Other,
}

/// The end of a connection.
#[derive(Debug)]
pub enum Lost {
    /// The other side has closed it.
    Closed,
    /// It broke, or nothing came for too long.
    Broken(ApiError),
}

impl EventStream {
    /// The stream in a response; `None` when the response is none.
    pub(super) fn of(origin: &str, response: Response) -> Option<Self> {
        is_stream(response.headers()).then(|| Self {
            origin: origin.to_owned(),
            response,
            parser: Parser::default(),
            events: VecDeque::new(),
        })
    }

    /// The id of the last event, if one came with an id.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        Some(self.parser.last_id()).filter(|id| !id.is_empty())
    }

    /// What comes next.
    ///
    /// # Errors
    /// [`Lost`] when nothing does.
    pub async fn next(&mut self) -> Result<News, Lost> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(news(&event));
            }
            let chunk = tokio::time::timeout(SILENCE_LIMIT, self.response.chunk()).await;
            let bytes = match chunk {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) | Err(_) => return Err(Lost::Closed),
                Ok(Err(error)) => {
                    let (origin, source) = (self.origin.clone(), error.without_url());
                    return Err(Lost::Broken(ApiError::Unreachable { origin, source }));
                }
            };
            let Ok(events) = self.parser.feed(&bytes) else {
                return Err(Lost::Closed);
            };
            self.events.extend(events);
        }
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

fn news(event: &Event) -> News {
    match event.name.as_str() {
        "progress" => {
            serde_json::from_str(&event.data).map_or(News::Other, |seen| News::Progress(Box::new(seen)))
        }
        "end" => News::End,
        _ => News::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let event = |name: &str, data: &str| Event { name: name.to_owned(), data: data.to_owned() };
        assert_eq!(news(&event("progress", "{}")), News::Other);
        assert_eq!(news(&event("end", "")), News::End);
        assert_eq!(news(&event("next-year", "{}")), News::Other);
    }
}
