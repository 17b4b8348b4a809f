//! People, their browsers and their tokens.

use domain::{Email, Role, Timestamp, UserId, UserSessionId, UserTokenId, state::ProviderState};
use store::identity::{self, UserRow};
use store::{Scope, Store, Tx};
use testkit::on_every_database;
use uuid::Uuid;

use crate::organizations::{NOW, make_organization};

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn person(number: u128, email: &str) -> UserRow {
    UserRow {
        id: UserId(id(number)),
        email: email.to_owned(),
        name: "Ada".to_owned(),
        password_hash: Some("$argon2id$…".to_owned()),
        operator: false,
        created_at: NOW,
        disabled_at: None,
    }
}

fn address(text: &str) -> Email {
    text.parse().expect("an address")
}

async fn write(store: &Store) -> Tx {
    store.write(Scope::System).await.expect("a transaction")
}

#[tokio::test]
async fn a_person_is_read_back_as_written_and_an_address_is_taken_once() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let ada = person(1, "ada@example.com");
        assert!(identity::insert_user(&mut tx, &ada).await.expect("inserted"));
        assert!(!identity::insert_user(&mut tx, &person(2, "ada@example.com")).await.expect("an answer"));

        let seen = identity::user(&mut tx, ada.id).await.expect("a read").expect("Ada");
        assert_eq!((&seen.email, &seen.name, &seen.password_hash), (&ada.email, &ada.name, &ada.password_hash));
        assert_eq!((seen.operator, seen.created_at, seen.disabled_at), (false, NOW, None));
        let seen = identity::user_by_email(&mut tx, &address("ADA@example.com")).await.expect("a read");
        assert_eq!(seen.map(|row| row.id), Some(ada.id));
        assert!(identity::user(&mut tx, UserId(id(2))).await.expect("a read").is_none());

        identity::set_password(&mut tx, ada.id, "another").await.expect("set");
        identity::set_operator(&mut tx, ada.id, true).await.expect("set");
        assert!(identity::set_disabled(&mut tx, ada.id, Some(NOW)).await.expect("set"));
        assert!(!identity::set_disabled(&mut tx, UserId(id(2)), None).await.expect("an answer"));
        let seen = identity::user(&mut tx, ada.id).await.expect("a read").expect("Ada");
        assert_eq!(
            (seen.password_hash.as_deref(), seen.operator, seen.disabled_at),
            (Some("another"), true, Some(NOW))
        );
        identity::set_password(&mut tx, UserId(id(2)), "x").await.expect_err("nobody");
    })
    .await;
}

#[tokio::test]
async fn a_browser_stays_signed_in_until_it_expires_or_signs_out() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let ada = person(1, "ada@example.com");
        identity::insert_user(&mut tx, &ada).await.expect("inserted");
        let session = UserSessionId(id(10));
        let until = NOW.plus_days(30);
        identity::insert_session(&mut tx, session, ada.id, b"hash", "Firefox", NOW, until).await.expect("inserted");

        let seen = identity::session(&mut tx, b"hash", NOW).await.expect("a read").expect("a session");
        assert_eq!((seen.id, seen.user_id, seen.last_seen_at), (session, ada.id, NOW));
        assert!(identity::session(&mut tx, b"other", NOW).await.expect("a read").is_none());
        assert!(identity::session(&mut tx, b"hash", until).await.expect("a read").is_none(), "expired");

        let later = NOW.plus_days(10);
        identity::touch_session(&mut tx, session, later, later.plus_days(30)).await.expect("touched");
        let seen = identity::session(&mut tx, b"hash", until).await.expect("a read").expect("it slid");
        assert_eq!(seen.last_seen_at, later);
        assert_eq!(identity::delete_expired_sessions(&mut tx, until).await.expect("swept"), 0);
        assert_eq!(identity::delete_expired_sessions(&mut tx, later.plus_days(30)).await.expect("swept"), 1);

        identity::insert_session(&mut tx, session, ada.id, b"hash", "", NOW, until).await.expect("inserted");
        identity::delete_session(&mut tx, b"hash").await.expect("signed out");
        identity::delete_session(&mut tx, b"hash").await.expect("harmless");
        assert!(identity::session(&mut tx, b"hash", NOW).await.expect("a read").is_none());
    })
    .await;
}

