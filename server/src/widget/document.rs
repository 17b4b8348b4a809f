//! The chat as an HTML document: whole without a script, and taken over by the wasm inside a frame.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use domain::view::chat::ChatMessage;
use domain::view::knowledge::Citation;
use serde_json::json;
use services::gateway::{GatewayError, WidgetBoot};

use super::NO_STORE;
use super::language::Language;
use super::palette::Palette;
use crate::assets;

const TEMPLATE: &str = include_str!("../../../widget/frame.html");

/// A chat that is being put together.
#[derive(Debug)]
pub(super) struct Document<'a> {
    boot: &'a WidgetBoot,
    language: &'static Language,
    framed: bool,
    messages: &'a [ChatMessage],
    notice: &'a str,
    draft: &'a str,
    hidden: Vec<(&'static str, String)>,
}

impl<'a> Document<'a> {
    /// Begins the chat of an agent.
    pub(super) const fn of(boot: &'a WidgetBoot, language: &'static Language) -> Self {
        Self { boot, language, framed: false, messages: &[], notice: "", draft: "", hidden: Vec::new() }
    }

    /// Makes it the one that the loader shows, with its script.
    pub(super) const fn framed(mut self) -> Self {
        self.framed = true;
        self
    }

    /// Shows what was said.
    pub(super) const fn messages(mut self, messages: &'a [ChatMessage]) -> Self {
        self.messages = messages;
        self
    }

    /// Says what is wrong, and gives back what could not be sent.
    pub(super) const fn problem(mut self, notice: &'a str, draft: &'a str) -> Self {
        self.notice = notice;
        self.draft = draft;
        self
    }

    /// Sends something along with the form.
    pub(super) fn hidden(mut self, name: &'static str, value: String) -> Self {
        self.hidden.push((name, value));
        self
    }

