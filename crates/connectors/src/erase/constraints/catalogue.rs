//! The constraints of a table and of its partitions, as the catalogues have them.

use std::collections::BTreeSet;

use domain::schema::TableName;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::kinds::{Column, Constraint, Constraints, Key, Rule};
use super::queries::{CHECKS, COLUMNS, DOMAINS, INDEXES, MEMBERS, PLACES};
use crate::error::StoreError;
use crate::read::ReadTransaction;

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl ReadTransaction {
    /// What constrains the rows of the table when these columns change.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn constraints(
        &self,
        table: &TableName,
        changed: &[String],
    ) -> Result<Constraints, StoreError> {
        let failed = |error| self.failed(error);
        let (schema, name) = (table.schema.as_str(), table.table.as_str());
        let of: [Parameter<'_>; 2] = [(&schema, Type::TEXT), (&name, Type::TEXT)];
        let and_columns: [Parameter<'_>; 3] =
            [(&schema, Type::TEXT), (&name, Type::TEXT), (&changed, Type::TEXT_ARRAY)];
        let places = self.catalogue(PLACES, &of).await?;
        let places = places.iter().map(Place::of).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut found = Constraints::default();
        for row in self.catalogue(COLUMNS, &of).await? {
            found.column(&row, table).map_err(failed)?;
        }
        for row in self.catalogue(CHECKS, &of).await? {
            found.constraints.extend(check(&row, &places).map_err(failed)?);
        }
        for row in self.catalogue(INDEXES, &of).await? {
            found.constraints.extend(index(&row, &places).map_err(failed)?);
        }
        for row in self.catalogue(DOMAINS, &and_columns).await? {
            found.constraints.push(domain(&row, table).map_err(failed)?);
        }
        found.constraints.extend(partitions(table, &places));
        found.keep_what_bites(&changed.iter().map(String::as_str).collect());
        Ok(found)
    }

    async fn catalogue(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = self.client()?.query_typed(&format!("{MEMBERS}{sql}"), parameters).await;
        rows.map_err(|error| self.failed(error))
    }
}

/// The table itself, or what is below it.
struct Place {
    oid: u32,
    parent: u32,
    table: TableName,
    partitioned: bool,
    bounds: Option<String>,
    partition_key: Vec<String>,
}

impl Place {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            oid: row.try_get(0)?,
            parent: row.try_get(1)?,
            table: TableName { schema: row.try_get(2)?, table: row.try_get(3)? },
            partitioned: row.try_get(4)?,
            bounds: row.try_get(5)?,
            partition_key: row.try_get(6)?,
        })
    }

    /// The partitions that hold its rows; `None` where that is all of them.
    fn leaves(&self, places: &[Self]) -> Option<Vec<u32>> {
        if self.parent == 0 {
            return None;
        }
        let mut below = BTreeSet::from([self.oid]);
        // Parents come before what is below them.
        for place in places {
            if below.contains(&place.parent) {
                below.insert(place.oid);
            }
        }
        let holds = |place: &&Self| below.contains(&place.oid) && !place.partitioned;
        Some(places.iter().filter(holds).map(|place| place.oid).collect())
    }
}

impl Constraints {
    fn column(&mut self, row: &Row, table: &TableName) -> Result<(), tokio_postgres::Error> {
        let name: String = row.try_get(0)?;
        if row.try_get(5)? {
            self.constraints.push(Constraint {
                table: table.clone(),
                name: format!("the NOT NULL of `{name}`"),
                rule: Rule::Check(format!("{} IS NOT NULL", crate::sql::identifier(&name))),
                reads: vec![name.clone()],
                only: None,
                in_doubt: false,
            });
        }
        self.columns.push(Column {
            name,
            base: row.try_get(1)?,
            collation: row.try_get(2)?,
            generated: row.try_get(3)?,
            computed_from: row.try_get(4)?,
        });
        Ok(())
    }
}

fn at<'p>(row: &Row, places: &'p [Place]) -> Result<Option<&'p Place>, tokio_postgres::Error> {
    let oid: u32 = row.try_get(0)?;
    Ok(places.iter().find(|place| place.oid == oid))
}

fn check(row: &Row, places: &[Place]) -> Result<Option<Constraint>, tokio_postgres::Error> {
    let Some(place) = at(row, places)? else { return Ok(None) };
    let (name, expression): (String, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
    let whole_row: bool = row.try_get(4)?;
    let rule = match expression.filter(|_| !whole_row) {
        Some(expression) => Rule::Check(expression),
        None => Rule::Unreadable,
    };
    Ok(Some(Constraint {
        table: place.table.clone(),
        name: format!("the constraint `{name}`"),
        rule,
        reads: row.try_get(3)?,
        only: place.leaves(places),
        in_doubt: row.try_get(5)?,
    }))
}

fn index(row: &Row, places: &[Place]) -> Result<Option<Constraint>, tokio_postgres::Error> {
    let Some(place) = at(row, places)? else { return Ok(None) };
    let (name, expressions): (String, Vec<String>) = (row.try_get(1)?, row.try_get(2)?);
    let columns: Vec<Option<String>> = row.try_get(3)?;
    let keys = expressions.into_iter().zip(columns);
    let keys: Vec<Key> = keys.map(|(expression, column)| Key { expression, column }).collect();
    let predicate = row.try_get(4)?;
    let (nulls_distinct, operators) = (!row.try_get::<_, bool>(5)?, row.try_get::<_, Vec<String>>(7)?);
    let (word, rule) = if operators.is_empty() {
        ("the unique index", Rule::Unique { keys, predicate, nulls_distinct })
    } else {
        ("the exclusion constraint", Rule::Exclude { keys, operators, predicate })
    };
    Ok(Some(Constraint {
        table: place.table.clone(),
        name: format!("{word} `{name}`"),
        rule,
        reads: row.try_get(6)?,
        only: place.leaves(places),
        in_doubt: row.try_get(8)?,
    }))
}

fn domain(row: &Row, table: &TableName) -> Result<Constraint, tokio_postgres::Error> {
    let (column, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let (expression, length): (Option<String>, Option<i32>) = (row.try_get(2)?, row.try_get(3)?);
    let (name, rule) = match (expression, length) {
        (Some(expression), _) => (format!("the constraint `{name}` of its type"), Rule::Domain(expression)),
        (None, Some(length)) => (format!("the length of its type {name}"), Rule::Length(length)),
        (None, None) => (format!("its type {name}"), Rule::Unreadable),
    };
    Ok(Constraint { table: table.clone(), name, rule, reads: vec![column], only: None, in_doubt: false })
}

/// A row that leaves its partition is deleted there and made anew elsewhere, if there is a place for it.
fn partitions(table: &TableName, places: &[Place]) -> Option<Constraint> {
    let keys: BTreeSet<String> =
        places.iter().flat_map(|place| place.partition_key.iter().cloned()).collect();
    let leaves = places.iter().filter(|place| !place.partitioned);
    let bounds: Vec<(u32, String)> =
        leaves.filter_map(|place| Some((place.oid, place.bounds.clone()?))).collect();
    (!keys.is_empty() && !bounds.is_empty()).then(|| Constraint {
        table: table.clone(),
        name: "the bounds of the partitions".to_owned(),
        rule: Rule::Partitions(bounds),
        reads: keys.into_iter().collect(),
        only: None,
        in_doubt: false,
    })
}