#[tokio::test]
async fn tokens_are_found_by_their_hash_and_the_oldest_go_first() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let ada = person(1, "ada@example.com");
        identity::insert_user(&mut tx, &ada).await.expect("inserted");
        for number in 1..=3_u8 {
            let token = UserTokenId(id(u128::from(number)));
            let made = NOW.plus_seconds(i64::from(number));
            identity::insert_token(&mut tx, token, ada.id, &[number], made).await.expect("inserted");
        }
        let seen = identity::token(&mut tx, &[2]).await.expect("a read").expect("a token");
        assert_eq!((seen.user_id, seen.last_used_at), (ada.id, None));
        identity::touch_token(&mut tx, seen.id, NOW).await.expect("touched");
        let seen = identity::token(&mut tx, &[2]).await.expect("a read").expect("a token");
        assert_eq!(seen.last_used_at, Some(NOW));

        identity::trim_tokens(&mut tx, ada.id, 2).await.expect("trimmed");
        let mut there = Vec::new();
        for number in 1..=3_u8 {
            there.push(identity::token(&mut tx, &[number]).await.expect("a read").is_some());
        }
        assert_eq!(there, [false, true, true]);
        identity::delete_token(&mut tx, &[2]).await.expect("deleted");
        assert!(identity::token(&mut tx, &[2]).await.expect("a read").is_none());
        identity::delete_credentials(&mut tx, ada.id).await.expect("deleted");
        assert!(identity::token(&mut tx, &[3]).await.expect("a read").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_link_that_sets_a_password_works_once_and_until_it_expires() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let ada = person(1, "ada@example.com");
        identity::insert_user(&mut tx, &ada).await.expect("inserted");
        let until = NOW.plus_seconds(3600);
        for hash in [b"one", b"two"] {
            identity::insert_reset(&mut tx, ada.id, hash, NOW, until).await.expect("inserted");
        }
        assert_eq!(identity::reset(&mut tx, b"one", NOW).await.expect("a read"), Some(ada.id));
        assert_eq!(identity::reset(&mut tx, b"one", until).await.expect("a read"), None, "expired");
        assert_eq!(identity::take_reset(&mut tx, b"one", until).await.expect("an answer"), None, "expired");
        assert_eq!(identity::take_reset(&mut tx, b"one", NOW).await.expect("an answer"), Some(ada.id));
        assert_eq!(identity::take_reset(&mut tx, b"one", NOW).await.expect("an answer"), None, "used");
        assert_eq!(identity::delete_expired_resets(&mut tx, NOW).await.expect("swept"), 0);
        assert_eq!(identity::delete_expired_resets(&mut tx, until).await.expect("swept"), 1);
        identity::insert_reset(&mut tx, ada.id, b"three", NOW, until).await.expect("inserted");
        identity::delete_credentials(&mut tx, ada.id).await.expect("deleted");
        assert_eq!(identity::reset(&mut tx, b"three", NOW).await.expect("a read"), None);
    })
    .await;
}

#[tokio::test]
async fn memberships_leave_out_blocked_organizations_and_tell_who_sells() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let ada = person(1, "ada@example.com");
        identity::insert_user(&mut tx, &ada).await.expect("inserted");
        let mut at = NOW;
        for number in 1..=3 {
            let tenant = make_organization(&mut tx, number).await;
            at = Timestamp(at.0 + 1);
            store::organizations::add_member(&mut tx, tenant, ada.id, Role::Admin, at).await.expect("a member");
            if number == 2 {
                store::providers::apply(&mut tx, tenant, "We sell.", "", NOW).await.expect("applied");
            }
            if number == 3 {
                store::organizations::set_blocked(&mut tx, tenant.id(), Some(NOW)).await.expect("blocked");
            }
        }
        let rows = identity::memberships(&mut tx, ada.id).await.expect("a read");
        let seen: Vec<_> = rows.iter().map(|row| (row.organization_name.as_str(), row.role, row.provider)).collect();
        assert_eq!(
            seen,
            [("Organization 1", Role::Admin, None), ("Organization 2", Role::Admin, Some(ProviderState::Applied))]
        );
    })
    .await;
}
