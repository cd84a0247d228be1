//! Where the API is and who asks.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use crate::failure::Failure;

/// Options of every command that speaks to the API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "API")]
pub struct ApiAccess {
    /// Where the API is.
    #[arg(long, value_name = "URL", env = "LETHE_API_URL", default_value = "http://127.0.0.1:8080")]
    api: Url,

    /// The bearer token. Better in the environment or in a file: other users of this machine see the arguments
    /// of programs.
    #[arg(long, value_name = "TOKEN", env = "LETHE_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,

    /// A file that holds the bearer token; goes before --token.
    #[arg(long, value_name = "FILE", env = "LETHE_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl ApiAccess {
    /// The address below which the API's paths are.
    pub(super) fn base(&self) -> Result<Url, Failure> {
        let usable = matches!(self.api.scheme(), "http" | "https")
            && self.api.has_host()
            && self.api.query().is_none()
            && self.api.username().is_empty();
        match usable {
            true => Ok(self.api.clone()),
            false => Err(Failure::usage("the API's address must look like https://privacy.example.com")
                .next("correct --api or LETHE_API_URL")),
        }
    }

    /// The token.
    pub(super) fn bearer(&self) -> Result<SecretString, Failure> {
        use secrecy::ExposeSecret as _;
        let text = match (&self.token_file, &self.token) {
            (Some(file), _) => std::fs::read_to_string(file).map_err(|error| {
                Failure::new(format!("the token file {} cannot be read", file.display())).because(error)
            })?,
            (None, Some(token)) => token.expose_secret().to_owned(),
            (None, None) => {
                return Err(Failure::usage("the API needs a token and there is none").next(
                    "set LETHE_TOKEN, or give --token-file; on a developer's machine \
                     `lethe token --organisation ID --role owner` makes one",
                ));
            }
        };
        let token = text.trim();
        // RFC 6750, 2.1: letters, digits and a few signs; a line end would end the header.
        match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(SecretString::from(token)),
            false => Err(Failure::usage("the token is empty or has spaces in it")
                .next("give the whole token, and nothing else")),
        }
    }
}
