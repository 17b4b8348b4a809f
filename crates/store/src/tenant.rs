//! A tenant as a type: what a query on tenant data needs, and only authorization makes.

use domain::OrganizationId;

/// Proof that the caller may act in an organization.
///
/// Made by `services::access` after it has looked at the caller's membership, and by jobs that act
/// for the organization whose row they hold; clippy refuses [`Tenant::assume_authorized`] anywhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(OrganizationId);

impl Tenant {
    /// Makes a tenant without asking; the caller has already checked that the work is in its name.
    pub const fn assume_authorized(organization: OrganizationId) -> Self {
        Self(organization)
    }

    /// Returns the organization.
    pub const fn id(self) -> OrganizationId {
        self.0
    }
}

/// In whose name a transaction runs; on PostgreSQL, row-level security holds it to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The product's own work: signing in, the public catalog, jobs, the operator.
    System,
    /// One organization's.
    Tenant(Tenant),
}

impl From<Tenant> for Scope {
    fn from(tenant: Tenant) -> Self {
        Self::Tenant(tenant)
    }
}
