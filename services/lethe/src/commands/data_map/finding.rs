//! What is wrong with a data map, in one form for all ways of finding it.

use domain::datamap::{self, Blocks, DataMapError};
use serde::Serialize;

use crate::text::amount::of;
use crate::text::plain;

/// Something that is wrong with a data map, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    line: u64,
    column: u64,
    /// `dataset.collection.field`, as far as it goes; empty when the file itself cannot be read.
    path: String,
    blocks: Severity,
    message: String,
}

/// What a finding stands in the way of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    Everything,
    Erasure,
    Nothing,
}

impl Severity {
    /// The worst first.
    pub(super) const ALL: [Self; 3] = [Self::Everything, Self::Erasure, Self::Nothing];

    fn heading(self) -> &'static str {
        match self {
            Self::Everything => "no job can run until this is mended",
            Self::Erasure => "no erasure can run until this is mended; exports can",
            Self::Nothing => "worth knowing",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Everything | Self::Erasure => "error",
            Self::Nothing => "note",
        }
    }
}

impl From<datamap::Finding> for Finding {
    fn from(found: datamap::Finding) -> Self {
        Self {
            line: found.position.line,
            column: found.position.column,
            path: found.path,
            blocks: match found.blocks {
                Blocks::Everything => Severity::Everything,
                Blocks::Erasure => Severity::Erasure,
                Blocks::Nothing => Severity::Nothing,
            },
            message: found.message,
        }
    }
}

impl Finding {
    /// Why a file is no data map.
    pub(super) fn of(error: DataMapError) -> Vec<Self> {
        match error {
            DataMapError::Syntax(error) => {
                let place = error.location();
                // The first line says what; the rest draws the place, which the position says too.
                let message = error.without_snippet().to_string();
                vec![Self {
                    line: place.map_or(0, |place| place.line()),
                    column: place.map_or(0, |place| place.column()),
                    path: String::new(),
                    blocks: Severity::Everything,
                    message,
                }]
            }
            DataMapError::Invalid(problems) => problems
                .into_iter()
                .map(|problem| Self {
                    line: problem.position.line,
                    column: problem.position.column,
                    path: problem.path,
                    blocks: Severity::Everything,
                    message: problem.message,
                })
                .collect(),
        }
    }

    /// Whether it stands in the way; with `strict`, of erasure too.
    pub(super) fn is_in_the_way(&self, strict: bool) -> bool {
        self.blocks == Severity::Everything || strict && self.blocks == Severity::Erasure
    }
}

/// The findings by what they stand in the way of, each with its place in the file.
pub(super) fn text(file: &str, findings: &[Finding]) -> String {
    let mut text = String::new();
    for severity in Severity::ALL {
        let found: Vec<&Finding> = findings.iter().filter(|finding| finding.blocks == severity).collect();
        if found.is_empty() {
            continue;
        }
        text.push_str(&format!("{}: {}\n", of(found.len(), severity.word()), severity.heading()));
        for finding in found {
            text.push_str(&format!("{}\n", plain(&line(file, finding))));
        }
        text.push('\n');
    }
    text
}

fn line(file: &str, finding: &Finding) -> String {
    let Finding { line, column, path, message, .. } = finding;
    let message = message.trim();
    match path.is_empty() {
        true => format!("{file}:{line}:{column}: {message}"),
        false => format!("{file}:{line}:{column}: {path}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: u64, path: &str, blocks: Severity) -> Finding {
        Finding { line, column: 5, path: path.into(), blocks, message: "it is wrong".into() }
    }

    #[test]
    fn the_worst_stands_first() {
        let findings = [
            finding(3, "shop.a", Severity::Nothing),
            finding(4, "shop.b", Severity::Everything),
            finding(5, "shop.c", Severity::Erasure),
            finding(6, "", Severity::Everything),
        ];
        let expected = "\
2 errors: no job can run until this is mended
map.yaml:4:5: shop.b: it is wrong
map.yaml:6:5: it is wrong

1 error: no erasure can run until this is mended; exports can
map.yaml:5:5: shop.c: it is wrong

1 note: worth knowing
map.yaml:3:5: shop.a: it is wrong

";
        assert_eq!(text("map.yaml", &findings), expected);
        let in_the_way = |strict| findings.iter().filter(|finding| finding.is_in_the_way(strict)).count();
        assert_eq!((in_the_way(false), in_the_way(true)), (2, 3));
    }
}
