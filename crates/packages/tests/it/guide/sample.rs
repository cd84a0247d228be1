//! An export as companies have them, with the values that make trouble.

use chrono::DateTime;
use packages::{
    CollectionGuide, Column, ColumnEntry, Content, FileEntry, FirstRows, Format, Formats, Manifest,
    MediaSummary, MissingObject, OmittedEntry, OtherVolume, Outputs, RowEncoder, Sha256Digest, ValueKind,
    Volume, entry_name,
};
use uuid::Uuid;

/// A manifest with its guides.
pub struct Sample {
    pub manifest: Manifest,
    pub guides: Vec<CollectionGuide>,
}

/// A column: name, how it is written, type, category, meaning.
pub type Described = (&'static str, ValueKind, &'static str, &'static str, &'static str);

pub const PEOPLE: &[Described] = &[
    ("id", ValueKind::Number, "bigint", "user.unique_id", "Key of the user"),
    ("name", ValueKind::Text, "character varying(120)", "user.name", "Name shown to others"),
    ("email", ValueKind::Text, "text", "user.contact.email", "Address for signing in, as typed"),
    (
        "phone",
        ValueKind::Text,
        "character varying(24)",
        "user.contact.phone_number",
        "Telephone number; empty when refused, null when never asked",
    ),
    ("born_on", ValueKind::Verbatim, "date", "user.demographic.date_of_birth", "Date of birth"),
    ("active", ValueKind::Boolean, "boolean", "system.operations", "Whether the account may sign in"),
    ("note", ValueKind::Text, "text", "user.content.private", "What colleagues wrote about this person"),
    ("address", ValueKind::Json, "jsonb", "user.contact.address", "Postal address as an object"),
    ("photo", ValueKind::Verbatim, "bytea", "user.content.self_image", "Portrait, as JPEG"),
    ("last_login_ip", ValueKind::Verbatim, "inet", "user.device.ip_address", "Address of the last sign-in"),
    (
        "created_at",
        ValueKind::TimestampTz,
        "timestamp with time zone",
        "system.operations",
        "When the account was made",
    ),
    ("loyalty", ValueKind::Number, "numeric(12,2)", "user.behavior.loyalty_points", "Points from purchases"),
];

const BILLS: &[Described] = &[
    ("number", ValueKind::Text, "text", "user.financial", "Number of the invoice"),
    ("user_id", ValueKind::Number, "bigint", "user.unique_id", "Who received it"),
    ("total", ValueKind::Number, "numeric(12,2)", "user.payment", "Amount with tax"),
    (
        "due_at",
        ValueKind::Timestamp,
        "timestamp(3) without time zone",
        "system.operations",
        "When it is to be paid, local time",
    ),
];

const CONSENTS: &[Described] = &[
    ("user_id", ValueKind::Number, "bigint", "user.unique_id", "Who agreed"),
    ("purpose", ValueKind::Verbatim, "public.purpose", "user.privacy_preferences", "To what"),
];

/// The second column of one of these rows is a mebibyte long.
fn people() -> Vec<String> {
    let mut rows: Vec<String> = [
        r#"1	Ada Lovelace	ada@example.org	+44 20 7946 0018	1815-12-10	t	Writes programs\nfor machines that do not exist yet.	{"city": "London", "street": "12 St James's Square", "postcode": "SW1Y 4JH", "country": "GB", "since": "1835-07-08", "verified": true}	\\xffd8ffe000104a46494600010100000100010000ffdb0043	81.2.69.142	2024-01-02 03:04:05.123+00	1204.50"#,
        "2	محمد بن موسى الخوارزمي	alkhwarizmi@example.org		0780-01-01	t	صاحب كتاب الجبر والمقابلة، عاش في بغداد (٨٢٠م).	{}	\\N	2001:db8::7	2024-01-03 10:00:00+00	NaN",
        "3	עדה כהן	ada.cohen@example.org	\\N	1990-02-28	f	נא להתקשר רק אחרי 16:00 — tel. 03-1234567	\\N	\\N	\\N	2024-01-04 11:30:00+00	0.00",
        "4	李小龙	li@example.org	+86 10 5555 0101	1985-07-15	t	喜欢喝茶 🍵 👩\u{200d}👩\u{200d}👧 ❤️	{\"city\": \"北京\"}	\\\\x	10.0.0.0/8	2024-02-29 23:59:59.999999+00	17.25",
        "5	<script>alert('x')</script>	\"><img src=x onerror=alert(1)>@example.org	javascript:alert(1)	infinity	t	</td></table><style>*{display:none}</style><a href=\"https://example.org/\">click</a>	\"<!--\"	\\N	::1	infinity	Infinity",
        "6	invoice\u{202e}fdp.exe	pay\u{200b}pal@example.org	=HYPERLINK(\"https://example.org\")	\\N	f	before\u{2067}inside\u{2069}after \u{1}\u{7f}	[1, null, \"\\\\u0000\"]	\\\\x00	\\N	0044-03-15 12:00:00+00 BC	-3.00",
    ]
    .map(str::to_owned)
    .into();
    let long = "All work and no play makes Jack a dull boy. ".repeat(23_832);
    rows.push(format!("7\tJack Torrance\tjack@example.org\t\\N\t1937-04-22\tt\t{long}\t\\N\t\\N\t\\N\t2024-03-01 00:00:00+00\t1e-05"));
    for number in 8..=25 {
        rows.push(format!("{number}\tPerson {number}\tperson.{number}@example.org\t\\N\t1990-01-{number:02}\tt\t\\N\t{{\"city\": \"Graz\"}}\t\\N\t192.0.2.{number}\t2024-03-{number:02} 08:15:00+00\t{number}.00"));
    }
    rows
}

