//! A day of sales, and the same day for another program: `cargo xtask prove ledger` has a script in Python
//! work out with fractions what the ledger must say, from what happened alone.

use super::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use services::ledger::{self, NewRule, TransactionFilter};
use services::ports::RuntimeError;
use testkit::on_every_database;

/// How many sales a day has; more where another program looks at it.
const SALES: usize = 12;

/// One buyer's visit.
#[derive(Clone, Copy, Debug)]
struct Visit {
    shop: usize,
    plan: usize,
    fee: i64,
    /// What becomes of it.
    end: End,
    /// How many hours pass afterwards.
    hours: i64,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Stands,
    /// It could not be set up, and goes back.
    Fails,
    /// Another amount was paid, and goes back.
    Wrong,
    /// The rail gives it back without being asked, so many visits later.
    ComesBack {
        after: usize,
    },
    /// A part of it goes back, so many visits later; and comes to us again, after as many more.
    Part {
        after: usize,
        percent: i64,
        fails: bool,
    },
}

fn happens() -> impl Strategy<Value = Visit> {
    let end = prop_oneof![
        6 => Just(End::Stands),
        1 => Just(End::Fails),
        1 => Just(End::Wrong),
        2 => (0..9_usize).prop_map(|after| End::ComesBack { after }),
        3 => (0..9_usize, 1..=100_i64, prop::bool::weighted(0.4))
            .prop_map(|(after, percent, fails)| End::Part { after, percent, fails }),
    ];
    (0..3_usize, 0..4_usize, 0..40_i64, end, 0..60_i64).prop_map(|(shop, plan, fee, end, hours)| Visit {
        shop,
        plan,
        fee,
        end,
        hours,
    })
}

#[expect(clippy::disallowed_methods, reason = "the proof says where the day is to be written")]
fn wanted_at() -> Option<std::path::PathBuf> {
    std::env::var_os("CMP_LEDGER_DAY").map(Into::into)
}

/// The rules of the day: who is meant, the share, and from how many hours on.
const RULES: [(&str, &str, i64); 4] =
    [("all", "17.5", 0), ("agents", "12.25", 100), ("0", "9.99", 150), ("1", "0", 200)];

#[tokio::test]
async fn a_day_of_sales_adds_up() {
    let sales = if wanted_at().is_some() { 200 } else { SALES };
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::default(), &[21; 32]));
    let visits = prop::collection::vec(happens(), sales).new_tree(&mut runner).unwrap().current();
    on_every_database(async |store| {
        let dialect = store.dialect();
        let t = TestCtx::new(store).await;
        let happened = live(&t, &visits).await;
        let operator = t.operator().await;
        let check = ledger::check(&t.ctx, &operator).await.unwrap();
        assert!(check.holds(), "{check:?}");
        if let Some(directory) = wanted_at() {
            let day = json!({"happened": happened, "ledger": books(&t).await});
            std::fs::write(directory.join(format!("{dialect:?}.json")), day.to_string()).unwrap();
        }
    })
    .await;
}

/// Something that goes back, or comes to us again.
enum Back {
    Whole { session: String },
    Part { session: String, order: domain::OrderId, minor: i64, again: Option<usize> },
    Fails { session: String, refund: domain::RefundId, told: Value },
}

/// Has it go back; returns what comes to us again, and when.
async fn go_back(t: &TestCtx, what: Back, happened: &mut Vec<Value>) -> Option<(usize, Back)> {
    let tell = async |id: String, session: &str, refunds: Value| {
        let reference = reference(session);
        deliver(t, json!({"id": id, "kind": "refunded", "reference": reference, "refunds": refunds})).await;
        t.run_jobs().await;
    };
    match what {
        Back::Whole { session } => {
            tell(format!("back {session}"), &session, json!([])).await;
            happened.push(json!({"what": "refunded", "payment": session}));
            None
        }
        Back::Part { session, order, minor, again } => {
            let operator = t.operator().await;
            let money = services::refunds::of_order(&t.ctx, &operator, order).await.unwrap();
            let payment = money.payments[0].id;
            let refund =
                services::refunds::give_back(&t.ctx, &operator, payment, Some(minor), "A part of it.").await.unwrap();
            t.run_jobs().await;
            happened.push(json!({"what": "part", "payment": session, "refund": refund.id, "amount": minor}));
            let told = json!([{
                "reference": format!("back refund:{}", refund.id), "key": null, "amount": refund.amount,
                "stands": false,
            }]);
            again.map(|when| (when, Back::Fails { session, refund: refund.id, told }))
        }
        Back::Fails { session, refund, told } => {
            tell(format!("failed {refund}"), &session, told).await;
            happened.push(json!({"what": "fails", "payment": session, "refund": refund}));
            None
        }
    }
}

