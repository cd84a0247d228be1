//! `lethe token`

mod claims;
mod key;

use std::path::PathBuf;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use clap::Args;
use clap::builder::PossibleValuesParser;
use domain::access::Role;
use domain::id::OrganisationId;
use serde_json::json;

use self::claims::Claims;
use self::key::DevelopmentKey;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// The longest life of a token.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Make a token for development.
#[derive(Debug, Args)]
#[command(
    long_about = "Makes a token for development: a JWT signed with Ed25519 by a key that is created in --key-dir on \
                  first use (dev-issuer.pem, and dev-issuer.pub.pem for the API). The API accepts such tokens in \
                  development mode only; in production, tokens come from your identity provider.\n\n\
                  Refused unless LETHE_MODE=development is set or --development is given, so that nobody makes keys \
                  of this kind on a server by mistake.",
    after_long_help = "Examples:\n  \
                       export LETHE_MODE=development\n  \
                       export LETHE_TOKEN=$(lethe token --organisation a0e11a00-0000-4000-8000-000000000001 --role owner)\n  \
                       lethe token --organisation 3 --role auditor --subject auditor-7 --expires 15m --json\n  \
                       lethe token --organisation 3 --role owner --auth-age 2h     # too old for an erasure\n  \
                       lethe token --init     # the keys only"
)]
pub struct Token {
    /// The organisation that the token speaks for: the value of its key.
    #[arg(long, value_name = "ID", required_unless_present = "init")]
    organisation: Option<String>,
    /// A role in that organisation; may be given several times.
    #[arg(long = "role", value_name = "ROLE", required_unless_present = "init",
          value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)))]
    roles: Vec<String>,
    /// Who holds the token, as the audit log will name them. An id, no personal data.
    #[arg(long, value_name = "ID", default_value = "owner-1")]
    subject: String,
    /// How long the token is good for, as 15m, 1h or 7d.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    expires: Duration,
    /// How long ago the holder signed in. Erasures need a recent sign-in; this makes a token of an older one.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    auth_age: Duration,
    /// The directory of the key.
    #[arg(long, value_name = "DIR", env = "LETHE_TOKEN_KEY_DIR", default_value = ".local")]
    key_dir: PathBuf,
    /// Make the keys only, if they are missing, and say where they are.
    #[arg(long, conflicts_with_all = ["organisation", "roles"])]
    init: bool,
    /// This is a developer's machine.
    #[arg(long)]
    development: bool,
    /// What kind of machine this is: `development` allows tokens of this kind.
    #[arg(long, value_name = "MODE", env = "LETHE_MODE", hide = true)]
    mode: Option<String>,
}

impl Token {
    pub(super) fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        if !self.development && self.mode.as_deref() != Some("development") {
            return Err(Failure::usage("tokens of this kind are for development only")
                .detail("the API accepts them in development mode alone; in production, tokens come from your identity provider")
                .next("on a developer's machine set LETHE_MODE=development, or give --development"));
        }
        if self.init {
            return self.print_key(&DevelopmentKey::open(&self.key_dir)?, output);
        }
        let claims = self.claims()?;
        let key = DevelopmentKey::open(&self.key_dir)?;
        let token = claims.sign(&key)?;
        let document = json!({
            "token": token,
            "key_id": key.id,
            "issuer": claims.iss,
            "audience": claims.aud,
            "subject": claims.sub,
            "organisation_id": claims.organisation_id,
            "roles": claims.roles,
            "authenticated_at": claims.authenticated_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "expires_at": claims.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        });
        output.result(&document, || token.clone())?;
        Ok(Outcome::Done)
    }

    fn claims(&self) -> Result<Claims, Failure> {
        let organisation = OrganisationId::parse(self.organisation.clone().unwrap_or_default())
            .map_err(|error| Failure::usage("--organisation cannot be used").because(error))?;
        if self.subject.is_empty() || self.subject.chars().any(char::is_control) {
            return Err(Failure::usage("--subject must be a text without control characters"));
        }
        if self.expires < Duration::from_secs(1) || self.expires > LONGEST_LIFE {
            return Err(Failure::usage("--expires must lie between 1s and 30d"));
        }
        if self.auth_age > LONGEST_LIFE {
            return Err(Failure::usage("--auth-age must not be longer than 30d"));
        }
        let times = (Utc::now(), self.expires, self.auth_age);
        Ok(Claims::new(&organisation, &self.roles, &self.subject, times))
    }

    fn print_key(&self, key: &DevelopmentKey, output: &mut Output) -> Result<Outcome, Failure> {
        let document = json!({
            "key_id": key.id,
            "private_key_file": key.private_file,
            "public_key_file": key.public_file,
            "created": key.created,
        });
        output.result(&document, || {
            let how = if key.created { "created" } else { "there already" };
            format!("{how}: {} and {}", key.private_file.display(), key.public_file.display())
        })?;
        Ok(Outcome::Done)
    }
}
