//! The public catalog: who sees what, search, filters, reviews.

use domain::{
    Currency, Money,
    state::OfferingState,
    view::{
        Paging,
        catalog::{CatalogQuery, CatalogSort},
        order::{NewOrder, SubscriptionView},
        provider::PlanForm,
    },
};
use services::{
    Error, Principal, catalog,
    operator::{self, Decision},
    orders, provider, subscriptions,
};
use testkit::{Seller, TestCtx, on_every_ctx};

fn looking_for(search: &str) -> CatalogQuery {
    CatalogQuery { search: search.to_owned(), ..CatalogQuery::default() }
}

async fn found(t: &TestCtx, query: CatalogQuery) -> Vec<String> {
    let page = catalog::offerings(&t.ctx, query, Paging::default()).await.expect("a page");
    assert_eq!(page.total, i64::try_from(page.rows.len()).expect("few"));
    page.rows.into_iter().map(|card| card.name).collect()
}

#[tokio::test]
async fn a_draft_is_there_for_its_provider_and_operators_alone() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let stranger = t.provider("stranger@example.com").await;
        let operator = t.operator().await;
        let draft = t.draft_offering(&seller, "Helper").await;

        assert!(found(&t, CatalogQuery::default()).await.is_empty());
        for who in [&seller.who, &operator] {
            let seen = catalog::offering(&t.ctx, who, draft.offering).await.expect("it is seen");
            assert_eq!(seen.card.state, OfferingState::Draft);
        }
        for who in [&stranger.who, &Principal::Visitor] {
            let refused = catalog::offering(&t.ctx, who, draft.offering).await;
            assert!(matches!(refused, Err(Error::NotFound("offering"))));
        }
        let refused = catalog::offering_by_slug(&t.ctx, &Principal::Visitor, "helper").await;
        assert!(matches!(refused, Err(Error::NotFound("offering"))));
        assert!(matches!(catalog::plan(&t.ctx, draft.plan).await, Err(Error::NotFound("plan"))));
    })
    .await;
}

#[tokio::test]
async fn a_listed_offering_is_there_for_everyone_with_safe_html_and_its_plans() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let listed = t.listed_offering(&seller).await;

        let seen = catalog::offering(&t.ctx, &Principal::Visitor, listed.offering).await.expect("it is seen");
        assert_eq!(seen.card.state, OfferingState::Active);
        assert!(seen.full_description_html.contains("<h2>"), "{}", seen.full_description_html);
        assert!(!seen.full_description_html.contains("<script"), "{}", seen.full_description_html);
        assert_eq!(seen.plans.first().map(|plan| plan.price), Some(Money::new(0, Currency::Usd)));
        assert_eq!(seen.provider.id, seller.organization);
        let by_slug =
            catalog::offering_by_slug(&t.ctx, &Principal::Visitor, &seen.card.slug).await.expect("it is seen");
        assert_eq!(by_slug, seen);

        let (plan, card) = catalog::plan(&t.ctx, listed.plan).await.expect("a plan");
        assert_eq!((plan.offering_id, card.id), (listed.offering, listed.offering));
        let agents = catalog::categories(&t.ctx).await.expect("categories");
        let slugs: Vec<_> = agents.iter().map(|category| (category.slug.as_str(), category.offerings)).collect();
        assert_eq!(slugs, [("agents", 1), ("apps", 0), ("assistants", 0), ("automations", 0)]);
        let sellers = catalog::providers(&t.ctx, Paging::default()).await.expect("providers");
        assert_eq!((sellers.total, sellers.rows[0].offerings), (1, 1));
        assert_eq!(catalog::provider(&t.ctx, seller.organization).await.expect("it sells"), sellers.rows[0]);
    })
    .await;
}