    fn value(&self, name: &str, nonce: &str, palette: &Palette) -> String {
        let (boot, language) = (self.boot, self.language);
        if let Some(text) = name.strip_prefix("text_") {
            return escaped(language.text(text));
        }
        match name {
            "lang" => language.code.to_owned(),
            "dir" => language.text("dir").to_owned(),
            "theme" => escaped(&boot.theme),
            "name" => escaped(&boot.name),
            "welcome" => escaped(&boot.welcome),
            "assets" => address(),
            "nonce" => nonce.to_owned(),
            "accent" => palette.accent.clone(),
            "on_accent" => palette.on_accent.clone(),
            "link_light" => palette.link_light.clone(),
            "link_dark" => palette.link_dark.clone(),
            "role" if self.framed => " role=\"dialog\"".to_owned(),
            "scripts" if self.framed => self.scripts(),
            "face" => self.face(),
            "messages" => self.log(),
            "notice" if self.is_away() => escaped(language.text("away")),
            "notice" => escaped(self.notice),
            "disabled" if self.is_away() => " disabled".to_owned(),
            "draft" => escaped(self.draft),
            "action" => format!("/chat/{}", boot.config_id),
            "hidden" => self
                .hidden
                .iter()
                .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escaped(value)))
                .collect::<Vec<_>>()
                .concat(),
            "starters" if self.messages.is_empty() && !self.is_away() => boot
                .starters
                .iter()
                .map(|starter| {
                    let text = escaped(starter);
                    format!("<button formnovalidate name=\"input\" value=\"{text}\">{text}</button>")
                })
                .collect::<Vec<_>>()
                .concat(),
            "disclaimer" => escaped(language.text("disclaimer")),
            _ => String::new(),
        }
    }

    fn is_away(&self) -> bool {
        self.boot.unavailable.is_some()
    }

    fn scripts(&self) -> String {
        let at = address();
        let boot = json!({"config_id": self.boot.config_id, "away": self.is_away(), "strings": self.language.texts});
        // In JSON `<` only stands in texts, where it may be written so; then nothing ends the script.
        let boot = boot.to_string().replace('<', "\\u003c");
        format!(
            "<link rel=\"modulepreload\" href=\"{at}/widget.js\">\n\
             <link rel=\"preload\" as=\"fetch\" crossorigin href=\"{at}/widget_bg.wasm\">\n\
             <script type=\"module\" src=\"{at}/widget.js\"></script>\n\
             <script type=\"application/json\" id=\"boot\">{boot}</script>\n"
        )
    }

    fn face(&self) -> String {
        let picture = self.pictures().next();
        match picture {
            Some(picture) => format!("<img class=\"face\" alt=\"\" src=\"{}\">", escaped(picture)),
            None => {
                let initial: String = self
                    .boot
                    .name
                    .chars()
                    .find(|c| c.is_alphanumeric())
                    .into_iter()
                    .flat_map(char::to_uppercase)
                    .collect();
                format!("<span class=\"face\" aria-hidden=\"true\">{}</span>", escaped(&initial))
            }
        }
    }

    fn pictures(&self) -> impl Iterator<Item = &str> {
        [self.boot.avatar_url.as_str(), self.boot.logo_url.as_str()].into_iter().filter(|address| !address.is_empty())
    }

    fn log(&self) -> String {
        let line = |class: &str, who: &str, html: &str| {
            let who = escaped(self.language.text(who));
            format!("<div class=\"m {class}\"><span class=\"hide\">{who}</span><div class=\"b\">{html}</div></div>\n")
        };
        let mut log = String::new();
        if !self.boot.greeting.is_empty() {
            log.push_str(&line("a", "agent", &escaped(&self.boot.greeting)));
        }
        for message in self.messages {
            log.push_str(&match message.role.as_str() {
                "user" => line("v", "you", &escaped(&message.text)),
                _ => {
                    let said = services::markdown::to_html(&message.text);
                    line("a", "agent", &format!("{said}{}", self.sources(&message.citations)))
                }
            });
        }
        log
    }

    /// What an answer is from; the same as `boot.js` writes. A page of the web is a link to it.
    fn sources(&self, citations: &[Citation]) -> String {
        let mut names: Vec<String> = Vec::new();
        for citation in citations {
            let page = citation.page.map(|page| format!(" ({page})")).unwrap_or_default();
            let name = escaped(&format!("{}{page}", citation.name));
            let name = match citation.link() {
                Some(link) => {
                    let link = escaped(link);
                    format!("<a href=\"{link}\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">{name}</a>")
                }
                None => name,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return String::new();
        }
        format!("<p>{} {}</p>", escaped(self.language.text("sources")), names.join(" · "))
    }

    /// What the document may do, and who may show it.
    fn policy(&self, nonce: &str) -> String {
        let script = if self.framed { "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; " } else { "" };
        let mut images = String::from("img-src 'self' data:");
        for origin in self.pictures().filter_map(origin) {
            images.push(' ');
            images.push_str(&origin);
        }
        let mut ancestors = String::from("frame-ancestors 'self'");
        for origin in &self.boot.allowed_origins {
            ancestors.push(' ');
            ancestors.push_str(origin.as_str());
        }
        format!(
            "default-src 'none'; {script}style-src 'self' 'nonce-{nonce}'; {images}; base-uri 'none'; form-action 'self'; {ancestors}"
        )
    }
}

impl IntoResponse for Document<'_> {
    fn into_response(self) -> Response {
        let nonce = services::clock::fresh_id().simple().to_string();
        let palette = Palette::of(&self.boot.color);
        let html = fill(TEMPLATE, |name| self.value(name, &nonce, &palette));
        // A page that is cross-origin isolated frames only documents that are so themselves; pictures
        // of strangers are then loaded without credentials.
        let embedder = if self.pictures().next().is_some() { "credentialless" } else { "require-corp" };
        let mut response = ([NO_STORE], Html(html)).into_response();
        let headers = response.headers_mut();
        let policy = self.policy(&nonce);
        for (name, value) in [
            ("content-security-policy", policy.as_str()),
            ("referrer-policy", "origin"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("cross-origin-embedder-policy", embedder),
            ("vary", "accept-language"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// Says that there is no chat; the loader tells its page so.
pub(super) fn refusal(error: &GatewayError, language: &Language) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let name = match error.status {
        404 => "gone",
        402 | 403 => "forbidden",
        429 => "too_many",
        _ => "failed",
    };
    let text = escaped(language.text(name));
    let html = format!(
        "<!doctype html>\n<html lang=\"{}\" dir=\"{}\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{text}</title></head>\n<body><p>{text}</p></body>\n</html>\n",
        language.code,
        language.text("dir"),
    );
    let mut response = (status, [NO_STORE], Html(html)).into_response();
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Where the files of this build are.
fn address() -> String {
    format!("/widget/v/{}", assets::build_hash())
}

fn origin(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    (url.scheme() == "https").then(|| url.origin().ascii_serialization())
}

/// Puts values into a template, in one go: what a value says is never taken for a place.
fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len() + 4096);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        filled.push_str(before);
        filled.push_str(&value(name));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Writes text so that HTML shows it, between tags and inside attributes.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use domain::ConfigId;

    use super::*;

    fn boot() -> WidgetBoot {
        WidgetBoot {
            config_id: "0123456789abcdef0123456789abcdef".parse::<ConfigId>().expect("an id"),
            name: "</script>\"Ada\" {{nonce}}".to_owned(),
            greeting: "<b>Hi</b>".to_owned(),
            welcome: String::new(),
            color: "#10B981".to_owned(),
            avatar_url: String::new(),
            logo_url: String::new(),
            position: "bottom-right".to_owned(),
            theme: "auto".to_owned(),
            starters: vec!["\"><script>".to_owned()],
            allowed_origins: vec!["https://shop.example".parse().expect("an origin")],
            unavailable: None,
        }
    }

    async fn answer(document: Document<'_>) -> (HeaderMap, String) {
        let (parts, body) = document.into_response().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        (parts.headers, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    fn english() -> &'static Language {
        Language::of(Some("en"), &HeaderMap::new())
    }

    #[tokio::test]
    async fn what_an_owner_writes_stays_text() {
        let boot = boot();
        let (_, html) = answer(Document::of(&boot, english()).framed()).await;
        assert!(html.contains("&lt;/script&gt;&quot;Ada&quot; {{nonce}}"), "{html}");
        assert!(html.contains("&lt;b&gt;Hi&lt;/b&gt;"));
        assert!(!html.contains("\"><script>"));
        let named = html.matches("{{").count();
        assert_eq!(named, 2, "only the name's own braces are left, in title and heading: {html}");
    }

    #[tokio::test]
    async fn only_listed_pages_may_show_it() {
        let boot = boot();
        let (headers, html) = answer(Document::of(&boot, english()).framed()).await;
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("frame-ancestors 'self' https://shop.example"), "{policy}");
        assert!(
            policy.contains("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe-inline"));
        assert!(html.contains("widget_bg.wasm") && html.contains("id=\"boot\""));
        assert_eq!(headers["cache-control"], "no-store");
    }

    #[tokio::test]
    async fn the_page_runs_no_script_at_all() {
        let boot = boot();
        let messages = [ChatMessage {
            role: "agent".to_owned(),
            text: "**Yes** <img src=x>".to_owned(),
            created: String::new(),
            citations: vec![Citation {
                number: 1,
                document_id: domain::DocumentId(uuid::Uuid::nil()),
                passage_id: domain::PassageId(uuid::Uuid::nil()),
                name: "<b>.pdf".to_owned(),
                page: Some(3),
                url: String::new(),
                text: String::new(),
            }],
        }];
        let (headers, html) =
            answer(Document::of(&boot, english()).messages(&messages).problem("It <failed>", "my text")).await;
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(!policy.contains("script-src") && !html.contains("<script"), "{policy} {html}");
        assert!(html.contains("<strong>Yes</strong>") && !html.contains("<img"), "{html}");
        assert!(html.contains("<p>Sources: &lt;b&gt;.pdf (3)</p>"), "{html}");
        let mut linked = messages.clone();
        for (url, is_linked) in [
            ("https://example.com/?a=\"><script>", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("https://example.com/a b", false),
        ] {
            url.clone_into(&mut linked[0].citations[0].url);
            let (_, html) = answer(Document::of(&boot, english()).messages(&linked)).await;
            assert_eq!(html.contains("rel=\"noopener noreferrer nofollow\""), is_linked, "{url}: {html}");
            assert!(!html.contains("<script>") && !html.contains("javascript:"), "{url}: {html}");
        }
        assert!(html.contains("It &lt;failed&gt;") && html.contains(">my text</textarea>"), "{html}");
    }

    #[tokio::test]
    async fn an_agent_that_is_switched_off_says_so() {
        let mut boot = boot();
        boot.unavailable = Some("what its owner owes".to_owned());
        let (_, html) = answer(Document::of(&boot, english()).framed()).await;
        assert!(html.contains("not available at the moment") && html.contains(" disabled>"), "{html}");
        assert!(html.contains("\"away\":true") && !html.contains("owes"), "{html}");
    }

    #[tokio::test]
    async fn a_picture_of_the_owner_is_let_through_and_no_other() {
        let mut boot = boot();
        boot.avatar_url = "https://cdn.example/ada.png?x='; script-src *".to_owned();
        let (headers, _) = answer(Document::of(&boot, english())).await;
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("img-src 'self' data: https://cdn.example;"), "{policy}");
        assert_eq!(headers["cross-origin-embedder-policy"], "credentialless");
    }
}
