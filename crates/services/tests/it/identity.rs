//! Signing up, signing in, and who a cookie or a token belongs to.

use std::net::IpAddr;
use std::time::Duration;

use domain::Role;
use services::identity::{self, Register};
use services::{Error, Principal, Result, Settings, operator};
use testkit::{IP, PASSWORD, TestCtx, on_every_ctx, on_every_database};

fn form(email: &str, password: &str) -> Register {
    Register { name: "Ada".to_owned(), email: email.to_owned(), password: password.to_owned() }
}

/// Returns the sentence that a refused sign-up or sign-in is answered with.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Invalid(problems)) if problems.len() == 1 && problems[0].0.is_empty() => problems[0].1.clone(),
        other => panic!("expected a refusal of the whole form, not {other:?}"),
    }
}

#[tokio::test]
async fn signing_up_makes_an_organization_and_a_project_without_asking() {
    on_every_ctx(async |t: TestCtx| {
        let signed_in =
            identity::register(&t.ctx, form(" Ada@Example.com ", PASSWORD), IP, "Firefox").await.expect("signed up");
        assert_eq!(signed_in.viewer.user.email.as_str(), "ada@example.com");
        assert!(!signed_in.viewer.user.operator);
        let [membership] = signed_in.viewer.memberships.as_slice() else { panic!("one organization") };
        assert_eq!((membership.organization_name.as_str(), membership.role), ("Ada’s organization", Role::Owner));
        assert_eq!(signed_in.session_cookie.len(), 43);
        let seen = identity::principal_of_cookie(&t.ctx, &signed_in.session_cookie).await.expect("a principal");
        assert_eq!(seen, Principal::User(signed_in.viewer));
    })
    .await;
}

#[tokio::test]
async fn namesakes_get_organizations_of_their_own() {
    on_every_ctx(async |t: TestCtx| {
        let mut slugs = Vec::new();
        for number in 0..7 {
            let form = form(&format!("ada{number}@example.com"), PASSWORD);
            let viewer = identity::register(&t.ctx, form, IP, "").await.expect("signed up").viewer;
            let who = Principal::User(viewer);
            slugs.extend(
                services::organizations::list(&t.ctx, &who).await.expect("a list").into_iter().map(|row| row.slug),
            );
        }
        assert_eq!(slugs[..3], ["ada-s-organization", "ada-s-organization-2", "ada-s-organization-3"]);
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), 7);
    })
    .await;
}

#[tokio::test]
async fn every_wrong_field_of_a_sign_up_is_named_at_once() {
    on_every_ctx(async |t: TestCtx| {
        let wrong = Register { name: " ".to_owned(), email: "ada".to_owned(), password: "short".to_owned() };
        let Err(Error::Invalid(problems)) = identity::register(&t.ctx, wrong, IP, "").await else { panic!("taken") };
        let fields: Vec<_> = problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["name", "email", "password"]);
        let long = form("ada@example.com", &"x".repeat(201));
        assert!(matches!(identity::register(&t.ctx, long, IP, "").await, Err(Error::Invalid(_))));
    })
    .await;
}

#[tokio::test]
async fn a_taken_address_is_told_to_its_owner_alone_and_once_an_hour() {
    on_every_ctx(async |t: TestCtx| {
        t.register("ada@example.com").await;
        for _ in 0..3 {
            // Not even the right password says that there is an account.
            let refused = refusal(identity::register(&t.ctx, form("ada@example.com", PASSWORD), IP, "").await);
            assert!(refused.contains("could not sign you up"), "{refused}");
        }
        t.run_jobs().await;
        let sent = t.mailer.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].to.as_str(), "ada@example.com");
        assert!(sent[0].text.contains("http://cmp.test/login/"), "{}", sent[0].text);
        t.clock.advance_seconds(3600);
        refusal(identity::register(&t.ctx, form("ada@example.com", PASSWORD), IP, "").await);
        t.run_jobs().await;
        assert_eq!(t.mailer.sent().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let login = async |email: &str, password: &str| identity::login(&t.ctx, email, password, IP, "").await;
        let signed_in = login("ADA@example.com", PASSWORD).await.expect("signed in");
        assert_eq!(signed_in.viewer.user.id, ada.user);
        let wrong = refusal(login("ada@example.com", "not the password").await);
        assert_eq!(refusal(login("eve@example.com", PASSWORD).await), wrong);
        assert_eq!(refusal(login("not an address", PASSWORD).await), wrong);
        assert_eq!(refusal(login("ada@example.com", &"x".repeat(5000)).await), wrong);
        // The samples' seller has no password.
        assert_eq!(refusal(login("samples@cmp.invalid", PASSWORD).await), wrong);
        assert_eq!(refusal(identity::issue_token(&t.ctx, "ada@example.com", "not the password", IP).await), wrong);
    })
    .await;
}

