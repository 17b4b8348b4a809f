//! What is on sale.

use serde::{Deserialize, Serialize};

use crate::pricing::{Interval, Price, Terms};
use crate::{
    CategoryId, Money, OfferingId, OrganizationId, PlanId, ReviewId, Timestamp,
    state::{Capability, OfferingState, ProviderState},
    view::knowledge::DocumentQuota,
};

/// One of the four kinds of product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryView {
    /// Which.
    pub id: CategoryId,
    /// `agents`, `apps`, `assistants` or `automations`.
    pub slug: String,
    /// What people read.
    pub title: String,
    /// One sentence.
    pub description: String,
    /// The icon's name: robot, grid, message-circle, zap.
    pub icon: String,
    /// `#RRGGBB`.
    pub color: String,
    /// How many offerings are listed in it.
    pub offerings: i64,
}

/// An offering in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferingCard {
    /// Which.
    pub id: OfferingId,
    /// Its name in URLs.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// One sentence.
    pub tagline: String,
    /// Its category.
    pub category_id: CategoryId,
    /// Its category's slug.
    pub category_slug: String,
    /// Its category's title.
    pub category_title: String,
    /// Its category's colour.
    pub category_color: String,
    /// Who sells it.
    pub provider_id: OrganizationId,
    /// Who sells it, by name.
    pub provider_name: String,
    /// Path of the artwork, empty where there is none.
    pub thumbnail: String,
    /// Whether it can be ordered.
    pub state: OfferingState,
    /// The cheapest plan's price, if it has plans.
    pub from_price: Option<Money>,
    /// The mean of its ratings in tenths: 47 is 4.7 stars; 0 without reviews.
    pub rating_tenths: i64,
    /// How many reviews it has.
    pub review_count: i64,
    /// How many organizations use it.
    pub customers: i64,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// An offering on its own page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferingView {
    /// What the list shows too.
    pub card: OfferingCard,
    /// The long description, as the provider wrote it, in Markdown.
    pub full_description: String,
    /// The same as safe HTML.
    pub full_description_html: String,
    /// What a buyer accepts; empty without terms.
    pub terms: String,
    /// What the product can do.
    pub capabilities: Vec<Capability>,
    /// Whether visitors may try it.
    pub demo: bool,
    /// What the demo greets with.
    pub greeting: String,
    /// Questions to start with.
    pub starters: Vec<String>,
    /// Paths of further pictures.
    pub screenshots: Vec<String>,
    /// Whether the provider looks at each order first.
    pub manual_approval: bool,
    /// Its plans, cheapest first.
    pub plans: Vec<PlanView>,
    /// What buyers say, newest first.
    pub reviews: Vec<ReviewView>,
    /// Who sells it.
    pub provider: ProviderView,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Which.
    pub id: PlanId,
    /// Of what.
    pub offering_id: OfferingId,
    /// What it is called.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// What is paid each period.
    pub price: Money,
    /// How many calls a month are in it; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// How many calls a minute its keys may make together.
    pub requests_per_minute: i64,
    /// What the documents of an agent may be.
    pub documents: DocumentQuota,
    /// Whether it can no longer be ordered.
    pub archived: bool,
    /// What is paid with the first period: what is paid once is in it.
    pub first_payment: Money,
    /// How long a period is.
    pub interval: Interval,
    /// For how many days it can be tried before the first payment.
    pub trial_days: i64,
    /// What is paid besides the price, a sentence a part.
    pub besides: Vec<String>,
    /// The same, to be worked with; the browser does not need it.
    #[serde(skip)]
    pub terms: Terms,
}

impl PlanView {
    /// Returns the whole price: what is the same each period, and what is paid besides. On the server alone, as the
    /// browser has no [`terms`](Self::terms).
    pub fn whole_price(&self) -> Price {
        self.terms.price(self.price)
    }
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewView {
    /// Which.
    pub id: ReviewId,
    /// Who wrote it: a person's and an organization's name.
    pub author: String,
    /// 1 to 5.
    pub rating: i64,
    /// In a few words.
    pub title: String,
    /// In more.
    pub body: String,
    /// Whether it came with the sample content.
    pub sample: bool,
    /// When, readable.
    pub created: String,
}

/// Who sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderView {
    /// The organization.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// Where it stands.
    pub state: ProviderState,
    /// How many offerings it has listed.
    pub offerings: i64,
    /// Since when it sells, RFC 3339.
    pub since: String,
}

/// What a visitor looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogQuery {
    /// Words; empty finds everything.
    pub search: String,
    /// A category's slug; empty means all.
    pub category: String,
    /// Only offerings with a plan up to this many cents a month.
    pub max_price: Option<i64>,
    /// Only offerings with at least this many stars.
    pub min_rating: Option<i64>,
    /// Only offerings of this provider.
    pub provider: Option<OrganizationId>,
    /// The order of the list.
    pub sort: CatalogSort,
}

crate::text_enum::text_enum! {
    /// The order of a list of offerings.
    CatalogSort {
        /// Best match, then most used.
        Popular = "popular",
        /// Newest first.
        Newest = "newest",
        /// Best rated first.
        Rating = "rating",
        /// Cheapest first.
        Price = "price",
        /// By name.
        Name = "name",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro declares the variants")]
impl Default for CatalogSort {
    fn default() -> Self {
        Self::Popular
    }
}
