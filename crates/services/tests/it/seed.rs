//! What a fresh install comes with.

use domain::{
    Currency, Money,
    state::Capability,
    view::{Paging, catalog::CatalogQuery},
};
use services::{
    Principal, catalog,
    seed::{self, Loaded, SampleFlow},
};
use testkit::{TestCtx, on_every_ctx};

fn flows(json: &[u8]) -> Vec<SampleFlow<'_>> {
    seed::slugs().map(|slug| SampleFlow { slug, json }).collect()
}

#[tokio::test]
async fn the_five_samples_are_listed_with_plans_and_reviews_marked_as_samples() {
    on_every_ctx(async |t: TestCtx| {
        let loaded = seed::load(&t.ctx, &flows(b"{}")).await.expect("loaded");
        assert_eq!(loaded, Loaded { offerings: 5, versions: 5 });
        let page = catalog::offerings(&t.ctx, CatalogQuery::default(), Paging::default()).await.expect("a page");
        assert_eq!(page.total, 5);
        let mut free = 0;
        for card in page.rows {
            let seen = catalog::offering(&t.ctx, &Principal::Visitor, card.id).await.expect("an offering");
            let prices: Vec<i64> = seen.plans.iter().map(|plan| plan.price.minor).collect();
            assert!(prices.ends_with(&[2900, 9900, 29900]), "{prices:?}");
            free += usize::from(card.from_price == Some(Money::new(0, Currency::Usd)));
            assert!(seen.plans.iter().all(|plan| plan.monthly_quota.is_some()));
            assert!((2..=3).contains(&seen.reviews.len()) && seen.reviews.iter().all(|review| review.sample));
            assert!(seen.demo && !seen.greeting.is_empty() && (3..=6).contains(&seen.starters.len()));
            assert_eq!(card.thumbnail, format!("/art/{}.svg", card.slug));
            assert_eq!(seen.capabilities, Capability::of_category(&card.category_slug));
            assert!(seen.full_description_html.starts_with("<h2>") && card.tagline.len() <= 160);
            assert_eq!(seen.provider.name, "CMP Samples");
        }
        assert_eq!(free, 2);
        let categories = catalog::categories(&t.ctx).await.expect("categories");
        let counts: Vec<_> = categories
            .iter()
            .map(|category| (category.slug.as_str(), category.color.as_str(), category.offerings))
            .collect();
        assert_eq!(
            counts,
            [
                ("agents", "#3B82F6", 2),
                ("apps", "#10B981", 1),
                ("assistants", "#8B5CF6", 1),
                ("automations", "#F59E0B", 1)
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn loading_again_changes_nothing_but_a_changed_flow() {
    on_every_ctx(async |t: TestCtx| {
        seed::load(&t.ctx, &flows(b"{}")).await.expect("loaded");
        assert_eq!(seed::load(&t.ctx, &flows(b"{}")).await.expect("loaded"), Loaded::default());
        let changed = seed::load(&t.ctx, &flows(br#"{"name": "better"}"#)).await.expect("loaded");
        assert_eq!(changed, Loaded { offerings: 0, versions: 5 });
        let page = catalog::offerings(&t.ctx, CatalogQuery::default(), Paging::default()).await.expect("a page");
        let reviews: i64 = page.rows.iter().map(|card| card.review_count).sum();
        assert_eq!((page.total, reviews), (5, 12));
    })
    .await;
}

#[tokio::test]
async fn a_sample_that_does_not_run_is_an_error_and_none_at_all_is_fine() {
    on_every_ctx(async |t: TestCtx| {
        assert_eq!(seed::load(&t.ctx, &[]).await.expect("categories alone"), Loaded::default());
        assert_eq!(catalog::categories(&t.ctx).await.expect("categories").len(), 4);
        assert_eq!(catalog::providers(&t.ctx, Paging::default()).await.expect("providers").total, 0);
        assert!(seed::load(&t.ctx, &flows(br#"{"verdict": "unsupported"}"#)).await.is_err());
    })
    .await;
}
