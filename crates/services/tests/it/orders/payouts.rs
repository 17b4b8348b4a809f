//! What is available to a provider is paid out: once, to where it said, and whatever dies in between.

use super::*;
use domain::ledger::AccountCode;
use domain::state::{EarningState, PayoutState};
use domain::view::payout::PayoutsView;
use services::ports::{PaymentsError, PayoutAccountStatus};
use services::{ledger, payouts, refunds};
use testkit::PaidOutMoney;

const BANK: &str = "Bank account •••• 6789";

/// Says where a shop's seller is paid to.
pub(super) async fn bank(t: &TestCtx, shop: &Shop, destination: &str) {
    let seller = &shop.seller;
    payouts::open_account(&t.ctx, &seller.who, seller.organization).await.unwrap();
    let status =
        PayoutAccountStatus { ready: true, destination: destination.to_owned(), ..PayoutAccountStatus::default() };
    t.payments.set_account(seller.organization, status);
    overview(t, shop).await;
}

async fn overview(t: &TestCtx, shop: &Shop) -> PayoutsView {
    let seller = &shop.seller;
    payouts::overview(&t.ctx, &seller.who, seller.organization, Paging::default()).await.unwrap()
}

/// Opens a shop with a sale of $29 that is available to its seller, and a bank account.
async fn earned(t: &TestCtx) -> Shop {
    let shop = Shop::open(t).await;
    bank(t, &shop, BANK).await;
    shop.bought(t, shop.offered.plan).await;
    days_pass(t, 15).await;
    shop
}

async fn run(t: &TestCtx) -> usize {
    let paid = payouts::run(&t.ctx, &t.operator().await).await.unwrap();
    t.run_jobs().await;
    paid
}

async fn obstacle(t: &TestCtx) -> String {
    let plan = payouts::plan(&t.ctx, &t.operator().await).await.unwrap();
    let [row] = plan.rows.as_slice() else { panic!("{plan:?}") };
    assert_eq!(row.obstacle.is_empty(), plan.total == [row.amount]);
    row.obstacle.clone()
}

#[tokio::test]
async fn what_is_available_is_paid_and_says_what_it_is_made_of() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        assert_eq!(obstacle(&t).await, "");
        assert_eq!((run(&t).await, run(&t).await), (1, 0));
        let sent = t.payments.paid_out();
        assert_eq!((sent.len(), sent[0].amount), (1, dollars(2320)));
        assert_eq!(balances(&t).await, [(AccountCode::Commission, 580), (AccountCode::RailBalance, 580)]);
        let view = overview(&t, &shop).await;
        assert_eq!((view.available.len(), view.in_transit.len(), view.paid), (0, 0, vec![dollars(2320)]));
        let [payout] = view.payouts.rows.as_slice() else { panic!("one payout") };
        assert_eq!((payout.state, payout.destination.as_str()), (PayoutState::Paid, BANK));
        let statement = payouts::statement(&t.ctx, &shop.seller.who, payout.id, Paging::default()).await.unwrap();
        let [line] = statement.lines.rows.as_slice() else { panic!("one line") };
        assert_eq!((line.amount, line.gross), (dollars(2320), Some(dollars(2900))));
        assert!(line.order_id.is_some());
        let seller = &shop.seller;
        let sales = ledger::earnings(&t.ctx, &seller.who, seller.organization, Paging::default()).await.unwrap().sales;
        assert_eq!(sales.rows[0].payout_id, Some(payout.id));
        let letters = t.mailer.sent();
        assert!(letters.iter().any(|mail| mail.subject.starts_with("You are paid $23.20")), "{letters:?}");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_paid_to_nowhere_or_where_an_operator_holds_it_back() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        shop.bought(&t, shop.offered.plan).await;
        days_pass(&t, 15).await;
        assert_eq!(obstacle(&t).await, "It has not said where it is paid to.");
        let seller = &shop.seller;
        payouts::open_account(&t.ctx, &seller.who, seller.organization).await.unwrap();
        assert_eq!(obstacle(&t).await, "The payment rail still wants something from it.");
        assert_eq!(run(&t).await, 0);
        bank(&t, &shop, BANK).await;
        let operator = t.operator().await;
        payouts::hold(&t.ctx, &operator, seller.organization, "We look into a complaint.").await.unwrap();
        assert_eq!(obstacle(&t).await, "Held back: We look into a complaint.");
        assert_eq!(overview(&t, &shop).await.account.unwrap().held, "We look into a complaint.");
        assert_eq!(run(&t).await, 0);
        payouts::hold(&t.ctx, &operator, seller.organization, "").await.unwrap();
        assert_eq!(run(&t).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_bank_account_waits_two_days_and_its_owner_is_told() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        bank(&t, &shop, "Bank account •••• 1111").await;
        let letters = t.mailer.sent();
        assert!(letters.is_empty() || !letters.last().unwrap().subject.contains("1111"), "jobs have not run yet");
        t.run_jobs().await;
        let letters = t.mailer.sent();
        assert_eq!(letters.last().unwrap().subject, "You are paid to Bank account •••• 1111 now");
        assert!(obstacle(&t).await.starts_with("Its account is a new one"));
        assert_eq!(run(&t).await, 0);
        days_pass(&t, 2).await;
        assert_eq!(run(&t).await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_account_that_changed_when_nobody_looked_is_noticed_by_the_run() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        let status = PayoutAccountStatus {
            ready: true,
            destination: "Someone else".to_owned(),
            ..PayoutAccountStatus::default()
        };
        t.payments.set_account(shop.seller.organization, status);
        assert_eq!(run(&t).await, 0);
        assert!(t.payments.paid_out().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_the_bank_refuses_is_available_again_and_goes_out_with_the_next_run() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        t.payments.refuse_payouts(Some("The account is closed."));
        assert_eq!(run(&t).await, 1);
        let view = overview(&t, &shop).await;
        let [payout] = view.payouts.rows.as_slice() else { panic!("one payout") };
        assert_eq!((payout.state, payout.failure.as_str()), (PayoutState::Failed, "The account is closed."));
        assert_eq!(view.available, [dollars(2320)]);
        let seller = &shop.seller;
        let paid_by = async || {
            let view = ledger::earnings(&t.ctx, &seller.who, seller.organization, Paging::default()).await.unwrap();
            view.sales.rows[0].payout_id
        };
        assert_eq!(paid_by().await, None);
        t.payments.refuse_payouts(None);
        assert_eq!(run(&t).await, 1);
        let view = overview(&t, &shop).await;
        assert_eq!(paid_by().await, Some(view.payouts.rows[0].id));
        assert_eq!((view.paid, view.payouts.total), (vec![dollars(2320)], 2));
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_rail_that_is_away_is_asked_again_under_the_same_key() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        // Once for looking at the account, which then stays as it was known; once for the payout itself.
        t.payments.fail_next(PaymentsError::Unavailable("away".to_owned()));
        t.payments.fail_next(PaymentsError::Unavailable("away".to_owned()));
        assert_eq!(run(&t).await, 1);
        assert!(t.payments.paid_out().is_empty());
        let view = overview(&t, &shop).await;
        assert_eq!((view.available.len(), view.in_transit), (0, vec![dollars(2320)]));
        assert_eq!(plan_rows(&t).await, 0, "what is on its way is not available");
        insist(&t).await;
        assert_eq!(overview(&t, &shop).await.paid, [dollars(2320)]);
        balances(&t).await;
    })
    .await;
}

