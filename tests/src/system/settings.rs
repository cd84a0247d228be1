//! What each service is told that the others are not.

use anyhow::Result;

use super::{Options, System};

/// Seals what goes from the API to the workers.
const SEALING_KEY: &str = "fedcba9876543210fedcba9876543210";

/// Makes pseudonyms.
const PSEUDONYM_KEY: &str = "00112233445566778899aabbccddeeff";

impl System {
    /// The lines of a service's own settings.
    pub(super) fn own_settings(&self, name: &str, options: &Options) -> Result<String> {
        let (url, store) = match &options.packages {
            Some((url, store)) => (url.clone(), store.clone()),
            None => {
                let fsync = ("fsync".to_owned(), "false".to_owned());
                (format!("file://{}", self.path("packages").display()), vec![fsync])
            }
        };
        let store: String = store.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect();
        let reader = match &options.reader {
            Some(role) => self.subjects.url_as(role)?,
            None => self.subjects.url.clone(),
        };
        let eraser = match &options.eraser {
            Some(role) => self.subjects.url_as(role)?,
            None => self.subjects.url.clone(),
        };
        Ok(match name {
            "export-worker" => format!(
                "[service]\ndata_map = '{}'\nwhole_export_rows = {}\npart_rows = {}\n{}\
                 [service.stores.\"{}\"]\nurl = '{reader}'\n\
                 [service.packages]\nurl = '{url}'\n[service.packages.options]\n{store}{}\
                 [service.sealing]\nactive = 'k1'\n[service.sealing.keys]\nk1 = '{SEALING_KEY}'\n{}",
                self.path("datamap.yaml").display(),
                options.whole_export_rows,
                options.part_rows,
                limits(options),
                options.store,
                options
                    .bucket
                    .as_ref()
                    .map(|url| format!("[service.buckets.default]\nurl = '{url}'\n"))
                    .unwrap_or_default(),
                media(options),
            ),
            "erasure-worker" => format!(
                "[service]\ndata_map = '{}'\nbatch_rows = {}\nstep_rows = {}\n\
                 [service.stores.\"{store_name}\"]\nurl = '{eraser}'\n\
                 [service.verify.\"{store_name}\"]\nurl = '{reader}'\n\
                 [service.sealing]\nactive = 'k1'\n[service.sealing.keys]\nk1 = '{SEALING_KEY}'\n\
                 [service.pseudonyms]\nactive = 'p1'\n[service.pseudonyms.keys]\np1 = '{PSEUDONYM_KEY}'\n{}{}",
                self.path("datamap.yaml").display(),
                options.batch_rows,
                options.step_rows,
                providers(options),
                media(options),
                store_name = options.store,
            ),
            "privacy-api" => self.api_settings((&url, &store), &reader, options),
            // Nobody may sweep before a lease has run out.
            "retention-scheduler" => format!(
                "[service]\nsweep_every = '200ms'\n\
                 [service.sweep]\nannounce_again_after = 2.0\naudit_again_after = 2.0\n\
                 [service.packages]\nurl = '{url}'\nsweep_after = '{} 1s'\n\
                 [service.packages.options]\n{store}",
                options.lease,
            ),
            _ => "[service]\n".to_owned(),
        })
    }

    fn api_settings(&self, (url, store): (&str, &str), reader: &str, options: &Options) -> String {
        format!(
            "[service]\nlisten = '{}'\npublic_url = '{}'\nmode = 'development'\n\
             [service.auth]\ndevelopment_issuer_key_file = '{}'\n\
             [service.packages]\nurl = '{url}'\nactive_link_key = 'k1'\n\
             [service.packages.options]\n{store}\
             [service.packages.link_keys]\nk1 = '{}'\n\
             [service.sealing]\nactive = 'k1'\n[service.sealing.keys]\nk1 = '{SEALING_KEY}'\n\
             [service.erasure]\ndata_map = '{}'\n[service.erasure.stores.\"{}\"]\nurl = '{reader}'\n",
            self.base.trim_start_matches("http://"),
            self.base,
            self.path("keys/dev-issuer.pub.pem").display(),
            "0123456789abcdef".repeat(4),
            self.path("datamap.yaml").display(),
            options.store,
        )
    }
}

fn limits(options: &Options) -> String {
    let limits = [("volume_bytes", options.volume_bytes), ("max_archive_bytes", options.max_archive_bytes)];
    limits.into_iter().filter_map(|(name, bytes)| Some(format!("{name} = {}\n", bytes?))).collect()
}

fn media(options: &Options) -> String {
    let one = |(name, url, options): &(String, String, Vec<(String, String)>)| {
        let options: String = options.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect();
        format!(
            "[service.buckets.\"{name}\"]\nurl = '{url}'\n[service.buckets.\"{name}\".options]\n{options}"
        )
    };
    options.media.iter().map(one).collect()
}

fn providers(options: &Options) -> String {
    let one = |(name, endpoint): &(String, String)| {
        format!(
            "[service.providers.\"{name}\"]\nendpoint = '{endpoint}'\nclient_id = 'lethe'\nclient_secret = 'x'\n\
             allow_private = true\ntimeout = '2s'\n"
        )
    };
    options.providers.iter().map(one).collect()
}
