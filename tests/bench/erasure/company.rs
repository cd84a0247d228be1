//! The company whose organisations are erased: contacts of many organisations in one table, in the
//! order in which they were made, so that every page holds rows of several.

use std::time::Instant;

use anyhow::{Context, Result};
use tests::{Database, Servers};

/// The organisation that ratios are measured with: a fifth of all rows.
pub const LARGE: &str = "1";
/// One with a tenth of its rows.
pub const SMALL: &str = "2";

const SCHEMA: &str = "
CREATE TABLE tenant (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE contact (
    id         bigint       PRIMARY KEY,
    tenant_id  bigint       NOT NULL REFERENCES tenant,
    created_at timestamptz  NOT NULL,
    updated_at timestamptz  NOT NULL,
    status     text         NOT NULL,
    score      integer      NOT NULL,
    email      varchar(254) NOT NULL,
    full_name  text         NOT NULL,
    phone      varchar(24),
    born_on    date,
    address    jsonb,
    last_ip    inet,
    notes      text
);
INSERT INTO tenant SELECT i, 'Company ' || i FROM generate_series(1, 41) i;";

/// Of five rows one is the large organisation's, of fifty one is the small one's.
const ROWS: &str = "
INSERT INTO contact
SELECT i,
       CASE WHEN i % 5 = 0 THEN 1 WHEN i % 50 = 1 THEN 2 ELSE 3 + i / 7 % 39 END,
       timestamptz '2020-01-01' + i * interval '30 seconds',
       timestamptz '2021-01-01' + i * 7919 % 5000011 * interval '30 seconds',
       (ARRAY['lead', 'customer', 'former'])[1 + i % 3],
       i % 101,
       'person.' || i || '@mail' || i % 997 || '.example.org',
       'Person ' || md5(i::text),
       CASE WHEN i % 9 > 0 THEN '+49 30 ' || (1000000 + i * 13 % 8999999) END,
       date '1940-01-01' + (i * 31 % 24000)::int,
       jsonb_build_object('street', 'Street ' || i % 5003, 'postcode', (10000 + i % 89999)::text, 'city', 'Town'),
       ('10.' || i % 256 || '.' || i / 256 % 256 || '.' || i / 65536 % 256)::inet,
       CASE WHEN i % 3 = 0 THEN repeat('Called about the contract. ', (i % 5)::int) END
FROM generate_series(1::bigint, $1::bigint) i";

const INDEXES: [&str; 3] = [
    "CREATE INDEX contact_tenant_created ON contact (tenant_id, created_at)",
    "CREATE INDEX contact_tenant_email ON contact (tenant_id, email)",
    "CREATE INDEX contact_updated ON contact (updated_at)",
];

/// Makes and fills the database of which every run gets a copy. `rows` is how many the large
/// organisation has; all others together have four times as many.
pub async fn found(servers: &Servers, rows: u32) -> Result<String> {
    let begun = Instant::now();
    let base = Database::create(&servers.pg_url, "company").await?;
    base.client.batch_execute(SCHEMA).await?;
    base.client.batch_execute(&connectors::erase::journal_ddl("postgres")).await?;
    base.client.execute(ROWS, &[&(i64::from(rows) * 5)]).await?;
    // Hint bits and the visibility map, so that no side pays for them.
    for command in INDEXES.iter().chain(&["VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"]) {
        base.client.batch_execute(command).await.context(*command)?;
    }
    let bytes = base.number("SELECT pg_database_size(current_database())").await?;
    println!(
        "{} rows in {:.0} s, {} MB\n",
        i64::from(rows) * 5,
        begun.elapsed().as_secs_f64(),
        bytes / 1_000_000
    );
    Ok(base.name)
}

/// The data map in which contacts are deleted, or anonymised with this strategy for telephone numbers.
pub fn data_map(treatment: Treatment) -> String {
    let (erase, phone) = match treatment {
        Treatment::Delete => ("delete", "mask"),
        Treatment::PushedDown => ("anonymise", "mask"),
        Treatment::Computed => ("anonymise", "format_preserving"),
    };
    format!(
        "\
dataset:
- fides_key: company
  lethe: {{organisation: {{collection: tenant, key: id, name: name}}}}
  collections:
  - name: tenant
    fields:
    - {{name: id, fides_meta: {{primary_key: true}}}}
    - name: name
      data_categories: [user.contact.organization]
      lethe: {{strategy: {{constant: {{value: Erased organisation}}}}}}
  - name: contact
    lethe: {{tenant: tenant_id, created_at: created_at, erase: {erase}}}
    fields:
    - {{name: id, fides_meta: {{primary_key: true}}}}
    - name: tenant_id
      fides_meta: {{references: [{{dataset: company, field: tenant.id, direction: from}}]}}
    - {{name: created_at}}
    - {{name: updated_at}}
    - {{name: status}}
    - {{name: score}}
    - {{name: email, data_categories: [user.contact.email], lethe: {{strategy: pseudonymise}}}}
    - name: full_name
      data_categories: [user.name]
      lethe: {{strategy: {{constant: {{value: Former contact}}}}}}
    - {{name: phone, data_categories: [user.contact.phone_number], lethe: {{strategy: {phone}}}}}
    - {{name: born_on, data_categories: [user.demographic.date_of_birth], lethe: {{strategy: generalise}}}}
    - {{name: address, data_categories: [user.contact.address], lethe: {{strategy: null}}}}
    - {{name: last_ip, data_categories: [user.device.ip_address], lethe: {{strategy: generalise}}}}
    - {{name: notes, data_categories: [user.content], lethe: {{strategy: redact_text}}}}
"
    )
}

/// What is done to contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Their rows go.
    Delete,
    /// Statements carry every strategy out.
    PushedDown,
    /// One strategy needs the values; then all are computed outside the database.
    Computed,
}
