//! What a provider does: ask to sell, import flows, write offerings and plans, submit them, look at figures.
//!
//! Members of the organization may look; changing needs the right to sell in an approved
//! organization. What a newcomer gets wrong: an agent or offering of somebody else is not there
//! (`NotFound`), it is not forbidden.

mod agents;
mod application;
mod figures;
mod offerings;
mod plans;
mod publishing;
mod traces;

use domain::{AgentId, OfferingId, OrganizationId, Permission};
use store::Scope;

pub(crate) use agents::store_version;
pub use agents::{
    MAX_FLOW_BYTES, agent, agents, create_agent, delete_agent, import_flow, preview, update_agent, validate_flow,
    versions,
};
pub use application::{application, apply};
pub use figures::{agent_stats, customers, dashboard, offering_analytics};
pub use offerings::{create_offering, offering, offerings, save_offering, use_version};
pub(crate) use offerings::{edit_view, search_text};
pub use plans::{archive_plan, save_plan};
pub(crate) use publishing::step;
pub use publishing::{archive, pause, restore, submit, unpause, unpublish, withdraw_submission};
pub use traces::{runs, trace};

use crate::{Ctx, Error, Principal, Result, access::Member};

/// What a caller needs for a thing of a provider.
#[derive(Clone, Copy)]
enum Need {
    /// To look.
    View,
    /// To change it: the right to sell, in an approved organization.
    Sell,
}

fn in_organization(who: &Principal, organization: OrganizationId, need: Need) -> Result<Member> {
    match need {
        Need::View => who.member(organization, Permission::View),
        Need::Sell => who.approved_provider(organization),
    }
}

async fn of_agent(ctx: &Ctx, who: &Principal, agent: AgentId, need: Need) -> Result<Member> {
    who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let owner = store::agents::owner(&mut tx, agent).await?.ok_or(Error::NotFound("agent"))?;
    in_organization(who, owner, need).map_err(|error| error.hiding("agent"))
}

async fn of_offering(ctx: &Ctx, who: &Principal, offering: OfferingId, need: Need) -> Result<Member> {
    who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let owner = store::offerings::owner(&mut tx, offering).await?.ok_or(Error::NotFound("offering"))?;
    in_organization(who, owner, need).map_err(|error| error.hiding("offering"))
}
