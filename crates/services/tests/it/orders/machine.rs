//! Whatever happens to an order, in whatever order: no money is lost, none is taken twice.

use super::*;
use domain::ledger::AccountCode;
use domain::state::{DisputeState, PaymentState, RefundCause, RefundState};
use domain::view::money::RefundView;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use services::ports::{PaymentsError, RuntimeError};
use services::refunds;
use testkit::PaidOutMoney;

/// Something that people, the rail or the world do.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Paid {
        visit: usize,
        wrong: bool,
    },
    Expired {
        visit: usize,
    },
    Reopened,
    Canceled,
    Approved,
    Refused,
    ADayPasses,
    RuntimeFails,
    RuntimeRefuses,
    RailFails,
    EarningsReleased,
    PayoutsRun,
    BankRefuses(bool),
    PaidOutMoneyIs(PaidOutMoney),
    JobsRun,
    /// So many hundredths of what is left of the newest payment go back.
    PartGivenBack {
        percent: i64,
    },
    /// The rail says that a refund did not arrive.
    RefundFails {
        number: usize,
    },
    /// The bank takes the first payment back, asks, or has decided.
    Disputed {
        state: DisputeState,
        withdrawn: bool,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..3_usize, prop::bool::weighted(0.15)).prop_map(|(visit, wrong)| Happening::Paid { visit, wrong }),
        2 => (0..3_usize).prop_map(|visit| Happening::Expired { visit }),
        2 => Just(Happening::Reopened),
        1 => Just(Happening::Canceled),
        1 => Just(Happening::Approved),
        1 => Just(Happening::Refused),
        1 => Just(Happening::ADayPasses),
        1 => Just(Happening::RuntimeFails),
        1 => Just(Happening::RuntimeRefuses),
        1 => Just(Happening::RailFails),
        1 => Just(Happening::EarningsReleased),
        2 => Just(Happening::PayoutsRun),
        1 => any::<bool>().prop_map(Happening::BankRefuses),
        1 => prop_oneof![Just(PaidOutMoney::Gone), Just(PaidOutMoney::Held), Just(PaidOutMoney::NotTold)]
            .prop_map(Happening::PaidOutMoneyIs),
        3 => Just(Happening::JobsRun),
        2 => prop_oneof![Just(100), 1..100_i64].prop_map(|percent| Happening::PartGivenBack { percent }),
        1 => (0..3_usize).prop_map(|number| Happening::RefundFails { number }),
        1 => (dispute_state(), any::<bool>())
            .prop_map(|(state, withdrawn)| Happening::Disputed { state, withdrawn }),
    ]
}

fn dispute_state() -> impl Strategy<Value = DisputeState> {
    prop_oneof![
        Just(DisputeState::NeedsResponse),
        Just(DisputeState::UnderReview),
        Just(DisputeState::Won),
        Just(DisputeState::Lost),
    ]
}

