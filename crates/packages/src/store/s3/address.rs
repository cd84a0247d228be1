//! Where a bucket is, as its client knows it.

use std::time::Duration;

use futures::FutureExt as _;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{Method, Signer as _};

use super::key::Key;

/// The address of a bucket, and what its requests have to say besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Address {
    /// What stands before the slash and the key of an object.
    base: String,
    pub(super) region: String,
    pub(super) requester_pays: bool,
}

impl Address {
    /// Reads it off a link, since the crate tells it in no other way. `client` is one whose credentials
    /// are at hand: they sign what is thrown away.
    pub fn of(client: &AmazonS3) -> Option<Self> {
        let link = client.signed_url(Method::GET, &Path::ROOT, Duration::from_secs(1)).now_or_never();
        let mut base = link?.ok()?;
        let of = |name: &str| base.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value);
        // ACCESS-KEY/20260131/eu-central-1/s3/aws4_request
        let region = of("X-Amz-Credential")?.rsplit('/').nth(2)?.to_owned();
        let requester_pays = of("x-amz-request-payer").is_some();
        base.set_query(None);
        Some(Self { base: base.as_str().trim_end_matches('/').to_owned(), region, requester_pays })
    }

    /// The URL of an object, or of the bucket itself.
    pub(super) fn url(&self, key: Option<&Key>) -> String {
        format!("{}/{}", self.base, key.map(Key::encoded).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use object_store::aws::AmazonS3Builder;

    use super::*;

    fn address(options: &[(&str, &str)]) -> Address {
        let mut builder = AmazonS3Builder::new().with_bucket_name("media").with_access_key_id("a/b");
        builder = builder.with_secret_access_key("-").with_allow_http(true);
        for (name, value) in options {
            builder = builder.with_config(name.parse().unwrap(), *value);
        }
        Address::of(&builder.build().unwrap()).unwrap()
    }

    #[test]
    fn it_is_where_the_client_goes() {
        let of = |base: &str, region: &str, requester_pays| {
            let (base, region) = (base.to_owned(), region.to_owned());
            Address { base, region, requester_pays }
        };
        let local = [("aws_endpoint", "http://127.0.0.1:9000"), ("aws_region", "eu-central-1")];
        assert_eq!(address(&local), of("http://127.0.0.1:9000/media", "eu-central-1", false));
        let amazon = [
            ("aws_region", "eu-west-3"),
            ("aws_virtual_hosted_style_request", "true"),
            ("aws_request_payer", "true"),
        ];
        assert_eq!(address(&amazon), of("https://media.s3.eu-west-3.amazonaws.com", "eu-west-3", true));
        let key = Key::of(&Path::ROOT, "/a/../x").unwrap();
        assert_eq!(address(&local).url(Some(&key)), "http://127.0.0.1:9000/media//a/../x");
        assert_eq!(address(&local).url(None), "http://127.0.0.1:9000/media/");
    }
}
