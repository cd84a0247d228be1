//! The sample company in a subject store of its own.

use uuid::Uuid;

use crate::world::World;

/// Who erases and who verifies.
pub const ROLES: Option<(&str, &str)> = Some(("vantage_eraser", "vantage_reader"));

/// A company whose organisations have about so many rows each.
pub async fn with(rows: &[u64]) -> (World, Vec<Uuid>) {
    let schema = format!("{}\n{}", sample::SCHEMA_SQL, sample::ROLES_SQL);
    let mut world = World::new(&schema, sample::DATA_MAP, ROLES).await;
    let scale = sample::Scale::organisations_of_rows(rows);
    let seeded = sample::seed(&mut world.client, &scale, 7, |_| {}).await.unwrap();
    (world, seeded.organisations.iter().map(|organisation| organisation.id).collect())
}
