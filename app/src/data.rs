//! What public pages read. Each function is a public door: the use case behind it decides who may see what.

use domain::view::Page;
use domain::view::account::Viewer;
use domain::view::catalog::{CategoryView, OfferingCard, OfferingView, PlanView, ProviderView};
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::pages::offering::demo::Conversation;
#[cfg(feature = "ssr")]
use crate::pages::offering::demo::demo_said;

/// How many characters of a filter are read.
const LONGEST: usize = 200;
/// How many products a page of the marketplace shows.
#[cfg(feature = "ssr")]
const PAGE_SIZE: i64 = 12;

/// Returns every category in the order of the menu.
#[server(prefix = "/ui", endpoint = "catalog/categories", input = GetUrl)]
pub async fn categories() -> Result<Vec<CategoryView>, UiError> {
    use crate::server_context as here;

    services::catalog::categories(&here::ctx()?).await.map_err(here::fail)
}

/// Returns the filter as it was understood, every category, and a page of what is on sale. The arguments
/// are the URL's: what cannot be read is left out.
#[server(prefix = "/ui", endpoint = "catalog/offerings", input = GetUrl)]
pub async fn offerings(filter: Filter) -> Result<(Filter, Vec<CategoryView>, Page<OfferingCard>), UiError> {
    let found = on_sale(filter.clone()).await?;
    Ok((filter, categories().await?, found))
}

/// Returns a category, by its identifier or its name in URLs, every category, and a page of what it has.
#[server(prefix = "/ui", endpoint = "catalog/category", input = GetUrl)]
pub async fn category(
    id: String,
    page: String,
) -> Result<(CategoryView, Vec<CategoryView>, Page<OfferingCard>), UiError> {
    use crate::server_context as here;

    let categories = categories().await?;
    let known = id.parse().ok();
    let category = categories
        .iter()
        .find(|category| category.slug == id || Some(category.id) == known)
        .cloned()
        .ok_or_else(|| here::fail(services::Error::NotFound("category")))?;
    let found = on_sale(Filter { category: category.slug.clone(), page, ..Filter::default() }).await?;
    Ok((category, categories, found))
}

/// Returns a provider that sells, and a page of what it sells.
#[server(prefix = "/ui", endpoint = "catalog/provider", input = GetUrl)]
pub async fn provider(id: String, page: String) -> Result<(ProviderView, Page<OfferingCard>), UiError> {
    use crate::server_context as here;

    let known = here::id("provider", &id)?;
    let provider = services::catalog::provider(&here::ctx()?, known).await.map_err(here::fail)?;
    let found = on_sale(Filter { provider: id, page, ..Filter::default() }).await?;
    Ok((provider, found))
}

/// Returns a product, by its identifier or its name in URLs, what this visitor and its demo have said, and
/// who is looking.
#[server(prefix = "/ui", endpoint = "catalog/offering", input = GetUrl)]
pub async fn offering(id: String) -> Result<(OfferingView, Conversation, Option<Viewer>), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let offering = match id.parse() {
        Ok(id) => services::catalog::offering(&ctx, &who, id).await,
        Err(_) => services::catalog::offering_by_slug(&ctx, &who, &id).await,
    }
    .map_err(here::fail)?;
    let said = if offering.demo { demo_said(&ctx, offering.card.id).await } else { Conversation::default() };
    Ok((offering, said, who.viewer().cloned()))
}

/// Returns a plan, the product that it is a plan of, and who is looking.
#[server(prefix = "/ui", endpoint = "catalog/plan", input = GetUrl)]
pub async fn plan(id: String) -> Result<(PlanView, OfferingView, Option<Viewer>), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("plan", &id)?;
    let (plan, card) = services::catalog::plan(&ctx, id).await.map_err(here::fail)?;
    let offering = services::catalog::offering(&ctx, &who, card.id).await.map_err(here::fail)?;
    Ok((plan, offering, who.viewer().cloned()))
}

/// Returns a page of what is on sale.
#[cfg(feature = "ssr")]
async fn on_sale(filter: Filter) -> Result<Page<OfferingCard>, UiError> {
    use crate::server_context as here;
    use domain::view::Paging;

    let paging = Paging::clamped(filter.page.parse().unwrap_or(1), PAGE_SIZE);
    services::catalog::offerings(&here::ctx()?, filter.query(), paging).await.map_err(here::fail)
}

/// What a visitor filters by: the marketplace's URL as it is written there.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Words.
    pub search: String,
    /// A category's slug.
    pub category: String,
    /// The highest price in whole units of money, `0` for free.
    pub price: String,
    /// The least stars.
    pub rating: String,
    /// The order.
    pub sort: String,
    /// A provider's identifier.
    pub provider: String,
    /// Which page.
    pub page: String,
}

impl Filter {
    /// Reads the filter from a URL's query.
    pub fn of_query(query: &leptos_router::params::ParamsMap) -> Self {
        let text = |name: &str| {
            query.get(name).map(|text| text.trim().chars().take(LONGEST).collect::<String>()).unwrap_or_default()
        };
        Self {
            search: text("search"),
            category: text("category"),
            price: text("price"),
            rating: text("rating"),
            sort: text("sort"),
            provider: text("provider"),
            page: text("page"),
        }
    }

    /// Tells whether anything is filtered by.
    pub fn is_narrow(&self) -> bool {
        [&self.search, &self.category, &self.price, &self.rating, &self.provider].iter().any(|text| !text.is_empty())
    }

    #[cfg(feature = "ssr")]
    fn query(self) -> domain::view::catalog::CatalogQuery {
        domain::view::catalog::CatalogQuery {
            max_price: self.price.parse::<i64>().ok().and_then(|units| units.checked_mul(100)),
            min_rating: self.rating.parse().ok(),
            provider: self.provider.parse().ok(),
            sort: self.sort.parse().unwrap_or_default(),
            search: self.search,
            category: self.category,
        }
    }
}