async fn plan_rows(t: &TestCtx) -> usize {
    payouts::plan(&t.ctx, &t.operator().await).await.unwrap().rows.len()
}

#[tokio::test]
async fn a_sale_that_goes_back_after_it_was_paid_out_is_owed_and_the_next_earning_settles_it() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        assert_eq!(run(&t).await, 1);
        let event = json!({"id": "late", "kind": "refunded", "reference": reference("visit_1")});
        deliver(&t, event).await;
        t.run_jobs().await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 2320)));
        // The next month is paid with the same card, and held back in its turn.
        days_pass(&t, 20).await;
        days_pass(&t, 15).await;
        days_pass(&t, 1).await;
        let left = balances(&t).await;
        assert!(!left.iter().any(|(account, _)| *account == AccountCode::ProviderReceivable), "{left:?}");
        assert_eq!(run(&t).await, 0, "what was owed took it all");
        let earnings = ledger::earnings(&t.ctx, &shop.seller.who, shop.seller.organization, Paging::default());
        let states: Vec<EarningState> = earnings.await.unwrap().sales.rows.iter().map(|sale| sale.state).collect();
        assert_eq!(states, [EarningState::Available, EarningState::Returned]);
    })
    .await;
}

#[tokio::test]
async fn less_than_the_minimum_waits() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        bank(&t, &shop, BANK).await;
        let plan = shop.plan(&t, "Small", dollars(500)).await;
        shop.bought(&t, plan).await;
        days_pass(&t, 15).await;
        assert_eq!(obstacle(&t).await, "Less than $10.");
        assert_eq!(run(&t).await, 0);
    })
    .await;
}

#[tokio::test]
async fn two_runs_at_once_pay_once() {
    on_every_ctx(async |t| {
        earned(&t).await;
        let operator = t.operator().await;
        let (a, b) = tokio::join!(payouts::run(&t.ctx, &operator), payouts::run(&t.ctx, &operator));
        // One of them may be told that the database was busy; nobody is paid twice.
        let paid: usize = [a, b].into_iter().map(|outcome| outcome.unwrap_or(0)).sum();
        assert_eq!(paid, 1);
        t.run_jobs().await;
        assert_eq!(t.payments.paid_out().len(), 1);
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn where_to_is_said_by_owners_alone() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let stranger = t.register("stranger@example.com").await;
        let seller = shop.seller.organization;
        let refused = payouts::open_account(&t.ctx, &stranger.who, seller).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        let none = payouts::open_account(&t.ctx, &shop.buyer.who, shop.buyer.organization).await;
        assert!(matches!(none, Err(Error::Forbidden(_))), "{none:?}");
        let run = payouts::run(&t.ctx, &shop.seller.who).await;
        assert!(matches!(run, Err(Error::Forbidden(_))), "{run:?}");
    })
    .await;
}

