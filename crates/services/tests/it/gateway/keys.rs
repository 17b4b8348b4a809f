//! Keys open the gateway until the moment they are revoked.

use base64::Engine as _;
use domain::state::{KeyKind, KeyScope};
use domain::view::config::NewKey;
use serde_json::Value;
use services::gateway::{self, Caller};
use services::{Error, keys, operator};
use testkit::{credential, on_every_ctx, page_credential, saying};

use super::{is, refusal};

fn claims(secret: &str) -> (Value, Value) {
    let mut parts = secret.strip_prefix("ar_sk_live_").unwrap().split('.').map(|part| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

#[tokio::test]
async fn a_secret_key_says_what_it_is_for_and_is_stored_as_a_digest_alone() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = t.secret_key(&bought).await;
        let (header, claims) = claims(&made.secret);
        assert_eq!((header["alg"].as_str(), header["kid"].as_str().map(str::len)), (Some("HS256"), Some(8)));
        assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some("cmp"), Some("agent-gateway")));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 365 * 86_400);
        assert_eq!(claims["tenant_id"], bought.buyer.organization.to_string());
        assert_eq!(claims["project_id"], bought.buyer.project.to_string());
        assert_eq!(claims["config_uuid"], bought.config.to_string());
        assert_eq!(claims["scopes"], serde_json::json!(["invoke"]));
        assert_eq!(claims["jti"], made.key.id.to_string());
        let listed = keys::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
        assert_eq!((listed.len(), listed[0].publishable.as_deref()), (1, None));
        assert!(!format!("{listed:?}").contains(&made.secret));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = t.secret_key(&bought).await;
        t.ask(&made.secret, saying("hello")).await.unwrap();
        let revoked = keys::revoke(&t.ctx, &bought.buyer.who, made.key.id).await.unwrap();
        assert!(revoked.revoked.is_some());
        assert_eq!(refusal(t.ask(&made.secret, saying("hello")).await), is(401, "unauthorized"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_revoked_while_it_is_read_does_not_stay() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60_000).await;
        for _ in 0..20 {
            let made = t.secret_key(&bought).await;
            let tries = (0..8).map(|_| t.caller(&made.secret));
            let (_, revoked) =
                tokio::join!(futures::future::join_all(tries), keys::revoke(&t.ctx, &bought.buyer.who, made.key.id));
            revoked.unwrap();
            assert_eq!(refusal(t.caller(&made.secret).await), is(401, "unauthorized"));
        }
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "plays another process, which has decided already")]
async fn another_process_learns_of_a_revocation() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = t.secret_key(&bought).await;
        t.caller(&made.secret).await.unwrap();
        // What another process would do: the row and the notice, without this one's memory.
        let now = t.ctx.now();
        let mut tx = t.ctx.store.write(store::Scope::System).await.unwrap();
        let tenant = store::Tenant::assume_authorized(bought.buyer.organization);
        store::keys::revoke(&mut tx, tenant, made.key.id, now).await.unwrap();
        store::gateway::note_change(&mut tx, services::clock::fresh_id(), Some(bought.config), None, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let noticed = async {
            while t.caller(&made.secret).await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), noticed).await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_regenerated_key_replaces_the_old_one() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let old = t.secret_key(&bought).await;
        t.clock.advance_seconds(60);
        let new = keys::regenerate(&t.ctx, &bought.buyer.who, old.key.id).await.unwrap();
        assert_eq!((new.key.name.as_str(), &new.key.scopes), ("A key", &vec![KeyScope::Invoke]));
        assert_eq!(refusal(t.caller(&old.secret).await), is(401, "unauthorized"));
        t.ask(&new.secret, saying("hello")).await.unwrap();
        let again = keys::regenerate(&t.ctx, &bought.buyer.who, old.key.id).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_ends_when_it_says_so() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let new = NewKey {
            name: "For a day".to_owned(),
            kind: KeyKind::Secret,
            scopes: vec![KeyScope::Invoke],
            allowed_origins: Vec::new(),
            expires_in_days: Some(1),
        };
        let made = keys::create(&t.ctx, &bought.buyer.who, bought.config, new).await.unwrap();
        t.clock.advance_seconds(86_399);
        t.caller(&made.secret).await.unwrap();
        t.clock.advance_seconds(1);
        assert_eq!(refusal(t.caller(&made.secret).await), is(401, "unauthorized"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_only_looks_like_a_key_is_refused() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let good = t.secret_key(&bought).await.secret;
        let jwt = good.strip_prefix("ar_sk_live_").unwrap();
        let mut parts = jwt.split('.');
        let (header, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let kid = claims(&good).0["kid"].as_str().unwrap().to_owned();
        let none = encode(&format!(r#"{{"alg":"none","typ":"JWT","kid":"{kid}"}}"#));
        let long = "x".repeat(5000);
        for bad in [
            jwt.to_owned(),
            format!("ar_sk_live_{header}.{payload}."),
            format!("ar_sk_live_{none}.{payload}."),
            format!("ar_sk_live_{none}.{payload}.{signature}"),
            format!("ar_sk_live_{header}.{}.{signature}", encode("{}")),
            format!("ar_sk_live_{long}"),
            format!("ar_pk_live_{jwt}"),
            "ar_pk_live_00000000000000000000000000000000".to_owned(),
            "ar_sk_live_".to_owned(),
            String::new(),
        ] {
            assert_eq!(refusal(t.caller(&bad).await), is(401, "unauthorized"), "{bad}");
        }
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_outlives_the_secret_that_signed_it() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let old = t.secret_key(&bought).await.secret;
        let operator = t.operator().await.operator().unwrap();
        let kid = gateway::ring::rotate(&t.ctx, operator).await.unwrap();
        gateway::forget_config(&t.ctx, bought.config);
        t.caller(&old).await.unwrap();
        let new = t.secret_key(&bought).await.secret;
        assert_eq!(claims(&new).0["kid"], kid);
        assert_ne!(claims(&old).0["kid"], kid);
        t.caller(&new).await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let reader = t.key(&bought, KeyKind::Secret, &[KeyScope::Read], &[]).await.secret;
        assert_eq!(refusal(t.ask(&reader, saying("hello")).await), is(403, "scope_missing"));
        let seen = gateway::validate(&t.ctx, &credential(&reader)).await.unwrap();
        assert_eq!(
            (seen.config_uuid, seen.scopes, seen.active),
            (bought.config.to_string(), vec![KeyScope::Read], true)
        );
        assert_eq!((seen.monthly_quota, seen.used), (Some(100), 0));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_agent_that_may_not_answer_says_why() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let who = &bought.buyer.who;
        let key = t.secret_key(&bought).await.secret;
        let patch = |live| domain::view::config::ConfigPatch { live: Some(live), ..Default::default() };
        services::configs::update(&t.ctx, who, bought.config, patch(false)).await.unwrap();
        assert_eq!(refusal(t.ask(&key, saying("hello")).await), is(403, "not_live"));
        services::configs::update(&t.ctx, who, bought.config, patch(true)).await.unwrap();
        t.ask(&key, saying("hello")).await.unwrap();

        let operator = t.operator().await;
        operator::set_blocked(&t.ctx, &operator, bought.buyer.organization, true).await.unwrap();
        assert_eq!(refusal(t.ask(&key, saying("hello")).await), is(403, "organization_blocked"));
        operator::set_blocked(&t.ctx, &operator, bought.buyer.organization, false).await.unwrap();
        t.ask(&key, saying("hello")).await.unwrap();

        services::orders::terminate(&t.ctx, who, bought.subscription).await.unwrap();
        t.run_jobs().await;
        assert_eq!(refusal(t.ask(&key, saying("hello")).await), is(402, "no_subscription"));
        assert!(!gateway::validate(&t.ctx, &credential(&key)).await.unwrap().active);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_for_those_who_manage_them() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = t.secret_key(&bought).await;
        let foreign = t.register("foreign@example.com").await.who;
        for outcome in [
            keys::list(&t.ctx, &foreign, bought.config).await.map(drop),
            keys::revoke(&t.ctx, &foreign, made.key.id).await.map(drop),
            keys::regenerate(&t.ctx, &foreign, made.key.id).await.map(drop),
            keys::set_origins(&t.ctx, &foreign, made.key.id, &[]).await.map(drop),
        ] {
            assert!(matches!(outcome, Err(Error::NotFound(_))), "{outcome:?}");
        }
        assert!(keys::list_all(&t.ctx, &foreign).await.unwrap().is_empty());
        assert_eq!(keys::list_all(&t.ctx, &bought.buyer.who).await.unwrap().len(), 1);
        let visitor = services::Principal::Visitor;
        assert!(matches!(keys::revoke(&t.ctx, &visitor, made.key.id).await, Err(Error::SignedOut)));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_for_pages_needs_pages_and_nothing_else() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = |scopes: &[KeyScope], origins: &[&str]| NewKey {
            name: "For our shop".to_owned(),
            kind: KeyKind::Publishable,
            scopes: scopes.to_vec(),
            allowed_origins: origins.iter().map(ToString::to_string).collect(),
            expires_in_days: None,
        };
        let who = &bought.buyer.who;
        for wrong in [
            key(&[KeyScope::Invoke], &[]),
            key(&[KeyScope::Invoke, KeyScope::Read], &["https://shop.example"]),
            key(&[KeyScope::Invoke], &["shop"]),
        ] {
            let outcome = keys::create(&t.ctx, who, bought.config, wrong).await;
            assert!(matches!(outcome, Err(Error::Invalid(_))), "{outcome:?}");
        }
        let made = keys::create(&t.ctx, who, bought.config, key(&[KeyScope::Invoke], &["https://shop.example"]))
            .await
            .unwrap();
        assert_eq!(made.key.publishable.as_ref(), Some(&made.secret));
        assert_eq!((made.secret.len(), made.key.expires), ("ar_pk_live_".len() + 32, None));
        let outcome = keys::set_origins(&t.ctx, who, made.key.id, &[]).await;
        assert!(matches!(outcome, Err(Error::Invalid(_))), "{outcome:?}");
        let caller =
            gateway::authenticate(&t.ctx, &page_credential(&made.secret, "https://shop.example")).await.unwrap();
        assert!(matches!(caller, Caller::Key(_)));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_use_of_a_key_is_shown() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = t.secret_key(&bought).await;
        assert_eq!(made.key.last_used, None);
        t.ask(&made.secret, saying("hello")).await.unwrap();
        let last = keys::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap()[0].last_used;
        assert_eq!(last, Some(t.ctx.now()));
        bought.finish().await;
    })
    .await;
}
