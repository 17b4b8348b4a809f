//! The foot of public pages.

use leptos::prelude::*;

use super::Brand;
use crate::links;
use crate::session::{Session, first_page};

/// Links to everything that a visitor may look for.
#[component]
pub(super) fn Footer() -> impl IntoView {
    let session = Session::of_page();
    view! {
        <footer class="footer">
            <div class="wrap">
                <div class="footer__grid">
                    <div class="stack stack--sm">
                        <Brand/>
                        <p>"A marketplace for AI agents: find one, try it, put it to work. Or build one in Langflow and sell it."</p>
                    </div>
                    <nav aria-labelledby="footer-market">
                        <h2 id="footer-market">"Marketplace"</h2>
                        <ul>
                            <li><a href=links::MARKETPLACE>"Everything"</a></li>
                            <li><a href=links::category("agents")>"Agents"</a></li>
                            <li><a href=links::category("apps")>"Apps"</a></li>
                            <li><a href=links::category("assistants")>"Assistants"</a></li>
                            <li><a href=links::category("automations")>"Automations"</a></li>
                        </ul>
                    </nav>
                    <nav aria-labelledby="footer-build">
                        <h2 id="footer-build">"Build"</h2>
                        <ul>
                            <li><a href="/#sell">"Sell your agents"</a></li>
                            <li><a href="/api/docs/" rel="external">"API reference"</a></li>
                            <li><a href="/api/agent-gateway/health/" rel="external">"Status"</a></li>
                        </ul>
                    </nav>
                    <nav aria-labelledby="footer-account">
                        <h2 id="footer-account">"Account"</h2>
                        <ul>
                            <Suspense>
                                {move || Suspend::new(async move {
                                    match session.viewer().await {
                                        Some(viewer) => view! { <li><a href=first_page(&viewer)>"Your pages"</a></li> }.into_any(),
                                        None => view! {
                                            <li><a href=links::LOGIN>"Sign in"</a></li>
                                            <li><a href=links::REGISTER>"Create an account"</a></li>
                                        }
                                        .into_any(),
                                    }
                                })}
                            </Suspense>
                        </ul>
                    </nav>
                </div>
            </div>
        </footer>
    }
}
