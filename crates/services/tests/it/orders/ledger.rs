//! Every movement of money is in the ledger, in the transaction of what caused it.

use super::*;
use domain::ledger::{AccountCode, TransactionKind};
use domain::state::EarningState;
use domain::view::money::{EarningsView, PartyView, RevenueRow};
use services::invoices;
use services::ledger::{self, NewRule, TransactionFilter};
use services::ports::RuntimeError;

/// Returns what was posted, oldest first.
async fn posted(t: &TestCtx) -> Vec<TransactionKind> {
    let operator = t.operator().await;
    let page = Paging::clamped(1, 300);
    let found = ledger::transactions(&t.ctx, &operator, TransactionFilter::default(), page).await.unwrap();
    found.rows.iter().rev().map(|row| row.kind).collect()
}

async fn earned(t: &TestCtx, shop: &Shop) -> EarningsView {
    let seller = &shop.seller;
    ledger::earnings(&t.ctx, &seller.who, seller.organization, Paging::default()).await.unwrap()
}

async fn pay_with_fee(t: &TestCtx, order: &OrderView, minor: i64, fee: i64) {
    let mut event = paid(&visit(order), minor);
    event["fee"] = json!(fee);
    deliver(t, event).await;
    t.run_jobs().await;
}

async fn days_pass(t: &TestCtx, days: i64) {
    t.clock.advance_seconds(days * DAY);
    services::jobs::sweep(&t.ctx).await.unwrap();
}

#[tokio::test]
async fn a_sale_is_divided_and_held_back_for_two_weeks() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        pay_with_fee(&t, &order, 2900, 114).await;
        let all = [
            (AccountCode::Commission, 580),
            (AccountCode::ProviderPending, 2320),
            (AccountCode::RailBalance, 2786),
            (AccountCode::RailFees, 114),
        ];
        assert_eq!(balances(&t).await, all);
        let view = earned(&t, &shop).await;
        let sale = &view.sales.rows[0];
        assert_eq!(
            (sale.gross, sale.tax, sale.commission, sale.net),
            (dollars(2900), dollars(0), dollars(580), dollars(2320))
        );
        assert_eq!((sale.rate.as_str(), sale.state, sale.order_id), ("20 %", EarningState::Pending, order.id));
        assert_eq!((view.held_back.as_slice(), view.available.as_slice()), ([dollars(2320)].as_slice(), [].as_slice()));

        days_pass(&t, 13).await;
        assert_eq!(balances(&t).await, all);
        days_pass(&t, 1).await;
        days_pass(&t, 1).await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderAvailable, 2320)));
        let view = earned(&t, &shop).await;
        assert_eq!((view.held_back.len(), view.available.as_slice()), (0, [dollars(2320)].as_slice()));
        assert_eq!(view.sales.rows[0].state, EarningState::Available);
        assert_eq!(posted(&t).await, [TransactionKind::Sale, TransactionKind::Fee, TransactionKind::Release]);
    })
    .await;
}

#[tokio::test]
async fn money_that_goes_back_leaves_nothing_but_the_fee() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        t.runtime.fail_provisioning(RuntimeError::Refused("no such model".to_owned()));
        pay_with_fee(&t, &order, 2900, 114).await;
        let sold = [TransactionKind::Sale, TransactionKind::Fee];
        assert_eq!(posted(&t).await, [&sold[..], &[TransactionKind::RefundDue, TransactionKind::RefundPaid]].concat());
        assert_eq!(balances(&t).await, [(AccountCode::RailBalance, -114), (AccountCode::RailFees, 114)]);
        let view = earned(&t, &shop).await;
        assert_eq!((view.sales.rows[0].state, view.totals.len(), view.held_back.len()), (EarningState::Returned, 0, 0));
        // The rail tells of the refund, too, and more than once.
        for round in 0..3 {
            let event = json!({"id": format!("r{round}"), "kind": "refunded", "reference": reference(&visit(&order))});
            deliver(&t, event).await;
            t.run_jobs().await;
        }
        assert_eq!(posted(&t).await.len(), 4);
        days_pass(&t, 30).await;
        assert_eq!(posted(&t).await.len(), 4, "what went back is not released");
    })
    .await;
}

