//! What a web page may do with a key, and a visitor with a session token.

use domain::state::{KeyKind, KeyScope};
use domain::view::config::ConfigPatch;
use domain::view::knowledge::Citation;
use domain::{DocumentId, PassageId};
use services::gateway::{self, Call, GatewayError, OpenSession, OpenedSession, PageMessage};
use services::ports::RunOutput;
use services::{configs, keys};
use testkit::{Bought, IP, TestCtx, credential, on_every_ctx, page_credential, saying};

use uuid::Uuid;

use super::{is, refusal};

const SHOP: &str = "https://shop.example";

pub(super) async fn open(t: &TestCtx, bought: &Bought, key: &str, origin: &str) -> Result<OpenedSession, GatewayError> {
    again(t, bought, key, origin, None).await
}

async fn again(
    t: &TestCtx,
    bought: &Bought,
    key: &str,
    origin: &str,
    handle: Option<&str>,
) -> Result<OpenedSession, GatewayError> {
    let open = OpenSession { config: bought.config, credential: page_credential(key, origin), handle };
    gateway::open_session(&t.ctx, open).await
}

async fn page_key(t: &TestCtx, bought: &Bought) -> domain::view::config::CreatedKey {
    t.key(bought, KeyKind::Publishable, &[KeyScope::Invoke], &[SHOP]).await
}

