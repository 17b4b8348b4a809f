//! Who may do what inside an organization. The table is here; the decision is made in `services::access`.

use crate::text_enum::text_enum;

text_enum! {
    /// What a member is in an organization.
    Role {
        /// Everything, and the only one who manages owners and closes the organization.
        Owner = "owner",
        /// Everything but owners, and where earnings are paid to.
        Admin = "admin",
        /// Uses and configures agents; does not spend, make keys or manage people.
        Member = "member",
    }
}

/// A thing that a member may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See the organization's agents, orders and usage.
    View,
    /// Change persona, branding and the widget of an agent, and chat with it.
    Configure,
    /// Make, revoke and regenerate keys, and set origins.
    ManageKeys,
    /// Order, pay, switch plans and cancel.
    Buy,
    /// See payments.
    ViewBilling,
    /// Say where earnings are paid to.
    ManagePayouts,
    /// Ask to sell, import flows, edit offerings and plans, submit for review.
    Sell,
    /// Invite and remove members, and change their roles.
    ManageMembers,
    /// Change the organization itself.
    ManageOrganization,
}

impl Role {
    /// Tells whether this role carries `permission`.
    pub const fn may(self, permission: Permission) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(permission, Permission::ManagePayouts),
            Self::Member => matches!(permission, Permission::View | Permission::Configure),
        }
    }
}
