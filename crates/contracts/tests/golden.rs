//! The wire format is a promise: golden files, read and written in both directions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test panics where it fails")]

use std::path::PathBuf;

use chrono::{DateTime, TimeZone, Utc};
use contracts::{AuditEvent, DecodeError, Envelope, Message, StepDue, decode, encode};
use domain::audit::Action;
use domain::erasure::document::MediaResult;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::SkipReason;
use proptest::prelude::*;
use uuid::Uuid;

fn sent_at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 5, 9, 0, 2).unwrap()
}

fn step_due() -> Envelope<StepDue> {
    let body = StepDue {
        job_id: JobId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        step_no: StepNo(7),
    };
    Envelope::new(Uuid::from_u128(0xa755_1968_d5d6_54b2_9831_815a_c901_7798), sent_at(), body)
}

/// A step of an erasure that the owner did without.
fn audit_event() -> Envelope<AuditEvent> {
    let body = AuditEvent {
        action: Action::StepSkipped,
        outcome: Action::StepSkipped.outcome(),
        job_version: Some(4),
        step_no: Some(StepNo(3)),
        reason: Some(SkipReason::ProviderClosed),
        hold_id: Some(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002)),
        ..audit_event_v1().body
    };
    Envelope { version: 2, body, ..audit_event_v1() }
}

/// As it was written before there were reasons and holds.
fn audit_event_v1() -> Envelope<AuditEvent> {
    let body = AuditEvent {
        organisation_id: OrganisationId::parse("org-1").unwrap(),
        actor: "owner-1".to_owned(),
        actor_role: "owner".to_owned(),
        action: Action::JobCreated,
        outcome: Action::JobCreated.outcome(),
        job_id: Some(JobId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))),
        job_version: Some(1),
        step_no: None,
        occurred_at: sent_at(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        reason: None,
        hold_id: None,
        rows: None,
        media: None,
        job_outcome: None,
        about: None,
    };
    let envelope = Envelope::new(Uuid::from_u128(0xb755_1968_d5d6_54b2_9831_815a_c901_7798), sent_at(), body);
    Envelope { version: 1, ..envelope }
}

fn golden<T: Message + PartialEq + std::fmt::Debug>(envelope: &Envelope<T>) {
    let name = format!("{}.v{}.msgpack", T::KIND, envelope.version);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proto/golden").join(&name);
    let encoded = encode(envelope).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &encoded).unwrap();
    }
    let stored = std::fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; run with UPDATE_GOLDEN=1 once", path.display()));
    assert_eq!(encoded, stored, "{name}: the encoding changed; see proto/README.md for what may change");
    assert_eq!(&decode::<T>(&stored).unwrap(), envelope, "{name}: the stored message reads differently");
}

#[test]
fn messages_are_written_and_read_as_published() {
    golden(&step_due());
    golden(&audit_event());
    golden(&audit_event_v1());
    assert_eq!((audit_event().version, step_due().version), (AuditEvent::VERSION, StepDue::VERSION));
}

#[test]
fn a_reader_ignores_fields_it_does_not_know_and_any_order() {
    #[derive(serde::Serialize)]
    struct Newer<'a> {
        body: NewerBody,
        sent_at: DateTime<Utc>,
        version: u16,
        region: &'a str,
        kind: &'a str,
        id: Uuid,
    }
    #[derive(serde::Serialize)]
    struct NewerBody {
        priority: u8,
        step_no: i32,
        job_id: Uuid,
    }
    let expected = step_due();
    let body = NewerBody { priority: 9, step_no: 7, job_id: expected.body.job_id.0 };
    let newer =
        Newer { body, sent_at: sent_at(), version: 1, region: "eu", kind: StepDue::KIND, id: expected.id };
    assert_eq!(decode::<StepDue>(&rmp_serde::to_vec_named(&newer).unwrap()).unwrap(), expected);
}

/// Counts of media came after version 2 was published. Readers may do without them, so both ways it is
/// the same version.
#[test]
fn readers_from_before_media_were_counted_and_writers_from_then_get_along() {
    #[derive(serde::Deserialize)]
    struct Earlier {
        version: u16,
        body: EarlierBody,
    }
    #[derive(serde::Deserialize)]
    struct EarlierBody {
        action: Action,
        rows: Option<i64>,
    }
    let media = MediaResult { objects: 41, locked: 4, ..MediaResult::default() };
    let body = AuditEvent { action: Action::StepCompleted, media: Some(media), ..audit_event().body };
    let counted = Envelope { body, ..audit_event() };
    let encoded = encode(&counted).unwrap();
    let Earlier { version, body } = rmp_serde::from_slice(&encoded).unwrap();
    assert_eq!((version, body.action, body.rows), (2, Action::StepCompleted, None));
    assert_eq!(decode::<AuditEvent>(&encoded).unwrap(), counted);
    assert_eq!(decode::<AuditEvent>(&encode(&audit_event()).unwrap()).unwrap().body.media, None);
}

#[test]
fn what_cannot_be_read_says_why() {
    let encoded = encode(&step_due()).unwrap();
    assert_eq!(decode::<AuditEvent>(&encoded).unwrap_err(), DecodeError::Kind { expected: "audit.event" });
    assert_eq!(decode::<StepDue>(b"garbage").unwrap_err(), DecodeError::NotAnEnvelope);
    assert_eq!(decode::<StepDue>(&[]).unwrap_err(), DecodeError::NotAnEnvelope);
    let newer = Envelope { version: 2, ..step_due() };
    let error = decode::<StepDue>(&encode(&newer).unwrap()).unwrap_err();
    assert_eq!(error, DecodeError::Version { kind: "step.due", found: 2, known: 1 });
    let wrong =
        Envelope { id: Uuid::nil(), kind: "step.due".into(), version: 1, sent_at: sent_at(), body: "text" };
    let error = decode::<StepDue>(&rmp_serde::to_vec_named(&wrong).unwrap()).unwrap_err();
    assert_eq!(error, DecodeError::Body { kind: "step.due", version: 1 });
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode::<StepDue>(&bytes).is_err());
        prop_assert!(decode::<AuditEvent>(&bytes).is_err());
    }

    #[test]
    fn a_message_cut_short_or_flipped_never_panics(cut in 0..300_usize, flip in 0..300_usize, bit in 0..8_u32) {
        let mut bytes = encode(&audit_event()).unwrap();
        if let Some(byte) = bytes.get_mut(flip) { *byte ^= 1 << bit; }
        bytes.truncate(cut);
        let _unread = decode::<AuditEvent>(&bytes);
    }
}
