//! An agent's keys: made, shown once, revoked, regenerated.
//!
//! A new key has to reach the page after the form's redirect, with and without JavaScript. It travels
//! in a cookie that scripts cannot read, lives for a minute, and is taken away by the page that shows it.

use domain::state::KeyKind;
use domain::view::config::{ConfigView, KeyView};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use super::{agent_id, agent_of_page, head};
use crate::error::UiError;
use crate::ui::prelude::*;

/// The cookie that carries a new key to the page.
#[cfg(feature = "ssr")]
const FRESH: &str = "cmp_fresh_key";

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyList {
    /// The keys, newest first.
    keys: Vec<KeyLine>,
    /// A key that was just made, this once.
    fresh: Option<String>,
    /// Where the gateway is.
    endpoint: String,
}

/// A key, with its times written out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeyLine {
    key: KeyView,
    made: String,
    used: String,
    ends: String,
    dead: bool,
}

/// Returns an agent's keys, and the new one if there is one.
#[server(prefix = "/ui", endpoint = "keys/list", input = GetUrl)]
pub async fn keys(id: String) -> Result<KeyList, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let found = services::keys::list(&ctx, &who, id).await.map_err(here::fail)?;
    let fresh = here::cookie(FRESH).filter(|key| !key.is_empty());
    if fresh.is_some() {
        here::set_cookie(&format!("{FRESH}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"));
    }
    let now = ctx.now();
    let keys = found
        .into_iter()
        .map(|key| KeyLine {
            made: key.created.day().to_string(),
            used: key.last_used.map_or_else(|| "Never".to_owned(), domain::Timestamp::readable),
            ends: match (key.revoked, key.expires) {
                (Some(at), _) => format!("Revoked {}", at.day()),
                (None, Some(at)) if at <= now => format!("Expired {}", at.day()),
                (None, Some(at)) => format!("Until {}", at.day()),
                (None, None) => "Until revoked".to_owned(),
            },
            dead: key.revoked.is_some() || key.expires.is_some_and(|at| at <= now),
            key,
        })
        .collect();
    let endpoint = format!("{}/api/agent-gateway/invoke/", ctx.settings.public_url);
    Ok(KeyList { keys, fresh, endpoint })
}

#[cfg(feature = "ssr")]
fn show_once(secret: &str) {
    crate::server_context::set_cookie(&format!("{FRESH}={secret}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"));
}

/// Makes a secret key.
#[server(prefix = "/ui", endpoint = "keys/create")]
pub async fn create_key(id: String, name: String, scope: String) -> Result<(), UiError> {
    use domain::state::KeyScope;

    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let scopes = match scope.as_str() {
        "all" => vec![KeyScope::Invoke, KeyScope::Read, KeyScope::Admin],
        "read" => vec![KeyScope::Invoke, KeyScope::Read],
        _ => vec![KeyScope::Invoke],
    };
    let new = domain::view::config::NewKey {
        name,
        kind: KeyKind::Secret,
        scopes,
        allowed_origins: Vec::new(),
        expires_in_days: None,
    };
    let created = services::keys::create(&ctx, &who, config, new).await.map_err(here::fail)?;
    let view = services::configs::get(&ctx, &who, config).await.map_err(here::fail)?;
    show_once(&created.secret);
    super::back_to(&view, "keys/", "created");
    Ok(())
}

/// Revokes a key, or makes another in its place.
#[server(prefix = "/ui", endpoint = "keys/end")]
pub async fn end_key(id: String, key: String, what: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let key = here::id("key", &key)?;
    let notice = if what == "regenerate" {
        let created = services::keys::regenerate(&ctx, &who, key).await.map_err(here::fail)?;
        show_once(&created.secret);
        "created"
    } else {
        services::keys::revoke(&ctx, &who, key).await.map_err(here::fail)?;
        "key-revoked"
    };
    let view = services::configs::get(&ctx, &who, config).await.map_err(here::fail)?;
    super::back_to(&view, "keys/", notice);
    Ok(())
}