#[tokio::test]
async fn guessing_is_slowed_down_for_known_and_unknown_addresses_alike() {
    on_every_ctx(async |t: TestCtx| {
        t.register("ada@example.com").await;
        for email in ["ada@example.com", "nobody@example.com"] {
            for _ in 0..10 {
                refusal(identity::login(&t.ctx, email, "not the password", IP, "").await);
            }
            let refused = identity::login(&t.ctx, email, PASSWORD, IP, "").await;
            let Err(Error::TooMany { retry_after, .. }) = refused else { panic!("{refused:?}") };
            assert_eq!(retry_after, Duration::from_mins(1));
            let refused = identity::issue_token(&t.ctx, email, PASSWORD, IP).await;
            assert!(matches!(refused, Err(Error::TooMany { .. })), "the other door is no way around");
        }
        t.clock.advance_seconds(60);
        identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "").await.expect("signed in after the wait");
        // Whoever knows the password begins anew.
        for _ in 0..10 {
            refusal(identity::login(&t.ctx, "ada@example.com", "not the password", IP, "").await);
        }
    })
    .await;
}

#[tokio::test]
async fn one_place_cannot_try_many_addresses() {
    on_every_ctx(async |t: TestCtx| {
        let ip = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for number in 0..100 {
            let email = format!("guess{number}@example.com");
            refusal(identity::login(&t.ctx, &email, "not the password", ip(number), "").await);
        }
        let refused = identity::login(&t.ctx, "guess@example.com", "not the password", ip(500), "").await;
        assert!(matches!(refused, Err(Error::TooMany { .. })), "a /64 is one place");
        refusal(identity::login(&t.ctx, "guess@example.com", "not the password", IP, "").await);
    })
    .await;
}

#[tokio::test]
async fn one_place_cannot_sign_up_thousands() {
    on_every_ctx(async |t: TestCtx| {
        let wrong = Register { name: String::new(), ..form("ada@example.com", PASSWORD) };
        assert!(matches!(identity::register(&t.ctx, wrong, IP, "").await, Err(Error::Invalid(_))));
        for number in 0..100 {
            let form = form(&format!("ada{number}@example.com"), PASSWORD);
            identity::register(&t.ctx, form, IP, "").await.expect("signed up");
        }
        let refused = identity::register(&t.ctx, form("eve@example.com", PASSWORD), IP, "").await;
        let Err(Error::TooMany { retry_after, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(retry_after, Duration::from_secs(10));
        // A taken address is refused like any other.
        let taken = identity::register(&t.ctx, form("ada1@example.com", PASSWORD), IP, "").await;
        assert!(matches!(taken, Err(Error::TooMany { .. })));
        let elsewhere = IpAddr::from([192, 0, 2, 9]);
        identity::register(&t.ctx, form("eve@example.com", PASSWORD), elsewhere, "").await.expect("signed up");
        t.clock.advance_seconds(10);
        identity::register(&t.ctx, form("bob@example.com", PASSWORD), IP, "").await.expect("signed up");
    })
    .await;
}

#[tokio::test]
async fn a_browser_stays_signed_in_for_thirty_days_after_it_was_last_seen() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let principal = async || identity::principal_of_cookie(&t.ctx, &ada.cookie).await.expect("a principal");
        t.clock.advance_seconds(29 * 86_400);
        assert!(principal().await.viewer().is_some());
        t.clock.advance_seconds(29 * 86_400);
        assert!(principal().await.viewer().is_some(), "it slides");
        t.clock.advance_seconds(30 * 86_400);
        assert_eq!(principal().await, Principal::Visitor);
        assert_eq!(identity::principal_of_cookie(&t.ctx, "nonsense").await.expect("a principal"), Principal::Visitor);
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_one_browser_and_a_new_password_ends_all_others() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let phone = identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "phone").await.expect("signed in");
        let token = identity::issue_token(&t.ctx, "ada@example.com", PASSWORD, IP).await.expect("a token");
        let signed_in = async |cookie: &str| {
            identity::principal_of_cookie(&t.ctx, cookie).await.expect("a principal").viewer().is_some()
        };
        identity::logout(&t.ctx, &phone.session_cookie).await.expect("signed out");
        identity::logout(&t.ctx, &phone.session_cookie).await.expect("harmless");
        assert_eq!((signed_in(&phone.session_cookie).await, signed_in(&ada.cookie).await), (false, true));

        let change = async |old: &str, new: &str| identity::change_password(&t.ctx, &ada.who, old, new, "").await;
        assert!(matches!(change("not the password", "a new password").await, Err(Error::Invalid(_))));
        assert!(matches!(change(PASSWORD, "short").await, Err(Error::Invalid(_))));
        let here = change(PASSWORD, "a new password").await.expect("changed");
        assert_eq!((signed_in(&here.session_cookie).await, signed_in(&ada.cookie).await), (true, false));
        assert_eq!(identity::principal_of_token(&t.ctx, &token).await.expect("a principal"), Principal::Visitor);
        refusal(identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "").await);
        identity::login(&t.ctx, "ada@example.com", "a new password", IP, "").await.expect("signed in");
        let visitor = identity::change_password(&t.ctx, &Principal::Visitor, PASSWORD, "a new password", "").await;
        assert!(matches!(visitor, Err(Error::SignedOut)));
    })
    .await;
}