#[tokio::test]
async fn search_finds_by_name_tagline_tag_provider_and_description_and_forgives_one_letter() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let helper = t.draft_offering(&seller, "Parcel Helper").await;
        t.list(&helper).await;
        let other = t.draft_offering(&seller, "Quiet Gardener").await;
        t.list(&other).await;

        assert_eq!(found(&t, looking_for("parcel")).await, ["Parcel Helper"]);
        assert_eq!(found(&t, looking_for("PARCL helper")).await, ["Parcel Helper"]);
        assert_eq!(found(&t, looking_for("gard")).await, ["Quiet Gardener"]);
        assert_eq!(found(&t, looking_for("parcel gardener")).await, Vec::<String>::new());
        // The tag, the tagline and the description are the same in both.
        assert_eq!(found(&t, looking_for("the testing")).await.len(), 2);
        assert_eq!(found(&t, looking_for("zeppelin")).await, Vec::<String>::new());
        assert_eq!(found(&t, looking_for("  ")).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn filters_and_orders_hold_and_pages_do_not_overlap() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        for name in ["Cedar", "Ash", "Birch"] {
            let draft = t.draft_offering(&seller, name).await;
            t.list(&draft).await;
            t.clock.advance_seconds(60);
        }
        let sorted = |sort| CatalogQuery { sort, ..CatalogQuery::default() };
        assert_eq!(found(&t, sorted(CatalogSort::Name)).await, ["Ash", "Birch", "Cedar"]);
        assert_eq!(found(&t, sorted(CatalogSort::Newest)).await, ["Birch", "Ash", "Cedar"]);
        assert_eq!(found(&t, sorted(CatalogSort::Price)).await.len(), 3);

        let nothing = CatalogQuery { category: "apps".to_owned(), ..CatalogQuery::default() };
        assert!(found(&t, nothing).await.is_empty());
        let good = CatalogQuery { min_rating: Some(4), ..CatalogQuery::default() };
        assert!(found(&t, good).await.is_empty(), "nothing is rated yet");
        let cheap = CatalogQuery { max_price: Some(0), ..CatalogQuery::default() };
        assert_eq!(found(&t, cheap).await.len(), 3, "each has a free plan");
        let sold_by = |provider| CatalogQuery { provider: Some(provider), ..CatalogQuery::default() };
        assert_eq!(found(&t, sold_by(seller.organization)).await.len(), 3);
        assert!(found(&t, sold_by(services::seed::SELLER)).await.is_empty());

        let mut seen = Vec::new();
        for page in 1..=4 {
            let paging = Paging { page, page_size: 1 };
            let page = catalog::offerings(&t.ctx, CatalogQuery::default(), paging).await.expect("a page");
            assert_eq!((page.total, page.pages()), (3, 3));
            seen.extend(page.rows.into_iter().map(|card| card.name));
        }
        seen.sort();
        assert_eq!(seen, ["Ash", "Birch", "Cedar"]);
    })
    .await;
}

#[tokio::test]
async fn a_paused_offering_stays_listed_and_an_unpublished_one_does_not() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let listed = t.listed_offering(&seller).await;
        provider::pause(&t.ctx, &seller.who, listed.offering).await.expect("paused");
        assert_eq!(found(&t, CatalogQuery::default()).await.len(), 1);
        provider::unpublish(&t.ctx, &seller.who, listed.offering).await.expect("unpublished");
        assert!(found(&t, CatalogQuery::default()).await.is_empty());
        // What was public once is not public now.
        let refused = catalog::offering(&t.ctx, &Principal::Visitor, listed.offering).await;
        assert!(matches!(refused, Err(Error::NotFound(_))));
    })
    .await;
}

#[tokio::test]
async fn only_an_organization_that_got_an_answer_may_review() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let buyer = t.provider("buyer@example.com").await;
        let listed = t.listed_offering(&seller).await;
        let review = async |who, organization| {
            catalog::review(&t.ctx, who, organization, listed.offering, 5, "Good", "It helps.").await
        };

        assert!(matches!(review(&Principal::Visitor, buyer.organization).await, Err(Error::SignedOut)));
        assert!(matches!(review(&buyer.who, seller.organization).await, Err(Error::NotFound(_))));
        assert!(matches!(review(&buyer.who, buyer.organization).await, Err(Error::Forbidden(_))));
        assert!(matches!(review(&seller.who, seller.organization).await, Err(Error::Forbidden(_))));
        let wrong = catalog::review(&t.ctx, &buyer.who, buyer.organization, listed.offering, 6, " ", "").await;
        let Err(Error::Invalid(problems)) = wrong else { panic!("six stars were taken") };
        let fields: Vec<_> = problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["rating", "title", "body"]);
    })
    .await;
}