/// Lets the day happen; returns what happened, in order, without anything that the ledger says.
async fn live(t: &TestCtx, visits: &[Visit]) -> Vec<Value> {
    // No month is renewed: what happens is what is written down here.
    t.payments.decline_charges(true);
    let operator = t.operator().await;
    let mut shops = Vec::new();
    for number in 0..3 {
        let seller = t.provider(&format!("seller{number}@example.com")).await;
        let offered = t.listed_offering(&seller).await;
        let mut plans = vec![(offered.plan, 2900)];
        for minor in [1, 333, 9995] {
            let plan = PlanForm {
                id: None,
                name: format!("Plan of {minor}"),
                description: String::new(),
                price: dollars(minor),
                monthly_quota: None,
                requests_per_minute: None,
                terms: domain::pricing::Terms::default(),
                documents: None,
            };
            let plan = provider::save_plan(&t.ctx, &seller.who, offered.offering, plan).await.unwrap();
            plans.push((plan.id, minor));
        }
        shops.push((seller, offered, plans));
    }
    let buyer = t.register("buyer@example.com").await;
    let start = t.ctx.now().0;
    let hour = |t: &TestCtx| (t.ctx.now().0 - start) / 3_600_000_000;
    let mut happened = vec![json!({
        "what": "begin", "share": 2000, "hold_hours": 14 * 24,
        "providers": shops.iter().map(|(seller, ..)| seller.organization.to_string()).collect::<Vec<_>>(),
    })];
    let mut rules = RULES.iter().peekable();
    let mut back: Vec<(usize, Back)> = Vec::new();
    for (number, visit) in visits.iter().enumerate() {
        while let Some((scope, percent, _)) = rules.next_if(|(_, _, from)| *from <= hour(t)) {
            let mut rule = NewRule { percent: (*percent).to_owned(), ..NewRule::default() };
            match *scope {
                "all" => {}
                "agents" => "agents".clone_into(&mut rule.category),
                number => rule.provider = Some(shops[number.parse::<usize>().unwrap()].0.organization),
            }
            ledger::add_rule(&t.ctx, &operator, rule).await.unwrap();
            happened.push(json!({"what": "rule", "for": scope, "percent": percent}));
            t.clock.advance_seconds(1);
        }
        let (_, offered, plans) = &shops[visit.shop];
        let (plan, price) = plans[visit.plan];
        let order = NewOrder {
            organization_id: buyer.organization,
            project_id: None,
            offering_id: offered.offering,
            plan_id: Some(plan),
            name: String::new(),
            accept_terms: false,
        };
        let order = orders::place(&t.ctx, &buyer.who, order).await.unwrap();
        let session = super::visit(&order);
        let amount = if matches!(visit.end, End::Wrong) { price + 1 } else { price };
        let fee = visit.fee.min(amount);
        if matches!(visit.end, End::Fails) {
            t.runtime.fail_provisioning(RuntimeError::Refused("no such model".to_owned()));
        }
        let mut event = paid(&session, amount);
        event["fee"] = json!(fee);
        // Rails tell things more than once.
        for _ in 0..=number % 3 {
            deliver(t, event.clone()).await;
        }
        t.run_jobs().await;
        let what = match visit.end {
            End::Stands => "sold",
            End::Fails => "failed",
            End::Wrong => "wrong",
            End::ComesBack { after } => {
                back.push((number + after, Back::Whole { session: session.clone() }));
                "sold"
            }
            End::Part { after, percent, fails } => {
                let minor = (amount * percent / 100).max(1);
                let again = fails.then_some(number + 2 * after + 1);
                back.push((number + after, Back::Part { session: session.clone(), order: order.id, minor, again }));
                "sold"
            }
        };
        happened.push(json!({
            "what": what, "payment": session, "provider": visit.shop, "category": "agents",
            "amount": amount, "fee": fee, "at": t.ctx.now().0,
        }));
        let (now, later): (Vec<_>, Vec<_>) = back.into_iter().partition(|(when, _)| *when <= number);
        back = later;
        for (_, what) in now {
            back.extend(go_back(t, what, &mut happened).await);
        }
        t.clock.advance_seconds(visit.hours * 3600);
        services::jobs::sweep(&t.ctx).await.unwrap();
        happened.push(json!({"what": "time", "at": t.ctx.now().0}));
    }
    happened
}

/// Returns the books as they are: every transaction with its lines, oldest first.
async fn books(t: &TestCtx) -> Vec<Value> {
    let operator = t.operator().await;
    let mut all = Vec::new();
    for page in 1.. {
        let paging = Paging::clamped(page, 300);
        let found = ledger::transactions(&t.ctx, &operator, TransactionFilter::default(), paging).await.unwrap();
        if found.rows.is_empty() {
            break;
        }
        all.extend(found.rows);
    }
    all.sort_by_key(|row| row.number);
    all.into_iter()
        .map(|row| {
            let lines: Vec<Value> = row
                .entries
                .iter()
                .map(|entry| json!([entry.account, entry.owner_id, entry.amount.minor, entry.amount.currency]))
                .collect();
            json!({
                "id": row.id, "number": row.number, "kind": row.kind, "source": row.source, "memo": row.memo,
                "occurred_at": row.occurred, "hash": row.hash, "reverses": row.reverses, "lines": lines,
            })
        })
        .collect()
}