#[tokio::test]
async fn an_invoice_keeps_what_stood_on_it_on_that_day() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let buyer = &shop.buyer;
        let details = |name: &str, vat_id: &str| PartyView {
            name: name.to_owned(),
            address: "1 Main Street\nSpringfield".to_owned(),
            vat_id: vat_id.to_owned(),
            email: String::new(),
        };
        let save = async |party| invoices::save_details(&t.ctx, &buyer.who, buyer.organization, party).await;
        save(details("Buyer Ltd", "gb 123")).await.unwrap();
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        save(details("Another Ltd", "")).await.unwrap();
        let all = invoices::all(&t.ctx, &buyer.who, buyer.organization).await.unwrap();
        let [invoice] = all.as_slice() else { panic!("one invoice") };
        assert_eq!((invoice.buyer.name.as_str(), invoice.buyer.vat_id.as_str()), ("Buyer Ltd", "GB 123"));
        assert_eq!(invoice.buyer.address, "1 Main Street\nSpringfield");
        invalid(save(details("Buyer Ltd", "=1+1")).await, "vat_id");
        let long = PartyView { address: "a\n".repeat(9), ..details("", "") };
        invalid(save(long).await, "address");
        missing(invoices::save_details(&t.ctx, &shop.seller.who, buyer.organization, details("", "")).await);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_waits_is_owed_to_the_buyer_meanwhile() {
    on_every_ctx(async |t| {
        let shop = Shop::careful(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        t.payments.fail_next(services::ports::PaymentsError::Unavailable("away".to_owned()));
        orders::cancel(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        let owed = [(AccountCode::RailBalance, 2900), (AccountCode::RefundsDue, 2900)];
        assert_eq!(balances(&t).await, owed);
        t.run_jobs().await;
        assert_eq!(balances(&t).await, owed);
        insist(&t).await;
        assert_eq!(balances(&t).await, []);
    })
    .await;
}

#[tokio::test]
async fn each_sale_has_an_invoice_and_each_refund_a_credit_note_without_gaps() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        for fails in [false, true, false] {
            let order = shop.buy(&t).await;
            if fails {
                t.runtime.fail_provisioning(RuntimeError::Refused("no such model".to_owned()));
            }
            pay(&t, &order, 2900).await;
            t.run_jobs().await;
        }
        // What no order waits for is not invoiced.
        pay(&t, &shop.buy(&t).await, 1).await;
        t.run_jobs().await;
        let buyer = &shop.buyer;
        let list = services::invoices::list(&t.ctx, &buyer.who, buyer.organization, Paging::default()).await.unwrap();
        let mut seen: Vec<(&str, i64)> = list.rows.iter().map(|row| (row.number.as_str(), row.total.minor)).collect();
        seen.sort_unstable();
        let expected = [
            ("FAKE-2026-000001", 2900),
            ("FAKE-2026-000002", 2900),
            ("FAKE-2026-000003", -2900),
            ("FAKE-2026-000004", 2900),
        ];
        assert_eq!(seen, expected);
        let note = list.rows.iter().find(|row| row.total.minor < 0).unwrap();
        let view = services::invoices::get(&t.ctx, &buyer.who, note.id).await.unwrap();
        assert_eq!((view.corrects.as_deref(), view.buyer.name.is_empty()), (Some("FAKE-2026-000002"), false));
        missing(services::invoices::get(&t.ctx, &shop.seller.who, note.id).await);
        missing(services::invoices::list(&t.ctx, &shop.seller.who, buyer.organization, Paging::default()).await);
        balances(&t).await;
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        let sql = "UPDATE invoices SET total_minor = 0".to_owned();
        store::testing::texts(&mut tx, sql).await.expect_err("an invoice is never changed");
    })
    .await;
}

#[tokio::test]
async fn money_that_no_order_waits_for_is_nobodys_earning() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        pay_with_fee(&t, &order, 2899, 33).await;
        let kinds = [TransactionKind::Unmatched, TransactionKind::Fee, TransactionKind::RefundPaid];
        assert_eq!(posted(&t).await, kinds);
        assert_eq!(balances(&t).await, [(AccountCode::RailBalance, -33), (AccountCode::RailFees, 33)]);
        assert_eq!(earned(&t, &shop).await.sales.total, 0);
    })
    .await;
}

