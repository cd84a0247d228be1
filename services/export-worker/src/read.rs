//! Reading one collection: COPY, encoder, compressor, one row at a time and none of them kept.

use chassis::{StepError, StepProgress};
use connectors::{CellRendering, CollectionRead, CopyCell, ExportScope, KeyRange, ReadTransaction, Schemas};
use domain::datamap::{Collection, Dataset};
use domain::export::ExportFormat;
use futures::StreamExt;
use packages::{
    CollectionGuide, CollectionParts, CollectionWriter, Column, ColumnEntry, FileEntry, FirstRows, Formats,
    Framing, LaterEntry, Layout, OmittedEntry, PackageError, PartKey, ValueKind,
};

use crate::Exports;
use crate::failure::{broken, package_failed, plan_failed, store_failed};
use crate::sources::path;

/// Rows between two notes of progress.
const NOTE_EVERY: u64 = 2_000;

/// What is to be read, and where it goes.
pub(crate) struct Reading<'a> {
    pub from: (&'a Dataset, &'a Collection),
    pub schemas: &'a Schemas,
    pub scope: &'a ExportScope<'a>,
    pub range: Option<&'a KeyRange>,
    pub framing: Framing,
    pub key: PartKey,
}

/// A collection that was read: its parts, and what the manifest and people are told of it.
pub(crate) struct ReadCollection {
    pub parts: Option<CollectionParts>,
    pub files: Vec<FileEntry>,
    pub omitted: Vec<OmittedEntry>,
    pub guide: CollectionGuide,
    /// The rows that were made after the cutoff.
    pub later: Option<LaterEntry>,
}

/// Reads a collection inside a transaction.
pub(crate) async fn read(
    exports: &Exports,
    reading: Reading<'_>,
    transaction: &mut ReadTransaction,
    progress: &StepProgress,
) -> Result<ReadCollection, StepError> {
    let (dataset, collection) = reading.from;
    let schema = reading.schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let read = CollectionRead::plan(collection, schema, reading.scope, reading.range)
        .map_err(|error| plan_failed(&error))?;
    let name = exports.sources.shown_name(dataset, collection);
    let stem = exports.sources.file_stem(dataset, collection);
    let columns: Vec<Column> = read.cells.iter().map(column).collect();
    let mut done = ReadCollection {
        parts: None,
        files: Vec::new(),
        omitted: omitted(&name, &read),
        later: None,
        guide: CollectionGuide {
            description: collection.description.clone(),
            data_categories: collection.data_categories.clone(),
            ..CollectionGuide::new(name.clone(), columns)
        },
    };
    if read.columns.is_empty() {
        return Ok(done);
    }
    let columns = &done.guide.columns;
    let layout = Layout { formats: formats(reading.scope.formats), framing: reading.framing };
    let writer = CollectionWriter::new(&exports.packages, reading.key, columns, layout, &exports.parts)
        .map_err(|error| package_failed(&error))?;
    let mut first_rows = FirstRows::new(columns);
    let of = (path(dataset, collection), progress);
    let parts = stream(writer, &mut first_rows, (&read, transaction), (&of.0, of.1)).await?;
    let described: Vec<ColumnEntry> = read.columns.iter().map(describe).collect();
    done.files = parts
        .parts()
        .map(|(format, part)| {
            FileEntry::new(stem.file(format), name.clone(), format, part.content())
                .with_columns(described.clone())
                .with_neutralised(columns, &parts.counted)
        })
        .collect();
    done.parts = Some(parts);
    let later = transaction.count_later(&read).await.map_err(|error| store_failed(&error))?;
    let later = LaterEntry { collection: name, rows: u64::try_from(later).unwrap_or_default() };
    done.later = Some(later).filter(|later| later.rows > 0);
    done.guide.preview = Some(first_rows.into_preview());
    Ok(done)
}

async fn stream(
    mut writer: CollectionWriter,
    first_rows: &mut FirstRows,
    (read, transaction): (&CollectionRead, &mut ReadTransaction),
    (path, progress): (&str, &StepProgress),
) -> Result<CollectionParts, StepError> {
    let mut noted = 0;
    let streamed: Result<(), StepError> = async {
        let mut rows = transaction.copy(read).await.map_err(|error| store_failed(&error))?;
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| store_failed(&error))?;
            writer.write(&row).await.map_err(|error| package_failed(&error))?;
            if !first_rows.is_full() {
                first_rows.push(&row).map_err(|error| package_failed(&PackageError::from(error)))?;
            }
            if writer.rows() >= noted + NOTE_EVERY {
                noted = writer.rows();
                progress.set(path, noted, writer.uncompressed_bytes());
            }
        }
        Ok(())
    }
    .await;
    if let Err(error) = streamed {
        writer.abort().await;
        return Err(error);
    }
    let (rows, bytes) = (writer.rows(), writer.uncompressed_bytes());
    let parts = writer.finish().await.map_err(|error| package_failed(&error))?;
    let written = parts.parts().map(|(_, part)| part.content().uncompressed_bytes).sum();
    progress.set(path, rows, bytes.max(written));
    Ok(parts)
}

fn column(cell: &CopyCell) -> Column {
    let kind = match cell.rendering {
        CellRendering::Number => ValueKind::Number,
        CellRendering::Boolean => ValueKind::Boolean,
        CellRendering::Json => ValueKind::Json,
        CellRendering::Timestamp => ValueKind::Timestamp,
        CellRendering::TimestampTz => ValueKind::TimestampTz,
        CellRendering::Text => ValueKind::Text,
        CellRendering::Verbatim => ValueKind::Verbatim,
    };
    Column::new(&cell.column, kind).only(formats(cell.formats))
}

fn formats(format: ExportFormat) -> Formats {
    match format {
        ExportFormat::Json => Formats::JsonOnly,
        ExportFormat::Csv => Formats::CsvOnly,
        ExportFormat::Both => Formats::Both,
    }
}

fn describe(column: &connectors::ExportColumn) -> ColumnEntry {
    ColumnEntry {
        name: column.name.clone(),
        database_type: column.sql_type.clone(),
        data_categories: column.data_categories.clone(),
        description: column.description.clone(),
    }
}

fn omitted(name: &str, read: &CollectionRead) -> Vec<OmittedEntry> {
    let columns = read.omitted.iter().map(|omitted| OmittedEntry {
        collection: name.to_owned(),
        column: Some(omitted.column.clone()),
        reason: omitted.reason.clone(),
    });
    columns.collect()
}
