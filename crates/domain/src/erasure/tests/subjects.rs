//! One person: the ways to the rows, and what happens to them.

use std::collections::BTreeMap;

use super::shop::{Shop, name};
use crate::datamap::DataMap;
use crate::erasure::facts::ReferentialAction::{Refuse, SetNull};
use crate::erasure::facts::{ForeignKey, StoreFacts};
use crate::erasure::subject::Reached;
use crate::erasure::{Obstacle, RowAction, SubjectErasurePlan, plan_subject};
use crate::schema::TypeFamily;

const ID: &str = "name: id, fides_meta: {primary_key: true}";
const BRANCH: &str = "name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}";
const EMAIL: &str = "name: email, data_categories: [user.contact.email], fides_meta: {identity: email}";
const NOTE: &str = "name: note, lethe: {strategy: null}";

impl Shop {
    fn subject(&self, identity_type: &str) -> Result<SubjectErasurePlan, Vec<Obstacle>> {
        let map = DataMap::parse(&self.yaml).unwrap();
        let live = BTreeMap::from([("shop".to_owned(), self.schema.clone())]);
        let facts = BTreeMap::from([("shop".to_owned(), self.facts.clone())]);
        plan_subject(&map, &live, &facts, identity_type)
    }

    /// The ways in words, as `sale.customer of customer.id: own`.
    fn ways(&self) -> Vec<String> {
        let traversal = self.subject("email").unwrap_or_else(|obstacles| panic!("{obstacles:?}")).traversal;
        let plain = |path: &str| path.trim_start_matches("shop.").to_owned();
        let then = |then: &Reached| match then {
            Reached::Own => "own".to_owned(),
            Reached::Left => "left".to_owned(),
            Reached::Unlink(columns) => format!("unlink {}", columns.join(", ")),
            Reached::Unless(unless) if unless.shared => {
                format!("shared, unlink {}", unless.unlink.join(", "))
            }
            Reached::Unless(unless) => {
                let others = unless.others.iter();
                let others: Vec<_> = others
                    .map(|other| format!("{}.{}", other.table.table, other.columns.join("+")))
                    .collect();
                format!("own unless {}, else unlink {}", others.join(" or "), unless.unlink.join(", "))
            }
        };
        let seeds = traversal.seeds.iter();
        let seeds =
            seeds.map(|seed| format!("{}.{}: {}", plain(&seed.collection), seed.column, then(&seed.then)));
        let links = traversal.links.iter().map(|link| {
            let (to, from) = (plain(&link.to), plain(&link.from));
            let (columns, target) = (link.columns.join("+"), link.target_columns.join("+"));
            format!("{to}.{target} of {from}.{columns}: {}", then(&link.then))
        });
        seeds.chain(links).collect()
    }

    fn subject_waves(&self) -> Vec<Vec<String>> {
        let words = |action: &RowAction| match action {
            RowAction::Delete => "delete".to_owned(),
            RowAction::Unlink(columns) => format!("unlink {}", columns.join(", ")),
            RowAction::Anonymise(changes) => {
                let columns: Vec<&str> = changes.iter().map(|change| change.column.as_str()).collect();
                format!("anonymise {}", columns.join(", "))
            }
        };
        let plan = self.subject("email").unwrap_or_else(|obstacles| panic!("{obstacles:?}")).plan;
        let wave = |wave: &Vec<crate::erasure::CollectionErasure>| {
            wave.iter().map(|done| format!("{}: {}", done.table.table, words(&done.action))).collect()
        };
        plan.waves.iter().map(wave).collect()
    }

