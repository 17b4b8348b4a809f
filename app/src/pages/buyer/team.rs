//! The people of an organization.

use domain::view::account::{InvitationView, MemberView};
use domain::{Role, UserId};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::live;
use crate::ui::prelude::*;

/// Members and, for those who manage them, open invitations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct People {
    members: Vec<MemberView>,
    invitations: Vec<InvitationView>,
    manages: bool,
    me: UserId,
}

/// Returns the organization's people.
#[server(prefix = "/ui", endpoint = "team/list", input = GetUrl)]
pub async fn team(organization: String) -> Result<People, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let members = services::organizations::members(&ctx, &who, id).await.map_err(here::fail)?;
    let manages = who.member(id, domain::Permission::ManageMembers).is_ok();
    let invitations = if manages {
        services::organizations::invitations(&ctx, &who, id).await.map_err(here::fail)?
    } else {
        Vec::new()
    };
    let me = who.user().map_err(here::fail)?.user.id;
    Ok(People { members, invitations, manages, me })
}

/// Invites someone.
#[server(prefix = "/ui", endpoint = "team/invite")]
pub async fn invite(organization: String, email: String, role: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let role: Role = role.parse().map_err(|_| here::fail(services::Error::invalid("role", "is not a role")))?;
    services::organizations::invite(&ctx, &who, id, &email, role).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::organization(id, "team/"), "invited"));
    Ok(())
}

/// Changes a member's role, removes a member, or takes an invitation back; leads to where its person may be.
#[server(prefix = "/ui", endpoint = "team/change")]
pub async fn change(organization: String, subject: String, what: String) -> Result<String, UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let missing = || here::fail(services::Error::NotFound("member"));
    let notice = match what.as_str() {
        "withdraw" => {
            let invitation = subject.parse().map_err(|_| missing())?;
            services::organizations::withdraw_invitation(&ctx, &who, id, invitation).await.map_err(here::fail)?;
            "withdrawn"
        }
        "remove" => {
            let user = subject.parse().map_err(|_| missing())?;
            services::organizations::remove_member(&ctx, &who, id, user).await.map_err(here::fail)?;
            if who.user().is_ok_and(|viewer| viewer.user.id == user) {
                return Ok(here::lead_to(links::with_notice("/", "left")));
            }
            "member-removed"
        }
        role => {
            let user = subject.parse().map_err(|_| missing())?;
            let role: Role = role.parse().map_err(|_| here::fail(services::Error::invalid("role", "is not a role")))?;
            services::organizations::set_role(&ctx, &who, id, user, role).await.map_err(here::fail)?;
            "role-changed"
        }
    };
    Ok(here::lead_to(links::with_notice(&links::organization(id, "team/"), notice)))
}

/// The people of an organization.
#[component]
pub fn TeamPage() -> impl IntoView {
    let params = use_params_map();
    let organization = move || params.read().get("organization").unwrap_or_default();
    let inviting = FormAction::of::<Invite>();
    let changing = FormAction::of::<Change>();
    let form = FormState::of(inviting);
    // Who changes their own role or leaves sees other menus than before.
    live::load_answer(changing);
    let found = read_again(move || inviting.version().get(), move || Team { organization: organization() });
    load(found, move |team| {
        let id = organization();
        let (manages, me, alone) = (team.manages, team.me, team.members.len() == 1);
        let owns = team.members.iter().any(|member| member.user.id == me && member.role == Role::Owner);
        let members = team.members.into_iter().map(|member| {
            let (organization, subject) = (id.clone(), member.user.id.to_string());
            let own = member.user.id == me;
            // Only owners change owners, and who is alone cannot leave: an organization needs an owner.
            let may = manages && (owns || member.role != Role::Owner);
            let actions = ((may || own) && !alone).then(|| {
                let remove = if own { "Leave" } else { "Remove" };
                let roles = [(Role::Owner, "owner", "Make owner"), (Role::Admin, "admin", "Make admin"), (Role::Member, "member", "Make member")]
                    .into_iter()
                    .filter(|(role, ..)| may && *role != member.role && (owns || *role != Role::Owner))
                    .map(|(_, value, label)| view! { <Submit label look=Look::Ghost class="btn--sm" name="what" value=value/> })
                    .views();
                view! {
                    <PostForm action=changing class="row row--sm row--end">
                        <input type="hidden" name="organization" value=organization/>
                        <input type="hidden" name="subject" value=subject/>
                        {roles}
                        <Submit label=remove look=Look::Danger class="btn--sm" name="what" value="remove"/>
                    </PostForm>
                }
            });
            view! {
                <tr>
                    <td><div class="row row--sm row--nowrap"><Avatar name=member.user.name.clone()/><div><strong>{member.user.name}</strong><p class="muted tiny">{member.user.email.to_string()}</p></div></div></td>
                    <td>{role_name(member.role)}</td>
                    <td class="nowrap">{member.since}</td>
                    <td>{actions}</td>
                </tr>
            }
        }).views();
        let invited = team.invitations.into_iter().map(|invitation| {
            let (organization, subject) = (id.clone(), invitation.id.to_string());
            view! {
                <tr>
                    <td>{invitation.email.to_string()}</td>
                    <td>{role_name(invitation.role)}</td>
                    <td class="nowrap">"Open until "{invitation.expires}</td>
                    <td>
                        <PostForm action=changing>
                            <input type="hidden" name="organization" value=organization/>
                            <input type="hidden" name="subject" value=subject/>
                            <Submit label="Take back" look=Look::Ghost class="btn--sm" name="what" value="withdraw"/>
                        </PostForm>
                    </td>
                </tr>
            }
        }).views();
        let roles = [
            ("member", "Member: uses and configures"),
            ("admin", "Admin: also spends, makes keys, manages people"),
            ("owner", "Owner: everything"),
        ];
        let roles = roles.map(|(value, text)| (value.to_owned(), text.to_owned())).to_vec();
        view! {
            <div class="page">
                <PageHead title="Team" text="Who works here, and what they may do."/>
                <FormAlert form=FormState::of(changing)/>
                <Card class="card--flush">
                    <Table label="People" stacks=true head=view! { <tr><th>"Person"</th><th>"Role"</th><th>"Since"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{members}{invited}</Table>
                </Card>
                {manages.then(|| view! {
                    <PostForm action=inviting class="stack">
                        <FormAlert form/>
                        <Card title="Invite someone" text="They get a mail with a link that holds for fourteen days." foot=view! { <Submit label="Invite" pending=form.pending/> }.into_any()>
                            <div class="stack">
                                <input type="hidden" name="organization" value=id.clone()/>
                                <Field form name="email" kind="email" label="E-mail" required=true/>
                                <SelectField form name="role" label="Role" options=roles value="member"/>
                            </div>
                        </Card>
                    </PostForm>
                }.into_any())}
            </div>
        }
        .into_any()
    })
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Admin => "Admin",
        Role::Member => "Member",
    }
}
