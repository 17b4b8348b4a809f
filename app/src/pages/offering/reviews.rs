//! What buyers say of a product, and the form for those who use it.

use domain::Permission;
use domain::view::account::Viewer;
use domain::view::catalog::{OfferingView, ReviewView};
use leptos::prelude::*;

use crate::error::UiError;
use crate::fmt;
use crate::ui::prelude::*;

/// Writes a review for an organization that uses the product.
#[server(prefix = "/ui", endpoint = "catalog/review")]
pub async fn write_review(
    offering: String,
    organization: String,
    rating: i64,
    title: String,
    body: String,
) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let organization = here::id("organization", &organization)?;
    let id = here::id("offering", &offering)?;
    services::catalog::review(&ctx, &who, organization, id, rating, &title, &body).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::offering(id), "reviewed"));
    Ok(())
}

/// The reviews.
#[component]
pub(super) fn Reviews(offering: OfferingView, viewer: Option<Viewer>, action: FormAction) -> impl IntoView {
    let form = FormState::of(action);
    let buyers: Vec<(String, String)> = viewer
        .map(|viewer| viewer.memberships)
        .unwrap_or_default()
        .into_iter()
        .filter(|membership| {
            membership.role.may(Permission::Configure) && membership.organization_id != offering.card.provider_id
        })
        .map(|membership| (membership.organization_id.to_string(), membership.organization_name))
        .collect();
    let id = offering.card.id.to_string();
    let list = if offering.reviews.is_empty() {
        view! { <EmptyState icon=Sign::Star title="No reviews yet" text="Those who use it can write the first one."/> }
            .into_any()
    } else {
        let reviews = offering.reviews.iter().map(|review| view! { <Review review=review.clone()/> }).views();
        view! { <div class="reviews"><Sum offering=offering.clone()/><div>{reviews}</div></div> }.into_any()
    };
    view! {
        <section aria-labelledby="reviews" class="stack">
            <h2 id="reviews">"Reviews"</h2>
            {list}
            {(!buyers.is_empty()).then(|| view! { <ReviewForm form action id buyers/> }.into_any())}
        </section>
    }
}

#[component]
fn Sum(offering: OfferingView) -> impl IntoView {
    let shown = i64::try_from(offering.reviews.len()).unwrap_or(0).max(1);
    let bars = (1..=5)
        .rev()
        .map(|stars| {
            let count = i64::try_from(offering.reviews.iter().filter(|review| review.rating == stars).count()).unwrap_or(0);
            let spoken = format!("{}: {count}", fmt::plural(stars, "star", "stars"));
            view! { <div><span>{stars}</span><meter min="0" max=shown value=count aria-label=spoken></meter><span class="num">{count}</span></div> }
        })
        .views();
    view! {
        <div class="reviews__sum">
            <strong>{fmt::tenths(offering.card.rating_tenths)}</strong>
            <span class="muted small">{format!("from {}", fmt::plural(offering.card.review_count, "review", "reviews"))}</span>
            <div class="reviews__bars">{bars}</div>
        </div>
    }
}

#[component]
fn Review(review: ReviewView) -> impl IntoView {
    view! {
        <article class="review">
            <div class="row row--sm"><StarsRow rating=review.rating/>{review.sample.then(|| view! { <Badge text="Sample"/> }.into_any())}</div>
            <h3>{review.title}</h3>
            <p>{review.body}</p>
            <div class="review__by"><span>{review.author}</span><span>"·"</span><span>{review.created}</span></div>
        </article>
    }
}

#[component]
fn ReviewForm(form: FormState, action: FormAction, id: String, buyers: Vec<(String, String)>) -> impl IntoView {
    let ratings = [(5, "Excellent"), (4, "Good"), (3, "Fair"), (2, "Poor"), (1, "Bad")]
        .into_iter()
        .map(|(stars, word)| (stars.to_string(), format!("{stars} — {word}")))
        .collect();
    view! {
        <details class="card" open=move || form.error.with(Option::is_some)>
            <summary class="card__head"><strong>"Write a review"</strong></summary>
            <div class="card__body">
                <PostForm action class="form">
                    <FormAlert form/>
                    <input type="hidden" name="offering" value=id/>
                    <div class="form__row">
                        <SelectField form name="organization" label="For" options=buyers/>
                        <SelectField form name="rating" label="Rating" options=ratings/>
                    </div>
                    <Field form name="title" label="In a few words" required=true maxlength=100/>
                    <TextArea form name="body" label="In more" required=true maxlength=4000 hint="Reviews are public, with your name and your organization's."/>
                    <div class="form__actions"><Submit label="Publish the review" pending=form.pending/></div>
                </PostForm>
            </div>
        </details>
    }
}
