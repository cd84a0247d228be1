//! One collection, from the rows of a COPY to a finished part per format.

use crate::encode::{Column, EncodedRows, Format, Formats, Framing, Outputs, RowEncoder};
use crate::error::PackageError;
use crate::key::PartKey;
use crate::part::{Part, PartOptions, PartWriter};
use crate::store::PackageStore;

/// Encodes the rows of one collection in the formats asked for, each into a part of its own.
///
/// Call [`write`](Self::write) for every chunk of the COPY, then [`finish`](Self::finish). After
/// an error, or to give up, call [`abort`](Self::abort): nothing stays visible.
#[derive(Debug)]
pub struct CollectionWriter {
    encoder: RowEncoder,
    json: Option<PartWriter>,
    csv: Option<PartWriter>,
}

/// A finished collection.
#[derive(Debug)]
pub struct CollectionParts {
    /// The JSON file, when asked for.
    pub json: Option<Part>,
    /// The CSV file, when asked for.
    pub csv: Option<Part>,
    /// What was counted on the way.
    pub counted: EncodedRows,
}

/// What is written of a collection: which formats, and whole files or fragments of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The formats.
    pub formats: Formats,
    /// Whether each part is a whole file.
    pub framing: Framing,
}

/// Whole files.
impl From<Formats> for Layout {
    fn from(formats: Formats) -> Self {
        Self { formats, framing: Framing::Whole }
    }
}

impl CollectionWriter {
    /// A writer for rows of `columns`, as `layout` says; [`Formats`] alone mean whole files.
    /// Nothing is written to the store yet.
    ///
    /// # Errors
    /// When there are no columns.
    pub fn new(
        store: &PackageStore,
        key: PartKey,
        columns: &[Column],
        layout: impl Into<Layout>,
        options: &PartOptions,
    ) -> Result<Self, PackageError> {
        let Layout { formats, framing } = layout.into();
        let encoder = RowEncoder::new(columns)?.framed(framing);
        let writer =
            |format| formats.includes(format).then(|| PartWriter::new(store, key.format(format), options));
        let mut collection = Self { encoder, json: writer(Format::Json), csv: writer(Format::Csv) };
        let Self { encoder, json, csv } = &mut collection;
        encoder.begin(&mut outputs(json, csv));
        Ok(collection)
    }

    /// Encodes one chunk of the COPY, cut anywhere. Waits only where compression or the store
    /// cannot keep up.
    ///
    /// # Errors
    /// When a row is malformed or the store fails. The writer is then of no more use.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), PackageError> {
        let Self { encoder, json, csv } = self;
        encoder.push(chunk, &mut outputs(json, csv))?;
        for writer in [json, csv].into_iter().flatten() {
            if writer.is_full() {
                writer.dispatch().await?;
            }
        }
        Ok(())
    }

    /// How many rows were encoded so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.encoder.rows()
    }

    /// How many bytes were encoded so far, over all formats, before compression.
    #[must_use]
    pub fn uncompressed_bytes(&self) -> u64 {
        let writers = [&self.json, &self.csv].into_iter().flatten();
        writers.map(PartWriter::uncompressed_bytes).sum()
    }

    /// Completes the files and their uploads.
    ///
    /// # Errors
    /// When the rows ended in the middle of one, or the store fails; nothing is then left visible.
    pub async fn finish(self) -> Result<CollectionParts, PackageError> {
        let Self { encoder, mut json, mut csv } = self;
        let counted = match encoder.finish(&mut outputs(&mut json, &mut csv)) {
            Ok(counted) => counted,
            Err(error) => {
                abort(json, csv).await;
                return Err(error.into());
            }
        };
        let (json, csv) = futures::join!(finish(json, counted.rows), finish(csv, counted.rows));
        Ok(CollectionParts { json: json?, csv: csv?, counted })
    }

    /// Gives up and removes what was uploaded.
    pub async fn abort(self) {
        abort(self.json, self.csv).await;
    }
}

impl CollectionParts {
    /// The parts with their formats.
    pub fn parts(&self) -> impl Iterator<Item = (Format, &Part)> {
        let parts = [(Format::Json, &self.json), (Format::Csv, &self.csv)];
        parts.into_iter().filter_map(|(format, part)| Some((format, part.as_ref()?)))
    }

    /// The parts with their formats, to be put into an archive.
    pub fn into_parts(self) -> impl Iterator<Item = (Format, Part)> {
        let parts = [(Format::Json, self.json), (Format::Csv, self.csv)];
        parts.into_iter().filter_map(|(format, part)| Some((format, part?)))
    }
}

fn outputs<'a>(json: &'a mut Option<PartWriter>, csv: &'a mut Option<PartWriter>) -> Outputs<'a> {
    Outputs { json: json.as_mut().map(PartWriter::buffer), csv: csv.as_mut().map(PartWriter::buffer) }
}

async fn finish(writer: Option<PartWriter>, rows: u64) -> Result<Option<Part>, PackageError> {
    match writer {
        Some(writer) => Ok(Some(writer.finish(rows).await?)),
        None => Ok(None),
    }
}

async fn abort(json: Option<PartWriter>, csv: Option<PartWriter>) {
    for writer in [json, csv].into_iter().flatten() {
        writer.abort().await;
    }
}
