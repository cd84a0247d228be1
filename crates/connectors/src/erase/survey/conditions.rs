//! What is so of a row of a part, in SQL of which the server makes joins.
//!
//! Whether rows stay because of others is asked of thousands of rows beside millions. As a value of each row it is
//! answered row by row, and each time by reading all others where these are too many for a hash in memory. Several
//! such conditions one after the other are no better: of what the first leaves the planner expects hardly a row,
//! since it does not know that the rows which would keep others go as well, and reads all others for each that is
//! left. So each is asked by itself, of all rows that the part is about: one semi-join, whose size the planner
//! knows, by the referring index or a hash of any size. What meets any of them is the union of their keys.

use domain::anonymise::OUTLINE_LENGTH;
use domain::erasure::Guard;
use domain::hold::HeldRows;
use domain::schema::{LiveSchema, TableName};

use crate::cutoff::made_by;
use crate::erase::keyed::{self, Parameters, primary_key};
use crate::erase::scope::{self, EraseScope};
use crate::erase::statement::Rows;
use crate::range;
use crate::sql::{self, PlanError};

use super::{Part, lets_go};

/// So many values of a column are shown.
const SAMPLES: u8 = 3;
/// Among so many rows they are looked for.
const SAMPLED_ROWS: u8 = 100;

/// What is so of a row `t0`, in SQL.
pub(super) struct Conditions {
    relation: String,
    /// How a row is told from another.
    identity: Vec<(String, &'static str)>,
    /// That the part is about it.
    meant: String,
    /// Of each hold, that it keeps it.
    held: Vec<Kept>,
    /// That it leads to another organisation too, where that counts.
    shared: Option<String>,
    /// That a row which stays refers to it, by each key.
    guarded: Vec<String>,
    /// What it takes to tell that the part is about it.
    told: Told,
}

/// What it takes to tell that a part is about a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The row alone.
    Alone,
    /// The way to its organisation, and nothing else.
    ByItsWay,
    /// More than that.
    ByMore,
}

/// That a hold keeps the row.
struct Kept {
    is: String,
    /// Whether the hold lists its rows; the others say what is so of them.
    listed: bool,
}

