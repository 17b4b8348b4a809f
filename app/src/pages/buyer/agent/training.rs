//! What an agent answers from: documents given, how far each is, what a question would find, and what was asked
//! that is in none of them.

use domain::state::DocumentKind;
use domain::view::knowledge::{DocumentView, FoundPassage, GapView, KnowledgeTotals, SiteView};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use super::{agent_id, agent_of_page, head, page_of};
use crate::error::UiError;
use crate::fmt;
use crate::ui::live;
use crate::ui::prelude::*;

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Given {
    documents: Vec<DocumentView>,
    totals: KnowledgeTotals,
    gaps: Vec<GapView>,
    sites: Vec<SiteView>,
    /// What was wrong with files that were just sent.
    problem: Option<String>,
}

/// Returns an agent's documents.
#[server(prefix = "/ui", endpoint = "training/get", input = GetUrl)]
pub async fn training(id: String) -> Result<Given, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    Ok(Given {
        documents: services::knowledge::list(&ctx, &who, id).await.map_err(here::fail)?,
        totals: services::knowledge::totals(&ctx, &who, id).await.map_err(here::fail)?,
        gaps: services::knowledge::gaps(&ctx, &who, id).await.map_err(here::fail)?,
        sites: services::knowledge::sites::list(&ctx, &who, id).await.map_err(here::fail)?,
        problem: here::take_upload_problem(),
    })
}

/// Returns what a question would find; nothing where none is asked.
#[server(prefix = "/ui", endpoint = "training/search", input = GetUrl)]
pub async fn search_documents(id: String, q: String) -> Result<Vec<FoundPassage>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    if q.trim().is_empty() {
        services::configs::get(&ctx, &who, id).await.map_err(here::fail)?;
        return Ok(Vec::new());
    }
    services::knowledge::search(&ctx, &who, id, &q, None).await.map_err(here::fail)
}

/// Gives the agent a question with its answer.
#[server(prefix = "/ui", endpoint = "training/answer")]
pub async fn add_answer(id: String, question: String, answer: String) -> Result<(), UiError> {
    use services::knowledge::NewSource;

    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let source = NewSource::Answer { question, answer };
    services::knowledge::add(&ctx, &who, config, source).await.map_err(here::fail)?;
    let view = services::configs::get(&ctx, &who, config).await.map_err(here::fail)?;
    super::back_to(&view, "training/", "uploaded");
    Ok(())
}

/// Gives the agent web pages.
#[server(prefix = "/ui", endpoint = "training/pages")]
pub async fn add_pages(id: String, url: String, pages: i64, hours: i64) -> Result<(), UiError> {
    use services::knowledge::{NewSource, sites::NewPages};

    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let source = NewSource::Pages(NewPages { url, most: pages, every_hours: hours });
    services::knowledge::add(&ctx, &who, config, source).await.map_err(here::fail)?;
    let view = services::configs::get(&ctx, &who, config).await.map_err(here::fail)?;
    super::back_to(&view, "training/", "uploaded");
    Ok(())
}

/// Reads web pages again, or deletes them.
#[server(prefix = "/ui", endpoint = "training/site")]
pub async fn change_site(id: String, site: String, what: String) -> Result<(), UiError> {
    use services::knowledge::sites;

    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let site = here::id("site", &site)?;
    let notice = if what == "delete" {
        sites::delete(&ctx, &who, site).await.map_err(here::fail)?;
        "deleted"
    } else {
        sites::refresh(&ctx, &who, site).await.map_err(here::fail)?;
        "retried"
    };
    let view = services::configs::get(&ctx, &who, config).await.map_err(here::fail)?;
    super::back_to(&view, "training/", notice);
    Ok(())
}

/// Reads a document again, or deletes it.
#[server(prefix = "/ui", endpoint = "training/document")]
pub async fn change_document(id: String, document: String, what: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let document = here::id("document", &document)?;
    let notice = if what == "delete" {
        services::knowledge::delete(&ctx, &who, document).await.map_err(here::fail)?;
        "deleted"
    } else {
        services::knowledge::process(&ctx, &who, document).await.map_err(here::fail)?;
        "retried"
    };
    let view = services::configs::get(&ctx, &who, config).await.map_err(here::fail)?;
    super::back_to(&view, "training/", notice);
    Ok(())
}

/// Says whether visitors are told which documents an answer is from.
#[server(prefix = "/ui", endpoint = "training/citations")]
pub async fn show_citations(id: String, #[server(default)] show: Option<String>) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let patch = domain::view::config::ConfigPatch { show_citations: Some(show.is_some()), ..Default::default() };
    let view = services::configs::update(&ctx, &who, config, patch).await.map_err(here::fail)?;
    super::back_to(&view, "training/", "saved");
    Ok(())
}

