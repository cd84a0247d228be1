//! The five services over databases and a vhost of their own.

mod another;
mod running;
mod settings;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::client::Api;
use crate::database::Database;
use crate::process::{Process, Program};
use crate::servers::Servers;

/// The services in the order in which they are started.
pub const SERVICES: [&str; 5] =
    ["audit-sink", "retention-scheduler", "erasure-worker", "export-worker", "privacy-api"];

/// A bucket: its name, its URL, and its options.
pub type Bucket = (String, String, Vec<(String, String)>);

/// What a test wants otherwise than usual.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data map.
    pub data_map: String,
    /// The store's name in the data map.
    pub store: String,
    /// The role that reads the subject store; `None` for its administrator.
    pub reader: Option<String>,
    /// The role that erases in it; `None` for its administrator.
    pub eraser: Option<String>,
    /// Rows of one transaction of an erasure.
    pub batch_rows: u32,
    /// Rows of one step of an erasure.
    pub step_rows: u32,
    /// Where OAuth tokens are revoked, by provider.
    pub providers: Vec<(String, String)>,
    /// How long a lease holds.
    pub lease: &'static str,
    /// A step that failed so often fails its job.
    pub max_attempts: u32,
    /// Exports of up to so many rows are one step.
    pub whole_export_rows: i64,
    /// Larger collections are cut into parts of about so many rows.
    pub part_rows: i64,
    /// Packages are split into volumes of at most so many bytes.
    pub volume_bytes: Option<u64>,
    /// An export whose archive would be larger fails.
    pub max_archive_bytes: Option<u64>,
    /// Where packages lie, with options; `None` for a directory of the system's own.
    pub packages: Option<(String, Vec<(String, String)>)>,
    /// Where the company's media are, for exports.
    pub bucket: Option<String>,
    /// The company's buckets by the names that rows have, with their options, for exports and erasures.
    pub media: Vec<Bucket>,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data_map: sample::DATA_MAP.to_owned(),
            store: "vantage".to_owned(),
            reader: Some("vantage_reader".to_owned()),
            eraser: Some("vantage_eraser".to_owned()),
            step_rows: 500_000,
            batch_rows: 3_000,
            providers: Vec::new(),
            lease: "5s",
            max_attempts: 10,
            whole_export_rows: 20_000,
            part_rows: 1_000_000,
            volume_bytes: None,
            max_archive_bytes: None,
            packages: None,
            bucket: None,
            media: Vec::new(),
            otlp_endpoint: None,
        }
    }
}

/// A running system.
#[derive(Debug)]
pub struct System {
    /// The control database.
    pub control: Database,
    /// The subject store.
    pub subjects: Database,
    /// The servers below.
    pub servers: Servers,
    /// The vhost.
    pub vhost: String,
    /// The API's address.
    pub base: String,
    /// Settings, logs, keys and packages.
    pub directory: TempDir,
    programs: BTreeMap<&'static str, (Program, String)>,
    processes: BTreeMap<&'static str, Process>,
}

impl System {
    /// Prepares databases, vhost and settings, and starts every service.
    ///
    /// # Errors
    /// When anything does not come up.
    pub async fn start(servers: Servers, subjects: Database, options: &Options) -> Result<Self> {
        let mut system = Self::prepare(servers, subjects, options).await?;
        for name in SERVICES {
            system.spawn(name)?;
        }
        for name in SERVICES {
            system.ready(name).await?;
        }
        Ok(system)
    }

    async fn prepare(servers: Servers, subjects: Database, options: &Options) -> Result<Self> {
        let control = Database::create(&servers.pg_url, "control").await?;
        lethe(&["migrate", "--allow-login", "--database-url", &control.url], &[])?;
        let eraser = options.eraser.as_deref().unwrap_or("postgres");
        subjects.client.batch_execute(&connectors::erase::journal_ddl(eraser)).await?;
        let vhost = format!("test-{}", uuid::Uuid::new_v4().simple());
        make_vhost(&servers.mgmt_url, &vhost).await?;
        let directory = tempfile::tempdir()?;
        let keys = directory.path().join("keys").display().to_string();
        lethe(&["token", "--init", "--key-dir", &keys], &[("LETHE_MODE", "development")])?;
        std::fs::write(directory.path().join("datamap.yaml"), &options.data_map)?;
        let base = format!("http://127.0.0.1:{}", free_port()?);
        let mut system = Self {
            control,
            subjects,
            servers,
            vhost,
            base,
            directory,
            programs: BTreeMap::new(),
            processes: BTreeMap::new(),
        };
        for name in SERVICES {
            system.configure(name, options)?;
        }
        Ok(system)
    }