#[tokio::test]
async fn a_token_is_forty_digits_and_speaks_for_its_person_until_it_is_revoked() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let token = identity::issue_token(&t.ctx, "ada@example.com", PASSWORD, IP).await.expect("a token");
        assert!(token.len() == 40 && token.chars().all(|c| c.is_ascii_hexdigit()), "{token}");
        assert_eq!(identity::principal_of_token(&t.ctx, &token).await.expect("a principal"), ada.who);
        t.clock.advance_seconds(3600);
        assert_eq!(identity::principal_of_token(&t.ctx, &token).await.expect("a principal"), ada.who);
        identity::revoke_token(&t.ctx, &token).await.expect("revoked");
        assert_eq!(identity::principal_of_token(&t.ctx, &token).await.expect("a principal"), Principal::Visitor);
    })
    .await;
}

#[tokio::test]
async fn a_person_who_is_locked_out_is_a_visitor_everywhere() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let token = identity::issue_token(&t.ctx, "ada@example.com", PASSWORD, IP).await.expect("a token");
        let operator = t.operator().await;
        operator::set_user_disabled(&t.ctx, &operator, ada.user, true).await.expect("locked out");
        assert_eq!(identity::principal_of_cookie(&t.ctx, &ada.cookie).await.expect("a principal"), Principal::Visitor);
        assert_eq!(identity::principal_of_token(&t.ctx, &token).await.expect("a principal"), Principal::Visitor);
        let wrong = refusal(identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "").await);
        assert_eq!(wrong, refusal(identity::login(&t.ctx, "eve@example.com", PASSWORD, IP, "").await));
        operator::set_user_disabled(&t.ctx, &operator, ada.user, false).await.expect("let in");
        identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "").await.expect("signed in");
    })
    .await;
}

#[tokio::test]
async fn a_hash_made_with_other_parameters_is_renewed_when_its_person_signs_in() {
    on_every_database(async |store: store::Store| {
        let before = TestCtx::new(store.clone()).await;
        let ada = before.register("ada@example.com").await;
        let hash = async || {
            let mut tx = store.read(store::Scope::System).await.expect("a transaction");
            let user = store::identity::user(&mut tx, ada.user).await.expect("a read").expect("Ada");
            user.password_hash.expect("a hash")
        };
        let old = hash().await;
        assert!(old.starts_with("$argon2id$v=19$m=8,t=2,p=1$"), "{old}");
        before.register("bob@example.com").await;
        assert_eq!(hash().await, old);

        let settings = Settings { argon2_memory_kib: 16, ..Settings::default() };
        let after = TestCtx::with_settings(store.clone(), settings).await;
        refusal(identity::login(&after.ctx, "ada@example.com", "not the password", IP, "").await);
        assert_eq!(hash().await, old);
        identity::login(&after.ctx, "ada@example.com", PASSWORD, IP, "").await.expect("signed in");
        let new = hash().await;
        assert!(new.starts_with("$argon2id$v=19$m=16,t=2,p=1$"), "{new}");
        identity::login(&after.ctx, "ada@example.com", PASSWORD, IP, "").await.expect("signed in");
        assert_eq!(hash().await, new);
    })
    .await;
}

