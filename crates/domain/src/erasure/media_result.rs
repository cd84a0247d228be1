//! What became of the objects that rows of a collection name.

use serde::{Deserialize, Serialize};

/// What a step over the media of a collection did, and what its last look found. Says nothing of keys,
/// which may be personal data. What steps wrote down before a count was known reads as none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaResult {
    /// Objects deleted.
    pub objects: i64,
    /// Versions of them with content; one for each object where a store keeps no others.
    pub versions: i64,
    /// Markers deleted that an object had been deleted before, which keep its key.
    pub markers: i64,
    /// Objects that rows name and that were not there.
    pub missing: i64,
    /// Left: the data map's prefix says that they are not this organisation's.
    pub outside: i64,
    /// Left: a lock of the bucket's own keeps them (Object Lock).
    pub locked: i64,
    /// Keys that no object of their bucket can have.
    pub impossible: i64,
}

impl MediaResult {
    /// The same after another look at all objects: what it deleted is added, what it left is what is left.
    /// What was deleted before it found missing, and that is not counted twice.
    #[must_use]
    pub fn after(self, look: Self) -> Self {
        Self {
            objects: self.objects.saturating_add(look.objects),
            versions: self.versions.saturating_add(look.versions),
            markers: self.markers.saturating_add(look.markers),
            missing: look.missing.saturating_sub(self.objects).max(0),
            ..look
        }
    }

    /// Whether a look found nothing to delete.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        (self.objects, self.versions, self.markers) == (0, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_add_up_to_the_objects_that_are_named() {
        let look = |objects, versions, missing| MediaResult {
            objects,
            versions,
            missing,
            outside: 2,
            locked: 1,
            ..MediaResult::default()
        };
        let first = MediaResult::default().after(look(5, 9, 3));
        assert_eq!(first, look(5, 9, 3));
        // One that was missing is there by now.
        let second = first.after(look(1, 1, 7));
        assert_eq!(second, look(6, 10, 2));
        let last = look(0, 0, 8);
        assert!(last.is_settled() && !look(0, 1, 8).is_settled());
        assert_eq!(second.after(last), look(6, 10, 2));
        // A row that names another object by now is counted with both.
        assert_eq!(look(1, 1, 0).after(look(1, 1, 0)).after(look(0, 0, 1)), look(2, 2, 0));
    }

    #[test]
    fn what_earlier_steps_wrote_down_is_read() {
        let read = |text| serde_json::from_str::<MediaResult>(text).unwrap();
        let outside = MediaResult { outside: 6, ..MediaResult::default() };
        assert_eq!(read(r#"{"objects":0,"outside":6}"#), outside);
        let all =
            r#"{"objects":41,"versions":47,"markers":3,"missing":1,"outside":2,"locked":4,"impossible":5}"#;
        let expected = MediaResult {
            objects: 41,
            versions: 47,
            markers: 3,
            missing: 1,
            outside: 2,
            locked: 4,
            impossible: 5,
        };
        assert_eq!(read(all), expected);
        assert_eq!(serde_json::to_string(&expected).unwrap(), all);
        assert_eq!(read("{}"), MediaResult::default());
    }
}
