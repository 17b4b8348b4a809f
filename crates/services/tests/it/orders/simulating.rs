//! What the last month would have cost on each plan.

use super::*;
use services::billing;
use services::gateway::{self, UsageReport};

#[tokio::test]
async fn a_month_is_priced_on_every_plan_cheapest_first() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let big = shop.plan(&t, "Big", dollars(9900)).await;
        let bought = shop.bought(&t, shop.offered.plan).await;
        let view = billing::simulate(&t.ctx, &shop.buyer.who, bought.id).await.unwrap();
        assert_eq!((view.month.as_str(), view.calls, view.costs.len()), ("2026-10", 0, 3));
        let totals: Vec<i64> = view.costs.iter().map(|cost| cost.total.minor).collect();
        assert_eq!(totals, [0, 2900, 9900]);
        assert!(view.costs[1].yours && view.costs[2].plan_id == big);
        // Sixty calls in November, looked at in December: too many for the free plan.
        let report = UsageReport {
            config: bought.config_id.unwrap(),
            request_id: Some("all-of-them".to_owned()),
            calls: 60,
            input_tokens: 100,
            output_tokens: 7,
        };
        gateway::report_usage(&t.ctx, Some("a secret of the runtime"), &report).await.unwrap();
        t.clock.advance_seconds(12 * 24 * 3600);
        let view = billing::simulate(&t.ctx, &shop.buyer.who, bought.id).await.unwrap();
        assert_eq!((view.month.as_str(), view.calls, view.input_tokens, view.output_tokens), ("2026-11", 60, 100, 7));
        let refused: Vec<i64> = view.costs.iter().map(|cost| cost.refused).collect();
        assert_eq!(refused, [10, 0, 0]);
        missing(billing::simulate(&t.ctx, &shop.seller.who, bought.id).await);
    })
    .await;
}
