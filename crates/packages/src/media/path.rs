//! Paths for media that every file system takes and that never clash, whatever the keys are.

use crate::portable::{HASH_DIGITS, is_device, short_hash};

/// What every path begins with.
const ROOT: &str = "media/";
/// The longest path; file systems and readers take at least 255 bytes.
const PATH_BYTES: usize = 200;
/// The longest directory of a collection.
const COLLECTION_BYTES: usize = 60;
/// Stands before a hash, and in no name that has none.
const MARK: char = '~';

/// The path in the archive of the object `key` that `collection` refers to:
/// `media/<collection>/<key>`.
///
/// The key stays as it is when it is made of lower-case ASCII letters, digits and plain
/// punctuation, its last segment has an ending and no other has a dot. Any other is made so, and
/// gets a hash of the whole key before its ending: two keys never share a path, not on a file
/// system that ignores case or the composition of letters, and none is where another needs a
/// directory.
#[must_use]
pub fn media_path(collection: &str, key: &str) -> String {
    let mut path = format!("{ROOT}{}/", collection_directory(collection));
    let room = PATH_BYTES - path.len();
    let (directories, file) = key.rsplit_once('/').map_or((None, key), |(all, file)| (Some(all), file));
    let mut tame_key: String = directories
        .map(|all| all.split('/').map(|one| tame(&one.replace('.', "_")) + "/").collect())
        .unwrap_or_default();
    let file = tame(file);
    let is_as_it_was = key.strip_prefix(tame_key.as_str()) == Some(&file);
    if is_as_it_was && is_plain(key) && file.contains('.') && key.len() <= room {
        path.push_str(key);
        return path;
    }
    let (stem, ending) = cut_ending(&file);
    let fixed = HASH_DIGITS + MARK.len_utf8() + ending.len();
    // A name that says something is worth more than where it lay.
    if tame_key.len() + stem.len().min(40) + fixed > room {
        tame_key.clear();
    }
    let stem = first_bytes(stem, room - tame_key.len() - fixed);
    path.push_str(&format!("{tame_key}{stem}{MARK}{}{ending}", short_hash(key)));
    path
}

fn collection_directory(collection: &str) -> String {
    let tamed = tame(collection);
    // The list of the media lies there.
    let is_free = tamed != "index.json" && tamed.len() <= COLLECTION_BYTES;
    if is_free && tamed == collection && is_plain(collection) {
        return tamed;
    }
    let stem = first_bytes(&tamed, COLLECTION_BYTES - HASH_DIGITS - MARK.len_utf8());
    format!("{stem}{MARK}{}", short_hash(collection))
}

/// A name that every file system takes, the same where it already is one.
fn tame(name: &str) -> String {
    let mut tamed: String = name.chars().map(|letter| if is_tame(letter) { letter } else { '_' }).collect();
    // Windows drops dots and spaces at the end, and a dot in front hides a file.
    for is_edge in [|name: &str| name.starts_with(['.', ' ']), |name: &str| name.ends_with(['.', ' '])] {
        if is_edge(&tamed) {
            tamed = match tamed.starts_with(['.', ' ']) {
                true => format!("_{}", tamed.get(1..).unwrap_or_default()),
                false => format!("{}_", tamed.get(..tamed.len() - 1).unwrap_or_default()),
            };
        }
    }
    if tamed.is_empty() || is_device(&tamed) {
        tamed.insert(0, '_');
    }
    tamed
}

fn is_tame(letter: char) -> bool {
    letter.is_alphanumeric() || "-_. +=@(),".contains(letter)
}

/// Whether the name is the only one that a file system could take for it.
fn is_plain(name: &str) -> bool {
    name.is_ascii() && !name.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn cut_ending(file: &str) -> (&str, &str) {
    let Some(at) = file.rfind('.') else {
        return (file, "");
    };
    let (stem, ending) = file.split_at_checked(at).unwrap_or((file, ""));
    let is_ending =
        (2..=11).contains(&ending.len()) && ending.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric());
    if is_ending { (stem, ending) } else { (file, "") }
}

fn first_bytes(text: &str, count: usize) -> &str {
    text.get(..text.floor_char_boundary(count)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
