//! Which share of a sale the marketplace keeps.

use domain::view::money::{CommissionRuleView, CommissionRules};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;

/// The rules, and what a rule can be for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommissionForm {
    /// The rules.
    pub rules: CommissionRules,
    /// What a rule can be for: the value of the form, and words.
    pub scopes: Vec<(String, String)>,
}

/// Returns the rules, and what a rule can be for.
#[server(prefix = "/ui", endpoint = "admin/commission", input = GetUrl)]
pub async fn commission() -> Result<CommissionForm, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let rules = services::ledger::rules(&ctx, &who).await.map_err(here::fail)?;
    let mut scopes = vec![("all".to_owned(), "Every sale".to_owned())];
    for category in services::catalog::categories(&ctx).await.map_err(here::fail)? {
        scopes.push((format!("category:{}", category.slug), format!("Category: {}", category.title)));
    }
    for application in services::operator::applications(&ctx, &who, None).await.map_err(here::fail)? {
        let name = format!("Provider: {}", application.organization_name);
        scopes.push((format!("provider:{}", application.organization_id), name));
    }
    Ok(CommissionForm { rules, scopes })
}

/// Makes a rule.
#[server(prefix = "/ui", endpoint = "admin/add-commission")]
pub async fn add_commission(
    scope: String,
    percent: String,
    from: String,
    until: String,
    note: String,
) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let mut new = services::ledger::NewRule { percent, from, until, note, ..Default::default() };
    match scope.split_once(':') {
        Some(("provider", id)) => new.provider = Some(here::id("provider", id)?),
        Some(("category", slug)) => slug.clone_into(&mut new.category),
        _ => {}
    }
    services::ledger::add_rule(&ctx, &who, new).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::admin("commission/"), "created"));
    Ok(())
}

/// Ends a rule now.
#[server(prefix = "/ui", endpoint = "admin/end-commission")]
pub async fn end_commission(rule: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("commission rule", &rule)?;
    services::ledger::end_rule(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::admin("commission/"), "ended"));
    Ok(())
}

/// The rules of commission.
#[component]
pub fn CommissionPage() -> impl IntoView {
    let add = FormAction::of::<AddCommission>();
    let end = FormAction::of::<EndCommission>();
    let found = read_again(move || add.version().get() + end.version().get(), || Commission {});
    load(found, move |found: CommissionForm| {
        let form = FormState::of(add);
        let CommissionRules { otherwise, rules } = found.rules;
        let rows = rules.into_iter().map(|rule| row(rule, end)).views();
        let text = format!(
            "What the marketplace keeps of a sale. A provider’s rule goes before a category’s, a category’s before one for every sale; where none holds, it is {otherwise}. What was sold keeps the share of its day."
        );
        let table = if rows.is_empty() {
            view! { <EmptyState icon=Sign::Tag title="No rules yet" text=format!("The marketplace keeps {otherwise} of every sale.")/> }.into_any()
        } else {
            view! {
                <Card title="Rules" class="card--flush">
                    <Table label="Rules" head=view! { <tr><th>"For"</th><th>"Share"</th><th>"From"</th><th>"Until"</th><th>"State"</th><th>"Note"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{rows}</Table>
                </Card>
            }.into_any()
        };
        view! {
            <div class="page">
                <PageHead title="Commission" text/>
                <FormAlert form=FormState::of(end)/>
                {table}
                <Card title="Add a rule">
                    <PostForm action=add class="stack">
                        <FormAlert form/>
                        <SelectField form name="scope" label="For" options=found.scopes/>
                        <Field form name="percent" label="Share in percent" inputmode="decimal" placeholder="12.5" required=true/>
                        <Field form name="from" kind="date" label="First day" hint="Empty for at once."/>
                        <Field form name="until" kind="date" label="Last day" hint="Empty for without an end."/>
                        <Field form name="note" label="Note" maxlength=200/>
                        <div><Submit label="Add" pending=form.pending/></div>
                    </PostForm>
                </Card>
            </div>
        }
        .into_any()
    })
}

fn row(rule: CommissionRuleView, end: FormAction) -> impl IntoView {
    let scope = if rule.provider_id.is_some() {
        rule.provider_name
    } else if rule.category_id.is_some() {
        rule.category_title
    } else {
        "Every sale".to_owned()
    };
    let (text, tint) = match (rule.over, rule.began) {
        (true, _) => ("Over", Tint::Plain),
        (_, false) => ("Not yet", Tint::Info),
        _ => ("Holds", Tint::Good),
    };
    let button = (!rule.over).then(|| {
        view! {
            <PostForm action=end>
                <input type="hidden" name="rule" value=rule.id.to_string()/>
                <Submit label="End" look=Look::Secondary class="btn--sm"/>
            </PostForm>
        }
        .into_any()
    });
    view! {
        <tr><td>{scope}</td><td class="num">{rule.percent}</td><td class="nowrap">{rule.from}</td><td class="nowrap">{rule.until.unwrap_or_default()}</td><td><Badge text tint dot=true/></td><td>{rule.note}</td><td>{button}</td></tr>
    }
}