#[tokio::test]
async fn an_operator_is_made_once_and_has_the_password_that_was_given_last() {
    on_every_ctx(async |t: TestCtx| {
        let make = async |email: &str, password: &str| identity::create_operator(&t.ctx, email, password, "Olga").await;
        let first = make("olga@example.com", PASSWORD).await.expect("made");
        let again = make("olga@example.com", "another password").await.expect("made");
        assert_eq!(first, again);
        let signed_in =
            identity::login(&t.ctx, "olga@example.com", "another password", IP, "").await.expect("signed in");
        assert!(signed_in.viewer.user.operator && signed_in.viewer.memberships.is_empty());
        // Anyone may have signed up with the address of an operator to be; they must not become one.
        let squatter = t.register("ada@example.com").await;
        assert_eq!(make("ada@example.com", "another password").await.expect("made"), squatter.user);
        refusal(identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "").await);
        assert_eq!(
            identity::principal_of_cookie(&t.ctx, &squatter.cookie).await.expect("a principal"),
            Principal::Visitor
        );
        let signed_in =
            identity::login(&t.ctx, "ada@example.com", "another password", IP, "").await.expect("signed in");
        assert!(signed_in.viewer.user.operator);
        assert!(matches!(make("olga", "short").await, Err(Error::Invalid(problems)) if problems.len() == 2));
    })
    .await;
}

/// Returns the token in the last letter that lets its reader set a password.
async fn reset_token(t: &TestCtx) -> String {
    t.run_jobs().await;
    let sent = t.mailer.sent();
    let token = sent.iter().rev().find_map(|mail| {
        let (_, after) = mail.text.split_once("http://cmp.test/password/")?;
        after.split('/').next().filter(|token| token.len() == 43).map(str::to_owned)
    });
    token.expect("a letter with a link")
}

#[tokio::test]
async fn a_lost_password_is_set_anew_with_a_link_that_works_once() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let api = identity::issue_token(&t.ctx, "ada@example.com", PASSWORD, IP).await.expect("a token");
        identity::request_reset(&t.ctx, " ADA@example.com", IP).await.expect("asked");
        let token = reset_token(&t).await;
        assert_eq!(t.mailer.sent().last().expect("a letter").to.as_str(), "ada@example.com");
        identity::request_reset(&t.ctx, "ada@example.com", IP).await.expect("asked again");
        let other = reset_token(&t).await;
        assert_ne!(token, other);

        // Asking changes nothing, and the database does not hold the token.
        identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "").await.expect("signed in");
        identity::reset_is_open(&t.ctx, &token).await.expect("open");
        let mut tx = t.ctx.store.read(store::Scope::System).await.expect("a transaction");
        let stored = store::identity::reset(&mut tx, token.as_bytes(), t.ctx.now()).await.expect("a read");
        assert_eq!(stored, None);
        drop(tx);

        let short = identity::reset_password(&t.ctx, &token, "short").await;
        assert!(matches!(short, Err(Error::Invalid(problems)) if problems[0].0 == "password"));
        identity::reset_password(&t.ctx, &token, "quite another password").await.expect("set");
        // Every browser, token and link of hers has ended.
        assert_eq!(identity::principal_of_cookie(&t.ctx, &ada.cookie).await.expect("one"), Principal::Visitor);
        assert_eq!(identity::principal_of_token(&t.ctx, &api).await.expect("one"), Principal::Visitor);
        for used in [&token, &other] {
            assert!(matches!(identity::reset_is_open(&t.ctx, used).await, Err(Error::Gone(_))));
            let again = identity::reset_password(&t.ctx, used, "a third password").await;
            assert!(matches!(again, Err(Error::Gone(_))));
        }
        refusal(identity::login(&t.ctx, "ada@example.com", PASSWORD, IP, "").await);
        identity::login(&t.ctx, "ada@example.com", "quite another password", IP, "").await.expect("signed in");
        t.run_jobs().await;
        let told = t.mailer.sent().pop().expect("a letter");
        assert!(told.subject.contains("was changed"), "{}", told.subject);
    })
    .await;
}

