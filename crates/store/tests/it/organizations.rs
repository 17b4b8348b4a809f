//! Organizations, their projects, members and invitations.

use domain::{InvitationId, OrganizationId, ProjectId, Role, Timestamp, UserId};
use store::identity::{self, UserRow};
use store::organizations::{self as rows, InvitationRow, OrganizationRow, ProjectRow};
use store::{Scope, Store, Tenant, Tx};
use testkit::on_every_database;
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp(1_795_262_400_000_000);

fn organization(number: u128) -> OrganizationRow {
    OrganizationRow {
        id: OrganizationId(Uuid::from_u128(100 + number)),
        name: format!("Organization {number}"),
        slug: format!("organization-{number}"),
        email: format!("office{number}@example.com"),
        created_at: NOW,
        blocked_at: None,
    }
}

/// Makes an organization with a project.
pub(crate) async fn make_organization(tx: &mut Tx, number: u128) -> Tenant {
    let row = organization(number);
    assert!(rows::insert(tx, &row).await.expect("an organization"));
    let tenant = Tenant::assume_authorized(row.id);
    let project = ProjectRow {
        id: ProjectId(Uuid::from_u128(200 + number)),
        organization_id: row.id,
        name: "Default".to_owned(),
        created_at: NOW,
    };
    rows::insert_project(tx, tenant, &project).await.expect("a project");
    tenant
}

/// Makes a person.
pub(crate) async fn make_person(tx: &mut Tx, number: u128) -> UserId {
    let row = UserRow {
        id: UserId(Uuid::from_u128(number)),
        email: format!("person{number}@example.com"),
        name: format!("Person {number}"),
        password_hash: None,
        operator: false,
        created_at: Timestamp(NOW.0 + i64::try_from(number).expect("small")),
        disabled_at: None,
    };
    assert!(identity::insert_user(tx, &row).await.expect("a person"));
    row.id
}

async fn write(store: &Store) -> Tx {
    store.write(Scope::System).await.expect("a transaction")
}

#[tokio::test]
async fn an_organization_is_read_back_and_its_slug_is_taken_once() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let tenant = make_organization(&mut tx, 1).await;
        let same_slug = OrganizationRow { slug: "organization-1".to_owned(), ..organization(2) };
        assert!(!rows::insert(&mut tx, &same_slug).await.expect("an answer"));
        assert!(rows::get(&mut tx, same_slug.id).await.expect("a read").is_none());

        rows::lock(&mut tx, tenant).await.expect("locked");
        let email = "new@example.com".parse().expect("an address");
        rows::update(&mut tx, tenant, "Renamed", &email).await.expect("updated");
        assert!(rows::set_blocked(&mut tx, tenant.id(), Some(NOW)).await.expect("blocked"));
        assert!(!rows::set_blocked(&mut tx, same_slug.id, None).await.expect("an answer"));
        let seen = rows::get(&mut tx, tenant.id()).await.expect("a read").expect("it is there");
        assert_eq!((seen.name.as_str(), seen.email.as_str()), ("Renamed", "new@example.com"));
        assert_eq!((seen.slug.as_str(), seen.blocked_at), ("organization-1", Some(NOW)));
    })
    .await;
}

#[tokio::test]
async fn projects_are_listed_to_their_own_organization() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let tenant = make_organization(&mut tx, 1).await;
        make_organization(&mut tx, 2).await;
        let second = ProjectRow {
            id: ProjectId(Uuid::from_u128(9)),
            organization_id: tenant.id(),
            name: "Second".to_owned(),
            created_at: Timestamp(NOW.0 + 1),
        };
        rows::insert_project(&mut tx, tenant, &second).await.expect("a project");
        let seen = rows::projects(&mut tx, tenant).await.expect("a read");
        let names: Vec<_> = seen.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["Default", "Second"]);
        assert!(seen.iter().all(|row| row.organization_id == tenant.id()));
    })
    .await;
}

#[tokio::test]
async fn a_member_keeps_the_role_until_it_is_changed() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let tenant = make_organization(&mut tx, 1).await;
        let (ada, bob) = (make_person(&mut tx, 1).await, make_person(&mut tx, 2).await);
        rows::add_member(&mut tx, tenant, ada, Role::Owner, NOW).await.expect("a member");
        rows::add_member(&mut tx, tenant, ada, Role::Member, NOW).await.expect("harmless");
        rows::add_member(&mut tx, tenant, bob, Role::Member, Timestamp(NOW.0 + 1)).await.expect("a member");
        let roles = async |tx: &mut Tx| -> Vec<(UserId, Role)> {
            rows::members(tx, tenant).await.expect("a read").iter().map(|row| (row.user_id, row.role)).collect()
        };
        assert_eq!(roles(&mut tx).await, [(ada, Role::Owner), (bob, Role::Member)]);
        rows::set_role(&mut tx, tenant, bob, Role::Admin).await.expect("changed");
        assert_eq!(roles(&mut tx).await, [(ada, Role::Owner), (bob, Role::Admin)]);
        assert!(rows::remove_member(&mut tx, tenant, bob).await.expect("removed"));
        assert!(!rows::remove_member(&mut tx, tenant, bob).await.expect("an answer"));
        rows::set_role(&mut tx, tenant, bob, Role::Admin).await.expect_err("no member");
        assert_eq!(roles(&mut tx).await, [(ada, Role::Owner)]);
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_accepted_once_and_open_until_then() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        let tenant = make_organization(&mut tx, 1).await;
        let other = make_organization(&mut tx, 2).await;
        let ada = make_person(&mut tx, 1).await;
        let row = InvitationRow {
            id: InvitationId(Uuid::from_u128(7)),
            organization_id: tenant.id(),
            email: "eve@example.com".to_owned(),
            role: Role::Admin,
            expires_at: NOW.plus_days(14),
            accepted_at: None,
        };
        rows::insert_invitation(&mut tx, tenant, &row, b"hash", ada, NOW).await.expect("inserted");
        let open = async |tx: &mut Tx, at| rows::open_invitations(tx, tenant, at).await.expect("a read").len();
        assert_eq!((open(&mut tx, NOW).await, open(&mut tx, row.expires_at).await), (1, 0));
        assert!(rows::open_invitations(&mut tx, other, NOW).await.expect("a read").is_empty());
        assert!(!rows::delete_invitation(&mut tx, other, row.id).await.expect("an answer"), "not theirs");

        let seen = rows::invitation(&mut tx, b"hash").await.expect("a read").expect("an invitation");
        assert_eq!((seen.id, seen.organization_id, seen.role), (row.id, tenant.id(), Role::Admin));
        assert!(rows::invitation(&mut tx, b"other").await.expect("a read").is_none());
        rows::accept_invitation(&mut tx, row.id, NOW).await.expect("accepted");
        rows::accept_invitation(&mut tx, row.id, NOW).await.expect_err("only once");
        assert_eq!(open(&mut tx, NOW).await, 0);
        assert!(!rows::delete_invitation(&mut tx, tenant, row.id).await.expect("an answer"), "accepted ones stay");

        let second = InvitationRow { id: InvitationId(Uuid::from_u128(8)), ..row };
        rows::insert_invitation(&mut tx, tenant, &second, b"second", ada, NOW).await.expect("inserted");
        assert!(rows::delete_invitation(&mut tx, tenant, second.id).await.expect("deleted"));
    })
    .await;
}
