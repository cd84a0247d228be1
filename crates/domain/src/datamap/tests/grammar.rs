//! What can be said: a Fides file as it is, and everything of ours.

use super::{FIDES, SHOP, collection};
use crate::datamap::model::{Direction, Erase, FieldReference, OrganisationRoot, Ownership, SecretReason};
use crate::datamap::{DataMap, Strategy};

#[test]
fn a_fides_file_loads_unchanged() {
    let map = DataMap::parse(FIDES).unwrap();
    let keys: Vec<&str> = map.datasets.iter().map(|dataset| dataset.key.as_str()).collect();
    assert_eq!(keys, ["cinema_app", "ledger.v2"]);
    assert_eq!(map.stores(), keys, "each dataset is a store of its own unless it says otherwise");
    assert_eq!(map.organisation(), None);
    let dataset = map.dataset("cinema_app").unwrap();
    assert_eq!(
        (dataset.schema.as_str(), dataset.description.as_deref()),
        ("box_office", Some("Tickets and film nights"))
    );
    assert_eq!(map.dataset("ledger.v2").unwrap().schema, "public");
    let names: Vec<&str> = dataset.collections.iter().map(|collection| collection.name.as_str()).collect();
    assert_eq!(names, ["viewer", "ticket", "archive"]);
    let skipped: Vec<bool> = dataset.collections.iter().map(|collection| collection.skipped).collect();
    assert_eq!(skipped, [false, false, true]);
    assert!(dataset.collections.iter().all(|collection| collection.tenant.is_none()));
}

#[test]
fn fides_fields_keep_what_they_say() {
    let map = DataMap::parse(FIDES).unwrap();
    let viewer = collection(&map, "cinema_app/viewer");
    let field = |name: &str| viewer.field(name).unwrap();
    assert!(field("id").primary_key);
    assert_eq!(field("email").identity.as_deref(), Some("email"));
    assert_eq!(field("email").description.as_deref(), Some("Address for tickets"));
    assert_eq!(field("phone").identity.as_deref(), Some("phone_number"), "under the old name of fides_meta");
    assert_eq!(field("plain").data_categories, Vec::<String>::new());
    assert_eq!((viewer.position.line, viewer.position.column), (22, 11));
    assert_eq!((field("email").position.line, field("email").position.column), (32, 13));
    let of = |dataset: &str, collection: &str, field: &str, direction| FieldReference {
        dataset: dataset.to_owned(),
        collection: collection.to_owned(),
        field: field.to_owned(),
        direction,
    };
    let ticket = collection(&map, "cinema_app/ticket");
    assert_eq!(
        ticket.field("viewer_id").unwrap().references,
        [
            of("cinema_app", "viewer", "id", Some(Direction::From)),
            of("ledger.v2", "account", "owner.viewer_id", None)
        ]
    );
}

#[test]
fn nested_fields_give_their_categories_to_the_column() {
    let map = DataMap::parse(FIDES).unwrap();
    let viewer = collection(&map, "cinema_app/viewer");
    let home = viewer.field("home").unwrap();
    assert_eq!(home.data_categories, ["user.contact.address.street", "user.location.precise"]);
    assert_eq!(viewer.field("orders").unwrap().data_categories, ["user.behavior.purchase_history"]);
    assert!(viewer.field("street").is_none(), "a nested field is no column");
    let nested = "{name: login, fields: [{name: inner, fields: [{name: pw, data_categories: [user.authorization.password]}]}]}";
    let yaml = format!("dataset: [{{fides_key: d, collections: [{{name: c, fields: [{nested}]}}]}}]");
    let map = DataMap::parse(&yaml).unwrap();
    let login = collection(&map, "d/c").field("login").unwrap();
    assert_eq!(login.secret, Some(SecretReason::Category), "a secret deep inside makes the column one");
}

