//! Money goes back in parts, comes to us again, or is taken by a bank; and every cent stays explained.

use super::*;
use domain::PaymentId;
use domain::ledger::AccountCode;
use domain::state::{CaseKind, DisputeState, EarningState, InvoiceKind, PaymentState, RefundCause, RefundState};
use domain::view::money::{CaseView, InvoiceView, OrderMoney};
use serde_json::Value;
use services::ports::PaymentsError;
use services::{cases, invoices, ledger, refunds};

/// A sale of $29, of which $23.20 are the seller's.
struct Sale {
    shop: Shop,
    order: OrderView,
    payment: PaymentId,
}

impl Sale {
    async fn make(t: &TestCtx) -> Self {
        let shop = Shop::open(t).await;
        let order = shop.buy(t).await;
        pay(t, &order, 2900).await;
        t.run_jobs().await;
        let view = refunds::of_order(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        Self { shop, order, payment: view.payments[0].id }
    }

    async fn money(&self, t: &TestCtx) -> OrderMoney {
        refunds::of_order(&t.ctx, &t.operator().await, self.order.id).await.unwrap()
    }

    /// Gives so much back as an operator, and has the rail do it.
    async fn give_back(&self, t: &TestCtx, minor: i64) {
        let operator = t.operator().await;
        refunds::give_back(&t.ctx, &operator, self.payment, Some(minor), "It was too slow.").await.unwrap();
        t.run_jobs().await;
    }

    async fn state(&self, t: &TestCtx) -> PaymentState {
        let all = orders::payments(&t.ctx, &self.shop.buyer.who, self.shop.buyer.organization).await.unwrap();
        all[0].state
    }

    async fn documents(&self, t: &TestCtx) -> Vec<(InvoiceKind, i64)> {
        let buyer = &self.shop.buyer;
        let all: Vec<InvoiceView> = invoices::all(&t.ctx, &buyer.who, buyer.organization).await.unwrap();
        all.into_iter().map(|document| (document.kind, document.total.minor)).collect()
    }

    fn reference(&self) -> String {
        reference(&visit(&self.order))
    }

    /// Has the rail tell what went back of the payment.
    async fn told(&self, t: &TestCtx, event: &str, refunds: Value) {
        let event = json!({"id": event, "kind": "refunded", "reference": self.reference(), "refunds": refunds});
        deliver(t, event).await;
        t.run_jobs().await;
    }

    /// Has the rail tell how a dispute of the whole payment stands.
    async fn disputed(&self, t: &TestCtx, event: &str, state: DisputeState, withdrawn: bool, fee: i64) {
        let dispute = json!({
            "reference": "dp_1", "amount": dollars(2900), "fee_minor": fee, "state": state, "reason": "fraudulent",
            "due_by": t.ctx.now().plus_days(7), "withdrawn": withdrawn,
        });
        deliver(t, json!({"id": event, "kind": "disputed", "reference": self.reference(), "dispute": dispute})).await;
        t.run_jobs().await;
    }
}

async fn open_cases(t: &TestCtx) -> Vec<CaseView> {
    let view = cases::list(&t.ctx, &t.operator().await, Paging::clamped(1, 50)).await.unwrap();
    let open: Vec<CaseView> = view.cases.rows.into_iter().filter(|case| case.closed.is_none()).collect();
    assert_eq!(i64::try_from(open.len()).unwrap(), view.open);
    open
}

#[tokio::test]
async fn a_payment_that_no_order_waits_for_is_owed_to_its_buyer_until_it_has_gone_back() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        orders::cancel(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        t.payments.fail_next(PaymentsError::Refused("The card is closed.".to_owned()));
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        let paid = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!((paid[0].state, paid[0].back), (PaymentState::Refunding, dollars(0)));
        assert_eq!(balances(&t).await, [(AccountCode::RailBalance, 2900), (AccountCode::RefundsDue, 2900)]);
        assert_eq!(open_cases(&t).await[0].kind, CaseKind::RefundFailed);

        let operator = t.operator().await;
        refunds::give_back(&t.ctx, &operator, paid[0].id, None, "To the new card.").await.unwrap();
        t.run_jobs().await;
        let paid = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!((paid[0].state, paid[0].back), (PaymentState::Refunded, dollars(2900)));
        assert_eq!(balances(&t).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_part_of_a_payment_goes_back_and_everyone_gives_their_share() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        sale.give_back(&t, 1000).await;
        let after =
            [(AccountCode::Commission, 380), (AccountCode::ProviderPending, 1520), (AccountCode::RailBalance, 1900)];
        assert_eq!(balances(&t).await, after);
        assert_eq!(sale.state(&t).await, PaymentState::Succeeded);
        let money = sale.money(&t).await;
        assert_eq!((money.payments[0].left, money.refunds.len()), (dollars(1900), 1));
        let refund = &money.refunds[0];
        assert_eq!(
            (refund.amount, refund.cause, refund.state),
            (dollars(1000), RefundCause::Decided, RefundState::Paid)
        );
        assert_eq!(t.payments.given_back()[0].amount, dollars(1000));
        assert_eq!(sale.documents(&t).await, [(InvoiceKind::Invoice, 2900), (InvoiceKind::CreditNote, -1000)]);
        let seller = &sale.shop.seller;
        let earned = ledger::earnings(&t.ctx, &seller.who, seller.organization, Paging::default()).await.unwrap();
        let row = &earned.sales.rows[0];
        assert_eq!(
            (row.net, row.back, row.kept, row.state),
            (dollars(2320), dollars(1000), dollars(1520), EarningState::Pending)
        );
        assert_eq!((earned.totals[0].gross, earned.totals[0].net), (dollars(1900), dollars(1520)));
        let letters = t.mailer.sent();
        assert!(letters.iter().any(|mail| mail.text.contains("It was too slow.") && mail.subject.contains("$10 ")));

        let year = ledger::tax_year(&t.ctx, &seller.who, seller.organization, 2026).await.unwrap();
        let [total] = year.totals.as_slice() else { panic!("{year:?}") };
        assert_eq!(
            (total.gross, total.back, total.commission, total.net),
            (dollars(2900), dollars(1000), dollars(380), dollars(1520))
        );
        assert_eq!((year.months.len(), year.months[0].month.as_str(), year.months[0].net), (1, "2026-11", total.net));
        assert!(ledger::tax_year(&t.ctx, &seller.who, seller.organization, 2025).await.unwrap().totals.is_empty());
        invalid(ledger::tax_year(&t.ctx, &seller.who, seller.organization, i64::MAX).await, "year");
        missing(ledger::tax_year(&t.ctx, &sale.shop.buyer.who, seller.organization, 2026).await);

        // What is left is released when its time is over, and the rest goes back whole.
        days_pass(&t, 15).await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderAvailable, 1520)));
        let operator = t.operator().await;
        refunds::give_back(&t.ctx, &operator, sale.payment, None, "All of it.").await.unwrap();
        t.run_jobs().await;
        assert_eq!(balances(&t).await, []);
        assert_eq!(sale.state(&t).await, PaymentState::Refunded);
        conflict(refunds::give_back(&t.ctx, &operator, sale.payment, None, "Once more.").await);
    })
    .await;
}

