//! Entry point of the erasure-worker.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::run::<erasure_worker::ErasureWorker>().await
}
