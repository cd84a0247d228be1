//! Requests to a bucket: where to, signed, and as often as the settings say.

use std::time::{Duration, Instant, SystemTime};

use backon::{ExponentialBuilder, Retryable as _};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use object_store::client::{HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody};
use object_store::signer::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;

use super::S3;
use super::key::Key;
use super::refusal::Refusal;
use super::sign::signed;

/// Far more than a page. A store that does not know the question about a lock answers with the object.
const LARGEST_BYTES: usize = 4 * 1024 * 1024;
/// All that a signature wants encoded in a query.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Unavailable,
    Refused(Refusal),
}

/// What a request is about, `None` being the bucket itself, and what is asked of it.
pub(super) type Asked<'a> = (Option<&'a Key>, &'a [(&'a str, &'a str)]);

impl S3 {
    /// Sends a request; the whole of what it is answered with.
    pub(super) async fn send(&self, method: Method, asked: Asked<'_>) -> Result<Bytes, Failure> {
        self.again(|| async { self.bounded(self.send_once(&method, asked).await?.into_body()).await }).await
    }

    /// Sends a request; the beginning of an answer of any length, which is broken off by an error.
    pub(super) async fn open(
        &self,
        method: Method,
        asked: Asked<'_>,
    ) -> Result<BoxStream<'static, Result<Bytes, Failure>>, Failure> {
        let answer = self.again(|| self.send_once(&method, asked)).await?;
        Ok(chunks(answer.into_body(), self.direct.read_timeout))
    }

    /// Does something as often as the settings of the store say.
    async fn again<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        once: impl Fn() -> F,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        let waits = ExponentialBuilder::new()
            .with_min_delay(self.retry.backoff.init_backoff)
            .with_max_delay(self.retry.backoff.max_backoff)
            .with_max_times(self.retry.max_retries)
            .with_jitter();
        once.retry(waits)
            .when(|failure| {
                matches!(failure, Failure::Unavailable) && begun.elapsed() < self.retry.retry_timeout
            })
            .await
    }

    async fn send_once(&self, method: &Method, (key, query): Asked<'_>) -> Result<HttpResponse, Failure> {
        let request = self.request(method, (key, query)).await.ok_or(Failure::Unavailable)?;
        let answer = match key.is_some_and(Key::has_dots) {
            true => self.direct.execute(request).await,
            false => self.http.execute(request).await.ok(),
        };
        let answer = answer.ok_or(Failure::Unavailable)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = self.bounded(answer.into_body()).await?;
        Err(Refusal::read(status.as_u16(), &body).map_or(Failure::Unavailable, Failure::Refused))
    }

    async fn request(&self, method: &Method, (key, query): Asked<'_>) -> Option<HttpRequest> {
        let mut uri = self.address.url(key);
        for (place, (name, value)) in query.iter().enumerate() {
            uri.push(if place == 0 { '?' } else { '&' });
            uri.push_str(&format!("{name}={}", utf8_percent_encode(value, &ENCODED)));
        }
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.parse().ok()?;
        if self.address.requester_pays {
            request.headers_mut().insert("x-amz-request-payer", "requester".parse().ok()?);
        }
        if !self.signs {
            return Some(request);
        }
        let credential = self.bucket.credentials().get_credential().await.ok()?;
        signed(request, &credential, &self.address.region, SystemTime::now())
    }

    async fn bounded(&self, body: HttpResponseBody) -> Result<Bytes, Failure> {
        let mut chunks = chunks(body, self.direct.read_timeout);
        let mut bytes = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() > LARGEST_BYTES {
                return Err(Failure::Refused(Refusal::default()));
            }
        }
        Ok(bytes.freeze())
    }
}

/// The pieces of an answer, each of which has to come in time.
fn chunks(body: HttpResponseBody, silent: Option<Duration>) -> BoxStream<'static, Result<Bytes, Failure>> {
    let next = move |mut left: BoxStream<'static, _>| async move {
        let chunk = match silent {
            Some(silent) => timeout(silent, left.next()).await,
            None => Ok(left.next().await),
        };
        match chunk {
            Ok(chunk) => chunk.map(|chunk: Result<Bytes, _>| (chunk.map_err(drop), left)),
            Err(_) => Some((Err(()), stream::empty().boxed())),
        }
    };
    stream::unfold(body.bytes_stream(), next).map(|chunk| chunk.map_err(|()| Failure::Unavailable)).boxed()
}
