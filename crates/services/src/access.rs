//! Who is asking, and what they may do: the one place where a [`Tenant`] is made for a person.
//!
//! What a newcomer gets wrong: someone who is no member gets `NotFound`, not `Forbidden`, so that
//! nobody learns which identifiers exist.

use domain::{
    OrganizationId, Permission, UserId,
    state::ProviderState,
    view::account::{MembershipView, Viewer},
};
use store::Tenant;

use crate::error::{Error, Result};

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Principal {
    /// Nobody we know.
    #[default]
    Visitor,
    /// Someone who is signed in, with a cookie or a token.
    User(Viewer),
}

/// Proof that the caller operates the marketplace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator(UserId);

impl Operator {
    /// Returns who it is.
    pub const fn id(self) -> UserId {
        self.0
    }

    /// Returns the tenant of an organization about whose things an operator decides.
    pub const fn acting_in(self, organization: OrganizationId) -> Tenant {
        tenant(organization)
    }
}

/// Proof that a user acts in an organization, with the permission that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Where, for the store.
    pub tenant: Tenant,
}

impl Principal {
    /// Returns who is signed in.
    pub const fn viewer(&self) -> Option<&Viewer> {
        match self {
            Self::Visitor => None,
            Self::User(viewer) => Some(viewer),
        }
    }

    /// Requires that someone is signed in.
    pub fn user(&self) -> Result<&Viewer> {
        self.viewer().ok_or(Error::SignedOut)
    }

    /// Requires an operator.
    pub fn operator(&self) -> Result<Operator> {
        let viewer = self.user()?;
        if viewer.user.operator {
            Ok(Operator(viewer.user.id))
        } else {
            Err(Error::Forbidden("only an operator of the marketplace may do this"))
        }
    }

    /// Requires membership of `organization` with `permission`.
    pub fn member(&self, organization: OrganizationId, permission: Permission) -> Result<Member> {
        let viewer = self.user()?;
        let membership = self.membership(organization)?;
        if membership.role.may(permission) {
            Ok(Member { user: viewer.user.id, tenant: tenant(organization) })
        } else {
            Err(Error::Forbidden("your role in this organization does not allow this; ask an owner or admin"))
        }
    }

    /// Requires that `organization` is approved to sell, and that the caller may sell for it.
    pub fn approved_provider(&self, organization: OrganizationId) -> Result<Member> {
        let member = self.member(organization, Permission::Sell)?;
        match self.membership(organization)?.provider {
            Some(ProviderState::Approved) => Ok(member),
            _ => Err(Error::Forbidden("this organization is not approved to sell")),
        }
    }

    fn membership(&self, organization: OrganizationId) -> Result<&MembershipView> {
        self.user()?
            .memberships
            .iter()
            .find(|membership| membership.organization_id == organization)
            .ok_or(Error::NotFound("organization"))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where it was checked who asks")]
const fn tenant(organization: OrganizationId) -> Tenant {
    Tenant::assume_authorized(organization)
}

/// Returns the tenant of a row that the product's own work holds: a job's, an event's, an operator's.
#[expect(clippy::disallowed_methods, reason = "the caller holds a row of this organization and acts for it")]
pub(crate) const fn on_behalf(organization: OrganizationId) -> Tenant {
    Tenant::assume_authorized(organization)
}
