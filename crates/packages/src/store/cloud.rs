//! Clients of Amazon S3, Google Cloud Storage and Azure Blob Storage, and what speaks like them.

use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{ClientConfigKey, HttpConnector as _, ReqwestConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::signer::Signer;
use object_store::{ObjectStore, ObjectStoreScheme};
use url::Url;

use super::open::unusable;
use super::presign::Presigner;
use super::s3::{Address, Direct, S3};
use super::settings::{self, Settings, wrong};
use crate::error::PackageError;

/// A bucket or container, who signs links to it, and how its objects are named where they are no paths.
pub(super) struct Cloud {
    pub objects: Arc<dyn ObjectStore>,
    pub presigner: Option<Presigner>,
    pub s3: Option<S3>,
}

pub(super) fn open(url: &Url, settings: &Settings) -> Result<Cloud, PackageError> {
    let (scheme, prefix) = ObjectStoreScheme::parse(url).map_err(unusable)?;
    let mut s3 = None;
    let (objects, signer): (Arc<dyn ObjectStore>, Arc<dyn Signer>) = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let bucket = Arc::new(amazon(url, settings, None)?);
            let signer = match &settings.public_endpoint {
                None => Arc::clone(&bucket),
                endpoint => Arc::new(amazon(url, settings, endpoint.as_ref())?),
            };
            s3 = Some(s3_of(url, (Arc::clone(&bucket), prefix.clone()), settings)?);
            (bucket, signer)
        }
        _ if settings.public_endpoint.is_some() => {
            return Err(wrong("public_endpoint", "an s3 url; other stores have one name"));
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let bucket = Arc::new(google(url, settings)?);
            let objects: Arc<dyn ObjectStore> = Arc::<object_store::gcp::GoogleCloudStorage>::clone(&bucket);
            (objects, bucket)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let container = Arc::new(azure(url, settings)?);
            let objects: Arc<dyn ObjectStore> = Arc::<object_store::azure::MicrosoftAzure>::clone(&container);
            (objects, container)
        }
        _ => return Err(PackageError::StoreUrl("expected file://, s3://, gs:// or az://".into())),
    };
    let objects = match prefix.as_ref().is_empty() {
        true => objects,
        false => Arc::new(PrefixStore::new(objects, prefix.clone())),
    };
    let presigner = settings.presign.then(|| presigner(&scheme, signer, prefix));
    Ok(Cloud { objects, presigner, s3 })
}

fn s3_of(
    url: &Url,
    (bucket, prefix): (Arc<AmazonS3>, Path),
    settings: &Settings,
) -> Result<S3, PackageError> {
    let builder = amazon_builder(url, settings)?;
    let signs = builder.get_config_value(&AmazonS3ConfigKey::SkipSignature).as_deref() != Some("true");
    // Whose credentials sign makes no difference to where a bucket is, and these need not be fetched.
    let at_hand = builder.with_access_key_id("-").with_secret_access_key("-").build().map_err(unusable)?;
    let unknown = || PackageError::StoreUrl("the bucket's address cannot be told".into());
    let address = Address::of(&at_hand).ok_or_else(unknown)?;
    let mut options = settings::client();
    for (name, value) in &settings.client {
        if let AmazonS3ConfigKey::Client(option) = key(name)? {
            options = options.with_config(option, value);
        }
    }
    let span = |key| humantime::parse_duration(&options.get_config_value(&key)?).ok();
    let direct = Direct::new(span(ClientConfigKey::ConnectTimeout), span(ClientConfigKey::ReadTimeout));
    let http = ReqwestConnector::default().connect(&options).map_err(unusable)?;
    Ok(S3 { bucket, signs, address, prefix, http, direct, retry: settings.retry.clone() })
}

fn presigner(scheme: &ObjectStoreScheme, signer: Arc<dyn Signer>, prefix: Path) -> Presigner {
    Presigner {
        signer,
        prefix,
        // A shared access signature has no room for it; the name is that of the object then.
        names_downloads: *scheme != ObjectStoreScheme::MicrosoftAzure,
        // Whether theirs can sign is only known once they are asked to.
        may_be_unable: *scheme != ObjectStoreScheme::AmazonS3,
    }
}

fn amazon_builder(url: &Url, settings: &Settings) -> Result<AmazonS3Builder, PackageError> {
    let mut builder = AmazonS3Builder::new()
        .with_client_options(settings::client())
        .with_retry(settings.retry.clone())
        .with_url(url.as_str());
    for (name, value) in &settings.client {
        builder = builder.with_config(key::<AmazonS3ConfigKey>(name)?, value);
    }
    Ok(builder)
}

fn amazon(url: &Url, settings: &Settings, endpoint: Option<&Url>) -> Result<AmazonS3, PackageError> {
    let mut builder = amazon_builder(url, settings)?;
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_allow_http(endpoint.scheme() == "http");
    }
    builder.build().map_err(unusable)
}

fn google(url: &Url, settings: &Settings) -> Result<object_store::gcp::GoogleCloudStorage, PackageError> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_client_options(settings::client())
        .with_retry(settings.retry.clone())
        .with_url(url.as_str());
    for (name, value) in &settings.client {
        builder = builder.with_config(key::<GoogleConfigKey>(name)?, value);
    }
    builder.build().map_err(unusable)
}

fn azure(url: &Url, settings: &Settings) -> Result<object_store::azure::MicrosoftAzure, PackageError> {
    let mut builder = MicrosoftAzureBuilder::new()
        .with_client_options(settings::client())
        .with_retry(settings.retry.clone())
        .with_url(url.as_str());
    for (name, value) in &settings.client {
        builder = builder.with_config(key::<AzureConfigKey>(name)?, value);
    }
    builder.build().map_err(unusable)
}

/// An option that the store does not know is a typing error, not something to pass over.
fn key<K: FromStr>(name: &str) -> Result<K, PackageError> {
    name.parse().map_err(|_| wrong(name, "an option of this store; it has none of that name"))
}
