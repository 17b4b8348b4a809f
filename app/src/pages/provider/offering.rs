//! One listing: its words, its plans, and its way onto the marketplace.

#![expect(clippy::too_many_arguments, reason = "a server function takes one for each field of its form")]

use domain::Currency;
use domain::pricing::Interval;
use domain::state::OfferingState;
use domain::view::provider::OfferingEdit;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::fmt;
use crate::links;
use crate::ui::prelude::*;

/// Returns one of a provider's listings.
#[server(prefix = "/ui", endpoint = "provider/offering", input = GetUrl)]
pub async fn provider_offering(id: String) -> Result<OfferingEdit, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("offering", &id)?;
    services::provider::offering(&ctx, &who, id).await.map_err(here::fail)
}

/// Saves what a listing says.
#[server(prefix = "/ui", endpoint = "provider/save-offering")]
pub async fn save_offering(
    id: String,
    name: String,
    tagline: String,
    full_description: String,
    greeting: String,
    starters: String,
    tags: String,
    thumbnail: String,
    terms: String,
    demo: Option<String>,
    manual_approval: Option<String>,
) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("offering", &id)?;
    let form = domain::view::provider::OfferingForm {
        name,
        tagline,
        full_description,
        terms,
        greeting,
        starters,
        tags,
        thumbnail,
        demo: demo.is_some(),
        manual_approval: manual_approval.is_some(),
    };
    let edit = services::provider::save_offering(&ctx, &who, id, form).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::provider(edit.organization_id, &format!("offerings/{id}/")), "saved"));
    Ok(())
}

/// Makes a plan.
#[server(prefix = "/ui", endpoint = "provider/save-plan")]
pub async fn save_plan(
    id: String,
    plan_name: String,
    plan_description: String,
    price: String,
    currency: String,
    interval: String,
    monthly_quota: String,
    calls_price: String,
    read_price: String,
    written_price: String,
    once_price: String,
    trial_days: String,
    #[server(default)] documents: String,
    #[server(default)] document_megabytes: String,
    #[server(default)] document_pages: String,
) -> Result<(), UiError> {
    use domain::pricing::{BILLIONTHS, Meter, Part, Terms, UnitPrice};

    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("offering", &id)?;
    let currency: Currency =
        currency.parse().map_err(|_| here::fail(UiError::invalid("currency", "is not a currency that we take")))?;
    let price = domain::Money::from_decimal(&price, currency)
        .ok_or_else(|| here::fail(UiError::invalid("price", "must be an amount like 29 or 29.50")))?;
    let monthly_quota = match monthly_quota.trim() {
        "" => None,
        text => {
            Some(text.parse().map_err(|_| here::fail(UiError::invalid("monthly_quota", "must be a whole number")))?)
        }
    };
    let interval = interval.parse().map_err(|_| here::fail(UiError::invalid("interval", "must be month or year")))?;
    let trial_days = match trial_days.trim() {
        "" => 0,
        text => {
            text.parse().map_err(|_| here::fail(UiError::invalid("trial_days", "must be a whole number of days")))?
        }
    };
    let amount = |field: &str, text: &str| match text.trim() {
        "" => Ok(None),
        text => domain::Money::from_decimal(text, currency)
            .map(|money| Some(money.minor))
            .ok_or_else(|| here::fail(UiError::invalid(field, "must be an amount like 3 or 0.50"))),
    };
    // A minor unit for so many calls or tokens, in billionths of one for each.
    let unit = |minor: i64, lot: i64| UnitPrice(minor.saturating_mul(BILLIONTHS / lot));
    let mut parts = Vec::new();
    if let Some(amount) = amount("once_price", &once_price)? {
        parts.push(Part::Once { amount });
    }
    if let Some(minor) = amount("calls_price", &calls_price)? {
        let beyond = unit(minor, 1_000);
        parts.push(Part::Quota { meter: Meter::Calls, included: monthly_quota.unwrap_or(0), beyond });
    }
    for (field, text, meter) in
        [("read_price", &read_price, Meter::InputTokens), ("written_price", &written_price, Meter::OutputTokens)]
    {
        if let Some(minor) = amount(field, text)? {
            parts.push(Part::PerUnit { meter, unit: unit(minor, 1_000_000) });
        }
    }
    let usual = domain::view::knowledge::DocumentQuota::default();
    let number = |field: &str, text: &str, usual: i64| match text.trim() {
        "" => Ok(usual),
        text => text.parse::<i64>().map_err(|_| here::fail(UiError::invalid(field, "must be a whole number"))),
    };
    let quota = domain::view::knowledge::DocumentQuota {
        documents: number("documents", &documents, usual.documents)?,
        bytes: number("document_megabytes", &document_megabytes, usual.bytes / 1_000_000)?.saturating_mul(1_000_000),
        pages: number("document_pages", &document_pages, usual.pages)?,
    };
    let form = domain::view::provider::PlanForm {
        id: None,
        name: plan_name,
        description: plan_description,
        price,
        // What is beyond the calls that are included costs something, and so is not refused.
        monthly_quota: if calls_price.trim().is_empty() { monthly_quota } else { None },
        requests_per_minute: None,
        terms: Terms { interval, trial_days, parts },
        documents: Some(quota),
    };
    services::provider::save_plan(&ctx, &who, id, form)
        .await
        .map_err(|error| here::fail(of_plan_form(error.into())))?;
    let edit = services::provider::offering(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::provider(edit.organization_id, &format!("offerings/{id}/")), "created"));
    Ok(())
}

