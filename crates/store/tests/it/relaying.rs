//! The outbox relay: at least once always, exactly once while nothing fails.

use std::collections::BTreeSet;
use std::time::Duration;

use store::{OutboxRow, Publish, Store};
use testkit::{PATIENCE, eventually, new_export, organisation, owner};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::support::{AT_ONCE, Collector, World};

async fn ids(world: &World) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = world.outbox().await.iter().map(|sent| sent.event_id).collect();
    ids.sort_unstable();
    ids
}

async fn drain(store: &Store, collector: &Collector, limit: i64) {
    while store.relay(&mut collector.clone(), limit).await.unwrap().0 > 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_out_in_order_and_once() {
    let world = World::new().await;
    for number in 0..5 {
        world.job(&format!("org-{number}")).await;
    }
    let collector = Collector::default();
    assert_eq!(world.api.outbox_backlog().await.unwrap().0, 10);
    assert_eq!(world.api.relay(&mut collector.clone(), 4).await.unwrap(), (4, 4));
    drain(&world.api, &collector, 4).await;
    let published: Vec<Uuid> = collector.rows().iter().map(|row| row.event_id).collect();
    let written: Vec<Uuid> = world.outbox().await.iter().map(|sent| sent.event_id).collect();
    assert_eq!(published, written);
    assert_eq!(world.api.relay(&mut collector.clone(), 4).await.unwrap(), (0, 0));
    assert_eq!(world.api.outbox_backlog().await.unwrap(), (0, 0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_relays_at_once_publish_each_row_once() {
    let world = World::new().await;
    for number in 0..60 {
        world.job(&format!("org-{number}")).await;
    }
    let collector = Collector::default();
    let roles = ["lethe_api", "lethe_export", "lethe_erasure", "lethe_scheduler"];
    let relays = roles.map(|role| {
        let (store, collector) = (world.db.store_as(role), collector.clone());
        tokio::spawn(async move { drain(&store, &collector, 7).await })
    });
    for relay in relays {
        relay.await.unwrap();
    }
    drain(&world.api, &collector, 7).await;
    assert_eq!(collector.ids(), ids(&world).await);
}

/// Confirms every other row.
struct Fickle(Collector, bool);

impl Publish for Fickle {
    async fn publish(&mut self, rows: &[OutboxRow]) -> Vec<bool> {
        let mut confirmed = Vec::new();
        for row in rows {
            self.1 = !self.1;
            confirmed.push(self.1);
            if self.1 {
                self.0.keep(std::slice::from_ref(row));
            }
        }
        confirmed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_confirmed_stays_and_goes_out_later_under_the_same_id() {
    let world = World::new().await;
    for number in 0..4 {
        world.job(&format!("org-{number}")).await;
    }
    let collector = Collector::default();
    let mut fickle = Fickle(collector.clone(), false);
    assert_eq!(world.api.relay(&mut fickle, 100).await.unwrap(), (8, 4));
    let unpublished = world.outbox().await.iter().filter(|sent| !sent.published).count();
    assert_eq!(unpublished, 4);
    drain(&world.api, &collector, 100).await;
    assert_eq!(collector.ids(), ids(&world).await);
}

/// An answer that is too short confirms nothing that it does not mention.
struct Terse;

impl Publish for Terse {
    async fn publish(&mut self, _rows: &[OutboxRow]) -> Vec<bool> {
        vec![true]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_publisher_does_not_mention_is_not_confirmed() {
    let world = World::new().await;
    world.job("acme").await;
    assert_eq!(world.api.relay(&mut Terse, 100).await.unwrap(), (2, 1));
}

struct Panicking;

impl Publish for Panicking {
    async fn publish(&mut self, _rows: &[OutboxRow]) -> Vec<bool> {
        panic!("told to")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_panics_leaves_its_rows_to_others() {
    let world = World::new().await;
    world.job("acme").await;
    let store = world.api.clone();
    let panicked = tokio::spawn(async move { store.relay(&mut Panicking, 100).await }).await;
    assert!(panicked.unwrap_err().is_panic());
    taken_by_another(&world).await;
}

/// Takes rows, says so, and never comes back.
struct Stuck(Option<oneshot::Sender<usize>>);

impl Publish for Stuck {
    async fn publish(&mut self, rows: &[OutboxRow]) -> Vec<bool> {
        self.0.take().unwrap().send(rows.len()).unwrap();
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_dropped_leaves_its_rows_to_others() {
    let world = World::new().await;
    world.job("acme").await;
    let (taken, took) = oneshot::channel();
    let store = world.api.clone();
    let relay = tokio::spawn(async move { store.relay(&mut Stuck(Some(taken)), 100).await });
    assert_eq!(took.await.unwrap(), 2);
    assert_eq!(world.export.relay(&mut Collector::default(), 100).await.unwrap(), (0, 0), "they are locked");
    relay.abort();
    taken_by_another(&world).await;
}

/// The pool of the relay that went away is still there, and must not keep the rows locked.
async fn taken_by_another(world: &World) {
    let collector = Collector::default();
    eventually(AT_ONCE, "the rows are free", async || {
        drain(&world.export, &collector, 100).await;
        collector.rows().len() == 2
    })
    .await;
    assert_eq!(collector.ids(), ids(world).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_writers_at_once_lose_nothing() {
    const WRITERS: usize = 16;
    const EACH: usize = 25;
    let world = World::new().await;
    let apis: Vec<Store> = (0..3).map(|_| world.db.store_as("lethe_api")).collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let api = apis[writer % apis.len()].clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    let name = format!("org-{writer}-{number}");
                    let store::Accepted::Created(job) = api.create_export(&new_export(&name)).await.unwrap()
                    else {
                        panic!("the key is new")
                    };
                    if number % 5 == 0 {
                        api.cancel_job(&organisation(&name), job, &owner("owner-1")).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let collector = Collector::default();
    let relays: Vec<_> = ["lethe_export", "lethe_scheduler"]
        .map(|role| {
            let (store, collector) = (world.db.store_as(role), collector.clone());
            tokio::spawn(async move {
                loop {
                    drain(&store, &collector, 13).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        })
        .into();
    for writer in writers {
        writer.await.unwrap();
    }
    let written = ids(&world).await;
    assert_eq!(written.len(), WRITERS * EACH * 2 + WRITERS * EACH / 5);
    eventually(PATIENCE, "everything is published", async || collector.rows().len() >= written.len()).await;
    for relay in relays {
        relay.abort();
    }
    assert_eq!(collector.ids(), written, "all of it, and nothing twice");
    let distinct: BTreeSet<Uuid> = written.into_iter().collect();
    assert_eq!(distinct.len(), WRITERS * EACH * 2 + WRITERS * EACH / 5);
}
