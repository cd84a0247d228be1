//! Rows made up for the benchmark, as COPY would write them.

use packages::{Column, ValueKind};

pub fn columns() -> Vec<Column> {
    vec![
        Column::new("id", ValueKind::Number),
        Column::new("conversation_id", ValueKind::Verbatim),
        Column::new("role", ValueKind::Text),
        Column::new("content", ValueKind::Text),
        Column::new("email", ValueKind::Text),
        Column::new("metadata", ValueKind::Json),
        Column::new("cost", ValueKind::Number),
        Column::new("flagged", ValueKind::Boolean),
        Column::new("parent_id", ValueKind::Number),
        Column::new("created_at", ValueKind::TimestampTz),
        Column::new("deleted_at", ValueKind::TimestampTz),
    ]
}

/// Rows of a chat product: ids, prose of varying length with some quotes and line ends, JSON.
pub fn made_up_rows(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(42);
    let syllables = ["ka", "lo", "mi", "ter", "ven", "sa", "ru", "dor", "el", "in", "pa", "th"];
    let words: Vec<String> =
        (0..4000).map(|_| (0..1 + random.below(4)).map(|_| syllables[random.below(12)]).collect()).collect();
    (0..count).map(|number| row(number, &words, &mut random).into_bytes()).collect()
}

fn row(number: usize, words: &[String], random: &mut Random) -> String {
    let mut content = String::new();
    for at in 0..5 + random.below(50) {
        // Squared, so that some words are common as in prose.
        let place = random.below(4000) * random.below(4000) / 4000;
        content.push_str(&words[place]);
        content.push_str(match (at % 17, at % 23) {
            (16, _) => ".\\n",
            (_, 22) => " \"quoted\", ",
            _ => " ",
        });
    }
    let role = ["user", "assistant", "system"][random.below(3)];
    let parent = match random.below(3) {
        0 => "\\N".to_owned(),
        _ => random.below(number + 1).to_string(),
    };
    let (user, day, second) = (random.below(50_000), 1 + random.below(28), random.below(60));
    format!(
        "{number}\t{:08x}-89ab-4def-8123-{:012x}\t{role}\t{content}\tuser{user}@example.org\t\
         {{\"model\": \"m-{}\", \"tokens\": {}, \"note\": \"a \\\\\"b\\\\\" c\"}}\t0.{:06}\t{}\t{parent}\t\
         2026-03-{day:02} 11:07:{second:02}.{:06}+00\t\\N\n",
        random.below(9000),
        random.below(9000) * 7919,
        random.below(5),
        random.below(2000),
        random.below(1_000_000),
        ["t", "f"][random.below(2)],
        random.below(1_000_000),
    )
}

/// A linear congruential generator: the same rows on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % end
    }
}