/// Names the fields as this page's form of a plan does: the listing's form beside it has a name, too.
#[cfg(feature = "ssr")]
fn of_plan_form(error: UiError) -> UiError {
    let UiError::Invalid(mut fields) = error else {
        return error;
    };
    for (field, _) in &mut fields {
        if let "name" | "description" = field.as_str() {
            *field = format!("plan_{field}");
        }
    }
    UiError::Invalid(fields)
}

/// Takes a plan off sale.
#[server(prefix = "/ui", endpoint = "provider/archive-plan")]
pub async fn archive_plan(id: String, plan: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let plan = here::id("plan", &plan)?;
    let view = services::provider::archive_plan(&ctx, &who, plan).await.map_err(here::fail)?;
    let edit = services::provider::offering(&ctx, &who, view.offering_id).await.map_err(here::fail)?;
    let _ = id;
    here::redirect(&links::with_notice(
        &links::provider(edit.organization_id, &format!("offerings/{}/", edit.id)),
        "archived",
    ));
    Ok(())
}

/// Moves a listing on: submits it, takes it back, pauses it, and so on.
#[server(prefix = "/ui", endpoint = "provider/move-offering")]
pub async fn move_offering(id: String, what: String, note: Option<String>) -> Result<(), UiError> {
    use crate::server_context as here;
    use services::provider;

    let (ctx, who) = here::asking()?;
    let id = here::id("offering", &id)?;
    let note = note.unwrap_or_default();
    let (moved, notice) = match what.as_str() {
        "submit" => (provider::submit(&ctx, &who, id, &note).await, "submitted"),
        "withdraw" => (provider::withdraw_submission(&ctx, &who, id).await, "withdrawn"),
        "pause" => (provider::pause(&ctx, &who, id).await, "unpublished"),
        "unpause" => (provider::unpause(&ctx, &who, id).await, "resumed"),
        "unpublish" => (provider::unpublish(&ctx, &who, id).await, "unpublished"),
        "archive" => (provider::archive(&ctx, &who, id).await, "archived"),
        _ => return Err(here::fail(UiError::invalid("", "there is no such step"))),
    };
    let edit = moved.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::provider(edit.organization_id, &format!("offerings/{id}/")), notice));
    Ok(())
}

