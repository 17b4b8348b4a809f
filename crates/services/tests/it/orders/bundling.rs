//! Several products are bought at once, at a price for all of them, and each provider earns its part.

use super::*;
use domain::BundleId;
use domain::state::{BundleState, DisputeState, InvoiceKind, PaymentState};
use domain::view::bundle::{BundleForm, BundleView};
use services::orders::NewBundleOrder;
use services::ports::RuntimeError;
use services::{bundles, invoices, ledger, refunds};

/// Two providers: one sells Helper at $29 and puts the bundle together, the other sells Writer at $49.
struct Street {
    shop: Shop,
    writer: Seller,
    writing: Offered,
    dear: PlanId,
}

impl Street {
    async fn open(t: &TestCtx) -> Self {
        let shop = Shop::open(t).await;
        let writer = t.provider("writer@example.com").await;
        let writing = t.draft_offering(&writer, "Writer").await;
        let plan = PlanForm {
            id: None,
            name: "Pro".to_owned(),
            description: String::new(),
            price: dollars(4900),
            monthly_quota: Some(500),
            requests_per_minute: None,
            terms: domain::pricing::Terms { trial_days: 14, ..domain::pricing::Terms::default() },
            documents: None,
        };
        let dear = provider::save_plan(&t.ctx, &writer.who, writing.offering, plan).await.unwrap().id;
        t.list(&writing).await;
        t.run_jobs().await;
        Self { shop, writer, writing, dear }
    }

    async fn draft(&self, t: &TestCtx, price: i64) -> BundleId {
        let seller = &self.shop.seller;
        let form =
            BundleForm { name: "Office".to_owned(), description: "Both at once.".to_owned(), price: dollars(price) };
        let id = bundles::create(&t.ctx, &seller.who, seller.organization, form).await.unwrap().id;
        for plan in [self.shop.offered.plan, self.dear] {
            bundles::put(&t.ctx, &seller.who, id, plan).await.unwrap();
        }
        id
    }

    /// Returns a bundle at $50 that everybody has agreed to.
    async fn offered(&self, t: &TestCtx) -> BundleId {
        let id = self.draft(t, 5000).await;
        bundles::propose(&t.ctx, &self.shop.seller.who, id).await.unwrap();
        let agreed = bundles::agree(&t.ctx, &self.writer.who, id, self.writing.offering).await.unwrap();
        assert_eq!(agreed.state, BundleState::Offered);
        t.run_jobs().await;
        id
    }

    fn order(&self, id: BundleId) -> NewBundleOrder {
        let organization_id = self.shop.buyer.organization;
        NewBundleOrder { organization_id, project_id: None, bundle_id: id, accept_terms: true }
    }

    async fn buy(&self, t: &TestCtx, id: BundleId) -> OrderView {
        orders::place_bundle(&t.ctx, &self.shop.buyer.who, self.order(id)).await.unwrap()
    }

    /// Returns the orders that are paid together with one, as the buyer sees them.
    async fn together(&self, t: &TestCtx, order: &OrderView) -> Vec<OrderView> {
        let mut all = Vec::new();
        for (id, _, _) in &self.shop.see(t, order).await.together.unwrap().orders {
            all.push(orders::get(&t.ctx, &self.shop.buyer.who, *id).await.unwrap());
        }
        all
    }

    async fn net(&self, t: &TestCtx, seller: &Seller) -> i64 {
        let view = ledger::earnings(&t.ctx, &seller.who, seller.organization, Paging::default()).await.unwrap();
        view.sales.rows.iter().map(|row| row.kept.minor).sum()
    }
}

fn shares(view: &BundleView) -> Vec<(&str, i64)> {
    view.parts.iter().map(|part| (part.offering_name.as_str(), part.price.minor)).collect()
}