#[tokio::test]
async fn a_publishable_key_works_on_its_pages_alone() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = page_key(&t, &bought).await.secret;
        gateway::authenticate(&t.ctx, &page_credential(&key, SHOP)).await.unwrap();
        for other in ["https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"] {
            let outcome = gateway::authenticate(&t.ctx, &page_credential(&key, other)).await;
            assert_eq!(refusal(outcome), is(403, "origin_not_allowed"), "{other}");
        }
        // Without an origin it does nothing at all.
        assert_eq!(refusal(t.caller(&key).await), is(403, "origin_not_allowed"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_secret_key_in_a_page_is_refused_and_reported() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = t.key(&bought, KeyKind::Secret, &[KeyScope::Invoke, KeyScope::Read], &[SHOP]).await;
        let outcome = gateway::authenticate(&t.ctx, &page_credential(&made.secret, SHOP)).await;
        assert_eq!(refusal(outcome), is(403, "secret_key_in_browser"));
        let seen = keys::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap().remove(0).seen_in_browser;
        assert_eq!(seen.as_deref(), Some(SHOP));
        t.ask(&made.secret, saying("hello")).await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_secret_key_that_may_only_invoke_works_on_the_pages_of_its_list() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let listed = t.key(&bought, KeyKind::Secret, &[KeyScope::Invoke], &[SHOP]).await.secret;
        gateway::authenticate(&t.ctx, &page_credential(&listed, SHOP)).await.unwrap();
        let flagged = keys::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
        assert_eq!(flagged[0].seen_in_browser.as_deref(), Some(SHOP));
        let outcome = gateway::authenticate(&t.ctx, &page_credential(&listed, "https://evil.example")).await;
        assert_eq!(refusal(outcome), is(403, "secret_key_in_browser"));
        let without = t.secret_key(&bought).await.secret;
        assert_eq!(
            refusal(gateway::authenticate(&t.ctx, &page_credential(&without, SHOP)).await),
            is(403, "secret_key_in_browser")
        );
        open(&t, &bought, &listed, SHOP).await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_exchanges_its_key_for_a_conversation_and_comes_back_to_it() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = page_key(&t, &bought).await.secret;
        let first = open(&t, &bought, &key, SHOP).await.unwrap();
        assert_eq!(first.expires_in, 600);
        let answer = t.ask(&first.token, saying("hello")).await.unwrap();
        assert_eq!(answer.session_id, first.session_id);
        let back = again(&t, &bought, &key, SHOP, Some(&first.handle)).await.unwrap();
        assert_eq!(back.session_id, first.session_id);
        assert_ne!(back.handle, first.handle);
        let messages = gateway::messages(&t.ctx, &credential(&back.token)).await.unwrap();
        let said: Vec<_> = messages.iter().map(|message| (message.role.as_str(), message.text.as_str())).collect();
        assert_eq!(said, [("user", "hello"), ("agent", answer.output.as_str())]);
        let stale = again(&t, &bought, &key, SHOP, Some(&first.handle)).await.unwrap();
        assert_ne!(stale.session_id, first.session_id, "a handle works once");
        assert!(gateway::messages(&t.ctx, &credential(&stale.token)).await.unwrap().is_empty());
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_session_token_neither_tweaks_nor_speaks_elsewhere() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = page_key(&t, &bought).await.secret;
        let opened = open(&t, &bought, &key, SHOP).await.unwrap();
        let tweaked = Call { tweaks: [("a".to_owned(), "b".into())].into_iter().collect(), ..saying("hello") };
        assert_eq!(refusal(t.ask(&opened.token, tweaked.clone()).await), is(403, "tweaks_refused"));
        let elsewhere = Call { session_id: Some("another".to_owned()), ..saying("hello") };
        assert_eq!(refusal(t.ask(&opened.token, elsewhere.clone()).await), is(403, "session_refused"));
        assert_eq!(refusal(t.ask(&opened.token, saying(&"x".repeat(4_001))).await), is(413, "too_large"));
        // Nor does the key itself, when a page calls with it.
        let page = gateway::authenticate(&t.ctx, &page_credential(&key, SHOP)).await.unwrap();
        assert_eq!(refusal(gateway::invoke(&t.ctx, page.clone(), tweaked).await), is(403, "tweaks_refused"));
        assert_eq!(refusal(gateway::invoke(&t.ctx, page, elsewhere).await), is(403, "session_refused"));
        assert_eq!(refusal(gateway::validate(&t.ctx, &credential(&opened.token)).await), is(401, "unauthorized"));
        assert!(t.runtime.runs().is_empty());
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_session_token_ends_after_ten_minutes_and_with_its_key() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = page_key(&t, &bought).await;
        let opened = open(&t, &bought, &made.secret, SHOP).await.unwrap();
        t.clock.advance_seconds(599);
        t.ask(&opened.token, saying("hello")).await.unwrap();
        t.clock.advance_seconds(1);
        assert_eq!(refusal(t.ask(&opened.token, saying("hello")).await), is(401, "unauthorized"));

        let opened = open(&t, &bought, &made.secret, SHOP).await.unwrap();
        t.ask(&opened.token, saying("hello")).await.unwrap();
        keys::set_origins(&t.ctx, &bought.buyer.who, made.key.id, &["https://blog.example".to_owned()]).await.unwrap();
        assert_eq!(refusal(t.ask(&opened.token, saying("hello")).await), is(401, "unauthorized"));

        let opened = open(&t, &bought, &made.secret, "https://blog.example").await.unwrap();
        t.ask(&opened.token, saying("hello")).await.unwrap();
        keys::revoke(&t.ctx, &bought.buyer.who, made.key.id).await.unwrap();
        assert_eq!(refusal(t.ask(&opened.token, saying("hello")).await), is(401, "unauthorized"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_agents_own_list_is_a_second_wall() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = page_key(&t, &bought).await.secret;
        let boot = gateway::boot(&t.ctx, bought.config).await.unwrap();
        assert_eq!(boot.allowed_origins.iter().map(ToString::to_string).collect::<Vec<_>>(), [SHOP]);
        let opened = open(&t, &bought, &key, SHOP).await.unwrap();
        let patch =
            ConfigPatch { allowed_origins: Some(vec!["https://blog.example".to_owned()]), ..ConfigPatch::default() };
        configs::update(&t.ctx, &bought.buyer.who, bought.config, patch).await.unwrap();
        assert_eq!(refusal(open(&t, &bought, &key, SHOP).await), is(403, "origin_not_allowed"));
        assert_eq!(refusal(t.ask(&opened.token, saying("hello")).await), is(403, "origin_not_allowed"));
        let boot = gateway::boot(&t.ctx, bought.config).await.unwrap();
        assert_eq!(boot.allowed_origins.iter().map(ToString::to_string).collect::<Vec<_>>(), ["https://blog.example"]);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_opens_conversations_with_its_own_agent_alone() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let reader = t.key(&bought, KeyKind::Secret, &[KeyScope::Read], &[SHOP]).await.secret;
        assert_eq!(refusal(open(&t, &bought, &reader, SHOP).await), is(403, "secret_key_in_browser"));
        let key = page_key(&t, &bought).await.secret;
        let elsewhere = domain::ConfigId(services::clock::fresh_id());
        let open = OpenSession { config: elsewhere, credential: page_credential(&key, SHOP), handle: None };
        assert_eq!(refusal(gateway::open_session(&t.ctx, open).await), is(404, "not_found"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_page_without_scripts_keeps_its_conversation() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let say = |handle: Option<String>, once: &str| {
            let (ctx, config, once) = (t.ctx.clone(), bought.config, once.to_owned());
            async move {
                let message = PageMessage { input: "hello", handle: handle.as_deref(), once: Some(once), ip: IP };
                gateway::page_message(&ctx, config, message).await
            }
        };
        assert_eq!(refusal(say(None, "a").await), is(404, "not_found"), "no page may show this agent");
        page_key(&t, &bought).await;
        let handle = say(None, "a").await.unwrap();
        assert!(handle.is_some());
        assert_eq!(say(handle.clone(), "b").await.unwrap(), None);
        // The same form, sent twice.
        assert_eq!(say(handle.clone(), "b").await.unwrap(), None);
        let messages = gateway::page_messages(&t.ctx, bought.config, handle.as_deref()).await.unwrap();
        assert_eq!(messages.len(), 4);
        assert!(gateway::page_messages(&t.ctx, bought.config, Some("unknown")).await.unwrap().is_empty());
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_snippet_shows_a_publishable_key_and_never_a_secret() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let who = &bought.buyer.who;
        let secret = t.key(&bought, KeyKind::Secret, &[KeyScope::Invoke], &[SHOP]).await.secret;
        let embed = configs::widget_embed(&t.ctx, who, bought.config).await.unwrap();
        assert_eq!(embed.publishable_key, None);
        assert!(!embed.embed_code.contains(&secret));
        let key = page_key(&t, &bought).await.secret;
        let embed = configs::widget_embed(&t.ctx, who, bought.config).await.unwrap();
        let expected = format!(
            "<script src=\"http://cmp.test/widget/loader.js\"></script>\n<script>\n  GSVWidget.init({{ configId: \"{}\", apiKey: \"{key}\", position: \"bottom-right\", theme: \"auto\" }});\n</script>",
            bought.config
        );
        assert_eq!(embed.embed_code, expected);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn visitors_are_told_the_sources_where_the_buyer_shows_them() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let citation = Citation {
            number: 1,
            document_id: DocumentId(Uuid::from_u128(1)),
            passage_id: PassageId(Uuid::from_u128(2)),
            name: "handbook.txt".to_owned(),
            url: String::new(),
            page: None,
            text: String::new(),
        };
        let key = page_key(&t, &bought).await.secret;
        let session = open(&t, &bought, &key, SHOP).await.unwrap();
        for shows in [false, true] {
            let patch = ConfigPatch { show_citations: Some(shows), ..ConfigPatch::default() };
            configs::update(&t.ctx, &bought.buyer.who, bought.config, patch).await.unwrap();
            t.runtime.next_run(Ok(RunOutput { citations: vec![citation.clone()], ..RunOutput::default() }));
            let caller = t.caller(&session.token).await.unwrap();
            let answer = gateway::invoke(&t.ctx, caller, saying("hello")).await.unwrap().answer().await.unwrap();
            assert_eq!(answer.citations.len(), usize::from(shows));
            let said = gateway::messages(&t.ctx, &credential(&session.token)).await.unwrap();
            assert_eq!(said.iter().any(|message| !message.citations.is_empty()), shows);
        }
        bought.finish().await;
    })
    .await;
}
