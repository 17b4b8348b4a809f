//! What the gateway counts by: leases, invocations, idempotency keys, demos, keys.

use domain::state::{InvocationState, Source};
use domain::{InvocationId, KeyId};
use store::gateway::{self as rows, Booked, ChatSession, DayTotals, InvocationRow, KeyName, Lease, Made, SaidRow};
use store::{Scope, Tenant, keys};
use testkit::{Bought, TestCtx, on_every_ctx};
use uuid::Uuid;

fn invocation(t: &TestCtx, bought: &Bought, number: u128, state: InvocationState) -> InvocationRow {
    InvocationRow {
        id: InvocationId(Uuid::from_u128(number)),
        organization: bought.buyer.organization,
        config: bought.config,
        subscription: bought.subscription,
        provider: bought.offered.provider,
        offering: bought.offered.offering,
        key: None,
        session: "s".to_owned(),
        source: Source::Api,
        state,
        status: 200,
        input_tokens: 7,
        output_tokens: 11,
        elapsed_ms: 3,
        error: String::new(),
        started: t.ctx.now(),
        finished: t.ctx.now(),
    }
}

async fn record(tx: &mut store::Tx, row: &InvocationRow) -> Booked {
    let booked = rows::record_invocations(tx, &[row]).await.expect("a write");
    assert_eq!(booked.len(), 1);
    booked[0]
}