async fn happen(t: &TestCtx, shop: &Shop, order: &OrderView, happening: Happening) {
    let visits = t.payments.opened().len();
    match happening {
        // Before a page is opened nobody can pay there.
        Happening::Paid { visit, .. } | Happening::Expired { visit } if visit >= visits => {}
        Happening::Paid { visit, wrong } => {
            let minor = if wrong { 1 } else { 2900 };
            deliver(t, paid(&format!("visit_{}", visit + 1), minor)).await;
        }
        Happening::Expired { visit } => deliver(t, expired(&format!("visit_{}", visit + 1))).await,
        Happening::Reopened => drop(orders::checkout(&t.ctx, &shop.buyer.who, order.id).await),
        Happening::Canceled => drop(orders::cancel(&t.ctx, &shop.buyer.who, order.id).await),
        Happening::Approved => drop(orders::approve_as_provider(&t.ctx, &shop.seller.who, order.id).await),
        Happening::Refused => {
            drop(orders::reject_as_provider(&t.ctx, &shop.seller.who, order.id, "We are full.").await);
        }
        Happening::ADayPasses => {
            t.clock.advance_seconds(24 * 3600);
            services::jobs::sweep(&t.ctx).await.unwrap();
        }
        Happening::RuntimeFails => t.runtime.fail_provisioning(RuntimeError::Failed("restarting".to_owned())),
        Happening::RuntimeRefuses => t.runtime.fail_provisioning(RuntimeError::Refused("no such model".to_owned())),
        Happening::RailFails => t.payments.fail_next(PaymentsError::Unavailable("away".to_owned())),
        Happening::EarningsReleased => {
            t.clock.advance_seconds(15 * 24 * 3600);
            services::jobs::sweep(&t.ctx).await.unwrap();
        }
        Happening::PayoutsRun => drop(services::payouts::run(&t.ctx, &t.operator().await).await),
        Happening::BankRefuses(refuses) => t.payments.refuse_payouts(refuses.then_some("The account is closed.")),
        Happening::PaidOutMoneyIs(place) => t.payments.set_paid_out_money(place),
        Happening::JobsRun => drop(t.run_jobs().await),
        Happening::PartGivenBack { percent } => {
            let operator = t.operator().await;
            let money = refunds::of_order(&t.ctx, &operator, order.id).await.unwrap();
            if let Some(paid) = money.payments.last() {
                let minor = (paid.left.minor * percent / 100).max(1);
                drop(refunds::give_back(&t.ctx, &operator, paid.id, Some(minor), "A part.").await);
            }
        }
        Happening::RefundFails { number } => {
            let operator = t.operator().await;
            let money = refunds::of_order(&t.ctx, &operator, order.id).await.unwrap();
            let made = money.refunds.iter().filter(|refund| !refund.reference.is_empty()).nth(number);
            if let Some(refund) = made {
                let paid = money.payments.iter().find(|paid| paid.id == refund.payment_id).unwrap();
                let told =
                    json!([{"reference": refund.reference, "key": null, "amount": refund.amount, "stands": false}]);
                let id = format!("failed {}", refund.id);
                deliver(t, json!({"id": id, "kind": "refunded", "reference": paid.reference, "refunds": told})).await;
            }
        }
        Happening::Disputed { state, withdrawn } => {
            let operator = t.operator().await;
            let money = refunds::of_order(&t.ctx, &operator, order.id).await.unwrap();
            if let Some(paid) = money.payments.first() {
                let dispute = json!({
                    "reference": "dp_1", "amount": dollars(2900), "fee_minor": 1500, "state": state,
                    "reason": "fraudulent", "due_by": null, "withdrawn": withdrawn,
                });
                let id = format!("disputed {state} {withdrawn} {}", t.ctx.now().0);
                deliver(t, json!({"id": id, "kind": "disputed", "reference": paid.reference, "dispute": dispute}))
                    .await;
            }
        }
    }
}

