//! What the look at the end found stands in the job.

use contracts::http::{FoundView, LeftView, NotWaitedForView, OpenTransactionView, UndecidedView};
use domain::job::StepKind;
use domain::job::law::Conclusion;
use serde_json::{Value, json};
use store::Produced;
use testkit::organisation;

use crate::grace::ORGANISATION;
use crate::support::{World, erasing};

async fn shown(result: Option<Value>) -> Option<FoundView> {
    let world = World::new().await;
    let job = world.planned_erasure(ORGANISATION, vec![erasing(1, StepKind::VerifyErasure, None)]).await;
    let view =
        || async { world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap().found };
    assert_eq!(view().await, None, "nobody has looked yet");
    let claimed = world.claim_erasure(job, 2).await;
    let produced = Produced { result, ..Produced::default() };
    world.conclude_erasure(&claimed, Conclusion::Completed, produced).await;
    view().await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_was_found_is_shown() {
    let open = json!({"pid": 4711, "role": "app"});
    let result = json!({
        "rows": 10,
        "left": [{"collection": "shop.orders", "why": "later", "rows": 3}],
        "undecided": [{"collection": "shop.users", "column": "phone", "rows": 2}],
        "not_waited_for": {"reason": "transaction_harmless", "transactions": [open]},
    });
    let left = LeftView { collection: "shop.orders".to_owned(), why: "later".to_owned(), rows: 3 };
    let undecided =
        UndecidedView { collection: "shop.users".to_owned(), column: "phone".to_owned(), rows: 2 };
    let open = OpenTransactionView { pid: Some(4711), role: "app".to_owned(), since: None };
    let not_waited_for =
        NotWaitedForView { reason: "transaction_harmless".to_owned(), transactions: vec![open] };
    let found = FoundView {
        left: vec![left],
        undecided: vec![undecided],
        not_waited_for: Some(not_waited_for),
        ..FoundView::default()
    };
    assert_eq!(shown(Some(result)).await, Some(found));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_from_before_are_shown() {
    let left = json!([{"collection": "shop.orders", "why": "shared", "rows": 1}]);
    let found = shown(Some(json!({"rows": 4, "left": left}))).await.unwrap();
    assert_eq!((found.left.len(), found.undecided.len(), found.not_waited_for), (1, 0, None));
    assert_eq!(shown(Some(json!("no result"))).await, None);
    assert_eq!(shown(None).await, None);
}