#[tokio::test]
async fn no_more_goes_back_than_was_paid_and_only_who_may_gives_back() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        let operator = t.operator().await;
        let give = async |who: &services::Principal, minor: i64| {
            refunds::give_back(&t.ctx, who, sale.payment, Some(minor), "A reason.").await
        };
        for wrong in [2901, 0, -1, i64::MAX, i64::MIN] {
            invalid(give(&operator, wrong).await, "amount");
        }
        invalid(refunds::give_back(&t.ctx, &operator, sale.payment, Some(100), " ").await, "reason");
        forbidden(give(&sale.shop.buyer.who, 100).await);
        let stranger = t.register("stranger@example.com").await;
        missing(give(&stranger.who, 100).await);
        missing(refunds::of_order(&t.ctx, &stranger.who, sale.order.id).await);
        let list = async |who: &services::Principal, buyer, provider| {
            let filter = refunds::RefundFilter { buyer, provider };
            refunds::list(&t.ctx, who, filter, Paging::default()).await
        };
        let (buys, sells) = (sale.shop.buyer.organization, sale.shop.seller.organization);
        missing(list(&stranger.who, Some(buys), None).await);
        missing(list(&stranger.who, None, Some(sells)).await);
        missing(list(&sale.shop.buyer.who, None, Some(sells)).await);
        forbidden(list(&sale.shop.buyer.who, None, None).await);
        assert_eq!(list(&sale.shop.buyer.who, Some(buys), None).await.unwrap().total, 0);
        missing(refunds::give_back(&t.ctx, &operator, PaymentId(services::clock::fresh_id()), None, "None.").await);
        // Two at once: only one of them fits.
        let two = tokio::join!(give(&sale.shop.seller.who, 2000), give(&operator, 2000));
        assert_eq!([two.0.is_ok(), two.1.is_ok()].iter().filter(|&&done| done).count(), 1, "{two:?}");
        t.run_jobs().await;
        assert_eq!(sale.money(&t).await.payments[0].left, dollars(900));
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_out_already_the_seller_owes_in_parts_too() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        payouts::bank(&t, &sale.shop, "Bank account •••• 6789").await;
        days_pass(&t, 15).await;
        services::payouts::run(&t.ctx, &t.operator().await).await.unwrap();
        t.run_jobs().await;
        sale.give_back(&t, 1450).await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 1160)));
        sale.give_back(&t, 1450).await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 2320)));
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_the_rail_refuses_is_undone_and_a_person_hears_of_it() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        let before = balances(&t).await;
        t.payments.fail_next(PaymentsError::Refused("The card is gone.".to_owned()));
        sale.give_back(&t, 1000).await;
        assert_eq!(balances(&t).await, before);
        let money = sale.money(&t).await;
        assert_eq!((money.refunds[0].state, money.payments[0].left), (RefundState::Reversed, dollars(2900)));
        let kinds = [InvoiceKind::Invoice, InvoiceKind::CreditNote, InvoiceKind::DebitNote];
        assert_eq!(sale.documents(&t).await.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(), kinds);
        let open = open_cases(&t).await;
        assert_eq!((open.len(), open[0].kind), (1, CaseKind::RefundFailed));
        assert!(open[0].detail.contains("The card is gone."), "{open:?}");
        // Again, and this time it works.
        sale.give_back(&t, 1000).await;
        assert_eq!(sale.money(&t).await.payments[0].left, dollars(1900));
        let operator = t.operator().await;
        invalid(cases::close(&t.ctx, &operator, open[0].id, "").await, "note");
        forbidden(cases::close(&t.ctx, &sale.shop.seller.who, open[0].id, "Done.").await);
        cases::close(&t.ctx, &operator, open[0].id, "Given back the second time.").await.unwrap();
        conflict(cases::close(&t.ctx, &operator, open[0].id, "Once more.").await);
        assert_eq!(open_cases(&t).await.len(), 0);
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_fails_days_later_gives_everyone_their_share_again() {
    for released in [false, true] {
        on_every_ctx(async |t| {
            let sale = Sale::make(&t).await;
            sale.give_back(&t, 2900).await;
            assert_eq!(sale.state(&t).await, PaymentState::Refunded);
            let refund = sale.money(&t).await.refunds[0].clone();
            if released {
                days_pass(&t, 15).await;
            }
            let failed =
                json!([{"reference": refund.reference, "key": null, "amount": dollars(2900), "stands": false}]);
            for event in ["f1", "f2"] {
                sale.told(&t, event, failed.clone()).await;
            }
            assert_eq!(sale.state(&t).await, PaymentState::Succeeded);
            assert_eq!(open_cases(&t).await.len(), 1);
            days_pass(&t, if released { 10 } else { 15 }).await;
            let all = [
                (AccountCode::Commission, 580),
                (AccountCode::ProviderAvailable, 2320),
                (AccountCode::RailBalance, 2900),
            ];
            assert_eq!(balances(&t).await, all);
        })
        .await;
    }
}

