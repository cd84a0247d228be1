//! A server in recovery, as a replica is: a cluster of its own that waits for a primary.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use uuid::Uuid;

/// Whom the server runs as where the test runs as root, which a server refuses.
const NOBODY: u32 = 65534;

/// A server in recovery; stopped and removed with the value.
pub struct Standby {
    server: Child,
    directory: PathBuf,
    port: u16,
}

impl Standby {
    /// Makes a cluster beside `psql` of the test servers' programs, and starts it in recovery.
    pub fn start() -> Self {
        let psql =
            std::env::var("LETHE_TEST_PSQL").expect("run through make test: LETHE_TEST_PSQL is not set");
        // Links lead to where the server's programs are.
        let programs = std::fs::canonicalize(psql).unwrap().parent().unwrap().to_owned();
        let directory = std::env::temp_dir().join(format!("standby-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if root {
            chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = directory.join("data");
        let made = program(&programs, "initdb", root)
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(data.join("standby.signal"), "").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = program(&programs, "postgres", root)
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
            .spawn()
            .unwrap();
        let standby = Self { server, directory, port };
        let waited = std::time::Instant::now();
        while !standby.is_ready(&programs) {
            assert!(waited.elapsed().as_secs() < 30, "the server in recovery does not answer");
            std::thread::yield_now();
        }
        standby
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn is_ready(&self, programs: &Path) -> bool {
        let mut asked = Command::new(programs.join("pg_isready"));
        asked.args(["-q", "-d", &self.url()]).status().is_ok_and(|status| status.success())
    }
}

fn program(programs: &Path, name: &str, root: bool) -> Command {
    let mut program = Command::new(programs.join(name));
    program.current_dir("/").stdout(Stdio::null()).stderr(Stdio::piped());
    if name == "postgres" {
        program.stderr(Stdio::null());
    }
    if root {
        program.uid(NOBODY).gid(NOBODY);
    }
    program
}

impl Drop for Standby {
    fn drop(&mut self) {
        // Nothing of it is needed any more, so it need not shut down in order.
        drop(self.server.kill());
        drop(self.server.wait());
        drop(std::fs::remove_dir_all(&self.directory));
    }
}
