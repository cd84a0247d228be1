//! Names of files that every tool can extract, whatever the collections are called.

use crate::encode::Format;
use crate::portable::{HASH_DIGITS, fold, is_device, short_hash};

/// Where the collections' files lie.
const ROOT: &str = "data/";
/// The longest name; file systems take 255 bytes, and endings follow.
const MOST_BYTES: usize = 200;
/// Stands before a hash, and in no name that has none.
const MARK: &str = "%~";
const ENDINGS: [&str; 2] = [".json", ".csv"];

/// The name of a collection's files, without directory and ending.
///
/// What could climb out of the directory, and what some file system does not take, is written as `%` and
/// two hexadecimal digits per byte: `<>:"|?*` and slashes, control characters, a dot in front, a dot or a
/// blank at the end, the first letter of a name that Windows keeps for a device. So different collections
/// keep different names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStem(String);

impl FileStem {
    /// The name for a collection beside all others of an archive. Where some file system takes the names of
    /// two for one, because it ignores case or how letters are composed, every letter of them is encoded
    /// that is not a small one of ASCII: `users` stays, `Users` becomes `%55sers`.
    pub fn of<'a>(collection: &str, all: impl IntoIterator<Item = &'a str>) -> Self {
        let folded = fold(collection);
        let mut others = all.into_iter().filter(|other| *other != collection);
        Self(encoded(collection, others.any(|other| fold(other) == folded)))
    }

    /// The name for a collection that resembles no other.
    #[must_use]
    pub fn alone(collection: &str) -> Self {
        Self(encoded(collection, false))
    }

    /// The name in the path of a collection's file; `None` for any other path.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(ROOT)?;
        let Some((directory, _)) = rest.split_once('/') else {
            return rest.rsplit_once('.').map(|(stem, _)| Self(stem.to_owned()));
        };
        if directory == "%" {
            return Some(Self(String::new()));
        }
        match directory.rsplit_once("%2E") {
            Some((bare, ending)) if !bare.is_empty() && is_ending(ending) => {
                Some(Self(format!("{bare}.{ending}")))
            }
            _ => Some(Self(directory.to_owned())),
        }
    }

    /// The path of the collection's file: `data/<collection>.json` or `.csv`.
    #[must_use]
    pub fn file(&self, format: Format) -> String {
        format!("{ROOT}{}.{}", self.0, format.extension())
    }

    /// The path of one of several files that the collection had to be cut into, counted from 1:
    /// `data/<collection>/001.json`. Never that of another collection's file.
    #[must_use]
    pub fn piece(&self, format: Format, number: usize) -> String {
        let directory = match self.0.rsplit_once('.') {
            _ if self.0.is_empty() => "%".to_owned(),
            // A directory that looks like a file could be in the way of one.
            Some((bare, ending)) if is_ending(ending) => format!("{bare}%2E{ending}"),
            _ => self.0.clone(),
        };
        format!("{ROOT}{directory}/{number:03}.{}", format.extension())
    }

    /// The path of the schema of the collection's JSON file: `schema/<collection>.schema.json`.
    #[must_use]
    pub fn schema(&self) -> String {
        format!("schema/{}.schema.json", self.0)
    }
}

/// The path of a collection's file, where the collection resembles no other: see [`FileStem`].
#[must_use]
pub fn entry_name(collection: &str, format: Format) -> String {
    FileStem::alone(collection).file(format)
}

/// Whether it ends the name of a collection's file.
fn is_ending(ending: &str) -> bool {
    let ending = fold(ending);
    ENDINGS.iter().any(|known| known.strip_prefix('.') == Some(&ending))
}

fn encoded(collection: &str, resembles_another: bool) -> String {
    let mut name = String::with_capacity(collection.len() + 16);
    for (at, letter) in collection.char_indices() {
        let (is_first, is_last) = (at == 0, at + letter.len_utf8() == collection.len());
        let is_edge = is_first && letter == '.' || is_last && matches!(letter, '.' | ' ');
        let is_alike = resembles_another && (!letter.is_ascii() || letter.is_ascii_uppercase());
        if is_edge || is_alike || letter.is_control() || r#"/\:*?"<>|%"#.contains(letter) {
            push_encoded(letter, &mut name);
        } else {
            name.push(letter);
        }
    }
    if is_device(&name) {
        let mut letters = name.chars();
        let mut tamed = String::new();
        letters.next().into_iter().for_each(|first| push_encoded(first, &mut tamed));
        name = tamed + letters.as_str();
    }
    if name.len() > MOST_BYTES {
        name.truncate(name.floor_char_boundary(MOST_BYTES - MARK.len() - HASH_DIGITS));
        name = format!("{name}{MARK}{}", short_hash(collection));
    }
    name
}

fn push_encoded(letter: char, name: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        name.extend(['%', digit(byte >> 4), digit(byte & 0x0f)]);
    }
}

#[cfg(test)]
mod tests;
