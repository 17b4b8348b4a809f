//! What a provider of a story sells.

use domain::state::SubmissionState;
use domain::view::agent::NewAgent;
use domain::view::provider::{OfferingForm, PlanForm};
use domain::{AgentId, Currency, FlowVersionId, Money, OfferingId, OrganizationId, PlanId};
use services::operator::{self, Decision};
use services::ports::RuntimeChoice;
use services::{Principal, provider};

use crate::story::{Seller, TestCtx};

/// An offering and what it is made of.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Which.
    pub offering: OfferingId,
    /// Who sells.
    pub provider: OrganizationId,
    /// As who sells.
    pub seller: Principal,
    /// Of which agent.
    pub agent: AgentId,
    /// With which flow version.
    pub version: FlowVersionId,
    /// "Starter": $29 for 1,000 calls.
    pub plan: PlanId,
    /// "Free": nothing for 50 calls.
    pub free_plan: PlanId,
}

impl TestCtx {
    /// Puts an offering called "Helper" on sale.
    pub async fn listed_offering(&self, seller: &Seller) -> Offered {
        let offered = self.draft_offering(seller, "Helper").await;
        self.list(&offered).await;
        offered
    }

    /// Makes an agent with a flow and an offering with two plans, ready to be submitted.
    pub async fn draft_offering(&self, seller: &Seller, name: &str) -> Offered {
        let (ctx, who) = (&self.ctx, &seller.who);
        let agent = NewAgent {
            organization_id: seller.organization,
            name: name.to_owned(),
            slug: String::new(),
            description: "Helps with testing.".to_owned(),
            category: "agents".to_owned(),
        };
        let agent = provider::create_agent(ctx, who, agent).await.unwrap().id;
        let export = format!(r#"{{"name": "{name}"}}"#);
        let version =
            provider::import_flow(ctx, who, agent, export.as_bytes(), RuntimeChoice::Here, None).await.unwrap().id;
        let draft = provider::create_offering(ctx, who, agent).await.unwrap();
        let form = OfferingForm {
            full_description: "# What it does\n\nIt helps, and nobody has to **wait**. <script>alert(1)</script>"
                .to_owned(),
            greeting: "Hello!".to_owned(),
            starters: "What can you do?".to_owned(),
            tags: "help, testing".to_owned(),
            ..draft.form
        };
        provider::save_offering(ctx, who, draft.id, form).await.unwrap();
        let mut plans = Vec::new();
        for (name, minor, calls) in [("Starter", 2900, 1_000), ("Free", 0, 50)] {
            let plan = PlanForm {
                id: None,
                name: name.to_owned(),
                description: String::new(),
                price: Money::new(minor, Currency::Usd),
                monthly_quota: Some(calls),
                requests_per_minute: None,
                terms: domain::pricing::Terms::default(),
                documents: None,
            };
            plans.push(provider::save_plan(ctx, who, draft.id, plan).await.unwrap().id);
        }
        Offered {
            offering: draft.id,
            provider: seller.organization,
            seller: seller.who.clone(),
            agent,
            version,
            plan: plans[0],
            free_plan: plans[1],
        }
    }

    /// Submits a draft, and approves it as the operator.
    pub async fn list(&self, offered: &Offered) {
        provider::submit(&self.ctx, &offered.seller, offered.offering, "").await.unwrap();
        let operator = self.operator().await;
        let waiting = operator::submissions(&self.ctx, &operator, Some(SubmissionState::Pending)).await.unwrap();
        let submission = waiting.iter().find(|submission| submission.offering_id == offered.offering).unwrap();
        operator::decide_submission(&self.ctx, &operator, submission.id, Decision::Approve).await.unwrap();
    }
}