/// Gives so much of the first payment back, or all that is left of it.
async fn give_back(t: &TestCtx, shop: &Shop, minor: Option<i64>) {
    let paid = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
    let first = paid.last().unwrap().id;
    refunds::give_back(&t.ctx, &t.operator().await, first, minor, "It was too slow.").await.unwrap();
}

/// Sells another of $29, and lets it become available.
async fn earn_more(t: &TestCtx, shop: &Shop) {
    let order = shop.buy(t).await;
    pay(t, &order, 2900).await;
    t.run_jobs().await;
    days_pass(t, 15).await;
}

#[tokio::test]
async fn what_was_paid_out_of_a_sale_that_goes_back_is_taken_back_after_its_buyer_has_the_money() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        assert_eq!(run(&t).await, 1);
        t.payments.set_paid_out_money(PaidOutMoney::Held);
        give_back(&t, &shop, None).await;
        assert!(t.payments.taken_back().is_empty());
        t.run_jobs().await;
        let (given, taken) = (t.payments.given_back(), t.payments.taken_back());
        assert_eq!((given[0].amount, taken.len(), taken[0].amount), (dollars(2900), 1, dollars(2320)));
        let view = overview(&t, &shop).await;
        let [payout] = view.payouts.rows.as_slice() else { panic!("one payout") };
        assert_eq!((taken[0].payout.as_str(), payout.reversed), (payout.reference.as_str(), dollars(2320)));
        assert_eq!((balances(&t).await, view.paid), (vec![], vec![]));
        let letters = t.mailer.sent();
        assert!(letters.iter().any(|mail| mail.subject == "$23.20 was taken back"), "{letters:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_owed_is_taken_back_of_one_payout_after_the_other_the_newest_first() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        assert_eq!(run(&t).await, 1);
        earn_more(&t, &shop).await;
        assert_eq!(run(&t).await, 1);
        t.payments.set_paid_out_money(PaidOutMoney::Held);
        give_back(&t, &shop, Some(1450)).await;
        t.run_jobs().await;
        let paid = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        let second = paid[paid.len() - 2].id;
        refunds::give_back(&t.ctx, &t.operator().await, second, None, "It was too slow.").await.unwrap();
        t.run_jobs().await;
        let taken: Vec<i64> = t.payments.taken_back().iter().map(|reversal| reversal.amount.minor).collect();
        assert_eq!(taken, [1160, 1160, 1160]);
        let reversed: Vec<i64> = overview(&t, &shop).await.payouts.rows.iter().map(|row| row.reversed.minor).collect();
        assert_eq!(reversed, [2320, 1160]);
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn what_has_gone_on_to_the_bank_stays_owed_and_is_asked_for_once() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        assert_eq!(run(&t).await, 1);
        give_back(&t, &shop, Some(1450)).await;
        t.run_jobs().await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 1160)));
        t.payments.set_paid_out_money(PaidOutMoney::Held);
        give_back(&t, &shop, None).await;
        t.run_jobs().await;
        assert!(t.payments.taken_back().is_empty(), "that payout has gone on");
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 2320)));
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_back_when_nothing_is_owed_any_more_is_available_again() {
    on_every_ctx(async |t| {
        let shop = earned(&t).await;
        assert_eq!(run(&t).await, 1);
        t.payments.set_paid_out_money(PaidOutMoney::NotTold);
        give_back(&t, &shop, None).await;
        t.run_jobs().await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 2320)));
        // What is earned meanwhile settles the debt.
        earn_more(&t, &shop).await;
        let settled = [AccountCode::ProviderReceivable, AccountCode::ProviderAvailable];
        let left = balances(&t).await;
        assert!(left.iter().all(|(account, _)| !settled.contains(account)), "{left:?}");
        t.payments.set_paid_out_money(PaidOutMoney::Held);
        insist(&t).await;
        assert_eq!(t.payments.taken_back().len(), 1);
        assert!(balances(&t).await.contains(&(AccountCode::ProviderAvailable, 2320)));
        assert_eq!(run(&t).await, 1);
        let view = overview(&t, &shop).await;
        let statement = payouts::statement(&t.ctx, &shop.seller.who, view.payouts.rows[0].id, Paging::default());
        let lines = statement.await.unwrap().lines.rows;
        assert_eq!((view.payouts.rows[0].amount, view.paid), (dollars(2320), vec![dollars(2320)]));
        assert_eq!(lines.last().map(|line| line.kind), Some(domain::ledger::TransactionKind::PayoutReversed));
    })
    .await;
}
