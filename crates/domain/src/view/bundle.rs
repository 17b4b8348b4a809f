//! Bundles: products of several providers that are bought together.

use serde::{Deserialize, Serialize};

use crate::pricing::Interval;
use crate::state::BundleState;
use crate::{BundleId, Money, OfferingId, OrganizationId, PlanId};

/// A bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleView {
    /// Which.
    pub id: BundleId,
    /// Who puts it together.
    pub owner_id: OrganizationId,
    /// By name.
    pub owner_name: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What all of it costs each period.
    pub price: Money,
    /// Where it stands.
    pub state: BundleState,
    /// What is in it, by name.
    pub parts: Vec<BundlePart>,
}

/// A product in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePart {
    /// Which product.
    pub offering_id: OfferingId,
    /// By name.
    pub offering_name: String,
    /// One sentence about it.
    pub tagline: String,
    /// Who sells it.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider_name: String,
    /// The plan that it is like.
    pub base_plan_id: PlanId,
    /// By name.
    pub plan_name: String,
    /// How often it is paid.
    pub interval: Interval,
    /// Calls in a month; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// What that plan costs by itself.
    pub alone: Money,
    /// What of the bundle's price is its; nothing before the bundle is proposed.
    pub price: Money,
    /// The plan that is bought with the bundle, once its provider has agreed.
    pub plan_id: Option<PlanId>,
    /// Whether it can be bought now: its product is on sale.
    pub on_sale: bool,
}

impl BundleView {
    /// Returns what its parts cost when each is bought by itself.
    pub fn alone(&self) -> Money {
        Money::new(self.parts.iter().map(|part| part.alone.minor).sum(), self.price.currency)
    }

    /// Returns how often it is paid.
    pub fn interval(&self) -> Interval {
        self.parts.first().map_or(Interval::Month, |part| part.interval)
    }
}

/// What a provider says of a new bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleForm {
    /// What to call it; 3 to 80 characters.
    pub name: String,
    /// What it is for; 300 characters at most.
    pub description: String,
    /// What all of it costs each period.
    pub price: Money,
}