impl Conditions {
    pub(super) fn of(
        part: &Part<'_>,
        earlier: &[Part<'_>],
        schema: &LiveSchema,
        parameters: &mut Parameters<'_>,
    ) -> Result<Self, PlanError> {
        let Part { collection, scope, rows, .. } = part;
        let table = &collection.table;
        let mut meant = vec![scope::meant(collection, schema, scope, parameters)?];
        meant.extend(made_by(collection, schema, scope.cutoff())?);
        match rows {
            Rows::Range(range) => meant.extend(range::conditions(table, schema, range)?),
            Rows::Keys(keys) => meant.push(keyed::listed(table, schema, keys, parameters)?),
        }
        let mut held = Vec::new();
        for hold in scope.holds {
            let is = format!("({})", scope::held(table, schema, &hold.rows, parameters)?);
            held.push(Kept { is, listed: is_listed(&hold.rows) });
        }
        let path = collection.tenant.as_ref().filter(|_| scope.exclusive);
        let shared = path.map(|path| sql::elsewhere_predicate(table, path, schema, scope.organisation));
        let mut guarded = Vec::new();
        for guard in scope.guards {
            guarded.push(staying((guard, scope), (table, earlier), schema, parameters)?);
        }
        Ok(Self {
            relation: sql::relation(table),
            identity: scope::identity(table, schema)?,
            told: told(part, meant.len()),
            meant: meant.join(" AND "),
            held,
            shared: shared.transpose()?,
            guarded,
        })
    }

    /// That the row is erased.
    pub(super) fn erased(&self) -> String {
        let left = self.left_by_others();
        if left.is_empty() {
            return self.meant_and_free();
        }
        format!("{} AND {}", self.meant_and_free(), self.not_among(&left.join(" UNION ")))
    }

    /// That the part leaves the row. What the row does not tell by itself is looked up by its key among the rows
    /// that are taken: those that are meant but for those that are left, since of that the planner expects no
    /// fewer rows than there are.
    fn not_taken(&self) -> String {
        let left = self.left_by_others();
        match self.told {
            Told::Alone if left.is_empty() => return format!("({}) IS NOT TRUE", self.meant_and_free()),
            Told::ByItsWay if left.is_empty() && self.held.is_empty() => {
                return format!("NOT {}", self.meant);
            }
            Told::Alone | Told::ByItsWay | Told::ByMore => {}
        }
        let mut taken =
            format!("SELECT {} FROM {} t0 WHERE {}", self.key(), self.relation, self.meant_and_free());
        if !left.is_empty() {
            taken = format!("({taken}) EXCEPT ({})", left.join(" UNION "));
        }
        self.not_among(&taken)
    }

    /// That the part is about the row, and no hold keeps it that says what is so of its rows.
    fn meant_and_free(&self) -> String {
        let said = self.held.iter().filter(|held| !held.listed);
        let free: String = said.map(|held| format!(" AND {} IS NOT TRUE", held.is)).collect();
        format!("{}{free}", self.meant)
    }

    /// The keys of the rows that are left for the sake of other rows, or are listed by a hold: a query for each
    /// reason.
    fn left_by_others(&self) -> Vec<String> {
        let listed = self.held.iter().filter(|held| held.listed).map(|held| held.is.as_str());
        let all = listed.chain(self.shared.as_deref()).chain(self.guarded.iter().map(String::as_str));
        all.map(|condition| self.keys(condition)).collect()
    }

    /// The keys of the rows that are meant and for which this holds.
    fn keys(&self, condition: &str) -> String {
        format!("SELECT {} FROM {} t0 WHERE {} AND {condition}", self.key(), self.relation, self.meant)
    }

    fn key(&self) -> String {
        let one = |(at, (name, _)): (usize, &(String, &str))| format!("t0.{name} AS k{at}");
        self.identity.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    }

    /// That the key of the row is none of those that the query answers, which sees its own `t0` only.
    fn not_among(&self, keys: &str) -> String {
        let one = |(at, (name, equals)): (usize, &(String, &str))| format!("d.k{at} {equals} t0.{name}");
        let same: Vec<String> = self.identity.iter().enumerate().map(one).collect();
        format!("NOT EXISTS (SELECT FROM ({keys}) d WHERE {})", same.join(" AND "))
    }

    /// A row with the numbers of those that are erased, shared and guarded, and that each hold keeps.
    pub(super) fn counts(&self) -> String {
        let mut counts = Counts(Vec::new());
        let all = counts.of(&format!("SELECT FROM {} t0 WHERE {}", self.relation, self.meant));
        let mut left: Vec<String> = Vec::new();
        let said: Vec<&str> =
            self.held.iter().filter(|held| !held.listed).map(|held| held.is.as_str()).collect();
        if !said.is_empty() {
            left.push(self.keys(&format!("({})", said.join(" OR "))));
        }
        left.extend(self.held.iter().filter(|held| held.listed).map(|held| self.keys(&held.is)));
        let held = if left.is_empty() { "0::pg_catalog.int8".to_owned() } else { counts.any(&left) };
        left.extend(self.shared.iter().map(|shared| self.keys(shared)));
        let shared = if self.shared.is_none() { held.clone() } else { counts.any(&left) };
        left.extend(self.guarded.iter().map(|guarded| self.keys(guarded)));
        let guarded = if self.guarded.is_empty() { shared.clone() } else { counts.any(&left) };
        let mut numbers = vec![
            less(&all, &guarded, "erased"),
            less(&shared, &held, "shared"),
            less(&guarded, &shared, "guarded"),
        ];
        let by_hold = self.held.iter().enumerate();
        numbers.extend(by_hold.map(|(at, kept)| format!("{} AS h{at}", counts.of(&self.keys(&kept.is)))));
        format!("(SELECT {} FROM {})", numbers.join(", "), counts.0.join(", "))
    }

    /// Some values of each column, of rows that are erased, in the order of their keys.
    pub(super) fn samples(
        &self,
        part: &Part<'_>,
        schema: &LiveSchema,
        columns: &[String],
    ) -> Result<String, PlanError> {
        let table = &part.collection.table;
        let (mut values, mut some) = (Vec::new(), Vec::new());
        for (at, name) in columns.iter().enumerate() {
            let column = format!("t0.{}", sql::identifier(&sql::live_column(schema, table, name)?.name));
            values.push(format!("pg_catalog.left({column}::pg_catalog.text, {OUTLINE_LENGTH}) AS c{at}"));
            some.push(format!("{column} IS NOT NULL"));
        }
        let picked =
            |at| format!("(pg_catalog.array_agg(y.c{at}) FILTER (WHERE y.c{at} IS NOT NULL))[1:{SAMPLES}]");
        let picked: Vec<String> = (0..columns.len()).map(picked).collect();
        let key = primary_key(part.collection, schema)?;
        let key: Vec<String> =
            key.iter().map(|column| format!("t0.{}", sql::identifier(&column.name))).collect();
        Ok(format!(
            "(SELECT {} FROM (SELECT {} FROM {} t0 WHERE {} AND ({}) ORDER BY {} LIMIT {SAMPLED_ROWS}) y)",
            picked.join(", "),
            values.join(", "),
            self.relation,
            self.erased(),
            some.join(" OR "),
            key.join(", ")
        ))
    }
}

/// Counts, each a subquery of its own.
struct Counts(Vec<String>);

impl Counts {
    /// Counts what a query answers; the number's name.
    fn of(&mut self, query: &str) -> String {
        let name = format!("n{}", self.0.len());
        self.0.push(format!("(SELECT pg_catalog.count(*) AS n FROM ({query}) q) {name}"));
        format!("{name}.n")
    }

