//! Servers, services and a database for each run.

use anyhow::{Context, Result};
use tests::{Database, Options, Servers, System};

use crate::company::{self, Treatment, data_map};

pub const SERVICE: &str = "erasure-worker";

/// Whether PostgreSQL waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    On,
    Off,
}

impl Fsync {
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

pub struct Bench {
    pub system: System,
    /// The database that every run gets a copy of.
    base: String,
    pub rows: u32,
}

impl Bench {
    pub async fn prepare(servers: Servers, rows: u32) -> Result<Self> {
        let base = company::found(&servers, rows).await?;
        let subjects = Database::create(&servers.pg_url, "subjects").await?;
        let options = Options {
            data_map: data_map(Treatment::PushedDown),
            store: "company".to_owned(),
            reader: None,
            eraser: None,
            // The leases of a running company: a benchmark must not be measured under those of tests.
            lease: "60s",
            ..Options::default()
        };
        let system = System::start(servers, subjects, &options).await?;
        Ok(Self { system, base, rows })
    }

    /// A copy of the database under the name that the services know, with nothing left to be written
    /// to the disk.
    pub async fn copy(&mut self, fsync: Fsync) -> Result<()> {
        let admin = &self.system.control.client;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            admin.batch_execute(&format!("ALTER SYSTEM SET {setting} = {}", fsync.name())).await?;
        }
        let (name, base) = (&self.system.subjects.name, &self.base);
        for command in [
            "SELECT pg_reload_conf()".to_owned(),
            format!("DROP DATABASE \"{name}\" WITH (FORCE)"),
            format!("CREATE DATABASE \"{name}\" TEMPLATE \"{base}\" STRATEGY file_copy"),
            "CHECKPOINT".to_owned(),
        ] {
            admin.batch_execute(&command).await.context(command)?;
        }
        self.system.subjects.reconnect().await
    }

    /// A fresh erasure-worker, which does this to contacts.
    pub async fn worker(&mut self, treatment: Treatment) -> Result<()> {
        std::fs::write(self.system.path("datamap.yaml"), data_map(treatment))?;
        self.system.process(SERVICE)?.kill()?;
        self.system.spawn(SERVICE)?;
        self.system.ready(SERVICE).await
    }
}
