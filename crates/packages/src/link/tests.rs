use chrono::TimeDelta;

use super::*;

const SECRET: &str = "an example secret that is long enough";

fn ring(active: &str, ids: &[&str]) -> KeyRing {
    let secret = |id: &str| SecretString::from(format!("{SECRET} {id}"));
    KeyRing::new(active, ids.iter().map(|&id| (id.to_owned(), secret(id)))).unwrap()
}

fn noon() -> DateTime<Utc> {
    "2026-01-02T12:00:00Z".parse().unwrap()
}

const TARGET: LinkTarget<'_> =
    LinkTarget { organisation: "acme", package_id: Uuid::nil(), file_name: "export.zip" };

#[test]
fn a_link_opens_its_package_until_it_expires() {
    let ring = ring("a", &["a"]);
    let link = ring.sign(&TARGET, noon() + LINK_VALIDITY).unwrap();
    let last = noon() + LINK_VALIDITY - TimeDelta::seconds(1);
    assert_eq!(ring.verify(&TARGET, &link, noon()), Ok(()));
    assert_eq!(ring.verify(&TARGET, &link, last), Ok(()));
    assert_eq!(ring.verify(&TARGET, &link, noon() + LINK_VALIDITY), Err(LinkError::Expired));
}

#[test]
fn a_changed_link_opens_nothing() {
    let ring = ring("a", &["a"]);
    let link = ring.sign(&TARGET, noon() + LINK_VALIDITY).unwrap();
    let other_package = LinkTarget { package_id: Uuid::max(), ..TARGET };
    let other_name = LinkTarget { file_name: "export.exe", ..TARGET };
    let other_organisation = LinkTarget { organisation: "acm", ..TARGET };
    for target in [other_package, other_name, other_organisation] {
        assert_eq!(ring.verify(&target, &link, noon()), Err(LinkError::Tampered));
    }
    let longer = DownloadLink { expires_at: link.expires_at + 1, ..link.clone() };
    assert_eq!(ring.verify(&TARGET, &longer, noon()), Err(LinkError::Tampered));
    let signatures = ["", "*", "AAAA", &link.signature[1..], &format!("{}A", link.signature)];
    for signature in signatures.map(str::to_owned) {
        let forged = DownloadLink { signature, ..link.clone() };
        assert_eq!(ring.verify(&TARGET, &forged, noon()), Err(LinkError::Tampered));
    }
}

#[test]
fn an_expired_forgery_is_not_called_expired() {
    let ring = ring("a", &["a"]);
    let link = ring.sign(&TARGET, noon()).unwrap();
    let forged = DownloadLink { expires_at: link.expires_at - 5, ..link };
    assert_eq!(ring.verify(&TARGET, &forged, noon()), Err(LinkError::Tampered));
}

#[test]
fn old_keys_verify_and_the_active_one_signs() {
    let link = ring("a", &["a"]).sign(&TARGET, noon() + LINK_VALIDITY).unwrap();
    let rotated = ring("b", &["a", "b"]);
    assert_eq!(rotated.verify(&TARGET, &link, noon()), Ok(()));
    assert_eq!(rotated.sign(&TARGET, noon()).unwrap().key_id, "b");
    let relabelled = DownloadLink { key_id: "b".into(), ..link.clone() };
    assert_eq!(rotated.verify(&TARGET, &relabelled, noon()), Err(LinkError::Tampered));
    assert_eq!(ring("b", &["b"]).verify(&TARGET, &link, noon()), Err(LinkError::UnknownKey));
}

#[test]
fn the_query_survives_a_url() {
    let link = ring("a", &["a"]).sign(&TARGET, noon()).unwrap();
    let url = url::Url::parse(&format!("http://localhost/x?{}", link.to_query())).unwrap();
    let pairs: HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(pairs["kid"], link.key_id);
    assert_eq!(pairs["expires"], link.expires_at.to_string());
    assert_eq!(pairs["signature"], link.signature);
}

#[test]
fn unusable_rings_are_refused_and_usable_ones_are_mute() {
    let secret = || SecretString::from(SECRET);
    let new = |active: &str, id: &str, secret| KeyRing::new(active, [(id.to_owned(), secret)]).unwrap_err();
    assert_eq!(new("b", "a", secret()), KeyRingError::NoActiveKey("b".into()));
    assert_eq!(new("a&", "a&", secret()), KeyRingError::KeyId("a&".into()));
    assert_eq!(new("a", "a", "short".into()), KeyRingError::ShortSecret("a".into()));
    assert!(!format!("{:?}", ring("a", &["a"])).contains("secret"));
}

#[test]
fn a_link_that_is_shown_opens_nothing() {
    let link = ring("a", &["a"]).sign(&TARGET, noon()).unwrap();
    let shown = format!("{link:?}");
    assert!(shown.contains("key_id: \"a\"") && !shown.contains(&link.signature), "{shown}");
}
