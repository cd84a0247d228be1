//! Columns that line up.

use super::plain;

/// Between two columns.
const GAP: &str = "  ";

/// A table for people. Put what may hold letters of any width into the last column.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    #[must_use]
    pub fn of(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&heading| heading.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell).replace('\n', " ")).collect());
    }

    /// The table, each line ended.
    #[must_use]
    pub fn text(&self) -> String {
        let width = |column: usize| {
            let cells = std::iter::once(&self.header).chain(&self.rows);
            cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        std::iter::once(&self.header).chain(&self.rows).map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
    format!("{}\n", cells.join(GAP).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let mut table = Table::of(&["ID", "NAME"]);
        table.row(["1".into(), "Aurelia".into()]);
        table.row(["12345".into(), "O'Hara\n& \u{1b}Søn".into()]);
        assert_eq!(table.text(), "ID     NAME\n1      Aurelia\n12345  O'Hara & \u{fffd}Søn\n");
    }
}
