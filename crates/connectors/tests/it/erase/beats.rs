//! That each statement tells whoever carries out a step that the one before it has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connectors::beating;
use connectors::erase::{EraseScope, Expected, Rows, Verification, verify};
use domain::id::OrganisationId;

use crate::erase::support::{Odd, key};
use crate::support::far_future;

#[tokio::test]
async fn a_look_at_many_rows_is_heard_question_by_question() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let keys: Vec<_> = (0..12).map(|number| [key(&[&number.to_string(), "", "false"])]).collect();
    let collection = odd.bench.collection("visitLog");
    let one = |keys: &[Vec<String>; 1]| {
        let rows = Rows::Keys(keys);
        Verification::plan(collection, &odd.bench.schema, &scope, &rows, Expected::Deleted).unwrap()
    };
    let asked: Vec<Verification> = keys.iter().map(one).collect();
    let beats = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&beats);
    let beat = Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let config = odd.database.config("");
    let left = beating(beat, verify(&config, &asked)).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    let heard = beats.load(Ordering::Relaxed);
    assert!(heard >= 12, "{heard} statements were heard");
    // Outside nobody listens, and nothing fails for it.
    verify(&config, &asked).await.unwrap();
    assert_eq!(beats.load(Ordering::Relaxed), heard);
}
