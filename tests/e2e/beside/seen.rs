//! That what must not be would be seen: made on purpose, when all is over.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::desk::{Desk, Figures};
use super::holding::{self, Hold, Scope};
use super::oracle::{self, About};

/// A run of this many erasures includes a release of a hold that kept something.
const WITH_RELEASES: u64 = 20;
/// A run of this many erasures includes a job that is planned again for what was left.
const WITH_PASSES: u64 = 100;

impl Desk {
    /// Makes what must not be, so that it is known to be seen: a row changes that no job is about, and under a
    /// hold, and one appears that was there at a cutoff.
    pub async fn would_be_seen(&mut self) {
        let book = self.book();
        let known = book.known.lock().await;
        let whole = |job: &&oracle::Job| job.person.is_none() && !job.deferred && known.settled[&job.id];
        let job = known.jobs.values().rfind(whole).unwrap().clone();
        drop(known);
        let views = book.views(&BTreeSet::from([job.id])).await.unwrap();
        let client = &self.system.subjects.client;
        let account =
            client.query_one("SELECT max(id) FROM account WHERE org = $1", &[&job.organisation]).await;
        let account: i64 = account.unwrap().get(0);
        let scope = Scope::Person { account, email: String::new() };
        let hold = Hold { id: Uuid::new_v4(), organisation: job.organisation, scope };
        assert!(holding::keep(client, &hold).await.unwrap() > 0);
        client.execute("UPDATE account SET note = 'by nobody' WHERE id = $1", &[&account]).await.unwrap();
        assert_eq!(holding::broken(client, &hold).await.unwrap().len(), 1);
        let sql = "SELECT max(seq) FROM beside.ledger";
        let since: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        let mut wrong = Vec::new();
        let touched = oracle::touched(client, since, &[], &mut wrong).await.unwrap();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        oracle::counted(&self.system, &[], &touched, &mut wrong).await.unwrap();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        let old = "WITH made AS (SELECT beside.make('message', $1::int, $2::bigint, jsonb_build_object('org', $1::int, 'account_id', $2::bigint, \
                   'body', 'old', 'created_at', '2024-01-01')) AS id) SELECT id FROM made";
        let id: i64 = client.query_one(old, &[&job.organisation, &account]).await.unwrap().get(0);
        let began = "UPDATE beside.ledger SET began = '2024-01-01' WHERE tab = 'message' AND id = $1";
        client.execute(began, &[&id]).await.unwrap();
        let about = About { holds: Vec::new(), only: Vec::new(), jobs: vec![job.id] };
        oracle::truthful(&self.system, (&views[0].0, &views[0].1), &about, &mut wrong).await.unwrap();
        let told =
            wrong.iter().filter(|wrong| wrong.contains("says completed, but desk.message body: 1 rows"));
        assert_eq!(told.count(), 1, "{wrong:?}");
        let Figures { erasures, holds, further, passes, .. } = self.figures;
        assert!(holds > 0 && (further > 0 || erasures < WITH_RELEASES), "{:?}", self.figures);
        assert!(passes > 0 || erasures < WITH_PASSES, "{:?}", self.figures);
    }
}
