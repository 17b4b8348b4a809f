//! What was read of one document: its passages in order, each with an address of its own, to which citations lead.

use domain::view::knowledge::{DocumentView, PassageView};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use super::{agent_of_page, page_of};
use crate::error::UiError;
use crate::fmt;
use crate::links;
use crate::ui::prelude::*;

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadDocument {
    document: DocumentView,
    passages: Vec<PassageView>,
}

/// Returns a document with what was read of it.
#[server(prefix = "/ui", endpoint = "training/passages", input = GetUrl)]
pub async fn document_passages(document: String) -> Result<ReadDocument, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("document", &document)?;
    let document = services::knowledge::get(&ctx, &who, id).await.map_err(here::fail)?;
    let passages = services::knowledge::passages(&ctx, &who, id).await.map_err(here::fail)?;
    Ok(ReadDocument { document, passages })
}

/// What was read of a document.
#[component]
pub fn DocumentPage() -> impl IntoView {
    let params = use_params_map();
    let agent = agent_of_page(|| 0);
    let found = read(move || DocumentPassages { document: params.read().get("document").unwrap_or_default() });
    load(agent, move |view| {
        let crumbs = vec![
            Crumb::new("My agents", links::organization(view.organization_id, "agents/")),
            Crumb::new(view.settings.agent_name.clone(), page_of(&view, "")),
            Crumb::new("Training", page_of(&view, "training/")),
        ];
        load_part(found, move |ReadDocument { document, passages }| {
            let text = format!(
                "{}, {}. This is all that the agent can read of it.",
                fmt::bytes(document.bytes),
                fmt::plural(document.passages, "passage", "passages")
            );
            let file = format!("/api/training-documents/{}/download/", document.id);
            let passages = passages
                .into_iter()
                .map(|passage| {
                    let place = passage.page.map(|page| format!("Page {page}"));
                    let above = passage.headings.join(" › ");
                    view! {
                        <section class="passage" id=format!("p-{}", passage.id)>
                            <p class="muted tiny">{place}" "{above}</p>
                            <p class="prewrap">{passage.text}</p>
                        </section>
                    }
                })
                .views();
            view! {
                <div class="page">
                    <PageHead title=document.name text crumbs=crumbs.clone()/>
                    <p><LinkButton href=file label="Download what was given" look=Look::Secondary icon=Sign::Download external=true/></p>
                    <Card title="What was read"><div class="passages">{passages}</div></Card>
                </div>
            }
            .into_any()
        })
        .into_any()
    })
}