#[test]
fn fides_strategies_become_ours() {
    let map = DataMap::parse(FIDES).unwrap();
    let viewer = collection(&map, "cinema_app/viewer");
    let strategy = |name: &str| viewer.field(name).unwrap().strategy.clone();
    assert_eq!(strategy("email"), Some(Strategy::Constant { value: "gone".to_owned() }));
    assert_eq!(strategy("phone"), Some(Strategy::Null));
    assert_eq!(strategy("answer"), Some(Strategy::Pseudonymise));
    assert_eq!(strategy("id"), None);
    let ticket = collection(&map, "cinema_app/ticket");
    assert_eq!(ticket.erase, Erase::Delete);
    assert_eq!(
        ticket.field("seat").unwrap().data_categories,
        ["user.behavior"],
        "inherited from the collection"
    );
}

#[test]
fn everything_of_ours_is_read() {
    let map = DataMap::parse(SHOP).unwrap();
    assert_eq!(map.stores(), ["main", "letters"]);
    let (dataset, root) = map.organisation().unwrap();
    let expected = OrganisationRoot {
        collection: "branch".to_owned(),
        key: "code".to_owned(),
        name: Some("title".to_owned()),
        soft_delete: Some("closed_at".to_owned()),
    };
    assert_eq!((dataset.key.as_str(), root), ("shop", &expected));
    let customer = collection(&map, "shop/customer");
    assert_eq!((customer.ownership, customer.erase), (Ownership::Shared, Erase::Anonymise));
    assert_eq!(customer.table.to_string(), "sales.customer");
    assert_eq!(customer.created_at, Some(crate::datamap::RowTime::of("joined_at")));
    let retention = customer.retention.as_ref().unwrap();
    assert_eq!((retention.class.as_str(), retention.timestamp.as_str()), ("customer", "joined_at"));
    let media = customer.media.as_ref().unwrap();
    assert_eq!((media.key.as_str(), media.bucket_column.as_deref()), ("photo", Some("bucket")));
    assert_eq!(media.prefix.as_deref(), Some("branches/{organisation}/"));
    let oauth = customer.oauth.as_ref().unwrap();
    assert_eq!((oauth.provider.as_str(), oauth.subject.as_deref()), ("provider", Some("id")));
    assert_eq!(customer.field("email").unwrap().data_categories, ["user.behavior", "user.contact.email"]);
    let plain = collection(&map, "shop/sale_line");
    assert_eq!((plain.ownership, plain.erase, plain.skipped), (Ownership::Owned, Erase::Anonymise, false));
}

#[test]
fn secrets_are_known_and_can_be_denied() {
    let map = DataMap::parse(SHOP).unwrap();
    let secret = |field: &str| collection(&map, "shop/customer").field(field).unwrap().secret;
    assert_eq!(secret("pin"), Some(SecretReason::Declared));
    assert_eq!(secret("bearer"), Some(SecretReason::Declared), "because `oauth` names it");
    assert_eq!(secret("renewal"), Some(SecretReason::Declared));
    assert_eq!(secret("password_hint"), None, "the map says that it is none");
    assert_eq!(secret("email"), None);
    let fides = DataMap::parse(FIDES).unwrap();
    assert_eq!(
        collection(&fides, "cinema_app/viewer").field("token").unwrap().secret,
        Some(SecretReason::Category)
    );
    let unnamed = "dataset: [{fides_key: d, collections: [{name: c, fields: [{name: userPassword}, {name: apiKey}, {name: note}]}]}]";
    let map = DataMap::parse(unnamed).unwrap();
    let secrets: Vec<_> = collection(&map, "d/c").fields.iter().map(|field| field.secret).collect();
    assert_eq!(secrets, [Some(SecretReason::Name), Some(SecretReason::Name), None]);
}

#[test]
fn yaml_that_repeats_itself_by_anchors_is_read() {
    let yaml = "
common: &mail {data_categories: [user.contact.email], fides_meta: &meta {data_type: string}}
dataset:
- fides_key: d
  collections:
  - name: c
    fields:
    - {name: a, <<: *mail}
    - {name: b, fides_meta: *meta, data_categories: [user.name]}
";
    let map = DataMap::parse(yaml).unwrap();
    let c = collection(&map, "d/c");
    assert_eq!(c.field("a").unwrap().data_categories, ["user.contact.email"]);
    assert_eq!(c.field("b").unwrap().data_categories, ["user.name"]);
}
