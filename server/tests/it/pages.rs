//! Pages as a browser gets them, before any script has run.

use app::UiError;
use domain::Role;
use serde_json::json;
use server::config::StripeSection;
use testkit::stripe::SimulatedStripe;

use crate::app::{on_every_app, on_every_app_with};
use crate::story::{flow, list_an_offering, list_what_is_imported, subscribe};

#[tokio::test]
async fn an_invited_visitor_signs_up_on_the_way_and_becomes_a_member_without_scripts() {
    on_every_app(async |app| {
        let ada = app.register("ada").await;
        let owner = services::identity::principal_of_token(&app.ctx, &ada.token).await.expect("the owner");
        let organization = ada.organization.parse().expect("an id");
        services::organizations::invite(&app.ctx, &owner, organization, "bob@example.com", Role::Admin)
            .await
            .expect("invited");
        let token = testkit::invitation_token(&app.ctx.store, &app.mailer, "bob@example.com").await;
        let page = format!("/invitation/{token}/");

        let unknown = app.open("/invitation/nonsense/", None).await;
        assert_eq!(unknown.status.as_u16(), 410, "{}", unknown.text);
        let visitor = app.open(&page, None).await;
        assert_eq!(visitor.status.as_u16(), 200, "{}", visitor.text);
        assert!(visitor.text.contains("Join ada’s organization") && visitor.text.contains("bob@example.com"));
        for way in ["/login/", "/register/"] {
            assert!(visitor.text.contains(&format!(r#"href="{way}?next={page}""#)), "{way}: {}", visitor.text);
        }
        let asked = app.submit("/ui/invitation/accept", None, &format!("token={token}")).await;
        assert_eq!(asked.form_error(), Some(UiError::SignedOut));

        // Someone else who is signed in is told whose it is.
        app.register("eve").await;
        let eve = app.sign_in("eve").await;
        let other = app.open(&page, Some(&eve)).await;
        assert!(other.text.contains("you are signed in as eve@example.com"), "{}", other.text);
        assert!(!other.text.contains("Accept the invitation"));

        let form = format!("name=Bob&email=bob%40example.com&password=a+long+enough+password&next={page}");
        let signed_up = app.submit("/ui/session/register", None, &form).await;
        assert_eq!(signed_up.location(), page);
        let bob = app.sign_in("bob").await;
        let own = app.open(&page, Some(&bob)).await;
        assert!(own.text.contains("Accept the invitation"), "{}", own.text);
        let joined = app.submit("/ui/invitation/accept", Some(&bob), &format!("token={token}")).await;
        assert_eq!(joined.form_error(), None);
        let inside = joined.location().to_owned();
        assert_eq!(inside, format!("/organizations/{organization}/?notice=joined"));
        assert_eq!(app.open(&inside, Some(&bob)).await.status.as_u16(), 200);
        let again = app.submit("/ui/invitation/accept", Some(&bob), &format!("token={token}")).await;
        assert!(matches!(again.form_error(), Some(UiError::Gone(_))));
    })
    .await;
}

#[tokio::test]
async fn an_order_that_waits_is_looked_at_again_without_scripts_and_when_they_fail() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let cookie = app.sign_in("buyer").await;
        let order = json!({"offering": listed.offering, "project": subscribed.buyer.project, "plan": listed.paid_plan});
        let order = app.ok("POST", "/api/marketplace-orders/", &subscribed.buyer.token, order).await;
        let page = format!("/marketplace-order/{}/", order["uuid"].as_str().expect("a uuid"));

        let waiting = app.open(&page, Some(&cookie)).await;
        assert_eq!(waiting.status.as_u16(), 200, "{}", waiting.text);
        let again = format!("{page}?watching=1");
        assert!(waiting.text.contains(&format!(r#"<meta http-equiv="refresh" content="2;url={again}">"#)));
        assert!(waiting.text.contains(&format!(r#"data-again="{again}""#)));
        // The policy lets the script that acts on it run.
        let policy = waiting.headers["content-security-policy"].to_str().expect("text");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        let script = waiting.text.split("<script").find(|script| script.contains("[data-again]")).expect("a script");
        assert!(script.contains(&format!(r#"nonce="{nonce}""#)), "{script}");

        let done = app.open(&format!("/marketplace-order/{}/", subscribed.order), Some(&cookie)).await;
        assert_eq!(done.status.as_u16(), 200, "{}", done.text);
        assert!(!done.text.contains("data-again=") && !done.text.contains("http-equiv=\"refresh\""));
    })
    .await;
}

#[tokio::test]
async fn a_lost_password_is_set_anew_without_scripts() {
    on_every_app(async |app| {
        let ada = app.register("ada").await;
        let before = app.sign_in("ada").await;
        assert!(app.open("/login/", None).await.text.contains(r#"href="/password/""#));
        assert_eq!(app.open("/password/", None).await.status.as_u16(), 200);
        // Known or unknown, the answer is the same.
        for email in ["ada%40example.com", "nobody%40example.com"] {
            let asked = app.submit("/ui/password/ask", None, &format!("email={email}")).await;
            assert_eq!((asked.status.as_u16(), asked.location()), (302, "/password/?sent=1"));
        }
        assert!(app.open("/password/?sent=1", None).await.text.contains("Look into your mail"));
        let mut link = None;
        for _ in 0..200 {
            link = app.mailer.sent().iter().find_map(|mail| {
                mail.text.lines().find_map(|line| line.strip_prefix("http://cmp.test").map(str::to_owned))
            });
            if link.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        let link = link.expect("a letter with a link");
        assert_eq!(app.mailer.sent().len(), 1);

        let page = app.open(&link, None).await;
        assert_eq!(page.status.as_u16(), 200, "{}", page.text);
        assert!(page.text.contains("Set another password"));
        let token = link.split('/').nth(2).expect("a token");
        let set = async |password: &str| {
            app.submit("/ui/password/set", None, &format!("token={token}&password={password}")).await
        };
        assert!(matches!(set("short").await.form_error(), Some(UiError::Invalid(_))));
        assert_eq!(set("quite+another+password").await.location(), "/login/?notice=password-changed");
        assert!(matches!(set("a+third+password").await.form_error(), Some(UiError::Gone(_))));
        assert_eq!(app.open(&link, None).await.status.as_u16(), 410);
        // What was signed in is not any more.
        assert_eq!(app.load("/ui/session/viewer", Some(&before)).await.json(), json!(null));
        app.call("GET", "/api/users/me/", Some(&ada.token), &json!(null)).await.expect(401);
        let form = "email=ada%40example.com&password=quite+another+password";
        assert_eq!(app.submit("/ui/session/log-in", None, form).await.form_error(), None);
    })
    .await;
}

#[tokio::test]
async fn what_is_worth_knowing_of_a_flow_stands_where_it_was_imported_and_keeps_nothing_from_running() {
    on_every_app(async |app| {
        let mut named = flow();
        let session = json!({"type": "str", "value": "<mine>", "show": true});
        named["data"]["nodes"][2]["data"]["node"]["template"]["session_id"] = session;
        let import = json!({"flow_definition": named.clone(), "flow_version": "1.0.0"});
        let listed = list_what_is_imported(app, import).await;
        let token = listed.provider.token.as_str();
        let note = "ChatOutput names a session of its own; here each conversation has its own session.";
        let asked = json!({"flow_definition": named});
        let report = app.ok("POST", "/api/provider-agents/validate_flow/", token, asked).await;
        assert_eq!((report["valid"].as_bool(), &report["report"]["notes"]), (Some(true), &json!([note])));

        let cookie = app.sign_in("provider").await;
        let page = format!("/providers/{}/agents/{}/", listed.provider.organization, listed.agent);
        let shown = app.open(&page, Some(&cookie)).await;
        assert_eq!(shown.status.as_u16(), 200, "{}", shown.text);
        assert!(shown.text.contains("Worth knowing") && shown.text.contains(note), "{}", shown.text);
    })
    .await;
}

#[tokio::test]
async fn a_buyer_is_led_to_the_payment_companys_own_pages_where_there_are_any() {
    on_every_app(async |app| {
        let buyer = app.register("buyer").await;
        let cookie = app.sign_in("buyer").await;
        let page = format!("/organizations/{}/billing/methods/", buyer.organization);
        let shown = app.open(&page, Some(&cookie)).await;
        assert!(shown.text.contains("Add a card") && !shown.text.contains("Manage at"), "{}", shown.text);
    })
    .await;
    let stripe = SimulatedStripe::start(testkit::START.seconds()).await;
    let with_stripe = StripeSection {
        secret_key: Some("sk_test_1".to_owned().into()),
        publishable_key: "pk_test_1".to_owned(),
        webhook_secret: Some("whsec_a_secret_of_tests".to_owned().into()),
        api_base: stripe.base(),
        ..StripeSection::default()
    };
    let settings = |config: &mut server::config::Config| config.stripe = with_stripe.clone();
    on_every_app_with(settings, async |app| {
        let buyer = app.register("buyer").await;
        let cookie = app.sign_in("buyer").await;
        let page = format!("/organizations/{}/billing/methods/", buyer.organization);
        let shown = app.open(&page, Some(&cookie)).await;
        assert!(shown.text.contains("Manage at Stripe"), "{}", shown.text);
        let press = format!("what=method-portal&id={}&value=", buyer.organization);
        let led = app.submit("/ui/sheet/press", Some(&cookie), &press).await;
        assert!(led.location().starts_with("https://billing.stripe.com/"), "{}", led.location());
        // A browser without JavaScript follows where the page's policy lets a form lead.
        let policy = shown.headers.get("content-security-policy").expect("a policy").to_str().expect("text");
        let forms = policy.split("form-action").nth(1).expect("where forms lead");
        assert!(forms.contains(" https://billing.stripe.com "), "{policy}");
    })
    .await;
    assert_eq!(stripe.problems(), [""; 0]);
}
