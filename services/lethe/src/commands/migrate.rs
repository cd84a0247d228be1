//! `lethe migrate`

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use store::{Store, StoreConfig, StoreError};

use crate::database::PlainDatabase;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text::amount::of;

/// The services' roles on the control database, as the migrations make them.
const SERVICE_ROLES: [&str; 5] =
    ["lethe_api", "lethe_export", "lethe_erasure", "lethe_scheduler", "lethe_audit"];
/// One of us at a time changes roles; any number will do that nobody else locks.
const ROLES_LOCK: i64 = 0x6c65_7468_726f;

/// Run the control database's migrations.
#[derive(Debug, Args)]
#[command(
    long_about = "Runs the migrations that the control database lacks, and names them. The control database is \
                  Lethe's own: jobs, steps, packages, the audit log. Several runs at once wait for each other, so \
                  every replica of a deployment may run it before it starts.\n\n\
                  The role must own the database and may create roles: the migrations make one role per service, \
                  which cannot log in until a deployment gives it a password.",
    after_long_help = "Examples:\n  \
                       lethe migrate --database-url postgres://postgres@127.0.0.1:15432/lethe\n  \
                       lethe migrate --check              # exit code 1 when migrations are missing\n  \
                       lethe migrate --create-database --allow-login   # a developer's machine"
)]
pub struct Migrate {
    /// The control database, as postgres://user:password@host:port/database. TLS unless the host is this machine.
    #[arg(long, value_name = "URL", env = "LETHE_CONTROL__URL", hide_env_values = true)]
    database_url: SecretString,
    /// Only say how many migrations are missing; the exit code is 1 when any is.
    #[arg(long, conflicts_with_all = ["allow_login", "create_database"])]
    check: bool,
    /// Create the database first if it is missing; on this machine only.
    #[arg(long)]
    create_database: bool,
    /// Let the services' roles log in without a password, for a server of this machine that trusts local users.
    #[arg(long)]
    allow_login: bool,
}

impl Migrate {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        if self.create_database {
            let database = self.local("--create-database")?;
            if database.session().await?.is_none() {
                database.create().await?;
            }
        }
        // Refused before anything is changed.
        let login = if self.allow_login { Some(self.local("--allow-login")?) } else { None };
        let config = StoreConfig { url: self.database_url.clone(), max_connections: 1 };
        let store = Store::open(&config).map_err(failed)?;
        if self.check {
            return check(&store, output).await;
        }
        let ran = store.migrate().await.map_err(failed)?;
        let roles = match login {
            Some(database) => allow_login(&database).await?,
            None => Vec::new(),
        };
        output.result(&json!({"ran": ran, "roles_allowed_to_log_in": roles}), || text(&ran, &roles))?;
        Ok(Outcome::Done)
    }

    fn local(&self, option: &str) -> Result<PlainDatabase, Failure> {
        let database = PlainDatabase::parse(self.database_url.expose_secret(), "--database-url")?;
        database.must_be_local(option)?;
        Ok(database)
    }
}

async fn check(store: &Store, output: &mut Output) -> Result<Outcome, Failure> {
    let missing = store.missing_migrations().await.map_err(failed)?;
    let up_to_date = missing == 0;
    output.result(&json!({"up_to_date": up_to_date, "missing": missing}), || match missing {
        0 => "up to date".to_owned(),
        missing => format!("{} missing; run `lethe migrate`", of(missing, "migration")),
    })?;
    Ok(if up_to_date { Outcome::Done } else { Outcome::No })
}

/// The roles that could not log in and now can.
async fn allow_login(database: &PlainDatabase) -> Result<Vec<String>, Failure> {
    let failed = |error| Failure::new("the services' roles cannot be allowed to log in").because(error);
    let missing = || Failure::new(format!("there is no database `{}`", database.name()));
    let mut client = database.session().await?.ok_or_else(missing)?;
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&ROLES_LOCK]).await.map_err(failed)?;
    let names: Vec<&str> = SERVICE_ROLES.to_vec();
    // Only those that need it: a role belongs to the whole server, and two databases of it may be set up at once.
    let closed =
        "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1) AND NOT rolcanlogin ORDER BY rolname";
    let rows = transaction.query(closed, &[&names]).await.map_err(failed)?;
    let mut roles = Vec::new();
    for row in rows {
        let role: String = row.try_get(0).map_err(failed)?;
        transaction.batch_execute(&format!("ALTER ROLE {role} LOGIN")).await.map_err(failed)?;
        roles.push(role);
    }
    transaction.commit().await.map_err(failed)?;
    Ok(roles)
}

fn text(ran: &[String], roles: &[String]) -> String {
    let mut lines: Vec<String> = ran.iter().map(|version| format!("ran {version}")).collect();
    lines.push(match ran.len() {
        0 => "up to date: no migration was missing".to_owned(),
        number => format!("{} ran", of(number, "migration")),
    });
    if !roles.is_empty() {
        lines.push(format!("may log in now: {}", roles.join(", ")));
    }
    lines.join("\n")
}

fn failed(error: StoreError) -> Failure {
    let next = match &error {
        StoreError::Config(_) => "correct --database-url or LETHE_CONTROL__URL",
        StoreError::Unreachable(_) => {
            "see whether the server runs and has the database (`--create-database` makes it on this machine), and \
             correct --database-url or LETHE_CONTROL__URL"
        }
        StoreError::Query(_) | StoreError::Corrupt(_) | StoreError::Encode(_) | StoreError::Migration(_) => {
            "see whether the role owns the database and may create roles; nothing of a failed migration remains"
        }
    };
    Failure::new("the control database's migrations cannot be run").because(error).next(next)
}
