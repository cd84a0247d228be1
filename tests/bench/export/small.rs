//! Request to downloadable archive for a small organisation, and where the time goes.

use anyhow::Result;
use tests::System;

use crate::company::{Company, Organisation};
use crate::export::run;
use crate::median::median;
use crate::table::{Table, Target};

const RUNS: usize = 31;
const WARM_UP: usize = 3;

/// The stages of a job of two steps by the rows' own times, in milliseconds.
const STAGES_SQL: &str = "
SELECT extract(epoch FROM plan.started_at - job.created_at)::float8 * 1e3,
       extract(epoch FROM plan.ended_at - plan.started_at)::float8 * 1e3,
       extract(epoch FROM whole.started_at - plan.ended_at)::float8 * 1e3,
       extract(epoch FROM whole.ended_at - whole.started_at)::float8 * 1e3
FROM privacy_jobs job
JOIN job_steps plan ON plan.job_id = job.id AND plan.step_no = 1
JOIN job_steps whole ON whole.job_id = job.id AND whole.step_no = 2
WHERE job.id = $1";
const STAGES: [&str; 5] = [
    "accepted to claimed",
    "planning",
    "planned to claimed",
    "reading and writing the archive",
    "HTTP and looking",
];

pub async fn measure(system: &System, company: &Company, table: &mut Table) -> Result<()> {
    let Organisation { id, rows } = &company.small;
    println!("small: request to downloadable archive, {rows} rows, {RUNS} times one after another");
    let api = system.api(id, "owner")?;
    let (mut times, mut stages) = (Vec::new(), vec![Vec::new(); STAGES.len()]);
    for number in 0..WARM_UP + RUNS {
        let run = run(&api, "json").await?;
        if number < WARM_UP {
            continue;
        }
        let took = run.took.as_secs_f64() * 1e3;
        let row = system.control.client.query_one(STAGES_SQL, &[&run.job]).await?;
        let mut rest = took;
        for (at, stage) in stages.iter_mut().enumerate() {
            let spent = if at + 1 < STAGES.len() { row.try_get(at)? } else { rest };
            rest -= spent;
            stage.push(spent);
        }
        times.push(took);
    }
    let mut shown = Vec::new();
    for (name, stage) in STAGES.iter().zip(&mut stages) {
        let median = median(stage)?;
        println!("  {name:<32} {median:>6.1} ms");
        shown.push(format!("{name} {median:.0} ms"));
    }
    let median = median(&mut times)?;
    let worst = times.last().copied().unwrap_or_default();
    println!("  {:<32} {median:>6.1} ms, worst {worst:.1} ms", "all");
    table.add(
        "1,000 rows, request to archive, median",
        Target::AtMost(200.0),
        (median, " ms"),
        &shown.join(", "),
    );
    Ok(())
}
