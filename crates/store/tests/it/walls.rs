//! The second wall: on PostgreSQL a statement that forgets its WHERE stays within its tenant.

use domain::{OrganizationId, ProjectId, Timestamp};
use store::organizations::{self, OrganizationRow, ProjectRow};
use store::{Dialect, Scope, Store, Tenant, testing};
use testkit::on_every_database;
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_795_262_400_000_000);

/// Tables with an `organization_id` that are not walled; the migration says why.
const OPEN: [&str; 7] =
    ["audit_entries", "gateway_changes", "memberships", "offerings", "plans", "providers", "reviews"];

fn tenant(number: u128) -> Tenant {
    Tenant::assume_authorized(OrganizationId(Uuid::from_u128(number)))
}

fn project(number: u128, tenant: Tenant) -> ProjectRow {
    let id = ProjectId(Uuid::from_u128(100 + number));
    ProjectRow { id, organization_id: tenant.id(), name: format!("Project {number}"), created_at: NOW }
}

/// Makes two organizations with a project each.
async fn two(store: &Store) {
    let mut tx = store.write(Scope::System).await.expect("a transaction");
    for number in 1..=2 {
        let organization = OrganizationRow {
            id: tenant(number).id(),
            name: format!("Organization {number}"),
            slug: format!("organization-{number}"),
            email: format!("{number}@example.com"),
            created_at: NOW,
            blocked_at: None,
        };
        assert!(organizations::insert(&mut tx, &organization).await.expect("an organization"));
        let row = project(number, tenant(number));
        organizations::insert_project(&mut tx, tenant(number), &row).await.expect("a project");
    }
    tx.commit().await.expect("committed");
}

async fn all_projects(store: &Store, scope: Scope) -> Vec<String> {
    let mut tx = store.read(scope).await.expect("a transaction");
    // What a careless statement looks like: nothing in it names a tenant.
    let sql = "SELECT name FROM projects ORDER BY name".to_owned();
    testing::texts(&mut tx, sql).await.expect("projects").into_iter().flatten().collect()
}

#[tokio::test]
async fn a_statement_that_forgets_its_where_sees_one_tenant_alone() {
    on_every_database(async |store: Store| {
        two(&store).await;
        assert_eq!(all_projects(&store, Scope::System).await, ["Project 1", "Project 2"]);
        if store.dialect() == Dialect::Postgres {
            assert_eq!(all_projects(&store, tenant(1).into()).await, ["Project 1"]);
            assert_eq!(all_projects(&store, tenant(2).into()).await, ["Project 2"]);
            assert!(all_projects(&store, tenant(3).into()).await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_statement_outside_every_scope_sees_nothing() {
    on_every_database(async |store: Store| {
        two(&store).await;
        if store.dialect() == Dialect::Postgres {
            let rows = testing::unscoped_texts(&store, "SELECT name FROM projects".to_owned()).await;
            assert_eq!(rows.expect("an answer"), []);
        }
    })
    .await;
}

#[tokio::test]
async fn a_tenant_cannot_write_or_change_rows_of_another() {
    on_every_database(async |store: Store| {
        two(&store).await;
        if store.dialect() == Dialect::Postgres {
            let mut tx = store.write(tenant(1)).await.expect("a transaction");
            let foreign = project(3, tenant(2));
            organizations::insert_project(&mut tx, tenant(2), &foreign).await.expect_err("the wall holds");
            drop(tx);
            let mut tx = store.write(tenant(1)).await.expect("a transaction");
            let careless = "UPDATE projects SET name = 'Mine' RETURNING name".to_owned();
            assert_eq!(testing::texts(&mut tx, careless).await.expect("an answer").len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn every_table_of_tenants_is_walled_or_known_to_be_open() {
    on_every_database(async |store: Store| {
        if store.dialect() == Dialect::Postgres {
            let sql = "SELECT t.relname::text
                       FROM pg_class t
                       JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'organization_id'
                       WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
                         AND NOT (t.relrowsecurity AND t.relforcerowsecurity)
                       ORDER BY 1";
            let open = testing::unscoped_texts(&store, sql.to_owned()).await.expect("tables");
            let open: Vec<String> = open.into_iter().flatten().collect();
            assert_eq!(open, OPEN);
        }
    })
    .await;
}