#[tokio::test]
async fn what_came_back_settles_what_the_seller_had_come_to_owe() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        // A part goes back while the earning is held back; then it is released and paid out.
        sale.give_back(&t, 1000).await;
        let refund = sale.money(&t).await.refunds[0].clone();
        payouts::bank(&t, &sale.shop, "Bank account •••• 6789").await;
        days_pass(&t, 15).await;
        services::payouts::run(&t.ctx, &t.operator().await).await.unwrap();
        t.run_jobs().await;
        sale.give_back(&t, 1900).await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 1520)));
        let second = sale.money(&t).await.refunds[1].clone();
        // Both fail: the first settles a part of what the second took, the second the rest.
        let failed = |refund: &domain::view::money::RefundView| {
            json!([{"reference": refund.reference, "key": null, "amount": refund.amount, "stands": false}])
        };
        sale.told(&t, "first", failed(&refund)).await;
        assert!(balances(&t).await.contains(&(AccountCode::ProviderReceivable, 720)));
        sale.told(&t, "second", failed(&second)).await;
        let all = [(AccountCode::Commission, 580), (AccountCode::ProviderAvailable, 800), (AccountCode::RailBalance, 1380)];
        assert_eq!(balances(&t).await, all);
    })
    .await;
}

#[tokio::test]
async fn what_somebody_gives_back_on_the_rails_own_pages_is_booked_once() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        let part = json!({"reference": "re_1", "key": null, "amount": dollars(500), "stands": true});
        for event in ["a", "b", "c"] {
            sale.told(&t, event, json!([part])).await;
        }
        let money = sale.money(&t).await;
        assert_eq!((money.refunds.len(), money.refunds[0].cause), (1, RefundCause::Rail));
        assert_eq!(money.payments[0].left, dollars(2400));
        // Ours is known by its key, even where the event comes before the answer.
        let operator = t.operator().await;
        let ours = refunds::give_back(&t.ctx, &operator, sale.payment, Some(400), "A part.").await.unwrap();
        let named =
            json!({"reference": "re_2", "key": format!("refund:{}", ours.id), "amount": dollars(400), "stands": true});
        t.payments.fail_next(PaymentsError::Unavailable("away".to_owned()));
        sale.told(&t, "d", json!([part, named])).await;
        insist(&t).await;
        assert_eq!(t.payments.given_back(), [], "the rail had done it");
        let money = sale.money(&t).await;
        assert_eq!((money.refunds.len(), money.payments[0].left), (2, dollars(2000)));
        assert_eq!(money.refunds.iter().find(|refund| refund.id == ours.id).unwrap().reference, "re_2");
        // More than there is cannot be anybody's share: a person looks at it.
        let more = json!({"reference": "re_3", "key": null, "amount": dollars(2001), "stands": true});
        sale.told(&t, "e", json!([part, named, more])).await;
        assert_eq!(open_cases(&t).await[0].kind, CaseKind::Mismatch);
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_bank_takes_the_money_first_and_gives_it_back_where_it_decides_for_us() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        for event in ["opened", "again"] {
            sale.disputed(&t, event, DisputeState::NeedsResponse, true, 1500).await;
        }
        assert_eq!(balances(&t).await, [(AccountCode::RailBalance, -1500), (AccountCode::RailFees, 1500)]);
        let money = sale.money(&t).await;
        assert_eq!((money.refunds.len(), money.refunds[0].cause), (1, RefundCause::Dispute));
        let open = open_cases(&t).await;
        assert_eq!((open.len(), open[0].kind, open[0].order_id), (1, CaseKind::Dispute, Some(sale.order.id)));
        let seller = t.mailer.sent().into_iter().filter(|mail| mail.to.as_str() == "seller@example.com");
        assert_eq!(seller.filter(|mail| mail.subject.contains("disputed")).count(), 1);
        // Nothing can be given back that the bank has.
        let operator = t.operator().await;
        conflict(refunds::give_back(&t.ctx, &operator, sale.payment, None, "A reason.").await);

        sale.disputed(&t, "won", DisputeState::Won, false, 0).await;
        let all =
            [(AccountCode::Commission, 580), (AccountCode::ProviderPending, 2320), (AccountCode::RailBalance, 2900)];
        assert_eq!(balances(&t).await, all);
        assert_eq!(open_cases(&t).await.len(), 0);
        assert_eq!(sale.state(&t).await, PaymentState::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn a_dispute_that_is_lost_stays_with_the_buyer_and_one_that_only_asks_moves_nothing() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        let before = balances(&t).await;
        sale.disputed(&t, "asks", DisputeState::NeedsResponse, false, 0).await;
        assert_eq!((balances(&t).await, open_cases(&t).await.len()), (before, 1));
        // It comes to a dispute after a part has gone back: no more than what is left can be taken.
        sale.give_back(&t, 900).await;
        sale.disputed(&t, "takes", DisputeState::UnderReview, true, 1500).await;
        sale.disputed(&t, "lost", DisputeState::Lost, true, 1500).await;
        assert_eq!(open_cases(&t).await.len(), 0);
        assert_eq!(balances(&t).await, [(AccountCode::RailBalance, -1500), (AccountCode::RailFees, 1500)]);
        assert_eq!(sale.state(&t).await, PaymentState::Refunded);
        days_pass(&t, 20).await;
        assert_eq!(balances(&t).await.len(), 2, "nothing of it is released");
    })
    .await;
}