#[tokio::test]
async fn an_invocation_is_recorded_once_however_it_began() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let row = invocation(&t, &bought, 1, InvocationState::Succeeded);
        assert_eq!(record(&mut tx, &row).await, Booked::New);
        assert_eq!(record(&mut tx, &row).await, Booked::Before);
        rows::begin_invocation(&mut tx, &row).await.expect("a late beginning changes nothing");
        assert_eq!(record(&mut tx, &row).await, Booked::Before);

        let row = invocation(&t, &bought, 2, InvocationState::Succeeded);
        rows::begin_invocation(&mut tx, &row).await.expect("a write");
        assert_eq!(record(&mut tx, &row).await, Booked::New);

        let row = invocation(&t, &bought, 3, InvocationState::Succeeded);
        rows::begin_invocation(&mut tx, &row).await.expect("a write");
        let stuck = rows::stuck(&mut tx, row.started.plus_seconds(1)).await.expect("a read");
        assert_eq!(stuck.iter().map(|(id, day)| (*id, day.failed)).collect::<Vec<_>>(), [(row.id, 1)]);
        assert!(rows::give_up(&mut tx, row.id, "dead", row.started).await.expect("a write"));
        assert!(!rows::give_up(&mut tx, row.id, "dead", row.started).await.expect("a write"));
        assert_eq!(record(&mut tx, &row).await, Booked::FoundAgain);
        assert_eq!(record(&mut tx, &row).await, Booked::Before);
        let tenant = Tenant::assume_authorized(bought.buyer.organization);
        let all = rows::count_invocations(&mut tx, tenant, bought.config, Some(InvocationState::Succeeded))
            .await
            .expect("a count");
        assert_eq!(all, 3);
        assert!(rows::is_recorded(&mut tx, bought.config, row.id).await.expect("a read"));
        drop(tx);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_written_as_its_rows_would_be() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let key = t.secret_key(&bought).await;
        let mut held = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let tx = &mut held;
        let mut first = invocation(&t, &bought, 1, InvocationState::Succeeded);
        first.session = "it's \"quoted\", ünïcödé 🦜 and \\ more".to_owned();
        let mut second = invocation(&t, &bought, 2, InvocationState::Failed);
        second.key = Some(key.key.id);
        second.error = "line one\nline two".to_owned();
        let third = invocation(&t, &bought, 3, InvocationState::Succeeded);
        assert_eq!(record(tx, &third).await, Booked::New);
        let booked = rows::record_invocations(tx, &[&first, &second, &third]).await.expect("a write");
        assert_eq!(booked, [Booked::New, Booked::New, Booked::Before]);

        let now = t.ctx.now();
        let session = |id| ChatSession {
            config: bought.config,
            id,
            source: Source::Widget,
            origin: "https://shop.example",
            handle_hash: None,
        };
        let sessions = [(bought.buyer.organization, session(first.session.as_str()), now)];
        rows::touch_sessions(tx, &sessions).await.expect("a write");
        rows::touch_sessions(tx, &sessions).await.expect("a write");
        rows::touch_sessions(tx, &[]).await.expect("nothing");
        let said = SaidRow {
            invocation: &first,
            question_id: Uuid::from_u128(11),
            answer_id: Uuid::from_u128(12),
            question: "What's \"this\"? 🦜\n\t{}",
            answer: "null",
            citations: &[],
        };
        rows::insert_exchanges(tx, &[said]).await.expect("a write");
        let tenant = Tenant::assume_authorized(bought.buyer.organization);
        let messages = rows::messages(tx, tenant, bought.config, &first.session, 10).await.expect("a read");
        let texts: Vec<_> = messages.iter().map(|row| (row.role.as_str(), row.text.as_str(), row.created_at)).collect();
        assert_eq!(texts, [("user", said.question, now), ("agent", "null", now)]);
        let listed = rows::invocations(tx, tenant, bought.config, None, 10, 0).await.expect("a read");
        assert_eq!(listed.len(), 3);
        assert_eq!((listed[1].error.as_str(), listed[1].key_name.as_deref()), ("line one\nline two", Some("A key")));
        assert_eq!((listed[2].input_tokens, listed[2].output_tokens, listed[2].elapsed_ms), (7, 11, 3));
        drop(held);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_day_is_the_sum_of_what_is_added() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let mut totals = DayTotals::of(&invocation(&t, &bought, 1, InvocationState::Succeeded));
        totals.add(&DayTotals::of(&invocation(&t, &bought, 2, InvocationState::Failed)));
        rows::add_to_day(&mut tx, &totals).await.expect("a write");
        rows::add_to_day(&mut tx, &totals).await.expect("a write");
        let tenant = Tenant::assume_authorized(bought.buyer.organization);
        let days = rows::usage_days(&mut tx, tenant, bought.config, totals.day, totals.day).await.expect("a read");
        assert_eq!((days[0].calls, days[0].failed, days[0].input_tokens, days[0].output_tokens), (2, 2, 14, 22));
        drop(tx);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_months_quota_is_what_is_used_and_what_is_leased() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let (organization, subscription) = (bought.buyer.organization, bought.subscription.0);
        let month = t.ctx.now().month_start();
        let lease = |number: u128, amount: i64| Lease {
            id: Uuid::from_u128(number),
            organization,
            scope: subscription,
            month,
            replica: Uuid::from_u128(9),
            amount,
            expires_at: t.ctx.now().plus_seconds(60),
        };
        let mut held = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let tx = &mut held;
        rows::open_period(tx, organization, subscription, month).await.expect("a write");
        rows::open_period(tx, organization, subscription, month).await.expect("opening it again changes nothing");
        assert!(rows::lease(tx, &lease(1, 6), 10).await.expect("a write"));
        assert!(!rows::lease(tx, &lease(2, 5), 10).await.expect("a write"), "six and five are more than ten");
        assert!(rows::lease(tx, &lease(3, 4), 10).await.expect("a write"));
        let (one, three) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(3)));
        let made = |lease: Option<Uuid>, calls: i64| Made { scope: subscription, month, organization, lease, calls };
        rows::settle(tx, &[made(one, 2)]).await.expect("a write");
        assert_eq!(rows::period(tx, subscription, month).await.expect("a read"), (2, 8));
        rows::return_units(tx, subscription, month, Uuid::from_u128(1), 1).await.expect("a write");
        assert_eq!(rows::period(tx, subscription, month).await.expect("a read"), (2, 7));
        // More calls than the lease still has: they are counted beside it.
        rows::settle(tx, &[made(three, 4)]).await.expect("a write");
        assert_eq!(rows::period(tx, subscription, month).await.expect("a read"), (6, 3));
        // Two leases and none, at once, and a scope that nothing was counted of before.
        let other = Made { scope: organization.0.max(Uuid::from_u128(u128::MAX)), ..made(None, 7) };
        rows::settle(tx, &[made(None, 1), made(three, 1), other]).await.expect("a write");
        assert_eq!(rows::period(tx, other.scope, month).await.expect("a read"), (7, 0));
        assert_eq!(rows::period(tx, subscription, month).await.expect("a read"), (8, 3));
        assert!(rows::expired_leases(tx, t.ctx.now()).await.expect("a read").is_empty());
        assert_eq!(rows::leases_of(tx, Uuid::from_u128(9)).await.expect("a read").len(), 2);
        for lease in rows::expired_leases(tx, t.ctx.now().plus_seconds(60)).await.expect("a read") {
            rows::end_lease(tx, &lease).await.expect("a write");
            rows::end_lease(tx, &lease).await.expect("ending it again changes nothing");
        }
        assert_eq!(rows::period(tx, subscription, month).await.expect("a read"), (8, 0));
        drop(held);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_first_caller() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let name = KeyName { organization: bought.buyer.organization, caller: "key:1".to_owned(), key: "k".to_owned() };
        let (first, second) = (InvocationId(Uuid::from_u128(1)), InvocationId(Uuid::from_u128(2)));
        let now = t.ctx.now();
        let mut held = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let tx = &mut held;
        assert!(rows::claim_key(tx, &name, b"hash", first, now).await.expect("a write"));
        assert!(!rows::claim_key(tx, &name, b"other", second, now).await.expect("a write"));
        rows::release_key(tx, &name, second).await.expect("another invocation's release does nothing");
        let row = rows::idempotency_key(tx, &name).await.expect("a read").expect("a row");
        assert_eq!((row.body_hash.as_slice(), row.invocation_id, row.status), (b"hash".as_slice(), first, None));
        rows::answer_key(tx, &name, 200, &serde_json::json!({"output": "hi"})).await.expect("a write");
        rows::release_key(tx, &name, first).await.expect("what is answered is not released");
        let row = rows::idempotency_key(tx, &name).await.expect("a read").expect("a row");
        assert_eq!((row.status, row.answer.map(|answer| answer.0["output"].clone())), (Some(200), Some("hi".into())));
        rows::forget_key(tx, &name).await.expect("a write");
        assert!(rows::idempotency_key(tx, &name).await.expect("a read").is_none());
        drop(held);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_demo_conversation_has_so_many_messages() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let (offering, now) = (bought.offered.offering, t.ctx.now());
        let later = now.plus_seconds(60);
        let mut held = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let tx = &mut held;
        assert!(rows::take_demo(tx, "d", offering, 2, now, later).await.expect("a write"));
        assert!(rows::take_demo(tx, "d", offering, 2, now, later).await.expect("a write"));
        assert!(!rows::take_demo(tx, "d", offering, 2, now, later).await.expect("a write"));
        rows::give_back_demo(tx, "d").await.expect("a write");
        rows::save_demo(tx, "d", &serde_json::json!(["said"])).await.expect("a write");
        let row = rows::demo(tx, "d", offering, now).await.expect("a read").expect("a row");
        assert_eq!((row.used, row.turns.0), (1, serde_json::json!(["said"])));
        assert!(rows::demo(tx, "d", offering, later).await.expect("a read").is_none(), "it has expired");
        rows::sweep(tx, now, now, later.plus_seconds(1)).await.expect("a write");
        assert!(rows::demo(tx, "d", offering, now).await.expect("a read").is_none());
        drop(held);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_by_its_owner_alone() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let made = t
            .key(
                &bought,
                domain::state::KeyKind::Publishable,
                &[domain::state::KeyScope::Invoke],
                &["https://shop.example"],
            )
            .await;
        let tenant = Tenant::assume_authorized(bought.buyer.organization);
        let foreign = Tenant::assume_authorized(bought.offered.provider);
        let now = t.ctx.now();
        let mut held = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let tx = &mut held;
        let twin = domain::view::config::KeyView { id: KeyId(Uuid::from_u128(7)), ..made.key.clone() };
        keys::insert(tx, tenant, &twin, &[7; 32], bought.buyer.user).await.expect("a write");
        let (owner, found) = keys::by_hash(tx, &[7; 32]).await.expect("a read").expect("a key");
        assert_eq!((owner, &found), (tenant.id(), &twin));
        assert_eq!(keys::find(tx, twin.id).await.expect("a read").map(|(_, key)| key), Some(found));
        assert!(keys::by_hash(tx, &[8; 32]).await.expect("a read").is_none());
        keys::revoke(tx, tenant, twin.id, now).await.expect("a write");
        assert!(keys::get(tx, foreign, made.key.id).await.expect("a read").is_none());
        keys::revoke(tx, foreign, made.key.id, now).await.expect("nothing of theirs");
        assert!(keys::of_organization(tx, foreign).await.expect("a read").is_empty());
        let origins = |origins: Vec<domain::Origin>| origins.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(origins(keys::origins(tx, bought.config, now).await.expect("a read")), ["https://shop.example"]);
        keys::touch(tx, made.key.id, now).await.expect("a write");
        keys::touch(tx, made.key.id, now.plus_seconds(-1)).await.expect("an older use changes nothing");
        keys::note_browser(tx, made.key.id, "https://blog.example").await.expect("a write");
        keys::revoke(tx, tenant, made.key.id, now).await.expect("a write");
        keys::revoke(tx, tenant, made.key.id, now.plus_seconds(1)).await.expect("it stays as it is");
        let key = keys::get(tx, tenant, made.key.id).await.expect("a read").expect("a key");
        assert_eq!(
            (key.revoked, key.last_used, key.seen_in_browser.as_deref()),
            (Some(now), Some(now), Some("https://blog.example"))
        );
        assert!(keys::origins(tx, bought.config, now).await.expect("a read").is_empty(), "a revoked key opens no page");
        assert!(keys::find(tx, KeyId(Uuid::from_u128(1))).await.expect("a read").is_none());
        drop(held);
        bought.finish().await;
    })
    .await;
}
