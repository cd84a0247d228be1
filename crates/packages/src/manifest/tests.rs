use super::*;

fn manifest() -> Manifest {
    let at = |text: &str| text.parse().unwrap();
    let mut manifest =
        Manifest::new(Uuid::nil(), "acme", at("2026-01-02T03:04:06Z"), at("2026-01-02T03:04:05Z"));
    let content = Content {
        rows: 2,
        uncompressed_bytes: 41,
        compressed_bytes: 30,
        crc32: 7,
        sha256: Sha256Digest::of(b"abc"),
    };
    let columns = [Column::new("id", crate::ValueKind::Number), Column::new("name", crate::ValueKind::Text)];
    let counted = EncodedRows { rows: 2, neutralised_cells: vec![0, 1] };
    let described = vec![ColumnEntry {
        name: "name".into(),
        database_type: "text".into(),
        data_categories: vec!["user.name".into()],
        description: None,
    }];
    for format in [Format::Json, Format::Csv] {
        let entry = FileEntry::new("data/users", "users", format, &content)
            .with_columns(described.clone())
            .with_neutralised(&columns, &counted);
        manifest.files.push(entry);
    }
    manifest.omitted.push(OmittedEntry {
        collection: "users".into(),
        column: Some("password_hash".into()),
        reason: "secrets are never exported".into(),
    });
    manifest
}

#[test]
fn is_written_in_a_fixed_order_and_read_back() {
    let json = manifest().to_json().unwrap();
    assert_eq!(json, manifest().to_json().unwrap());
    assert_eq!(serde_json::from_slice::<Manifest>(&json).unwrap(), manifest());
    let text = String::from_utf8(json).unwrap();
    let keys = ["format_version", "job_id", "cutoff_at", "files", "omitted", "rules"];
    let at: Vec<_> = keys.iter().map(|key| text.find(key).unwrap()).collect();
    assert!(at.is_sorted(), "{at:?}");
    assert!(text.contains("\"created_at\": \"2026-01-02T03:04:06Z\""));
    assert!(text.contains("\"type\": \"text\""));
    assert!(text.ends_with("}\n"));
    for later in ["\"media\"", "\"volume\"", "\"other_volumes\""] {
        assert!(!text.contains(later), "{later} is there only when it says something");
    }
}

#[test]
fn volumes_and_media_are_said_and_read_back() {
    let mut manifest = manifest();
    manifest.volume = Some(Volume { number: 1, of: 2, set_id: Uuid::nil() });
    let file_name = "export-002.zip".to_owned();
    manifest.other_volumes.push(OtherVolume { file_name, files: vec!["data/orders.csv".into()] });
    let missing = MissingObject {
        collection: "users".into(),
        key: "photos/1.jpg".into(),
        reason: "there is no such object".into(),
    };
    manifest.media = Some(MediaSummary { missing: vec![missing], ..MediaSummary::new(&[]) });
    let json = manifest.to_json().unwrap();
    assert_eq!(serde_json::from_slice::<Manifest>(&json).unwrap(), manifest);
    assert!(String::from_utf8(json).unwrap().contains("\"index\": \"media/index.json\""));
}

#[test]
fn counts_neutralised_cells_for_csv_only() {
    let manifest = manifest();
    assert!(manifest.files[0].neutralised_cells.is_empty());
    let csv = &manifest.files[1].neutralised_cells;
    assert_eq!(csv.iter().collect::<Vec<_>>(), [(&"name".to_owned(), &1)]);
}
