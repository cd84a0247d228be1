//! Entry point of the audit-sink.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::run::<audit_sink::AuditSink>().await
}