/// One listing.
#[component]
pub fn OfferingPage() -> impl IntoView {
    let params = use_params_map();
    let save = FormAction::of::<SaveOffering>();
    let plan = FormAction::of::<SavePlan>();
    let archive = FormAction::of::<ArchivePlan>();
    let step = FormAction::of::<MoveOffering>();
    let changed = move || save.version().get() + plan.version().get() + archive.version().get() + step.version().get();
    let id = move || params.read().get("offering").unwrap_or_default();
    let found = read_again(changed, move || ProviderOffering { id: id() });
    load(found, move |edit| {
        let form = FormState::of(save);
        let id = edit.id.to_string();
        let crumbs = vec![Crumb::new("Offerings", links::provider(edit.organization_id, "offerings/"))];
        let badge = view! { <OfferingBadge state=edit.state/> }.into_any();
        let steps = way(&edit, step);
        let plans = plans(&edit, plan, archive);
        let words = edit.form.clone();
        let art = [
            ("/art/customer-support.svg", "Headset"),
            ("/art/code-review.svg", "Code"),
            ("/art/slack-integration.svg", "Channels"),
            ("/art/general-knowledge.svg", "Books"),
            ("/art/email-responder.svg", "Envelope"),
        ];
        let mut art = art.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec();
        if !words.thumbnail.is_empty() && art.iter().all(|(path, _)| *path != words.thumbnail) {
            art.push((words.thumbnail.clone(), "As it is".to_owned()));
        }
        let thumbnail = if words.thumbnail.is_empty() { art[0].0.clone() } else { words.thumbnail.clone() };
        view! {
            <div class="page">
                <PageHead title=words.name.clone() text=words.tagline.clone() crumbs badge/>
                <FormAlert form=FormState::of(step)/>
                <FormAlert form=FormState::of(archive)/>
                <div class="columns">
                    <div class="stack">
                        <PostForm action=save class="stack">
                            <FormAlert form/>
                            <Card title="What buyers read" foot=view! { <Submit label="Save" pending=form.pending/> }.into_any()>
                                <div class="stack">
                                    <input type="hidden" name="id" value=id/>
                                    <Field form name="name" label="Name" value=words.name required=true maxlength=80/>
                                    <Field form name="tagline" label="In a sentence" value=words.tagline maxlength=160/>
                                    <TextArea form name="full_description" label="Description" value=words.full_description rows=10 maxlength=20_000 hint="Markdown."/>
                                    <TextArea form name="greeting" label="What it says first" value=words.greeting rows=2 maxlength=500/>
                                    <TextArea form name="starters" label="Questions to start with" value=words.starters rows=3 hint="One a line, six at most."/>
                                    <Field form name="tags" label="Words to find it by" value=words.tags hint="Separated by commas, ten at most."/>
                                    <SelectField form name="thumbnail" label="Artwork" options=art value=thumbnail/>
                                    <TextArea form name="terms" label="Terms" value=words.terms rows=3 hint="If there are any, a buyer must accept them."/>
                                    <CheckField name="demo" label="Visitors may try it" hint="A few messages without an account; nothing is billed." checked=words.demo switch=true/>
                                    <CheckField name="manual_approval" label="Look at each order first" hint="Buyers wait until you accept. Leave it off, and they start within seconds." checked=words.manual_approval switch=true/>
                                </div>
                            </Card>
                        </PostForm>
                    </div>
                    <div class="stack">{steps}{plans}</div>
                </div>
            </div>
        }
        .into_any()
    })
}

/// How a listing stands, and its next steps.
fn way(edit: &OfferingEdit, step: FormAction) -> AnyView {
    let id = edit.id.to_string();
    let pending = FormState::of(step).pending;
    let button = |what: &'static str, label: &'static str, look: Look| {
        view! { <Submit label look name="what" value=what pending/> }
    };
    let missing = (!edit.missing.is_empty()).then(|| {
        view! {
            <div>
                <p class="strong small">"Before you can submit it"</p>
                <ul class="stack stack--sm small">{edit.missing.iter().cloned().map(|text| view! { <li>{text}</li> }).views()}</ul>
            </div>
        }.into_any()
    });
    let reason = edit
        .review_reason
        .clone()
        .map(|reason| view! { <Alert kind=Kind::Warn title="It was sent back" text=reason/> }.into_any());
    let (text, buttons) = match edit.state {
        OfferingState::Draft => (
            "Only you see it. Submit it, and the operator reads it before it is listed.",
            vec![button("submit", "Submit for review", Look::Primary).into_any()],
        ),
        OfferingState::InReview => (
            "The operator reads it. You can take it back meanwhile.",
            vec![button("withdraw", "Take it back", Look::Secondary).into_any()],
        ),
        OfferingState::Active => (
            "It is on sale.",
            vec![
                button("pause", "Pause the sale", Look::Secondary).into_any(),
                button("unpublish", "Unpublish", Look::Danger).into_any(),
            ],
        ),
        OfferingState::Paused => (
            "It is listed, and cannot be ordered.",
            vec![
                button("unpause", "Sell again", Look::Primary).into_any(),
                button("unpublish", "Unpublish", Look::Danger).into_any(),
            ],
        ),
        OfferingState::Archived => ("It is put away. Running subscriptions go on.", Vec::new()),
    };
    let note = (edit.state == OfferingState::Draft).then(|| {
        view! { <TextArea form=FormState::of(step) name="note" label="A word to the operator" rows=2 maxlength=2000/> }.into_any()
    });
    let public = matches!(edit.state, OfferingState::Active | OfferingState::Paused)
        .then(|| view! { <a href=links::offering(edit.id)>"See it in the marketplace"</a> }.into_any());
    view! {
        <Card title="On the marketplace">
            <PostForm action=step class="stack">
                <p class="muted small">{text}</p>
                {reason}{missing}{note}
                <input type="hidden" name="id" value=id/>
                <div class="row">{buttons}</div>
                {public}
            </PostForm>
        </Card>
    }
    .into_any()
}

