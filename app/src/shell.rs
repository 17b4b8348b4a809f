//! The HTML document around every page.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::{App, server_context};

/// Loads a page that waits (`data-again`) anew until something has made it live: scripts may be on and
/// ours still fail to load or to start. Where scripts are off, the page's `<noscript>` does the same.
const LOOK_AGAIN: &str = "setInterval(()=>{const e=document.querySelector('[data-again]');if(e&&!document.documentElement.hasAttribute('data-live'))location.replace(e.dataset.again)},4000)";

/// Renders the document: head, styles, the scripts that hydrate it, and the portal.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    server_context::set_page_policy();
    let stylesheet = format!("/{}/cmp.css", options.site_pkg_dir);

    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=server_context::theme()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#fbfbfc"/>
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0b0c0f"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href=stylesheet/>
                <script nonce=use_nonce() inner_html=LOOK_AGAIN></script>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}
