//! The queue: who gets a job, and who no longer.

use domain::{JobId, Timestamp};
use serde_json::json;
use store::jobs::{self as rows, NewJob};
use store::{Scope, Store, Tx};
use testkit::on_every_database;
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_000_000_000);

async fn add(tx: &mut Tx, number: u128, run_at: Timestamp, dedupe: Option<&str>) -> bool {
    let payload = json!({"number": u64::try_from(number).expect("a small number")});
    let new = NewJob { id: JobId(Uuid::from_u128(number)), kind: "mail", payload, run_at, dedupe };
    rows::insert(tx, &new, NOW).await.expect("a write")
}

#[tokio::test]
async fn the_job_that_is_due_longest_is_leased_to_one() {
    on_every_database(async |store: Store| {
        let mut tx = store.write(Scope::System).await.expect("a transaction");
        assert_eq!(rows::next_due(&mut tx).await.expect("a read"), None);
        add(&mut tx, 1, NOW, None).await;
        add(&mut tx, 2, NOW.plus_seconds(-5), None).await;
        add(&mut tx, 3, NOW.plus_seconds(5), None).await;
        assert_eq!(rows::next_due(&mut tx).await.expect("a read"), Some(NOW.plus_seconds(-5)));
        let until = NOW.plus_seconds(60);
        let mut order = Vec::new();
        while let Some(job) = rows::claim(&mut tx, NOW, until).await.expect("a claim") {
            assert_eq!((job.attempts, job.kind.as_str()), (1, "mail"));
            order.push(job.payload.0["number"].as_u64());
        }
        assert_eq!(order, [Some(2), Some(1)]);
        assert_eq!(rows::next_due(&mut tx).await.expect("a read"), Some(NOW.plus_seconds(5)));
        let again =
            rows::claim(&mut tx, until, until.plus_seconds(60)).await.expect("a claim").expect("a lease that ran out");
        assert_eq!((again.id, again.attempts), (JobId(Uuid::from_u128(2)), 2));
    })
    .await;
}

#[tokio::test]
async fn two_waiting_jobs_with_one_text_are_one() {
    on_every_database(async |store: Store| {
        let mut tx = store.write(Scope::System).await.expect("a transaction");
        assert!(add(&mut tx, 1, NOW, Some("refund:1")).await);
        assert!(!add(&mut tx, 2, NOW, Some("refund:1")).await);
        assert!(add(&mut tx, 3, NOW, Some("refund:2")).await);
        assert!(add(&mut tx, 4, NOW, None).await && add(&mut tx, 5, NOW, None).await);
        rows::delete(&mut tx, JobId(Uuid::from_u128(1))).await.expect("a write");
        assert!(add(&mut tx, 6, NOW, Some("refund:1")).await);
    })
    .await;
}

#[tokio::test]
async fn only_who_holds_a_job_says_how_it_went() {
    on_every_database(async |store: Store| {
        let mut tx = store.write(Scope::System).await.expect("a transaction");
        add(&mut tx, 1, NOW, Some("once")).await;
        let slow = rows::claim(&mut tx, NOW, NOW.plus_seconds(1)).await.expect("a claim").expect("a job");
        let later = NOW.plus_seconds(1);
        let quick = rows::claim(&mut tx, later, later.plus_seconds(60)).await.expect("a claim").expect("a job");
        rows::put_back(&mut tx, &slow, later, "slow").await.expect("a write");
        rows::bury(&mut tx, &slow, later, "slow").await.expect("a write");
        assert!(rows::claim(&mut tx, later, later).await.expect("a claim").is_none());
        assert_eq!(rows::counts(&mut tx).await.expect("a count"), (1, 0));

        rows::put_back(&mut tx, &quick, later.plus_seconds(2), "away").await.expect("a write");
        let seen = rows::list(&mut tx, 10).await.expect("a list").remove(0);
        assert_eq!((seen.run_at, seen.last_error.as_str(), seen.dead_at), (later.plus_seconds(2), "away", None));
        let third = rows::claim(&mut tx, seen.run_at, seen.run_at).await.expect("a claim").expect("a job");
        assert!(!rows::revive(&mut tx, third.id, later).await.expect("a write"), "it has not given up");
        rows::bury(&mut tx, &third, later, "hopeless").await.expect("a write");
        assert_eq!(rows::counts(&mut tx).await.expect("a count"), (0, 1));
        assert_eq!(rows::next_due(&mut tx).await.expect("a read"), None);
        assert!(add(&mut tx, 2, NOW, Some("once")).await, "what gave up stands in nobody's way");
        assert!(rows::revive(&mut tx, third.id, later).await.expect("a write"));
        let revived =
            rows::list(&mut tx, 10).await.expect("a list").into_iter().find(|job| job.id == third.id).expect("it");
        assert_eq!((revived.attempts, revived.dead_at), (0, None));
    })
    .await;
}

#[tokio::test]
async fn no_job_is_given_to_two() {
    on_every_database(async |store: Store| {
        let mut tx = store.write(Scope::System).await.expect("a transaction");
        for number in 1..=30 {
            add(&mut tx, number, NOW, None).await;
        }
        tx.commit().await.expect("committed");
        let worker = async |store: Store| {
            let mut taken = Vec::new();
            loop {
                let mut tx = store.write(Scope::System).await.expect("a transaction");
                let Some(job) = rows::claim(&mut tx, NOW, NOW.plus_seconds(60)).await.expect("a claim") else {
                    break taken;
                };
                tx.commit().await.expect("committed");
                taken.push(job.id.0.as_u128());
            }
        };
        let (mut one, two, three) = tokio::join!(worker(store.clone()), worker(store.clone()), worker(store.clone()));
        one.extend(two);
        one.extend(three);
        one.sort_unstable();
        assert_eq!(one, (1..=30).collect::<Vec<_>>());
    })
    .await;
}