/// A listing's plans, and making one.
fn plans(edit: &OfferingEdit, plan: FormAction, archive: FormAction) -> AnyView {
    let form = FormState::of(plan);
    let id = edit.id.to_string();
    let rows = edit
        .plans
        .iter()
        .cloned()
        .map(|row| {
            let quota =
                row.monthly_quota.map_or_else(|| "no limit".to_owned(), |quota| format!("{} calls", fmt::count(quota)));
            let words = [vec![format!("{} a {}", row.price, row.interval), quota], row.besides].concat().join(" · ");
            let (offering, plan) = (edit.id.to_string(), row.id.to_string());
            let end = if row.archived {
                view! { <Badge text="Off sale"/> }.into_any()
            } else {
                view! {
                    <PostForm action=archive>
                        <input type="hidden" name="id" value=offering/>
                        <input type="hidden" name="plan" value=plan/>
                        <Submit label="Take off sale" look=Look::Ghost class="btn--sm"/>
                    </PostForm>
                }
                .into_any()
            };
            view! {
                <li class="row row--between row--nowrap">
                    <div><strong>{row.name}</strong><p class="muted small">{words}</p></div>
                    {end}
                </li>
            }
        })
        .views();
    let currencies =
        Currency::ALL.iter().map(|currency| (currency.to_string(), currency.to_string())).collect::<Vec<_>>();
    let intervals = Interval::ALL.iter().map(|each| (each.to_string(), format!("each {each}"))).collect::<Vec<_>>();
    view! {
        <Card title="Plans" text="A price never changes for those who have it: take a plan off sale and make a new one.">
            <div class="stack">
                <ul class="stack">{rows}</ul>
                <PostForm action=plan class="stack">
                    <FormAlert form/>
                    <input type="hidden" name="id" value=id/>
                    <Field form name="plan_name" label="Plan" placeholder="Starter" required=true maxlength=60/>
                    <Field form name="price" label="Price" placeholder="29" required=true inputmode="decimal"/>
                    <SelectField form name="interval" label="Paid" options=intervals value="month"/>
                    <SelectField form name="currency" label="Currency" options=currencies value="USD"/>
                    <Field form name="monthly_quota" label="Calls a month" placeholder="1000" inputmode="numeric" hint="Empty means without a limit."/>
                    <Field form name="calls_price" label="Price of 1,000 calls beyond them" placeholder="0.50" inputmode="decimal" hint="Empty: calls beyond them are not answered."/>
                    <Field form name="read_price" label="Price of a million tokens read" placeholder="3" inputmode="decimal"/>
                    <Field form name="written_price" label="Price of a million tokens written" placeholder="15" inputmode="decimal"/>
                    <Field form name="once_price" label="Price of setting it up, once" placeholder="49" inputmode="decimal"/>
                    <Field form name="trial_days" label="Days to try it free" placeholder="14" inputmode="numeric"/>
                    <Field form name="plan_description" label="In a sentence" maxlength=200/>
                    <details>
                        <summary>"Documents that an agent may answer from"</summary>
                        <Field form name="documents" label="Documents" placeholder="500" inputmode="numeric"/>
                        <Field form name="document_megabytes" label="Megabytes together" placeholder="250" inputmode="numeric"/>
                        <Field form name="document_pages" label="Pages together" placeholder="20000" inputmode="numeric"/>
                    </details>
                    <Submit label="Add the plan" look=Look::Secondary pending=form.pending/>
                </PostForm>
            </div>
        </Card>
    }
    .into_any()
}
