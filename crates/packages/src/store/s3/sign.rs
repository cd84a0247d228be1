//! Signatures (version 4) over requests as they are sent: nothing of a path is put right.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use object_store::aws::AwsCredential;
use object_store::client::HttpRequest;

/// Signs a request without content; `None` when it cannot be signed.
pub(super) fn signed(
    mut request: HttpRequest,
    credential: &AwsCredential,
    region: &str,
    now: SystemTime,
) -> Option<HttpRequest> {
    let AwsCredential { key_id, secret_key, token } = credential;
    let identity = Credentials::new(key_id, secret_key, token.clone(), None, "package store").into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(now)
        .settings(settings())
        .build()
        .ok()?
        .into();
    let uri = request.uri().to_string();
    let headers = request.headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable =
        SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::Bytes(&[])).ok()?;
    let (instructions, _) = sign(signable, &parameters).ok()?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Some(request)
}

/// What S3 does otherwise than other services: a path is encoded once, and `a/../x` is not `x`.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::client::HttpRequestBody;

    use super::*;

    fn signature(path: &str) -> String {
        let credential = AwsCredential {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = format!("https://examplebucket.s3.amazonaws.com{path}").parse().unwrap();
        // 24 May 2013, 00:00 UTC.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let signed = signed(request, &credential, "us-east-1", now).unwrap();
        let authorization = signed.headers()["authorization"].to_str().unwrap();
        authorization.split_once("Signature=").unwrap().1.to_owned()
    }

    /// The example "GET Bucket (List Objects)" of the documentation of signatures.
    #[test]
    fn a_published_example_is_signed_as_published() {
        assert_eq!(
            signature("/?max-keys=2&prefix=J"),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn paths_are_signed_as_they_are() {
        let mut signatures = ["/x", "//x", "/x/", "/a/../x", "/./x"].map(signature).to_vec();
        signatures.sort_unstable();
        signatures.dedup();
        assert_eq!(signatures.len(), 5);
    }
}