    /// Counts what any of these queries answers, each key once.
    fn any(&mut self, queries: &[String]) -> String {
        self.of(&queries.join(" UNION "))
    }
}

fn less(number: &str, other: &str, name: &str) -> String {
    format!("{number} OPERATOR(pg_catalog.-) {other} AS {name}")
}

fn is_listed(rows: &HeldRows) -> bool {
    match rows {
        HeldRows::Keys(_) => true,
        HeldRows::Where(_) => false,
    }
}

fn told(Part { collection, scope, rows, .. }: &Part<'_>, conditions: usize) -> Told {
    let by_key = match rows {
        Rows::Keys(_) => true,
        Rows::Range(_) => false,
    };
    let hops = collection.tenant.as_ref().is_some_and(|path| !path.hops.is_empty());
    let whole = conditions == 1 && scope.only.is_empty() && scope.beside.is_empty() && scope.done.is_none();
    match (hops, by_key) {
        (false, false) if !scope.only.iter().chain(scope.beside).any(is_listed) => Told::Alone,
        (true, false) if whole => Told::ByItsWay,
        (true | false, true | false) => Told::ByMore,
    }
}

/// The condition under which a row that no earlier part takes refers to the row `t0`.
fn staying(
    (guard, scope): (&Guard, &EraseScope<'_>),
    (table, earlier): (&TableName, &[Part<'_>]),
    schema: &LiveSchema,
    parameters: &mut Parameters<'_>,
) -> Result<String, PlanError> {
    let mut stays = Vec::new();
    for (at, part) in earlier.iter().enumerate().filter(|(_, part)| lets_go(part, guard)) {
        let before = earlier.get(..at).unwrap_or_default();
        stays.push(Conditions::of(part, before, schema, parameters)?.not_taken());
    }
    if stays.is_empty() {
        return scope::guarded(table, schema, (guard, scope), parameters);
    }
    if let Some(aside) = &guard.aside {
        stays.push(scope::counts(&guard.table, schema, (aside, scope), parameters)?);
    }
    scope::referred_to_by(table, schema, (guard, &stays.join(" AND ")))
}
