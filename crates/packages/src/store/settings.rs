//! The options of a store: ours, and those handed on to its client.
//!
//! How long one request can keep its caller waiting: tries begin until `retry_timeout` has passed
//! since the first, each may take `connect_timeout` and then `read_timeout` until something is
//! heard of it, so with the defaults 120 + 5 + 30 seconds. The read timeout begins anew with every
//! piece of an answer: an object of any length can be read. Until the answer begins, it also spans
//! the sending of the request, hence a part must get through in `read_timeout`: 8 MiB in 30 seconds
//! need 280 kB/s, the 525 MiB parts of an archive of 5 TiB 18 MB/s.

use std::str::FromStr;
use std::time::Duration;

use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::Url;

use crate::error::PackageError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);
const MAX_RETRIES: usize = 10;
/// Amazon S3 takes parts of 5 MiB to 5 GiB, and 10,000 of them.
const SMALLEST_PART: usize = 5 * 1024 * 1024;
const LARGEST_PART: usize = 1024 * 1024 * 1024;
/// Three of them are in memory at once.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// What we decide about a store, and what its client does.
pub(super) struct Settings {
    /// The size that the parts of an upload begin with.
    pub part_bytes: usize,
    /// Whether the store may be asked for links of its own.
    pub presign: bool,
    /// Where people reach the store, if not where we do.
    pub public_endpoint: Option<Url>,
    pub retry: RetryConfig,
    /// What is not ours, by the names of `object_store`.
    pub client: Vec<(String, String)>,
}

impl Settings {
    pub fn read(options: impl IntoIterator<Item = (String, String)>) -> Result<Self, PackageError> {
        let mut settings = Self {
            part_bytes: PART_BYTES,
            presign: true,
            public_endpoint: None,
            retry: retry(),
            client: Vec::new(),
        };
        for (name, value) in options {
            let name = name.to_ascii_lowercase();
            settings.set(&name, value).map_err(|expected| wrong(&name, expected))?;
        }
        if !(SMALLEST_PART..=LARGEST_PART).contains(&settings.part_bytes) {
            return Err(wrong("part_bytes", "5242880 (5 MiB) to 1073741824 (1 GiB)"));
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), &'static str> {
        match name {
            "part_bytes" => self.part_bytes = parsed(&value, "a number of bytes")?,
            "presign" => self.presign = parsed(&value, "true or false")?,
            "public_endpoint" => {
                let url = Url::parse(&value).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                self.public_endpoint = Some(url.ok_or("https://host or http://host")?);
            }
            "max_retries" => self.retry.max_retries = parsed(&value, "a number")?,
            "retry_timeout" => {
                self.retry.retry_timeout =
                    humantime::parse_duration(&value).map_err(|_| "a duration such as 2m")?;
            }
            _ => self.client.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

/// Refuses a setting without repeating its value, which may be a secret.
pub(super) fn wrong(name: &str, expected: &str) -> PackageError {
    PackageError::StoreUrl(format!("option {name}: expected {expected}").into())
}

fn parsed<T: FromStr>(value: &str, expected: &'static str) -> Result<T, &'static str> {
    value.parse().map_err(|_| expected)
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(10),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: MAX_RETRIES, retry_timeout: RETRY_TIMEOUT }
}

/// What a client does unless told otherwise.
pub(super) fn client() -> ClientOptions {
    // A limit on a whole request would cut off every download that takes longer.
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, PackageError> {
        Settings::read([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn our_options_are_taken_out_and_the_rest_is_handed_on() {
        assert_eq!(read("retry_timeout", "9s").unwrap().retry.retry_timeout, Duration::from_secs(9));
        assert_eq!(read("max_retries", "0").unwrap().retry.max_retries, 0);
        assert_eq!(read("part_bytes", "5242880").unwrap().part_bytes, SMALLEST_PART);
        assert!(!read("presign", "false").unwrap().presign);
        let other = read("AWS_Region", "Eu").unwrap();
        assert_eq!(other.client, [("aws_region".to_owned(), "Eu".to_owned())]);
    }

    #[test]
    fn a_wrong_option_is_named_without_its_value() {
        for (name, value) in [
            ("part_bytes", "1024"),
            ("part_bytes", "hush"),
            ("presign", "hush"),
            ("public_endpoint", "hush"),
            ("public_endpoint", "ftp://hush"),
            ("max_retries", "-1"),
            ("retry_timeout", "hush"),
        ] {
            let error = read(name, value).err().unwrap();
            let PackageError::StoreUrl(reason) = error else { unreachable!("{error}") };
            let reason = reason.to_string();
            assert!(reason.starts_with(&format!("option {name}: expected ")), "{reason}");
            assert!(!reason.contains("hush"), "{reason}");
        }
    }
}