/// Lets everything settle, and checks what must hold whatever happened.
async fn check(t: &TestCtx, shop: &Shop, order: &OrderView) {
    // Who did not answer does at last.
    t.payments.set_paid_out_money(PaidOutMoney::Held);
    insist(t).await;
    services::jobs::sweep(&t.ctx).await.unwrap();
    insist(t).await;
    t.clock.advance_seconds(90 * 24 * 3600);
    services::jobs::sweep(&t.ctx).await.unwrap();
    // The letters of what fell due in that time.
    insist(t).await;
    assert_eq!(waiting_jobs(t).await, (0, 0), "nothing is left to do, and nothing gave up");
    let seen = shop.see(t, order).await;
    for pair in states(&seen).windows(2) {
        assert!(pair[0] == pair[1] || pair[0].may_become(pair[1]), "{seen:?}");
    }
    let payments = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
    let mine: Vec<_> = payments.iter().filter(|payment| payment.order_id == order.id).collect();
    let standing = mine.iter().filter(|payment| payment.state == PaymentState::Succeeded).count();
    for payment in &mine {
        let left = payment.amount.minor - payment.back.minor;
        assert!((0..=payment.amount.minor).contains(&left));
        assert_eq!(payment.state == PaymentState::Refunded, left == 0, "{payment:?}");
    }
    let alive = shop.subscriptions(t).await.iter().filter(|subscription| subscription.state == OK).count();
    // Where nobody gave anything back but the program, an order that is carried out is paid once, and no other is.
    let money = refunds::of_order(&t.ctx, &t.operator().await, order.id).await.unwrap();
    let by_program = |refund: &RefundView| refund.cause == RefundCause::Decided && refund.reason.is_empty();
    if money.refunds.iter().all(|refund| by_program(refund) && refund.state != RefundState::Reversed) {
        let done = matches!(seen.state, OrderState::Done | OrderState::PendingProvider);
        assert_eq!(standing, usize::from(done), "{seen:?}");
    }
    assert_eq!(alive, usize::from(seen.state == OrderState::Done));
    assert!(!matches!(seen.state, OrderState::PendingConsumer | OrderState::Executing), "{seen:?}");
    // The rail was asked once for each refund that it has made, and for nothing else.
    let asked: i64 = t.payments.given_back().iter().map(|request| request.amount.minor).sum();
    let made = money.refunds.iter().filter(|refund| !refund.reference.is_empty());
    assert_eq!(asked, made.map(|refund| refund.amount.minor).sum::<i64>());
    assert!(money.refunds.iter().all(|refund| refund.state != RefundState::Due), "{money:?}");
    let operator = t.operator().await;
    let found = services::ledger::check(&t.ctx, &operator).await.unwrap();
    assert!(found.holds(), "{found:?}");
    // Whatever stands is divided, renewals of later months too; whatever went back is gone.
    let payments = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
    let left = |owed: bool| {
        let of = payments.iter().filter(move |payment| owed == (payment.state == PaymentState::Refunding));
        of.map(|payment| payment.amount.minor - payment.back.minor).sum::<i64>()
    };
    // What no order waited for and did not go back, because its refund failed, is owed to the buyer; nobody earns by it.
    let (sold, owed) = (left(false), left(true));
    assert!(owed == 0 || money.refunds.iter().any(|refund| refund.state == RefundState::Reversed), "{money:?}");
    let balances = services::ledger::balances(&t.ctx, &operator).await.unwrap();
    let of = |account| balances.iter().filter(|row| row.account == account).map(|row| row.amount.minor).sum::<i64>();
    let taken_back: i64 = t.payments.taken_back().iter().map(|reversal| reversal.amount.minor).sum();
    let paid_out = t.payments.paid_out().iter().map(|payout| payout.amount.minor).sum::<i64>() - taken_back;
    assert!(paid_out >= 0);
    assert_eq!(of(AccountCode::RailBalance) + of(AccountCode::RailFees), sold + owed - paid_out);
    // A fifth of what stands, to a cent for each payment that went back in parts.
    let commission = of(AccountCode::Commission);
    let parts = i64::try_from(payments.len()).unwrap();
    assert!((commission * 5 - sold).abs() <= 5 * parts, "{commission} of {sold}");
    let earned = of(AccountCode::ProviderAvailable) + of(AccountCode::ProviderPending);
    assert_eq!(earned - of(AccountCode::ProviderReceivable), sold - commission - paid_out);
    assert_eq!(of(AccountCode::ProviderInTransit), 0);
    assert_eq!(of(AccountCode::RefundsDue), owed);
    // What the provider's page adds up is what its rows say, and its table, and the ledger.
    let (seller, all) = (&shop.seller, Paging::clamped(1, 100));
    let page = services::ledger::earnings(&t.ctx, &seller.who, seller.organization, all).await.unwrap();
    let table = services::ledger::earnings_csv(&t.ctx, &seller.who, seller.organization).await.unwrap();
    assert_eq!(page.sales.rows, table);
    let kept: i64 = table.iter().map(|row| row.kept.minor).sum();
    assert_eq!(kept, sold - commission);
    let totals = |of: fn(&domain::view::money::EarningsSummary) -> Money| {
        page.totals.iter().map(|row| of(row).minor).sum::<i64>()
    };
    assert_eq!(
        (totals(|row| row.gross), totals(|row| row.commission), totals(|row| row.net)),
        (sold, commission, kept)
    );
}

/// How many stories are lived; the proof `ledger` asks for more.
#[expect(clippy::disallowed_methods, reason = "a proof says so in the environment")]
fn count() -> usize {
    std::env::var("CMP_STORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

async fn stories(seed: u8, careful: bool) {
    let config = Config { cases: 12, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::default(), &[seed; 32]));
    for _ in 0..count() {
        let story = prop::collection::vec(happening(), 1..14).new_tree(&mut runner).unwrap().current();
        on_every_ctx(async |t| {
            let shop = if careful { Shop::careful(&t).await } else { Shop::open(&t).await };
            payouts::bank(&t, &shop, "Bank account •••• 6789").await;
            let order = shop.buy(&t).await;
            for &step in &story {
                happen(&t, &shop, &order, step).await;
            }
            check(&t, &shop, &order).await;
        })
        .await;
    }
}

#[tokio::test]
async fn no_money_is_lost_or_taken_twice_whatever_happens() {
    stories(7, false).await;
}

#[tokio::test]
async fn nor_where_the_provider_decides() {
    stories(8, true).await;
}
