//! Entry point of the export-worker.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::run::<export_worker::ExportWorker>().await
}
