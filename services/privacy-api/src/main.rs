//! Entry point.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::run::<privacy_api::PrivacyApi>().await
}