#[tokio::test]
async fn one_payment_buys_every_product_of_a_bundle_and_each_provider_earns_its_part() {
    on_every_ctx(async |t| {
        let street = Street::open(&t).await;
        let id = street.offered(&t).await;
        let view = bundles::get(&t.ctx, &services::Principal::Visitor, id).await.unwrap();
        assert_eq!(shares(&view), [("Helper", 1859), ("Writer", 3141)], "as 29 to 49");
        assert_eq!((view.alone(), view.price), (dollars(7800), dollars(5000)));

        let order = street.buy(&t, id).await;
        let opened = t.payments.opened();
        assert_eq!((opened.len(), opened[0].amount), (1, dollars(5000)));
        assert_eq!(opened[0].description, "Office — Helper, Writer");
        assert_eq!(order.together.as_ref().unwrap().total, dollars(5000));
        pay(&t, &order, 5000).await;
        pay(&t, &order, 5000).await;
        t.run_jobs().await;
        let bought = street.shop.subscriptions(&t).await;
        assert!(bought.len() == 2 && bought.iter().all(|one| one.state == OK), "{bought:?}");
        let mut plans: Vec<&str> = bought.iter().map(|one| one.plan_name.as_str()).collect();
        plans.sort_unstable();
        assert_eq!(plans, ["Pro in Office", "Starter in Office"]);
        let after =
            [(AccountCode::Commission, 1000), (AccountCode::ProviderPending, 4000), (AccountCode::RailBalance, 5000)];
        let mut sums = balances(&t).await;
        let pending: i64 = sums.iter().filter(|row| row.0 == AccountCode::ProviderPending).map(|row| row.1).sum();
        sums.retain(|row| row.0 != AccountCode::ProviderPending);
        sums.insert(1, (AccountCode::ProviderPending, pending));
        assert_eq!(sums, after);
        assert_eq!((street.net(&t, &street.shop.seller).await, street.net(&t, &street.writer).await), (1487, 2513));
        let buyer = &street.shop.buyer;
        let mut documents: Vec<(InvoiceKind, i64)> = invoices::all(&t.ctx, &buyer.who, buyer.organization)
            .await
            .unwrap()
            .into_iter()
            .map(|document| (document.kind, document.total.minor))
            .collect();
        documents.sort_unstable();
        assert_eq!(documents, [(InvoiceKind::Invoice, 1859), (InvoiceKind::Invoice, 3141)]);
        assert_eq!(ledger::reconcile_now(&t.ctx, &t.operator().await).await.unwrap(), 0);

        // Each renews by itself, on the same day, with the card of the one payment, at its part of the price.
        days_pass(&t, 31).await;
        let mut charged: Vec<(i64, Option<String>)> =
            t.payments.charged().into_iter().map(|charge| (charge.amount.minor, charge.earlier_payment)).collect();
        charged.sort_unstable();
        let card = Some(reference(&visit(&order)));
        assert_eq!(charged, [(1859, card.clone()), (3141, card)]);
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn money_of_a_bundle_goes_back_by_product_or_from_all_of_them_and_a_bank_takes_all() {
    on_every_ctx(async |t| {
        let street = Street::open(&t).await;
        let id = street.offered(&t).await;
        let order = street.buy(&t, id).await;
        pay(&t, &order, 5000).await;
        t.run_jobs().await;
        let card = reference(&visit(&order));
        let operator = t.operator().await;
        let all = street.together(&t, &order).await;
        let writing = all.iter().find(|order| order.offering_name == "Writer").unwrap();

        // A provider gives back of its own sale, and sees no other.
        let paid = refunds::of_order(&t.ctx, &street.writer.who, writing.id).await.unwrap();
        assert_eq!((paid.payments.len(), paid.payments[0].amount), (1, dollars(3141)));
        missing(refunds::of_order(&t.ctx, &street.writer.who, order.id).await);
        refunds::give_back(&t.ctx, &street.writer.who, paid.payments[0].id, Some(1141), "It was slow.").await.unwrap();
        t.run_jobs().await;
        let asked = t.payments.given_back();
        assert_eq!((asked[0].payment.as_str(), asked[0].amount, asked[0].whole), (card.as_str(), dollars(1141), false));
        assert_eq!((street.net(&t, &street.shop.seller).await, street.net(&t, &street.writer).await), (1487, 1600));

        // On the company's own pages somebody gives $10 of the charge back: of each what is left of it, as 1859 to 2000.
        let told = json!([{"reference": "re_9", "key": null, "amount": dollars(1000), "stands": true}]);
        let event = json!({"id": "e9", "kind": "refunded", "reference": card, "refunds": told});
        deliver(&t, event.clone()).await;
        t.run_jobs().await;
        let left = async |order: &OrderView| {
            refunds::of_order(&t.ctx, &operator, order.id).await.unwrap().payments[0].left.minor
        };
        assert_eq!((left(&order).await, left(writing).await), (1859 - 482, 2000 - 518));
        deliver(&t, json!({"id": "e10", "kind": "refunded", "reference": card, "refunds": event["refunds"]})).await;
        t.run_jobs().await;
        assert_eq!((left(&order).await, left(writing).await), (1377, 1482), "it is told twice and booked once");
        balances(&t).await;
        // It comes to us again, days later.
        let undone = json!([{"reference": "re_9", "key": null, "amount": dollars(1000), "stands": false}]);
        deliver(&t, json!({"id": "e11", "kind": "refunded", "reference": card, "refunds": undone})).await;
        t.run_jobs().await;
        assert_eq!((left(&order).await, left(writing).await), (1859, 2000));

        // A bank takes all that is left, from both, and gives it back.
        let disputed = |event: &str, state: DisputeState, withdrawn: bool| {
            let dispute = json!({
                "reference": "dp_1", "amount": dollars(5000), "fee_minor": 1500, "state": state, "reason": "fraudulent",
                "due_by": null, "withdrawn": withdrawn,
            });
            json!({"id": event, "kind": "disputed", "reference": card, "dispute": dispute})
        };
        deliver(&t, disputed("takes", DisputeState::NeedsResponse, true)).await;
        t.run_jobs().await;
        assert_eq!((left(&order).await, left(writing).await), (0, 0));
        assert_eq!(t.mailer.sent().iter().filter(|mail| mail.subject.contains("disputed")).count(), 2 + 1);
        balances(&t).await;
        deliver(&t, disputed("won", DisputeState::Won, false)).await;
        t.run_jobs().await;
        assert_eq!((left(&order).await, left(writing).await), (1859, 2000));
        assert_eq!((street.net(&t, &street.shop.seller).await, street.net(&t, &street.writer).await), (1487, 1600));
        balances(&t).await;
        days_pass(&t, 15).await;
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_bundle_that_is_not_paid_as_it_should_be_is_canceled_whole() {
    on_every_ctx(async |t| {
        let street = Street::open(&t).await;
        let id = street.offered(&t).await;
        let canceled = async |order: &OrderView| {
            let all = street.together(&t, order).await;
            all.len() == 2 && all.iter().all(|order| order.state == OrderState::Canceled)
        };
        // Its time is over.
        let late = street.buy(&t, id).await;
        deliver(&t, expired(&visit(&late))).await;
        t.run_jobs().await;
        assert!(canceled(&late).await);
        // Nobody looks at the page, and no event comes.
        let forgotten = street.buy(&t, id).await;
        days_pass(&t, 3).await;
        assert!(canceled(&forgotten).await);
        // Its buyer thinks better of it, on the page of the second product.
        let other = street.buy(&t, id).await;
        let second = street.together(&t, &other).await.remove(1);
        orders::cancel(&t.ctx, &street.shop.buyer.who, second.id).await.unwrap();
        assert!(canceled(&other).await);
        // Somebody pays all the same, or pays the wrong amount: it goes back whole.
        pay(&t, &other, 5000).await;
        let wrong = street.buy(&t, id).await;
        pay(&t, &wrong, 1859).await;
        t.run_jobs().await;
        let back: Vec<i64> = t.payments.given_back().iter().map(|refund| refund.amount.minor).collect();
        assert_eq!(back, [5000, 1859]);
        assert!(street.together(&t, &wrong).await.iter().all(|order| order.state == OrderState::PendingConsumer));
        assert!(street.shop.subscriptions(&t).await.is_empty());
        assert_eq!(balances(&t).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_product_of_a_bundle_that_cannot_be_set_up_goes_back_alone() {
    on_every_ctx(async |t| {
        let street = Street::open(&t).await;
        let id = street.offered(&t).await;
        let order = street.buy(&t, id).await;
        t.runtime.fail_provisioning(RuntimeError::Refused("no such thing".to_owned()));
        pay(&t, &order, 5000).await;
        insist(&t).await;
        let all = street.together(&t, &order).await;
        let states: Vec<OrderState> = all.iter().map(|order| order.state).collect();
        assert!(states.contains(&OrderState::Done) && states.contains(&OrderState::Erred), "{states:?}");
        let failed = all.iter().find(|order| order.state == OrderState::Erred).unwrap();
        let back = t.payments.given_back();
        assert_eq!((back.len(), back[0].amount), (1, failed.amount));
        let paid = orders::payments(&t.ctx, &street.shop.buyer.who, street.shop.buyer.organization).await.unwrap();
        let refunded = paid.iter().filter(|payment| payment.state == PaymentState::Refunded).count();
        assert_eq!((paid.len(), refunded), (2, 1));
        balances(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_bundle_is_offered_when_every_provider_has_agreed_to_its_part() {
    on_every_ctx(async |t| {
        let street = Street::open(&t).await;
        let (seller, writer) = (&street.shop.seller, &street.writer);
        let id = street.draft(&t, 5000).await;
        let visitor = services::Principal::Visitor;
        missing(bundles::get(&t.ctx, &writer.who, id).await);
        missing(bundles::agree(&t.ctx, &writer.who, id, street.writing.offering).await);
        missing(bundles::propose(&t.ctx, &writer.who, id).await);
        missing(bundles::put(&t.ctx, &writer.who, id, street.dear).await);
        missing(orders::place_bundle(&t.ctx, &street.shop.buyer.who, street.order(id)).await);

        let proposed = bundles::propose(&t.ctx, &seller.who, id).await.unwrap();
        assert_eq!(proposed.state, BundleState::Proposed);
        t.run_jobs().await;
        let asked = t.mailer.sent().into_iter().filter(|mail| mail.subject.contains("in the bundle Office?"));
        assert_eq!(asked.map(|mail| mail.to.to_string()).collect::<Vec<_>>(), ["writer@example.com"]);
        assert_eq!(bundles::of_provider(&t.ctx, &writer.who, writer.organization).await.unwrap(), [proposed]);
        missing(bundles::get(&t.ctx, &visitor, id).await);
        missing(bundles::agree(&t.ctx, &street.shop.buyer.who, id, street.writing.offering).await);
        missing(bundles::agree(&t.ctx, &seller.who, id, street.writing.offering).await);
        conflict(bundles::take_out(&t.ctx, &seller.who, id, street.writing.offering).await);
        bundles::agree(&t.ctx, &writer.who, id, street.writing.offering).await.unwrap();
        conflict(bundles::agree(&t.ctx, &writer.who, id, street.writing.offering).await);
        assert_eq!(bundles::offered(&t.ctx, Paging::default()).await.unwrap().total, 1);
        // A part is on nobody's list, and has no trial.
        let card = services::catalog::offering(&t.ctx, &visitor, street.writing.offering).await.unwrap();
        assert!(card.plans.iter().all(|plan| plan.archived || !plan.name.contains("Office")), "{:?}", card.plans);

        // Who sells a part cannot buy the bundle; and nobody can while a part is not on sale.
        forbidden(
            orders::place_bundle(
                &t.ctx,
                &writer.who,
                NewBundleOrder { organization_id: writer.organization, ..street.order(id) },
            )
            .await,
        );
        provider::pause(&t.ctx, &writer.who, street.writing.offering).await.unwrap();
        let why = conflict(orders::place_bundle(&t.ctx, &street.shop.buyer.who, street.order(id)).await);
        assert!(why.contains("Writer is not on sale"), "{why}");
        provider::unpause(&t.ctx, &writer.who, street.writing.offering).await.unwrap();

        let order = street.buy(&t, id).await;
        pay(&t, &order, 5000).await;
        t.run_jobs().await;
        missing(bundles::withdraw(&t.ctx, &street.shop.buyer.who, id, "No.").await);
        invalid(bundles::withdraw(&t.ctx, &writer.who, id, "").await, "reason");
        bundles::withdraw(&t.ctx, &writer.who, id, "It sells well alone.").await.unwrap();
        missing(orders::place_bundle(&t.ctx, &street.shop.buyer.who, street.order(id)).await);
        days_pass(&t, 31).await;
        assert_eq!(t.payments.charged().len(), 2, "whoever has bought it keeps it");
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_bundle_is_said_when_it_is_put_together() {
    on_every_ctx(async |t| {
        let street = Street::open(&t).await;
        let seller = &street.shop.seller;
        let (ctx, who) = (&t.ctx, &seller.who);
        let form =
            |price: i64| BundleForm { name: "Office".to_owned(), description: String::new(), price: dollars(price) };
        invalid(bundles::create(ctx, who, seller.organization, form(0)).await, "price");
        invalid(bundles::create(ctx, who, seller.organization, form(i64::MAX)).await, "price");
        let nameless = BundleForm { name: " ".to_owned(), ..form(100) };
        invalid(bundles::create(ctx, who, seller.organization, nameless).await, "name");
        forbidden(bundles::create(ctx, &street.shop.buyer.who, street.shop.buyer.organization, form(100)).await);

        let id = bundles::create(ctx, who, seller.organization, form(1)).await.unwrap().id;
        invalid(bundles::put(ctx, who, id, street.shop.offered.free_plan).await, "plan");
        invalid(bundles::put(ctx, who, id, PlanId(services::clock::fresh_id())).await, "plan");
        bundles::put(ctx, who, id, street.shop.offered.plan).await.unwrap();
        invalid(bundles::propose(ctx, who, id).await, "parts");
        bundles::put(ctx, who, id, street.dear).await.unwrap();
        invalid(bundles::propose(ctx, who, id).await, "price");
        assert_eq!(bundles::take_out(ctx, who, id, street.writing.offering).await.unwrap().parts.len(), 1);
        let dear = street.draft(&t, 7801).await;
        invalid(bundles::propose(ctx, who, dear).await, "price");
        let in_euros = BundleForm { price: Money::new(5000, Currency::Eur), ..form(1) };
        let euros = bundles::create(ctx, who, seller.organization, in_euros).await.unwrap().id;
        invalid(bundles::put(ctx, who, euros, street.dear).await, "plan");
    })
    .await;
}