/// What an agent answers from.
#[component]
pub fn TrainingPage() -> impl IntoView {
    let add = FormAction::of::<AddAnswer>();
    let change = FormAction::of::<ChangeDocument>();
    let show = FormAction::of::<ShowCitations>();
    let (add_site, site_action) = (FormAction::of::<AddPages>(), FormAction::of::<ChangeSite>());
    let (form, change_form) = (FormState::of(add), FormState::of(change));
    let (pages_form, site_form) = (FormState::of(add_site), FormState::of(site_action));
    let agent = agent_of_page(move || show.version().get());
    let (id, query) = (agent_id(), use_query_map());
    let changed =
        move || [add, change, add_site, site_action].into_iter().map(|action| action.version().get()).sum::<usize>();
    let found = read_again(changed, {
        let id = id.clone();
        move || Training { id: id() }
    });
    // It is told once, and the list is read again every second: what was told stays until the page is left.
    let problem = StoredValue::new(None);
    let q = move || query.read().get("q").unwrap_or_default();
    let hits = read_again(changed, move || SearchDocuments { id: id(), q: q() });
    // A live page looks every second while something is being read; one that is not has a button.
    live::every(std::time::Duration::from_secs(1), move || {
        let Some(given) = found.peek() else { return };
        if given.documents.iter().any(|document| document.state.is_under_way()) {
            found.refetch();
        }
    });
    load(agent, move |view| {
        let header =
            head(&view, "Documents and answers of your own. The agent answers from them and says where it read it.");
        let id = view.id.to_string();
        let upload = format!("/ui-upload/documents/{id}/");
        let (answer_id, cite_id, pages_id) = (id.clone(), id.clone(), id.clone());
        let page = page_of(&view, "training/");
        let list = load_part(found, {
            let (id, page) = (id.clone(), page.clone());
            move |given: Given| {
                if given.problem.is_some() {
                    problem.set_value(given.problem.clone());
                }
                documents(&id, &page, Given { problem: problem.get_value(), ..given }, change, site_action)
            }
        });
        let asked = q();
        let results = load_part(hits, {
            let (page, asked) = (page.clone(), asked.clone());
            move |hits| results(&page, &asked, hits)
        });
        view! {
            <div class="page">
                {header}
                <FormAlert form=change_form/>
                <FormAlert form=site_form/>
                <div class="columns">
                    <div class="stack">
                        {list}
                        <Card title="What would it find?" text="The passages that the agent is given for a question, and why.">
                            <div class="stack">
                                <form method="get" class="row" role="search">
                                    <label class="sr" for="training-q">"Question"</label>
                                    <input class="input" id="training-q" type="search" name="q" value=asked placeholder="How long does a refund take?" maxlength="500"/>
                                    <Submit label="Search" look=Look::Secondary icon=Sign::Search/>
                                </form>
                                {results}
                            </div>
                        </Card>
                    </div>
                    <div class="stack">
                        <Card title="Add files" text="PDF, Word, PowerPoint, Excel, OpenDocument, EPUB, HTML, Markdown, CSV, e-mail and plain text, up to 25 MB each.">
                            <form class="stack" method="post" enctype="multipart/form-data" action=upload>
                                <div class="dropzone">
                                    <Icon sign=Sign::Upload/>
                                    <label for="training-files">"Drop files here, or choose them"</label>
                                    <input id="training-files" type="file" name="file" multiple required on:change=|event| live::submit_form_of(&event)/>
                                </div>
                                <Submit label="Upload" icon=Sign::Upload/>
                            </form>
                        </Card>
                        <Card title="Add web pages" text="Pages that everybody may read. What robots.txt forbids is left out.">
                            <PostForm action=add_site class="stack">
                                <FormAlert form=pages_form/>
                                <input type="hidden" name="id" value=pages_id/>
                                <Field form=pages_form name="url" label="Address" required=true maxlength=2000 placeholder="https://example.com/help/"/>
                                <SelectField form=pages_form name="pages" label="Read" value="1" options=choices(&[("1", "this page alone"), ("25", "up to 25 pages below it"), ("100", "up to 100 pages below it"), ("200", "up to 200 pages below it")])/>
                                <SelectField form=pages_form name="hours" label="Read again" value="0" options=choices(&[("0", "never"), ("24", "every day"), ("168", "every week"), ("720", "every 30 days")])/>
                                <Submit label="Add the pages" pending=pages_form.pending/>
                            </PostForm>
                        </Card>
                        <Card title="Add an answer">
                            <PostForm action=add class="stack">
                                <FormAlert form/>
                                <input type="hidden" name="id" value=answer_id/>
                                <Field form name="question" label="Question" required=true maxlength=500/>
                                <TextArea form name="answer" label="Answer" rows=4 required=true/>
                                <Submit label="Add the answer" pending=form.pending/>
                            </PostForm>
                        </Card>
                        <Card title="Sources in the widget" text="Programs and your own test chat are always told which documents an answer is from.">
                            <PostForm action=show class="stack">
                                <input type="hidden" name="id" value=cite_id/>
                                <CheckField name="show" label="Show visitors the sources of an answer" checked=view.settings.show_citations switch=true/>
                                <Submit label="Save" look=Look::Secondary/>
                            </PostForm>
                        </Card>
                    </div>
                </div>
            </div>
        }
        .into_any()
    })
}

