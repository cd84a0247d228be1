//! Reading one collection: COPY, encoder, compressor, one row at a time and none of them kept.

use chassis::{StepError, StepProgress};
use connectors::{CellRendering, CollectionRead, CopyCell, ExportScope, ReadTransaction};
use domain::datamap::{Collection, Dataset};
use domain::export::ExportFormat;
use futures::StreamExt;
use packages::{
    CollectionParts, CollectionWriter, Column, ColumnEntry, FileEntry, Formats, OmittedEntry, PartKey,
    ValueKind, entry_name,
};

use crate::Exports;
use crate::failure::{package_failed, plan_failed, store_failed};
use crate::sources::{Schemas, path};

/// Rows between two notes of progress.
const NOTE_EVERY: u64 = 2_000;

/// A collection that was read: its parts, and what the manifest says of it.
pub(crate) struct ReadCollection {
    pub parts: Option<CollectionParts>,
    pub files: Vec<FileEntry>,
    pub omitted: Vec<OmittedEntry>,
}

/// Reads a collection inside a transaction into parts under `key`.
pub(crate) async fn read(
    exports: &Exports,
    (dataset, collection): (&Dataset, &Collection),
    (schemas, scope): (&Schemas, &ExportScope<'_>),
    (transaction, key): (&mut ReadTransaction, PartKey),
    progress: &StepProgress,
) -> Result<ReadCollection, StepError> {
    let schema =
        schemas.get(&dataset.store).ok_or_else(|| crate::failure::broken("a store has no schema"))?;
    let read = CollectionRead::plan(collection, schema, scope).map_err(|error| plan_failed(&error))?;
    let name = exports.sources.file_name(dataset, collection);
    let omitted = omitted(&name, collection, &read);
    if read.columns.is_empty() {
        return Ok(ReadCollection { parts: None, files: Vec::new(), omitted });
    }
    let columns: Vec<Column> = read.cells.iter().map(column).collect();
    let formats = formats(scope.formats);
    let writer = CollectionWriter::new(&exports.packages, key, &columns, formats, &exports.parts)
        .map_err(|error| package_failed(&error))?;
    let parts = stream(writer, &read, transaction, (&path(dataset, collection), progress)).await?;
    let described: Vec<ColumnEntry> = read.columns.iter().map(describe).collect();
    let files = parts
        .parts()
        .map(|(format, part)| {
            FileEntry::new(entry_name(&name, format), name.clone(), format, part.content())
                .with_columns(described.clone())
                .with_neutralised(&columns, &parts.counted)
        })
        .collect();
    Ok(ReadCollection { parts: Some(parts), files, omitted })
}

async fn stream(
    mut writer: CollectionWriter,
    read: &CollectionRead,
    transaction: &mut ReadTransaction,
    (path, progress): (&str, &StepProgress),
) -> Result<CollectionParts, StepError> {
    let mut noted = 0;
    let streamed: Result<(), StepError> = async {
        let mut rows = transaction.copy(read).await.map_err(|error| store_failed(&error))?;
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| store_failed(&error))?;
            writer.write(&row).await.map_err(|error| package_failed(&error))?;
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

fn omitted(name: &str, collection: &Collection, read: &CollectionRead) -> Vec<OmittedEntry> {
    let columns = read.omitted.iter().map(|omitted| OmittedEntry {
        collection: name.to_owned(),
        column: Some(omitted.column.clone()),
        reason: omitted.reason.clone(),
    });
    let media = collection.media.iter().map(|media| OmittedEntry {
        collection: name.to_owned(),
        column: Some(media.key.clone()),
        reason: "the media objects that this column names are not part of the package; its rows are"
            .to_owned(),
    });
    columns.chain(media).collect()
}