#[tokio::test]
async fn books_that_are_not_right_become_a_case_that_closes_when_they_are() {
    on_every_ctx(async |t| {
        let sale = Sale::make(&t).await;
        let operator = t.operator().await;
        forbidden(ledger::reconcile_now(&t.ctx, &sale.shop.seller.who).await);
        assert_eq!(ledger::reconcile_now(&t.ctx, &operator).await.unwrap(), 0);
        // A payment that the ledger knows nothing of.
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        let payment = store::orders::payment(&mut tx, sale.payment).await.unwrap().unwrap();
        let stray = store::orders::PaymentRow {
            id: PaymentId(services::clock::fresh_id()),
            reference: "stray".to_owned(),
            charge: "stray".to_owned(),
            ..payment
        };
        #[expect(clippy::disallowed_methods, reason = "the payment is written as no use case writes it")]
        let tenant = store::Tenant::assume_authorized(sale.shop.buyer.organization);
        assert!(store::orders::insert_payment(&mut tx, tenant, &stray).await.unwrap());
        tx.commit().await.unwrap();
        // The comparison of the day finds it, once.
        days_pass(&t, 2).await;
        days_pass(&t, 2).await;
        assert!(open_cases(&t).await.iter().all(|case| case.kind == CaseKind::Mismatch));
        let found = open_cases(&t).await.len();
        assert!(found > 0);
        assert!(t.mailer.sent().iter().filter(|mail| mail.subject.contains("books")).count() <= found);
        ledger::catch_up(&t.ctx).await.unwrap();
        assert_eq!(ledger::reconcile_now(&t.ctx, &operator).await.unwrap(), 0);
        assert_eq!(open_cases(&t).await.len(), 0);
    })
    .await;
}