#[tokio::test]
async fn two_who_use_one_link_at_once_do_not_both_set_a_password() {
    on_every_ctx(async |t: TestCtx| {
        t.register("ada@example.com").await;
        identity::request_reset(&t.ctx, "ada@example.com", IP).await.expect("asked");
        let token = reset_token(&t).await;
        let (one, two) = tokio::join!(
            identity::reset_password(&t.ctx, &token, "the first password"),
            identity::reset_password(&t.ctx, &token, "the second password"),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    })
    .await;
}

#[tokio::test]
async fn a_link_that_sets_a_password_holds_for_an_hour_and_not_for_who_is_locked_out() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        identity::request_reset(&t.ctx, "ada@example.com", IP).await.expect("asked");
        let token = reset_token(&t).await;
        t.clock.advance_seconds(3599);
        identity::reset_is_open(&t.ctx, &token).await.expect("open");
        t.clock.advance_seconds(1);
        let late = identity::reset_password(&t.ctx, &token, "quite another password").await;
        assert!(matches!(late, Err(Error::Gone(_))));
        services::jobs::sweep(&t.ctx).await.expect("swept");

        identity::request_reset(&t.ctx, "ada@example.com", IP).await.expect("asked");
        let token = reset_token(&t).await;
        let operator = t.operator().await;
        operator::set_user_disabled(&t.ctx, &operator, ada.user, true).await.expect("locked out");
        let locked = identity::reset_password(&t.ctx, &token, "quite another password").await;
        assert!(matches!(locked, Err(Error::Gone(_))));
        let letters = t.mailer.sent().len();
        identity::request_reset(&t.ctx, "ada@example.com", IP).await.expect("answered alike");
        t.run_jobs().await;
        assert_eq!(t.mailer.sent().len(), letters);
    })
    .await;
}

#[tokio::test]
async fn asking_for_another_password_does_not_tell_who_has_an_account() {
    on_every_ctx(async |t: TestCtx| {
        t.register("ada@example.com").await;
        // Known, unknown, and the samples' seller, who has no password: each is one job, and the same answer.
        for email in ["ada@example.com", "nobody@example.com", "samples@cmp.invalid"] {
            for _ in 0..3 {
                identity::request_reset(&t.ctx, email, IP).await.expect("the same answer");
            }
            let fourth = identity::request_reset(&t.ctx, email, IP).await;
            let Err(Error::TooMany { retry_after, .. }) = fourth else { panic!("{fourth:?}") };
            assert_eq!(retry_after, Duration::from_mins(20));
        }
        t.run_jobs().await;
        let to: Vec<String> = t.mailer.sent().iter().map(|mail| mail.to.to_string()).collect();
        assert_eq!(to, ["ada@example.com"; 3]);
        assert!(matches!(identity::request_reset(&t.ctx, "ada", IP).await, Err(Error::Invalid(_))));
        t.clock.advance_seconds(1200);
        identity::request_reset(&t.ctx, "ada@example.com", IP).await.expect("after the wait");
    })
    .await;
}

#[tokio::test]
async fn one_place_cannot_have_letters_sent_to_many_addresses() {
    on_every_ctx(async |t: TestCtx| {
        for number in 0..20 {
            identity::request_reset(&t.ctx, &format!("guess{number}@example.com"), IP).await.expect("asked");
        }
        let refused = identity::request_reset(&t.ctx, "guess@example.com", IP).await;
        assert!(matches!(refused, Err(Error::TooMany { .. })));
        let elsewhere = IpAddr::from([192, 0, 2, 9]);
        identity::request_reset(&t.ctx, "guess@example.com", elsewhere).await.expect("asked");
    })
    .await;
}
