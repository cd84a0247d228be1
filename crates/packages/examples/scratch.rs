use packages::*;
use std::io::{Read, Write};
fn main() {
    let kinds: Vec<Column> = std::env::args().skip(2).map(|a| {
        let (n, k) = a.split_once('=').unwrap();
        let k = match k { "n" => ValueKind::Number, "b" => ValueKind::Boolean, "j" => ValueKind::Json, "t" => ValueKind::Timestamp, "z" => ValueKind::TimestampTz, "v" => ValueKind::Verbatim, _ => ValueKind::Text };
        Column::new(n, k)
    }).collect();
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).unwrap();
    let mut buf = Vec::new();
    let json = std::env::args().nth(1).unwrap() == "json";
    let mut out = Outputs::default();
    if json { out.json = Some(&mut buf) } else { out.csv = Some(&mut buf) }
    let mut e = RowEncoder::new(&kinds).unwrap();
    e.begin(&mut out);
    e.push(&input, &mut out).unwrap();
    e.finish(&mut out).unwrap();
    std::io::stdout().write_all(&buf).unwrap();
}