/// An agent's keys.
#[component]
pub fn KeysPage() -> impl IntoView {
    let create = FormAction::of::<CreateKey>();
    let end = FormAction::of::<EndKey>();
    let form = FormState::of(create);
    let end_form = FormState::of(end);
    let changed = move || create.version().get() + end.version().get();
    let agent = agent_of_page(|| 0);
    let id = agent_id();
    let found = read_again(changed, move || Keys { id: id() });
    load(agent, move |view| {
        let header = head(&view, "For programs that call this agent. A key is shown once; we keep only its digest.");
        let list = load_part(found, {
            let view = view.clone();
            move |found| list(&view, found, end)
        });
        view! {
            <div class="page">
                {header}
                <FormAlert form=end_form/>
                {list}
                <PostForm action=create class="stack">
                    <FormAlert form/>
                    <Card title="Make a key" text="For a server or a script. For a web page, use the widget’s own key." foot=view! { <Submit label="Make a key" icon=Sign::Key pending=form.pending/> }.into_any()>
                        <div class="stack">
                            <input type="hidden" name="id" value=view.id.to_string()/>
                            <Field form name="name" label="Name" placeholder="Production server" required=true maxlength=80/>
                            <SelectField form name="scope" label="What it may do" value="invoke" options=vec![
                                ("invoke".to_owned(), "Call the agent".to_owned()),
                                ("read".to_owned(), "Call it, and read its settings and usage".to_owned()),
                                ("all".to_owned(), "Everything, settings included".to_owned()),
                            ]/>
                        </div>
                    </Card>
                </PostForm>
            </div>
        }
        .into_any()
    })
}

fn list(view: &ConfigView, found: KeyList, end: FormAction) -> AnyView {
    let fresh = found.fresh.clone().map(|key| {
        let example = format!(
            "curl {} \\\n  -H \"Authorization: Bearer {key}\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{{\"input\": \"Hello\"}}'",
            found.endpoint
        );
        view! {
            <Alert kind=Kind::Good title="Copy your key now" text="This is the only time that it is shown."/>
            <CodeBlock code=key label="Your new key" class="code--secret code--wrap"/>
            <CodeBlock code=example label="Try it"/>
        }
    });
    if found.keys.is_empty() {
        let empty = view! { <EmptyState icon=Sign::Key title="No keys yet" text="Make one below to call this agent from your own program."/> };
        return view! { <div class="stack">{fresh}{empty}</div> }.into_any();
    }
    let config = view.id.to_string();
    let rows = found.keys.into_iter().map(|line| row(config.clone(), line, end)).views();
    view! {
        <div class="stack">
            {fresh}
            <Card title="Keys" class="card--flush">
                <Table label="Keys" head=view! { <tr><th>"Name"</th><th>"Key"</th><th>"May"</th><th>"Last used"</th><th>"Holds"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{rows}</Table>
            </Card>
        </div>
    }
    .into_any()
}

fn row(config: String, line: KeyLine, end: FormAction) -> impl IntoView {
    let KeyLine { key, made, used, ends, dead } = line;
    let scopes = key.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let for_pages = key.kind == KeyKind::Publishable;
    let seen = key.seen_in_browser.clone().map(|origin| {
        view! { <p class="tiny"><Badge text="Seen in a browser" tint=Tint::Bad/>" on "{origin}"; regenerate it"</p> }.into_any()
    });
    let actions = (!dead).then(|| {
        let id = key.id.to_string();
        view! {
            <PostForm action=end class="row row--sm row--nowrap">
                <input type="hidden" name="id" value=config/>
                <input type="hidden" name="key" value=id/>
                <Submit label="Regenerate" look=Look::Ghost class="btn--sm" name="what" value="regenerate"/>
                <Submit label="Revoke" look=Look::Danger class="btn--sm" name="what" value="revoke"/>
            </PostForm>
        }
    });
    view! {
        <tr>
            <td><strong>{key.name}</strong><p class="muted tiny">{if for_pages { "For web pages" } else { "Secret" }}", made "{made}</p>{seen}</td>
            <td class="mono tiny">{key.prefix}</td>
            <td>{scopes}</td>
            <td class="nowrap">{used}</td>
            <td class="nowrap">{ends}</td>
            <td>{actions}</td>
        </tr>
    }
}
