//! One person of the sample company is erased.

use crate::company;

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_erased_and_nobody_else_is_touched() {
    let (world, organisations) = company::with(&[2_000, 900]).await;
    let one = organisations[0].to_string();
    let person = "SELECT u.email::text, u.id FROM users u JOIN memberships m ON m.user_id = u.id \
                  WHERE m.organisation_id = $1 AND NOT EXISTS (SELECT FROM memberships o \
                  WHERE o.user_id = u.id AND o.organisation_id <> $1) \
                    AND NOT EXISTS (SELECT FROM organisations x WHERE x.owner_id = u.id) \
                    AND EXISTS (SELECT FROM oauth_tokens t WHERE t.user_id = u.id) AND u.email ~ '^[a-zA-Z0-9.]+@' \
                  ORDER BY u.id LIMIT 1";
    let row = world.client.query_one(person, &[&organisations[0]]).await.unwrap();
    let (email, id): (String, i64) = (row.get(0), row.get(1));
    let others =
        format!("SELECT md5(string_agg(u::text, '|' ORDER BY u.id)) FROM users u WHERE u.id <> {id}");
    let before = world.rows(&others).await;

    // Written otherwise than it is stored: it is the same address.
    let ended = world.erase_person(&one, "email", &format!(" {} ", email.to_uppercase())).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(ended.view.summary.outcome, None);
    assert_eq!(world.rows(&others).await, before);
    let left = world.rows(&format!("SELECT email FROM users WHERE id = {id}")).await;
    assert!(!left[0].contains(&email), "{left:?}");
    assert!(world.rows(&format!("SELECT 1 FROM oauth_tokens WHERE user_id = {id}")).await.is_empty());
    assert!(!world.provider.accepted().is_empty(), "the person's tokens were revoked");
    let plan = world.plan(&ended, &one).await;
    assert_eq!((plan.identity_type.as_deref(), plan.nobody_found), (Some("email"), false));
    let touched: i64 = plan.collections.iter().map(|collection| collection.rows).sum();
    assert_eq!(world.journalled(ended.job).await, touched);

    let digests = world.digests().await;
    let again = world.erase_person(&one, "email", &email).await;
    assert_eq!((again.state.as_str(), again.failure.as_deref()), ("completed", None));
    assert!(world.plan(&again, &one).await.nobody_found, "it says that there was nobody to erase");
    assert_eq!(again.view.summary.outcome.as_deref(), Some("nobody_found"), "and so does the job");
    assert_eq!(world.digests().await, digests);
    assert_eq!(world.journalled(again.job).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_found_across_organisations() {
    let (world, organisations) = company::with(&[1_200, 900]).await;
    let elsewhere = "SELECT u.email::text FROM users u JOIN memberships m ON m.user_id = u.id WHERE m.organisation_id = $1 \
                     AND NOT EXISTS (SELECT FROM memberships o WHERE o.user_id = u.id AND o.organisation_id <> $1) \
                     AND u.email ~ '^[a-zA-Z0-9.]+@' LIMIT 1";
    let email: String = world.client.query_one(elsewhere, &[&organisations[1]]).await.unwrap().get(0);
    let before = world.digests().await;
    let ended = world.erase_person(&organisations[0].to_string(), "email", &email).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(ended.view.summary.outcome.as_deref(), Some("nobody_found"));
    assert_eq!(world.digests().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_the_map_does_not_name_is_refused_with_those_it_does() {
    let (world, organisations) = company::with(&[500]).await;
    let organisation = organisations[0].to_string();
    let ended = world.erase_person(&organisation, "passport", "X1").await;
    assert_eq!(ended.state, "failed");
    let failure = ended.failure.unwrap();
    assert!(failure.contains("passport") && failure.contains("email"), "{failure}");
}