    fn refusals(&self, identity_type: &str) -> Vec<String> {
        self.subject(identity_type).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    /// A foreign key of several columns.
    fn composite(mut self, table: &str, columns: [&str; 2], target: &str, target_columns: [&str; 2]) -> Self {
        let key = ForeignKey {
            name: format!("{table}_{target}_fkey"),
            columns: columns.map(str::to_owned).to_vec(),
            target: name(target),
            target_columns: target_columns.map(str::to_owned).to_vec(),
            on_delete: Refuse,
            on_update: Refuse,
        };
        self.facts(table).foreign_keys.push(key);
        self
    }
}

fn reference(column: &str, target: &str, direction: &str) -> String {
    let direction = if direction.is_empty() { String::new() } else { format!(", direction: {direction}") };
    format!("name: {column}, fides_meta: {{references: [{{dataset: shop, field: {target}{direction}}}]}}")
}

fn customers(erase: &str) -> Shop {
    Shop::new()
        .table("customer", &["id!", "branch!", "email", "address"])
        .reference("customer", "branch", "branch", Refuse)
        .collection(
            "customer",
            &format!("tenant: branch, erase: {erase}"),
            &[ID, BRANCH, EMAIL, &reference("address", "address.id", "to")],
        )
        .table("address", &["id!", "branch!", "street"])
        .collection(
            "address",
            "tenant: branch",
            &[ID, BRANCH, "name: street, data_categories: [user.contact.address]"],
        )
}

/// Sales of customers and their lines, of which no column is personal.
fn with_sales(shop: Shop) -> Shop {
    shop.table("sale", &["id!", "customer!", "note"])
        .reference("sale", "customer", "customer", Refuse)
        .collection(
            "sale",
            "tenant: customer, erase: delete",
            &[ID, &reference("customer", "customer.id", "from"), NOTE],
        )
        .table("line", &["id!", "sale!", "price"])
        .reference("line", "sale", "sale", Refuse)
        .collection("line", "tenant: sale, erase: delete", &[ID, &reference("sale", "sale.id", "")])
}

#[test]
fn the_way_leads_from_the_identity_to_all_rows_that_belong_to_the_person() {
    let shop = with_sales(customers("anonymise"));
    assert_eq!(
        shop.ways(),
        [
            "customer.email: own",
            "address.id of customer.address: own unless customer.address, else unlink address",
            "sale.customer of customer.id: own",
            "line.sale of sale.id: own",
        ]
    );
    assert_eq!(
        shop.subject_waves(),
        [
            vec![
                "customer: unlink address",
                "customer: anonymise email",
                "address: anonymise street",
                "line: delete"
            ],
            vec!["sale: delete"]
        ]
    );
    let plan = shop.subject("email").unwrap().plan;
    assert_eq!(plan.waves[1][0].guards[0].table, name("line"), "guards hold as for an organisation");
}

#[test]
fn rows_that_the_persons_rows_refer_to_are_shared_by_whoever_else_refers_to_them() {
    let shop = customers("delete")
        .table("employee", &["id!", "home"])
        .reference("employee", "home", "address", Refuse)
        .table("parcel", &["id!", "branch!", "sent_to!"])
        .collection("parcel", "tenant: branch", &[ID, BRANCH, &reference("sent_to", "address.id", "to")])
        .table("remark", &["id!", "address!", "note"])
        .reference("remark", "address", "address", Refuse)
        .collection("remark", "tenant: address", &[ID, &reference("address", "address.id", "from"), NOTE]);
    assert_eq!(
        shop.ways()[1..],
        [
            // A customer that is deleted lets go by that.
            "address.id of customer.address: own unless customer.address or parcel.sent_to or employee.home, else unlink ",
            "remark.address of address.id: own",
        ]
    );
}

#[test]
fn shared_rows_lose_their_link_and_nothing_is_found_through_them() {
    let talk = |owner: &str| {
        customers("delete")
            .table("talk", &["id!", "branch!", owner, "title"])
            .reference("talk", "owner", "customer", SetNull)
            .collection(
                "talk",
                "tenant: branch, rows: shared",
                &[
                    ID,
                    BRANCH,
                    &reference("owner", "customer.id", "from"),
                    "name: title, lethe: {strategy: null}",
                ],
            )
            .table("message", &["id!", "talk!", "note"])
            .collection("message", "tenant: talk", &[ID, &reference("talk", "talk.id", "from"), NOTE])
    };
    let shop = talk("owner");
    assert_eq!(shop.ways()[2..], ["talk.owner of customer.id: unlink owner"]);
    let waves = shop.subject_waves();
    assert_eq!(waves, [vec!["address: anonymise street", "talk: unlink owner"], vec!["customer: delete"]]);
    // What may not be NULL is left; then rows that are deleted would leave it behind.
    let obstacles = talk("owner!").refusals("email");
    assert!(obstacles[0].contains("rows of public.talk (owner) refer to its rows"), "{obstacles:?}");
}

#[test]
fn the_organisation_of_a_person_is_unlinked_and_never_masked_or_passed() {
    let mut shop = with_sales(customers("anonymise"));
    shop.yaml = shop.yaml.replace(
        "    - {name: title,",
        "    - {name: owner, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: customer.id}]}, lethe: {strategy: keep}}
    - {name: mail, fides_meta: {identity: email}}
    - {name: title,",
    );
    let shop = shop.table("branch", &["code!", "title", "owner", "mail!"]);
    let shop = shop.reference("branch", "owner", "customer", SetNull);
    let ways = shop.ways();
    assert_eq!(ways[0], "branch.mail: left", "a NOT NULL column cannot let go");
    assert_eq!(ways[1], "customer.email: own");
    assert!(ways.contains(&"branch.owner of customer.id: unlink owner".to_owned()), "{ways:?}");
    assert_eq!(ways.len(), 6, "{ways:?}");
    let waves = shop.subject_waves();
    let of_root: Vec<&String> = waves.iter().flatten().filter(|word| word.starts_with("branch")).collect();
    assert_eq!(of_root, ["branch: unlink owner"]);
}

#[test]
fn who_answers_a_message_is_somebody_else() {
    let threaded = |erase: &str| {
        customers("anonymise")
            .table("message", &["id!", "customer!", "reply_to", "note"])
            .reference("message", "customer", "customer", Refuse)
            .reference("message", "reply_to", "message", SetNull)
            .collection(
                "message",
                &format!("tenant: customer, erase: {erase}"),
                &[
                    ID,
                    &reference("customer", "customer.id", "from"),
                    &reference("reply_to", "message.id", "from"),
                    NOTE,
                ],
            )
    };
    assert_eq!(threaded("anonymise").ways()[2..], ["message.customer of customer.id: own"]);
    assert_eq!(
        threaded("delete").refusals("email"),
        [
            "public.message: rows of other persons may refer to those of one person by `message_reply_to_fkey`; anonymise the rows of this collection instead of deleting them"
        ]
    );
}

/// Parts of messages, and events about single parts, which refer by two fields.
fn parts(key: bool) -> Shop {
    let mut shop = Shop::new()
        .table("part", &["message!", "place!", "branch!", "email"])
        .collection("part", "tenant: branch", &["name: message", "name: place", BRANCH, EMAIL])
        .table("event", &["id!", "message", "place", "note"])
        .collection(
            "event",
            "tenant: {columns: [message, place], through: {collection: part, fields: [message, place]}}",
            &[
                ID,
                &reference("message", "part.message", "from"),
                &reference("place", "part.place", "from"),
                NOTE,
            ],
        );
    shop.schema.tables.get_mut(&name("part")).unwrap().primary_key = vec!["message".into(), "place".into()];
    if key { shop.composite("event", ["message", "place"], "part", ["message", "place"]) } else { shop }
}

#[test]
fn references_of_several_columns_are_followed_as_one() {
    for key in [true, false] {
        let way = "event.message+place of part.message+place: own";
        assert_eq!(parts(key).ways(), ["part.email: own", way], "with a foreign key: {key}");
    }
    // Two fields that refer to one and the same are two references.
    let both =
        with_sales(customers("anonymise")).table("gift", &["id!", "giver", "taker", "note"]).collection(
            "gift",
            "tenant: {columns: [giver], through: {collection: customer, fields: [id]}}",
            &[ID, &reference("giver", "customer.id", ""), &reference("taker", "customer.id", ""), NOTE],
        );
    let ways = both.ways();
    assert!(ways.contains(&"gift.giver of customer.id: own".to_owned()), "{ways:?}");
    assert!(ways.contains(&"gift.taker of customer.id: own".to_owned()), "{ways:?}");
}

#[test]
fn references_of_which_nobody_knows_how_they_belong_together_are_refused() {
    let mut shop = parts(false);
    shop.yaml = shop.yaml.replace(
        &format!("    - {{{NOTE}}}\n"),
        &format!("    - {{{}}}\n    - {{{NOTE}}}\n", reference("again", "part.place", "from")),
    );
    let shop = shop.table("event", &["id!", "message", "place", "again", "note"]);
    let obstacles = shop.refusals("email");
    assert!(
        obstacles[0].starts_with("public.event: several of its fields refer to the same fields"),
        "{obstacles:?}"
    );
    let shop = shop.composite("event", ["message", "place"], "part", ["message", "place"]);
    assert_eq!(shop.ways()[1..].len(), 2, "{:?}", shop.ways());
}

#[test]
fn an_identity_that_the_map_has_not_is_refused_with_those_that_it_has() {
    assert_eq!(
        customers("delete").refusals("passport"),
        ["public.branch: no field of the data map has the identity `passport`; use one that it has: email"]
    );
    assert_eq!(
        Shop::new().refusals("email"),
        ["public.branch: no field of the data map has the identity `email`; use one that it has: none"]
    );
    let mut shop = customers("delete");
    shop.schema.tables.get_mut(&name("customer")).unwrap().columns[2].family = TypeFamily::Array;
    assert!(shop.refusals("email")[0].starts_with("public.customer.email: it is to identify a person"));
}

#[test]
fn a_collection_without_primary_key_is_refused_and_not_passed_over() {
    let mut shop = with_sales(customers("anonymise"));
    shop.schema.tables.get_mut(&name("line")).unwrap().primary_key.clear();
    assert_eq!(
        shop.refusals("email"),
        [
            "public.line: rows of a person may be in it, but it has no primary key by which they could be addressed; add one, or set `fides_meta: {skip_processing: true}`"
        ]
    );
}

#[test]
fn references_that_lead_nowhere_are_refused_and_those_that_are_left_out_are_not_followed() {
    for (target, what) in [
        ("customer.key", "it refers to `shop.customer.key`, but there is no such column"),
        ("guest.id", "it refers to `shop.guest.id`, but the data map has no such collection"),
    ] {
        let shop = customers("anonymise").table("visit", &["id!", "branch!", "guest"]).collection(
            "visit",
            "tenant: branch",
            &[ID, BRANCH, &reference("guest", target, "from")],
        );
        let remedy = "correct the reference in the data map, or take it out";
        assert_eq!(shop.refusals("email"), [format!("public.visit.guest: {what}; {remedy}")]);
    }
    let mut shop = with_sales(customers("anonymise"));
    shop.yaml =
        shop.yaml.replace("- name: line\n", "- name: line\n    fides_meta: {skip_processing: true}\n");
    shop.facts("line").foreign_keys.clear();
    assert!(!shop.ways().iter().any(|way| way.starts_with("line")), "{:?}", shop.ways());
}

#[test]
fn columns_that_cannot_be_compared_and_other_stores_are_refused() {
    let mut shop = with_sales(customers("anonymise"));
    let sale = shop.schema.tables.get_mut(&name("sale")).unwrap();
    (sale.columns[1].family, sale.columns[1].sql_type) = (TypeFamily::Uuid, "uuid".to_owned());
    assert_eq!(
        shop.refusals("email"),
        [
            "public.sale.customer: its type uuid cannot be compared with text of `shop.customer.id`; correct the reference in the data map, or take it out"
        ]
    );
    let mut shop = customers("anonymise");
    shop.yaml.push_str(
        "- fides_key: mail
  collections:
  - name: letter
    lethe: {}
    fields: [{name: id}, {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id}]}}]\n",
    );
    let map = DataMap::parse(&shop.yaml).unwrap();
    let letters = Shop::new().table("letter", &["id!", "customer"]);
    let live =
        BTreeMap::from([("shop".to_owned(), shop.schema.clone()), ("mail".to_owned(), letters.schema)]);
    let facts =
        BTreeMap::from([("shop".to_owned(), shop.facts.clone()), ("mail".to_owned(), StoreFacts::default())]);
    let obstacles = plan_subject(&map, &live, &facts, "email").unwrap_err();
    assert!(
        obstacles.iter().any(|obstacle| obstacle.what.contains("leads into another store (`mail`)")),
        "{obstacles:?}"
    );
}
