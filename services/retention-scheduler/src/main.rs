//! Entry point of the retention-scheduler.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::run::<retention_scheduler::RetentionScheduler>().await
}
