//! What a system is at, for the message of a test that has waited for too long.

use std::fmt::Write as _;

use anyhow::Result;

use crate::System;

/// Steps that have not ended, and what waits to be sent.
const OPEN: &str = "\
SELECT concat_ws(' ', kind, step_no, state, 'attempts', attempts, 'epoch', epoch, 'not before', not_before,
                 'lease', lease_expires_at, 'announced', announced_at, failure_code)
FROM job_steps WHERE ended_at IS NULL
UNION ALL
SELECT concat_ws(' ', 'outbox:', kind, count(*), 'since', min(created_at))
FROM outbox WHERE published_at IS NULL GROUP BY kind
UNION ALL
SELECT concat_ws(' ', 'now:', clock_timestamp())";

/// How the raft machines of all quorum queues stand.
const MACHINES: &str = "\
[{Name, element(1, sys:get_state(Name, 5000))} \
 || Queue <- rabbit_amqqueue:list_by_type(rabbit_quorum_queue), {Name, _} <- [amqqueue:get_pid(Queue)]].";

impl System {
    /// Open steps, the outbox, the queues and the ends of the services' logs, each as far as it can be had.
    pub async fn situation(&self) -> String {
        let mut told = String::new();
        let mut tell = |what: &str, text: Result<String>| {
            let text = text.unwrap_or_else(|error| format!("{error:#}"));
            writeln!(told, "--- {what}\n{}", text.trim_end()).ok();
        };
        tell("control database", self.open().await);
        let columns = ["name", "messages_ready", "messages_unacknowledged", "consumers"];
        let queues = [&["rabbitmqctl", "-p", &self.vhost, "list_queues"][..], &columns].concat();
        tell("queues", self.servers.run(&queues));
        tell("raft", self.servers.run(&["rabbitmqctl", "eval", MACHINES]));
        for name in self.logs() {
            tell(&name, self.log(&name).map(|log| tail(&log, 12)));
        }
        told
    }

    /// The names of all logs: those of the services, and of other processes of theirs.
    fn logs(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut logs: Vec<String> =
            names.filter_map(|name| name.strip_suffix(".log").map(str::to_owned)).collect();
        logs.sort_unstable();
        logs
    }

    async fn open(&self) -> Result<String> {
        let rows = self.control.connect().await?.query(OPEN, &[]).await?;
        let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        Ok(lines?.join("\n"))
    }
}

fn tail(log: &str, lines: usize) -> String {
    let all: Vec<&str> = log.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}
