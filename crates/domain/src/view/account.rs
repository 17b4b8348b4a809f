//! People, organizations and their members.

use serde::{Deserialize, Serialize};

use crate::{Email, InvitationId, OrganizationId, ProjectId, Role, UserId, state::ProviderState};

/// A person, as the person and fellow members see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// Who.
    pub id: UserId,
    /// Where mail goes, and the name to sign in with.
    pub email: Email,
    /// What they are called.
    pub name: String,
    /// Whether they operate the marketplace.
    pub operator: bool,
}

/// An organization that the viewer is a member of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipView {
    /// Which organization.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Its default project.
    pub project_id: ProjectId,
    /// What the viewer is there.
    pub role: Role,
    /// Where it stands as a provider, if it ever asked.
    pub provider: Option<ProviderState>,
}

/// Who is looking at the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// The person.
    pub user: UserView,
    /// Their organizations, oldest first.
    pub memberships: Vec<MembershipView>,
}

/// An organization, as its members see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationView {
    /// Which.
    pub id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Its name in URLs.
    pub slug: String,
    /// Where its mail goes.
    pub email: String,
    /// When it was made, readable.
    pub created: String,
    /// Whether the operator has blocked it.
    pub blocked: bool,
    /// What the viewer is there; nothing for an operator who is no member.
    pub role: Option<Role>,
}

/// A project: a folder of subscriptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectView {
    /// Which.
    pub id: ProjectId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Whose, by name.
    pub organization_name: String,
    /// What it is called.
    pub name: String,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// A member of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Who.
    pub user: UserView,
    /// What they are there.
    pub role: Role,
    /// Since when, readable.
    pub since: String,
}

/// An invitation that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationView {
    /// Which.
    pub id: InvitationId,
    /// Who is invited.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Until when it holds, readable.
    pub expires: String,
}

/// What someone who holds an invitation is shown before they accept it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationOffer {
    /// The organization's name.
    pub organization_name: String,
    /// The address that it was sent to; only who has this address can accept.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Until when it holds, readable.
    pub expires: String,
}
