//! What the operator looks at: everyone, figures, decisions.

use domain::{Day, Money, Role, Timestamp};
use store::audit::{self, NewEntry};
use store::{Scope, Store, Tx, directory, figures, identity};
use testkit::on_every_database;
use uuid::Uuid;

use crate::organizations::{NOW, make_organization, make_person};

async fn write(store: &Store) -> Tx {
    store.write(Scope::System).await.expect("a transaction")
}

#[tokio::test]
async fn people_are_found_by_name_and_address_and_paged() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let tenant = make_organization(&mut tx, 1).await;
        for number in 1..=3 {
            let user = make_person(&mut tx, number).await;
            store::organizations::add_member(&mut tx, tenant, user, Role::Member, NOW).await.expect("a member");
        }
        let names = async |tx: &mut Tx, search: &str, limit, offset| -> Vec<String> {
            let found = directory::people(tx, search, limit, offset).await.expect("a read");
            found.into_iter().map(|row| row.name).collect()
        };
        assert_eq!(names(&mut tx, "", 10, 0).await, ["Person 3", "Person 2", "Person 1"]);
        assert_eq!(names(&mut tx, "", 1, 1).await, ["Person 2"]);
        assert_eq!(names(&mut tx, " PERSON2@ ", 10, 0).await, ["Person 2"]);
        assert_eq!(names(&mut tx, "son 3", 10, 0).await, ["Person 3"]);
        // A percent sign is looked for, not a pattern.
        assert!(names(&mut tx, "%", 10, 0).await.is_empty());
        assert!(names(&mut tx, "person_@", 10, 0).await.is_empty());
        assert_eq!(directory::count_people(&mut tx, "example").await.expect("a count"), 3);
        let theirs = directory::organizations_of_people(&mut tx, "", 1, 1).await.expect("a read");
        assert_eq!(theirs.len(), 1);
        assert_eq!(theirs[0].1, "Organization 1");
    })
    .await;
}

#[tokio::test]
async fn organizations_are_found_with_their_members_and_standing() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let first = make_organization(&mut tx, 1).await;
        make_organization(&mut tx, 2).await;
        let user = make_person(&mut tx, 1).await;
        store::organizations::add_member(&mut tx, first, user, Role::Owner, NOW).await.expect("a member");
        store::providers::apply(&mut tx, first, "We sell.", "", NOW).await.expect("applied");
        let found = directory::organizations(&mut tx, "office1", 10, 0).await.expect("a read");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id, found[0].members, found[0].subscriptions), (first.id(), 1, 0));
        assert_eq!((found[0].provider.as_str(), found[0].blocked_at), ("applied", None));
        assert_eq!(directory::count_organizations(&mut tx, "organization").await.expect("a count"), 2);
        let second = directory::organizations(&mut tx, "organization-2", 10, 0).await.expect("a read");
        assert_eq!((second[0].members, second[0].provider.as_str()), (0, ""));
    })
    .await;
}

#[tokio::test]
async fn operators_who_are_locked_out_do_not_count() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let user = make_person(&mut tx, 1).await;
        assert_eq!(directory::count_operators(&mut tx).await.expect("a count"), 0);
        identity::set_operator(&mut tx, user, true).await.expect("set");
        assert_eq!(directory::count_operators(&mut tx).await.expect("a count"), 1);
        identity::set_disabled(&mut tx, user, Some(NOW)).await.expect("set");
        assert_eq!(directory::count_operators(&mut tx).await.expect("a count"), 0);
    })
    .await;
}

#[tokio::test]
async fn an_empty_marketplace_counts_to_nothing() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let tenant = make_organization(&mut tx, 1).await;
        make_person(&mut tx, 1).await;
        store::providers::apply(&mut tx, tenant, "We sell.", "", NOW).await.expect("applied");
        let totals = figures::totals(&mut tx, NOW).await.expect("totals");
        assert_eq!((totals.users, totals.organizations, totals.applications), (1, 1, 1));
        assert_eq!(
            (totals.submissions, totals.subscriptions, totals.offerings, totals.calls, totals.failed),
            (0, 0, 0, 0, 0)
        );
        assert_eq!(figures::orders(&mut tx).await.expect("orders"), []);
        assert_eq!(figures::money(&mut tx, None, NOW, NOW.plus_days(1)).await.expect("money"), Vec::<Money>::new());
        assert_eq!(figures::money(&mut tx, Some(tenant.id()), NOW, NOW.plus_days(1)).await.expect("money"), []);
        assert_eq!(figures::calls(&mut tx, Day(0)).await.expect("calls"), []);
        assert_eq!(figures::calls_of(&mut tx, tenant, Day(0)).await.expect("calls"), []);
        assert_eq!(figures::live_agents(&mut tx, tenant).await.expect("a count"), 0);
    })
    .await;
}

#[tokio::test]
async fn decisions_are_listed_newest_first_of_one_organization_or_all() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let tenant = make_organization(&mut tx, 1).await;
        let user = make_person(&mut tx, 1).await;
        let entry = |number, organization, actor, action| NewEntry {
            id: Uuid::from_u128(number),
            organization,
            actor,
            action,
            subject: "it",
            detail: "because",
        };
        let block = entry(1, Some(tenant.id()), Some(user), "organization.block");
        audit::record(&mut tx, &block, NOW).await.expect("recorded");
        let make = entry(2, None, None, "user.make_operator");
        audit::record(&mut tx, &make, Timestamp(NOW.0 + 1)).await.expect("recorded");

        let all = audit::list(&mut tx, None, 10, 0).await.expect("a list");
        let seen: Vec<_> = all.iter().map(|row| (row.action.as_str(), row.actor.as_deref())).collect();
        assert_eq!(seen, [("user.make_operator", None), ("organization.block", Some("Person 1"))]);
        let one = audit::list(&mut tx, Some(tenant.id()), 10, 0).await.expect("a list");
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].organization.as_deref(), Some("Organization 1"));
        assert_eq!(audit::count(&mut tx, None).await.expect("a count"), 2);
        assert_eq!(audit::count(&mut tx, Some(tenant.id())).await.expect("a count"), 1);
        assert!(audit::list(&mut tx, None, 10, 2).await.expect("a list").is_empty());
    })
    .await;
}