fn documents(id: &str, page: &str, given: Given, change: FormAction, site_action: FormAction) -> AnyView {
    let Given { documents, totals, gaps, sites, problem } = given;
    let sites = site_table(id, sites, site_action);
    let problem =
        problem.map(|text| view! { <Alert kind=Kind::Bad title="Not every file was taken" text/> }.into_any());
    let busy = documents.iter().any(|document| document.state.is_under_way());
    let again = busy.then(|| {
        view! { <p class="muted small">"Reading goes on. "<a class="link" href=page.to_owned()>"Look again"</a></p> }.into_any()
    });
    let table = if documents.is_empty() {
        view! {
            <EmptyState icon=Sign::Book title="Nothing to read yet" text="Add your handbook, your terms, your price list: whatever people ask about. A minute later the agent answers from it."/>
        }
        .into_any()
    } else {
        let text = format!(
            "{} of {}, {} of {}, {} of {}.",
            fmt::count(totals.documents),
            fmt::plural(totals.most.documents, "document", "documents"),
            fmt::bytes(totals.bytes),
            fmt::bytes(totals.most.bytes),
            fmt::count(totals.pages),
            fmt::plural(totals.most.pages, "page", "pages")
        );
        let text = match totals.meant {
            Some(meant) if meant < 100 => {
                format!("{text} Found by their words; {meant} % of the passages by their meaning too, so far.")
            }
            _ => text,
        };
        let rows = documents.into_iter().map(|document| row(id, page, document, change)).views();
        view! {
            <Card title="Documents" text class="card--flush">
                <Table label="Documents" stacks=true head=view! { <tr><th>"Name"</th><th>"State"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{rows}</Table>
            </Card>
        }
        .into_any()
    };
    let gaps = (!gaps.is_empty()).then(|| {
        let rows = gaps
            .into_iter()
            .map(|gap| {
                view! { <tr><td>{gap.question}</td><td>{fmt::count(gap.times)}</td><td class="nowrap">{gap.last.readable()}</td></tr> }
            })
            .views();
        view! {
            <Card title="Asked, and not found" text="Write these down, and the agent knows." class="card--flush">
                <Table label="Questions without an answer" head=view! { <tr><th>"Question"</th><th>"Times"</th><th>"Last"</th></tr> }.into_any()>{rows}</Table>
            </Card>
        }
        .into_any()
    });
    view! { <div class="stack">{problem}{again}{table}{sites}{gaps}</div> }.into_any()
}

fn choices(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect()
}

/// As in “every day”.
fn period(hours: i64) -> String {
    match hours {
        1 => "hour".to_owned(),
        24 => "day".to_owned(),
        hours if hours % 24 == 0 => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}

/// Web pages by where they begin; nothing where there are none.
fn site_table(id: &str, sites: Vec<SiteView>, action: FormAction) -> Option<AnyView> {
    if sites.is_empty() {
        return None;
    }
    let rows = sites
        .into_iter()
        .map(|site| {
            let far = match (site.under_way, site.failed) {
                (0, 0) => String::new(),
                (0, failed) => format!(", {failed} failed"),
                (under_way, _) => format!(", {under_way} to be read"),
            };
            let pages = format!("{}{far}", fmt::plural(site.pages, "page", "pages"));
            let id = id.to_owned();
            let next = match (site.every_hours, site.next) {
                (0, _) | (_, None) => "Not read again by itself".to_owned(),
                (hours, Some(next)) => format!("Every {}, next {}", period(hours), next.readable()),
            };
            view! {
                <tr>
                    <td><a class="link break" href=site.url.clone() rel="external noopener noreferrer" target="_blank">{site.url.clone()}</a><p class="muted tiny">{next}</p></td>
                    <td class="nowrap">{pages}</td>
                    <td>
                        <PostForm action=action class="row row--sm row--nowrap">
                            <input type="hidden" name="id" value=id/>
                            <input type="hidden" name="site" value=site.id.to_string()/>
                            <Submit label="Read again" look=Look::Ghost class="btn--sm" name="what" value="process"/>
                            <Submit label="Delete" look=Look::Danger class="btn--sm" name="what" value="delete"/>
                        </PostForm>
                    </td>
                </tr>
            }
        })
        .views();
    Some(
        view! {
            <Card title="Web pages" text="Where they begin. Deleting an entry deletes all of its pages." class="card--flush">
                <Table label="Web pages" stacks=true head=view! { <tr><th>"Begins at"</th><th>"Pages"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{rows}</Table>
            </Card>
        }
        .into_any(),
    )
}

fn row(id: &str, page: &str, document: DocumentView, change: FormAction) -> AnyView {
    let kind = match document.kind {
        DocumentKind::File => fmt::bytes(document.bytes),
        DocumentKind::Answer => "Question and answer".to_owned(),
        // A page that was not read yet is called by its address.
        DocumentKind::Page if document.url == document.name => "Web page".to_owned(),
        DocumentKind::Page => document.url.clone(),
    };
    let pages = (document.pages > 0).then(|| format!(", {}", fmt::plural(document.pages, "page", "pages")));
    let passages =
        (document.passages > 0).then(|| format!(", {}", fmt::plural(document.passages, "passage", "passages")));
    let reason =
        (!document.reason.is_empty()).then(|| view! { <p class="tiny">{document.reason.clone()}</p> }.into_any());
    let warnings =
        document.warnings.iter().map(|warning| view! { <p class="muted tiny">{warning.clone()}</p> }).views();
    let name = if document.passages > 0 {
        view! { <a href=format!("{page}{}/", document.id)><strong>{document.name.clone()}</strong></a> }.into_any()
    } else {
        view! { <strong>{document.name.clone()}</strong> }.into_any()
    };
    let id = id.to_owned();
    let again = (!document.state.is_under_way()).then(|| {
        view! { <Submit label="Read again" look=Look::Ghost class="btn--sm" name="what" value="process"/> }.into_any()
    });
    view! {
        <tr>
            <td>{name}<p class="muted tiny break">{kind}{pages}{passages}</p>{reason}{warnings}</td>
            <td><DocumentBadge state=document.state/></td>
            <td>
                <PostForm action=change class="row row--sm row--nowrap">
                    <input type="hidden" name="id" value=id/>
                    <input type="hidden" name="document" value=document.id.to_string()/>
                    {again}
                    <Submit label="Delete" look=Look::Danger class="btn--sm" name="what" value="delete"/>
                </PostForm>
            </td>
        </tr>
    }
    .into_any()
}

fn results(page: &str, asked: &str, hits: Vec<FoundPassage>) -> AnyView {
    if asked.trim().is_empty() {
        return ().into_any();
    }
    if hits.is_empty() {
        return view! { <p>"No passage fits. The agent will say that it could not find it in your documents."</p> }
            .into_any();
    }
    let hits = hits
        .into_iter()
        .map(|hit| {
            let href = format!("{page}{}/#p-{}", hit.document_id, hit.id);
            let place = hit.page.map(|page| format!(", page {page}"));
            let above = hit.headings.join(" › ");
            let words = (!hit.matched.is_empty())
                .then(|| format!("Holds {} % of the question: {}.", hit.coverage, hit.matched.join(", ")));
            let meaning = hit.nearness.filter(|near| *near > 0).map(|near| format!("Near in meaning: {near} %."));
            let why = words.into_iter().chain(meaning).collect::<Vec<_>>().join(" ");
            let pieces = hit
                .pieces
                .into_iter()
                .enumerate()
                .map(|(place, piece)| {
                    if place % 2 == 1 { view! { <mark>{piece}</mark> }.into_any() } else { piece.into_any() }
                })
                .collect::<Vec<_>>();
            view! {
                <li class="passage">
                    <p><a class="link" href=href rel="external">{hit.document_name}</a>{place}" "<span class="muted tiny">{above}</span></p>
                    <p>{pieces}</p>
                    <p class="muted tiny">{why}</p>
                </li>
            }
        })
        .views();
    view! { <ol class="passages">{hits}</ol> }.into_any()
}