    fn configure(&mut self, name: &'static str, options: &Options) -> Result<()> {
        let admin = format!("127.0.0.1:{}", free_port()?);
        let role = match name {
            "privacy-api" => "lethe_api",
            "export-worker" => "lethe_export",
            "erasure-worker" => "lethe_erasure",
            "retention-scheduler" => "lethe_scheduler",
            _ => "lethe_audit",
        };
        let control = self.control.url_as(role)?;
        let amqp = self.servers.amqp_vhost(&self.vhost);
        let otlp = options
            .otlp_endpoint
            .as_ref()
            .map(|url| format!("otlp_endpoint = '{url}'\n"))
            .unwrap_or_default();
        let Options { lease, max_attempts, .. } = options;
        let common = format!(
            "[control]\nurl = '{control}'\n[amqp]\nurl = '{amqp}'\n[admin]\nlisten = '{admin}'\n\
             [telemetry]\nlog_filter = 'info'\n{otlp}\
             [worker]\nlease = '{lease}'\nbackoff = '200ms'\nmax_attempts = {max_attempts}\n"
        );
        let config = self.path(&format!("{name}.toml"));
        std::fs::write(&config, format!("{common}{}", self.own_settings(name, options)?))?;
        let program = Program { name: name.to_owned(), config, log: self.path(&format!("{name}.log")) };
        self.programs.insert(name, (program, admin));
        Ok(())
    }

    /// Every file below the directory of packages.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn objects(&self) -> Result<Vec<PathBuf>> {
        let (mut found, mut open) = (Vec::new(), vec![self.path("packages")]);
        while let Some(directory) = open.pop() {
            // A sweep may take a directory away in between.
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        Ok(found)
    }

    /// A file of this system.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A caller with a token of the development issuer.
    ///
    /// # Errors
    /// When no token can be made.
    pub fn api(&self, organisation: &str, role: &str) -> Result<Api> {
        Api::new(&self.base, &self.token(organisation, role)?)
    }

    /// A token of the development issuer.
    ///
    /// # Errors
    /// When none can be made.
    pub fn token(&self, organisation: &str, role: &str) -> Result<String> {
        let keys = self.path("keys").display().to_string();
        let arguments = [
            "token",
            "--organisation",
            organisation,
            "--role",
            role,
            "--subject",
            "tester-1",
            "--key-dir",
            &keys,
        ];
        Ok(lethe(&arguments, &[("LETHE_MODE", "development")])?.trim().to_owned())
    }
}

/// Runs the command line and answers what it printed.
fn lethe(arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let output = Command::new(Program::executable("lethe")?)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .context("lethe cannot be run")?;
    if !output.status.success() {
        bail!("lethe {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

async fn make_vhost(management: &str, vhost: &str) -> Result<()> {
    let url = reqwest::Url::parse(management)?;
    let (user, password) = (url.username().to_owned(), url.password().unwrap_or_default().to_owned());
    let base = format!("http://{}:{}", url.host_str().context("no host")?, url.port().context("no port")?);
    let http = reqwest::Client::new();
    for (path, body) in [
        (format!("/api/vhosts/{vhost}"), "{}"),
        (format!("/api/permissions/{vhost}/{user}"), r#"{"configure":".*","write":".*","read":".*"}"#),
    ] {
        let request = http.put(format!("{base}{path}")).basic_auth(&user, Some(&password));
        let response = request.header("content-type", "application/json").body(body).send().await?;
        response.error_for_status().context("a vhost cannot be made")?;
    }
    Ok(())
}

/// A port that nobody listens on, and that no other test is given: each is locked by a file for as long as
/// this process lives. It is none of those that the system gives to connections.
fn free_port() -> Result<u16> {
    static LOCKED: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("lethe-test-ports");
    std::fs::create_dir_all(&folder)?;
    for _ in 0..1_000 {
        let port: u16 = rand::random_range(10_000..20_000);
        let file = File::options().create(true).append(true).open(folder.join(port.to_string()))?;
        if file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            LOCKED.lock().unwrap_or_else(PoisonError::into_inner).push(file);
            return Ok(port);
        }
    }
    bail!("no port is free")
}