#[tokio::test]
async fn a_buyer_that_got_an_answer_reviews_once_and_shows_in_the_providers_figures() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let buyer = t.member("buyer@example.com").await;
        let listed = t.listed_offering(&seller).await;
        let order = NewOrder {
            organization_id: buyer.organization,
            project_id: None,
            offering_id: listed.offering,
            plan_id: Some(listed.free_plan),
            name: String::new(),
            accept_terms: true,
        };
        orders::place(&t.ctx, &buyer.who, order).await.expect("ordered");
        t.run_jobs().await;
        let filter = subscriptions::SubscriptionFilter {
            organization: Some(buyer.organization),
            ..subscriptions::SubscriptionFilter::default()
        };
        let mine = subscriptions::list(&t.ctx, &buyer.who, filter, Paging::default()).await.expect("a list");
        let subscription = mine.rows.first().expect("a subscription");

        let review = async || {
            let (organization, offering) = (buyer.organization, listed.offering);
            catalog::review(&t.ctx, &buyer.who, organization, offering, 4, "Good", "It <b>helps</b>.").await
        };
        // Bought, but not used.
        assert!(matches!(review().await, Err(Error::Forbidden(_))));
        answered(&t, &buyer, &seller, subscription).await;
        let written = review().await.expect("a review");
        assert_eq!((written.author.as_str(), written.sample), ("buyer, buyer’s organization", false));
        assert!(matches!(review().await, Err(Error::Conflict(_))));

        let seen = catalog::offering(&t.ctx, &Principal::Visitor, listed.offering).await.expect("it is seen");
        assert_eq!(seen.reviews, [written]);
        let card = &seen.card;
        assert_eq!((card.rating_tenths, card.review_count, card.customers), (40, 1, 1));
        let dashboard = provider::dashboard(&t.ctx, &seller.who, seller.organization).await.expect("a dashboard");
        assert_eq!((dashboard.subscriptions, dashboard.customers, dashboard.orders.len()), (1, 1, 1));
        let customers = provider::customers(&t.ctx, &seller.who, seller.organization).await.expect("customers");
        assert_eq!((customers.len(), customers[0].organization_id), (1, buyer.organization));
        // Somebody has the plan now, so other terms make a new one.
        let dearer = PlanForm {
            id: Some(listed.free_plan),
            name: "Free".to_owned(),
            description: String::new(),
            price: Money::new(100, Currency::Usd),
            monthly_quota: Some(50),
            requests_per_minute: None,
            terms: domain::pricing::Terms::default(),
            documents: None,
        };
        let plan = provider::save_plan(&t.ctx, &seller.who, listed.offering, dearer).await.expect("a plan");
        assert_ne!(plan.id, listed.free_plan);
        let (old, _) = catalog::plan(&t.ctx, listed.free_plan).await.expect("the old plan");
        assert!(old.archived && old.price.is_zero());
    })
    .await;
}

/// Writes down that a subscription was answered once.
async fn answered(t: &TestCtx, buyer: &Seller, seller: &Seller, subscription: &SubscriptionView) {
    let now = t.ctx.now();
    let mut tx = t.ctx.store.write(store::Scope::System).await.expect("a transaction");
    tx.query(
        "INSERT INTO invocations
             (id, organization_id, config_id, subscription_id, provider_id, session_id, source, state
            , status, input_tokens, output_tokens, elapsed_ms, error, started_at, day)
         VALUES ($1, $2, $3, $4, $5, 's', 'api', 'succeeded', 200, 1, 1, 1, '', $6, $7)",
    )
    .bind(services::clock::fresh_id())
    .bind(buyer.organization)
    .bind(subscription.config_id.expect("it is provisioned"))
    .bind(subscription.id)
    .bind(seller.organization)
    .bind(now)
    .bind(now.day())
    .execute()
    .await
    .expect("an invocation")
    .any();
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_suspended_providers_offerings_are_gone_and_cannot_be_approved() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let operator = t.operator().await;
        t.listed_offering(&seller).await;
        let other = t.draft_offering(&seller, "Other").await;
        provider::submit(&t.ctx, &seller.who, other.offering, "").await.expect("submitted");
        let reason = "Complaints.".to_owned();
        operator::suspend_provider(&t.ctx, &operator, seller.organization, &reason).await.expect("suspended");

        assert!(found(&t, CatalogQuery::default()).await.is_empty());
        let refused = catalog::provider(&t.ctx, seller.organization).await;
        assert!(matches!(refused, Err(Error::NotFound("provider"))));
        let waiting = operator::submissions(&t.ctx, &operator, None).await.expect("a list");
        let id = waiting.iter().find(|one| one.offering_id == other.offering).expect("it waits").id;
        let refused = operator::decide_submission(&t.ctx, &operator, id, Decision::Approve).await;
        assert!(matches!(refused, Err(Error::Conflict(_))));
        let seller = t.refreshed(seller).await;
        let refused = provider::withdraw_submission(&t.ctx, &seller.who, other.offering).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))));
    })
    .await;
}

#[tokio::test]
async fn the_provider_is_told_by_mail_how_it_was_decided() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        t.listed_offering(&seller).await;
        t.run_jobs().await;
        let mail = t.mailer.sent().into_iter().find(|mail| mail.subject.contains("Helper is listed"));
        let mail = mail.expect("a letter");
        assert_eq!(mail.to.as_str(), "seller@example.com");
        assert!(mail.text.contains("http://cmp.test/marketplace-public-offering/"), "{}", mail.text);
    })
    .await;
}

#[tokio::test]
async fn deciding_is_for_operators() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let draft = t.draft_offering(&seller, "Helper").await;
        provider::submit(&t.ctx, &seller.who, draft.offering, "").await.expect("submitted");
        for who in [&seller.who, &Principal::Visitor] {
            let refused = operator::submissions(&t.ctx, who, None).await;
            assert!(matches!(refused, Err(Error::Forbidden(_) | Error::SignedOut)));
        }
    })
    .await;
}
