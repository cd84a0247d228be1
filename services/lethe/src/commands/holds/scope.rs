//! What a hold covers, from the options of the command line.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use contracts::http::{
    ComparisonBody, HeldCollection, HeldOrganisation, HeldPerson, HeldRows, HeldSubject, HoldScopeBody,
    Operator, RowsBody, SecretText,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::subject::{Named, named, read};
use crate::failure::Failure;

/// What must not be erased.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "What it covers",
    group = ArgGroup::new("scope").required(true)
        .args(["organisation", "subject", "subject_file", "collection", "rows"])
)]
#[group(skip)]
pub struct Scope {
    /// Everything of the organisation.
    #[arg(long)]
    organisation: bool,
    /// The rows of one person, by an identity that the data map names.
    #[arg(long, value_name = "TYPE=VALUE")]
    subject: Option<SecretString>,
    /// The same in a file of one line, or from standard input with -: so that it does not stand in the shell's history.
    #[arg(long, value_name = "FILE")]
    subject_file: Option<PathBuf>,
    /// All rows of a collection, named as dataset.collection.
    #[arg(long, value_name = "COLLECTION")]
    collection: Option<String>,
    /// Some rows of a collection: those for which all --where are true.
    #[arg(long, value_name = "COLLECTION", requires = "comparisons")]
    rows: Option<String>,
    /// A column of the row, one of = <> < <= > >=, and a value; may be given several times.
    #[arg(long = "where", value_names = ["COLUMN", "OP", "VALUE"], num_args = 3, requires = "rows",
          conflicts_with_all = ["organisation", "subject", "subject_file", "collection"],
          allow_hyphen_values = true)]
    comparisons: Vec<SecretString>,
}

impl Scope {
    /// What the request says of it.
    ///
    /// # Errors
    /// When the options make no scope; no value is repeated.
    pub(super) fn body(&self) -> Result<HoldScopeBody, Failure> {
        if let Some(text) = &self.subject {
            return Ok(person(named(text)?));
        }
        if let Some(file) = &self.subject_file {
            return Ok(person(named(&read(file)?)?));
        }
        if let Some(collection) = self.collection.clone() {
            return Ok(HoldScopeBody::Collection(HeldCollection { collection }));
        }
        if let Some(collection) = self.rows.clone() {
            let comparisons = self.comparisons.chunks(3).map(comparison).collect::<Result<_, _>>()?;
            return Ok(HoldScopeBody::Rows(HeldRows { rows: RowsBody { collection, comparisons } }));
        }
        match self.organisation {
            true => Ok(HoldScopeBody::Organisation(HeldOrganisation { organisation: true })),
            false => Err(Failure::usage("nothing says what is to be held")),
        }
    }
}

fn person(Named { identity_type, identity_value }: Named) -> HoldScopeBody {
    HoldScopeBody::Subject(HeldSubject { subject: HeldPerson { identity_type, identity_value } })
}

fn comparison(parts: &[SecretString]) -> Result<ComparisonBody, Failure> {
    let [column, sign, value] = parts else {
        return Err(Failure::usage("--where takes a column, a comparison and a value"));
    };
    let operator = operator(sign.expose_secret()).ok_or_else(|| {
        Failure::usage("--where compares with one of = <> < <= > >=")
            .next("quote the sign, which the shell would read: --where total '>=' 10000")
    })?;
    let column = column.expose_secret().to_owned();
    Ok(ComparisonBody { column, operator, value: SecretText::new(value.clone()) })
}

/// The operator that SQL writes so, or that the API calls so.
fn operator(sign: &str) -> Option<Operator> {
    Some(match sign {
        "=" | "equal" => Operator::Equal,
        "<>" | "!=" | "not_equal" => Operator::NotEqual,
        "<" | "less" => Operator::Less,
        "<=" | "at_most" => Operator::AtMost,
        ">" | "greater" => Operator::Greater,
        ">=" | "at_least" => Operator::AtLeast,
        _ => return None,
    })
}