#[tokio::test]
async fn a_refund_after_the_release_is_taken_from_what_is_available() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let (first, second) = (shop.buy(&t).await, shop.buy(&t).await);
        for order in [&first, &second] {
            pay(&t, order, 2900).await;
        }
        t.run_jobs().await;
        days_pass(&t, 15).await;
        // The rail gives one back without being asked, as a company does whose customer asks it.
        let reference = reference(&visit(&first));
        deliver(&t, json!({"id": "refund", "kind": "refunded", "reference": reference})).await;
        t.run_jobs().await;
        let left =
            [(AccountCode::Commission, 580), (AccountCode::ProviderAvailable, 2320), (AccountCode::RailBalance, 2900)];
        assert_eq!(balances(&t).await, left);
        let view = earned(&t, &shop).await;
        assert_eq!((view.available.as_slice(), view.totals[0].sales), ([dollars(2320)].as_slice(), 1));
    })
    .await;
}

#[tokio::test]
async fn the_share_is_that_of_the_day_of_the_sale() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let operator = t.operator().await;
        let buy = async || {
            let order = shop.buy(&t).await;
            pay(&t, &order, 2900).await;
            t.run_jobs().await;
            let sale = earned(&t, &shop).await.sales.rows.remove(0);
            (sale.rate, sale.commission.minor)
        };
        let add = async |rule: NewRule| ledger::add_rule(&t.ctx, &operator, rule).await.unwrap();
        assert_eq!(buy().await, ("20 %".to_owned(), 580));
        add(NewRule { percent: "10".to_owned(), ..NewRule::default() }).await;
        t.clock.advance_seconds(1);
        assert_eq!(buy().await, ("10 %".to_owned(), 290));
        let category = "agents".to_owned();
        add(NewRule { percent: "12.5".to_owned(), category, from: "2026-11-23".to_owned(), ..NewRule::default() })
            .await;
        t.clock.advance_seconds(1);
        assert_eq!(buy().await.0, "10 %", "it holds from the 23rd on");
        t.clock.advance_seconds(2 * DAY);
        // 362.5 cents: half to even.
        assert_eq!(buy().await, ("12.5 %".to_owned(), 362));
        let provider = Some(shop.seller.organization);
        let own = add(NewRule { percent: "0".to_owned(), provider, ..NewRule::default() }).await;
        t.clock.advance_seconds(1);
        assert_eq!(buy().await, ("0 %".to_owned(), 0));
        ledger::end_rule(&t.ctx, &operator, own).await.unwrap();
        t.clock.advance_seconds(1);
        assert_eq!(buy().await.0, "12.5 %");
        assert!(conflict(ledger::end_rule(&t.ctx, &operator, own).await).contains("over already"));
        let shares: Vec<String> = earned(&t, &shop).await.sales.rows.into_iter().map(|sale| sale.rate).collect();
        assert_eq!(shares, ["12.5 %", "0 %", "12.5 %", "10 %", "10 %", "20 %"], "the old sales keep theirs");
        let rules = ledger::rules(&t.ctx, &operator).await.unwrap();
        assert_eq!((rules.otherwise.as_str(), rules.rules.len()), ("20 %", 3));
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused_with_every_reason() {
    on_every_ctx(async |t| {
        let operator = t.operator().await;
        let seller = t.register("seller@example.com").await;
        let add = async |rule: NewRule| ledger::add_rule(&t.ctx, &operator, rule).await;
        let wrong = NewRule {
            percent: "101".to_owned(),
            category: "boats".to_owned(),
            from: "2026-11-20".to_owned(),
            until: "soon".to_owned(),
            ..NewRule::default()
        };
        for field in ["percent", "category", "from", "until"] {
            invalid(add(wrong.clone()).await, field);
        }
        let no_provider =
            NewRule { percent: "1".to_owned(), provider: Some(seller.organization), ..NewRule::default() };
        invalid(add(no_provider).await, "provider");
        let backwards = NewRule {
            percent: "1".to_owned(),
            from: "2026-12-02".to_owned(),
            until: "2026-12-01".to_owned(),
            ..NewRule::default()
        };
        invalid(add(backwards).await, "until");
        forbidden(ledger::add_rule(&t.ctx, &seller.who, NewRule::default()).await);
        forbidden(ledger::check(&t.ctx, &seller.who).await);
        forbidden(ledger::revenue(&t.ctx, &seller.who).await);
    })
    .await;
}