fn bills() -> Vec<String> {
    (1..=3)
        .map(|number| format!("-{number:04}/2024\t{number}\t{}.90\t2024-05-0{number} 12:00:00", 100 * number))
        .collect()
}

/// An export of three collections.
pub fn sample() -> Sample {
    let mut sample = Sample { manifest: manifest("Brightwater Veterinary Group"), guides: Vec::new() };
    sample.add(
        "users",
        "people who sign in; one person may be a member of several organisations",
        PEOPLE,
        &people(),
    );
    sample.add("billing.invoices", "What was charged", BILLS, &bills());
    sample.add("consents", "", CONSENTS, &[]);
    sample.leave_out();
    sample
}

/// The same with media and volumes.
pub fn volume() -> Sample {
    let mut sample = sample();
    let missing = |key: &str, reason: &str| MissingObject {
        collection: "users".into(),
        key: key.into(),
        reason: reason.into(),
    };
    let mut media = MediaSummary::new(&[]);
    (media.objects, media.size_bytes) = (1_482, 3_220_114_907);
    media.missing = vec![
        missing("portraits/1044.jpg", "the bucket has no object of that name"),
        missing("portraits/<b>1045</b>.jpg", "the bucket refused to give it"),
    ];
    sample.manifest.media = Some(media);
    let set_id = Uuid::from_u128(7);
    sample.manifest.volume = Some(Volume { number: 2, of: 3, set_id });
    let other = |number: u32, files: &[&str]| OtherVolume {
        file_name: format!("export-2026-01-02-000000000001-{number:03}.zip"),
        files: files.iter().map(|&file| file.to_owned()).collect(),
    };
    sample.manifest.other_volumes =
        vec![other(1, &["data/messages.json", "data/messages.csv", "data/users/001.json"]), other(3, &[])];
    sample
}

/// A manifest without files.
pub fn manifest(organisation: &str) -> Manifest {
    let at = |text: &str| text.parse::<DateTime<chrono::Utc>>().unwrap();
    let job = Uuid::from_u128(0x0190_f3c4_7d2e_7c11_8f00_0000_0000_0001);
    let mut manifest =
        Manifest::new(job, organisation, at("2026-01-02T03:09:41Z"), at("2026-01-02T03:04:05Z"));
    // Golden files outlive versions.
    manifest.lethe_version = "1.2.3".into();
    manifest
}

impl Sample {
    /// Adds a collection with its files, its guide and its first rows.
    pub fn add(&mut self, name: &str, description: &str, columns: &[Described], rows: &[String]) {
        let copied = columns.iter().map(|&(name, kind, ..)| Column::new(name, kind));
        let mut columns_copied: Vec<Column> = copied.collect();
        columns_copied.push(Column::new("tags", ValueKind::Verbatim).only(Formats::CsvOnly));
        columns_copied.push(Column::new("tags", ValueKind::Json).only(Formats::JsonOnly));
        let tagged: Vec<String> =
            rows.iter().map(|row| format!("{row}\t{{vip,\"a b\"}}\t[\"vip\",\"a b\"]\n")).collect();
        self.push_files(name, &columns_copied, &describe(columns), &tagged.concat());
        let mut first = FirstRows::new(&columns_copied);
        tagged.iter().for_each(|row| first.push(row.as_bytes()).unwrap());
        let mut guide = CollectionGuide::new(name, columns_copied);
        guide.description = (!description.is_empty()).then(|| description.to_owned());
        guide.preview = Some(first.into_preview());
        self.guides.push(guide);
    }

    fn push_files(&mut self, name: &str, columns: &[Column], entries: &[ColumnEntry], rows: &str) {
        let (mut json, mut csv) = (Vec::new(), Vec::new());
        let mut out = Outputs { json: Some(&mut json), csv: Some(&mut csv) };
        let mut encoder = RowEncoder::new(columns).unwrap();
        encoder.begin(&mut out);
        encoder.push(rows.as_bytes(), &mut out).unwrap();
        let counted = encoder.finish(&mut out).unwrap();
        for (format, file) in [(Format::Json, json), (Format::Csv, csv)] {
            let content = Content {
                rows: counted.rows,
                uncompressed_bytes: u64::try_from(file.len()).unwrap(),
                compressed_bytes: 0,
                crc32: 0,
                sha256: Sha256Digest::of(&file),
            };
            let entry = FileEntry::new(entry_name(name, format), name, format, &content);
            self.manifest
                .files
                .push(entry.with_columns(entries.to_vec()).with_neutralised(columns, &counted));
        }
    }

    fn leave_out(&mut self) {
        for (collection, column, reason) in [
            ("crm.audit_log", None, "the data map leaves this collection out (`skip_processing`)"),
            ("users", Some("password_hash"), "it holds a secret: the category is user.authorization"),
            ("users", Some("totp_secret"), "it holds a secret: the category is user.authorization"),
            ("billing.invoices", Some("api_key"), "it holds a secret: the category is user.authorization"),
            ("users", Some("legacy_flag"), "not named by the data map"),
        ] {
            self.manifest.omitted.push(OmittedEntry {
                collection: collection.into(),
                column: column.map(str::to_owned),
                reason: reason.into(),
            });
        }
    }
}

/// The columns as a manifest has them, and the labels that every collection gets.
fn describe(columns: &[Described]) -> Vec<ColumnEntry> {
    let labels = ("tags", ValueKind::Verbatim, "text[]", "user.account", "Labels that colleagues gave");
    let described = columns.iter().chain([&labels]);
    described
        .map(|&(name, _, database_type, category, description)| ColumnEntry {
            name: name.to_owned(),
            database_type: database_type.to_owned(),
            data_categories: vec![category.to_owned()],
            description: Some(description.to_owned()),
        })
        .collect()
}
