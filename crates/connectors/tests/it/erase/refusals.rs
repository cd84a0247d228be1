//! What a server refuses, told by names and by nothing that a row or a function could have said.

use connectors::StoreError;
use connectors::erase::{Batch, EraseError, EraseScope, EraseStatement, PseudonymKey, Rows, run_batch};
use domain::datamap::Strategy;
use domain::id::OrganisationId;

use crate::erase::support::{KEY, Odd, batch, changes_of, whole};
use crate::support::far_future;

/// Sets this column of organisation 1's visits to NULL, or deletes their lines.
async fn refused(sql: &str, changed: Option<&str>) -> StoreError {
    let odd = Odd::with(sql).await;
    let (organisation, all) = (OrganisationId::parse("1").unwrap(), whole());
    let (scope, rows) = (EraseScope::all(&organisation, far_future()), Rows::Range(&all));
    let (key, schema) = (PseudonymKey::new(&KEY), &odd.bench.schema);
    let statement = match changed {
        Some(column) => {
            let changes = changes_of(&[(column, Strategy::Null)]);
            EraseStatement::anonymise(odd.bench.collection("visitLog"), schema, &scope, &rows, &changes, &key)
        }
        None => EraseStatement::delete(odd.bench.collection("lineItem"), schema, &scope, &rows),
    };
    let statement = statement.unwrap();
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    match run_batch(&odd.bench.store, &run).await {
        Err(EraseError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn table_column_constraint_and_type_are_named() {
    for (sql, column, told) in [
        (
            "ALTER TABLE \"visitLog\" ADD CONSTRAINT named CHECK (\"fullName\" IS NOT NULL)",
            "fullName",
            "(SQLSTATE 23514), constraint `named` of public.visitLog",
        ),
        (
            "CREATE DOMAIN named AS text CONSTRAINT given CHECK (VALUE IS NOT NULL); ALTER TABLE \"visitLog\" ALTER \"fullName\" TYPE named",
            "fullName",
            "(SQLSTATE 23514), constraint `given` of the type public.named",
        ),
        (
            "CREATE UNIQUE INDEX ones ON \"visitLog\" (coalesce(\"fullName\", ''))",
            "fullName",
            "(SQLSTATE 23505), constraint `ones` of public.visitLog",
        ),
        (
            "ALTER TABLE \"visitLog\" ADD copy text GENERATED ALWAYS AS (\"fullName\") STORED NOT NULL",
            "fullName",
            "(SQLSTATE 23502), column `copy` of public.visitLog",
        ),
    ] {
        let error = refused(sql, Some(column)).await;
        assert!(error.to_string().ends_with(told), "{error}");
        assert!(!format!("{error:?}").contains("Name 1"), "{error:?}");
    }
}

const RAISING: &str = "CREATE FUNCTION \"noChange\"() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no: %', OLD.note USING TABLE = OLD.note, COLUMN = OLD.note, CONSTRAINT = OLD.note, HINT = OLD.note; END $$;
    CREATE TRIGGER never BEFORE DELETE ON \"lineItem\" FOR EACH ROW EXECUTE FUNCTION \"noChange\"()";

#[tokio::test]
async fn of_what_a_function_raises_only_the_functions_name_is_kept() {
    let error = refused(RAISING, None).await;
    let told = error.to_string();
    assert!(told.ends_with("(SQLSTATE P0001), raised in the function `public.\"noChange\"`"), "{told}");
    assert_eq!((error.constraint(), error.table()), (None, None));
    assert!(!format!("{error} {error:?}").contains("note "), "{error:?}");
}

#[tokio::test]
async fn an_error_inside_a_function_names_the_function_and_quotes_no_statement() {
    let sql = "CREATE TABLE audit (what text CONSTRAINT short CHECK (length(what) < 3));
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN EXECUTE format('INSERT INTO public.audit VALUES (%L)', OLD.note); RETURN OLD; END $$;
        CREATE TRIGGER tell BEFORE DELETE ON \"lineItem\" FOR EACH ROW EXECUTE FUNCTION tell()";
    let error = refused(sql, None).await;
    let told = error.to_string();
    assert!(
        told.ends_with(
            "(SQLSTATE 23514), constraint `short` of public.audit, raised in the function `public.tell`"
        ),
        "{told}"
    );
    assert!(!format!("{error:?}").contains("INSERT"), "{error:?}");
}