#[tokio::test]
async fn revenue_is_what_the_ledger_says_by_month() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let operator = t.operator().await;
        let order = shop.buy(&t).await;
        pay_with_fee(&t, &order, 2900, 114).await;
        let order = shop.buy(&t).await;
        t.runtime.fail_provisioning(RuntimeError::Refused("no such model".to_owned()));
        pay_with_fee(&t, &order, 2900, 114).await;
        t.clock.advance_seconds(31 * DAY);
        let order = shop.buy(&t).await;
        pay_with_fee(&t, &order, 2900, 114).await;
        let view = ledger::revenue(&t.ctx, &operator).await.unwrap();
        let row = |month: &str, [sold, returned, kept, commission, fees, net]: [i64; 6]| RevenueRow {
            month: month.to_owned(),
            sold: dollars(sold),
            returned: dollars(returned),
            kept: dollars(kept),
            commission: dollars(commission),
            fees: dollars(fees),
            net: dollars(net),
        };
        let expected =
            [row("2026-12", [2900, 0, 2900, 580, 114, 466]), row("2026-11", [5800, 2900, 2900, 580, 228, 352])];
        assert_eq!(view.rows, expected);
        assert_eq!(view.monthly, [dollars(5800)]);
    })
    .await;
}

#[tokio::test]
async fn what_a_provider_earns_is_its_own_business() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        let seller = shop.seller.organization;
        missing(ledger::earnings(&t.ctx, &shop.buyer.who, seller, Paging::default()).await);
        missing(ledger::earnings_csv(&t.ctx, &shop.buyer.who, seller).await);
        let mine = ledger::earnings(&t.ctx, &shop.buyer.who, shop.buyer.organization, Paging::default()).await.unwrap();
        assert_eq!(mine.sales.total, 0, "what one bought is nobody's earning but the seller's");
    })
    .await;
}

#[tokio::test]
async fn payments_from_before_the_ledger_are_booked_at_the_start() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        let payment = store::orders::PaymentRow {
            id: domain::PaymentId(services::clock::fresh_id()),
            order_id: order.id,
            organization_id: shop.buyer.organization,
            provider_id: shop.seller.organization,
            rail: "fake".to_owned(),
            reference: "old".to_owned(),
            charge: "old".to_owned(),
            amount_minor: 2900,
            currency: Currency::Usd,
            state: domain::state::PaymentState::Succeeded,
            method: "Visa".to_owned(),
            created_at: t.ctx.now(),
            back_minor: 0,
        };
        #[expect(clippy::disallowed_methods, reason = "the payment is written as an older version wrote it")]
        let tenant = |id| store::Tenant::assume_authorized(id);
        let insert = store::orders::insert_payment;
        assert!(insert(&mut tx, tenant(shop.buyer.organization), &payment).await.unwrap());
        let back = store::orders::PaymentRow {
            id: domain::PaymentId(services::clock::fresh_id()),
            reference: "given back".to_owned(),
            charge: "given back".to_owned(),
            state: domain::state::PaymentState::Refunded,
            ..payment.clone()
        };
        assert!(insert(&mut tx, tenant(shop.buyer.organization), &back).await.unwrap());
        let refund = store::refunds::RefundRow {
            id: domain::RefundId(back.id.0),
            payment_id: back.id,
            order_id: order.id,
            organization_id: shop.buyer.organization,
            provider_id: shop.seller.organization,
            rail: "fake".to_owned(),
            currency: Currency::Usd,
            amount_minor: 2900,
            tax_minor: 0,
            commission_minor: 0,
            net_minor: 0,
            from_pending: false,
            cause: domain::state::RefundCause::Decided,
            state: domain::state::RefundState::Paid,
            reference: None,
            reason: String::new(),
            created_by: None,
            created_at: t.ctx.now(),
            settled_at: Some(t.ctx.now()),
        };
        store::refunds::insert(&mut tx, &refund).await.unwrap();
        tx.commit().await.unwrap();
        let operator = t.operator().await;
        let check = ledger::check(&t.ctx, &operator).await.unwrap();
        assert!(!check.holds() && check.findings.iter().any(|finding| finding.problems.len() == 2), "{check:?}");
        assert_eq!(ledger::catch_up(&t.ctx).await.unwrap(), 2);
        assert_eq!(ledger::catch_up(&t.ctx).await.unwrap(), 0);
        let all =
            [(AccountCode::Commission, 580), (AccountCode::ProviderPending, 2320), (AccountCode::RailBalance, 2900)];
        assert_eq!(balances(&t).await, all);
    })
    .await;
}
