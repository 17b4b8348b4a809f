//! Forms: labelled controls that show what was wrong with them.
//!
//! A form is an [`PostForm`] around a [`FormAction`]; [`FormState`] is what its controls need to know of
//! it. What a newcomer gets wrong: controls are uncontrolled. `value` is what they start with, and what
//! the person types stays theirs, also when the server refuses it.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::ui::Views as _;
use leptos::server::ServerActionError;
use leptos::server_fn::ServerFn;
use leptos::server_fn::error::ServerFnUrlError;

use super::notice::Told;
use crate::error::UiError;

/// A server function that forms are sent to, and what came of the last one.
#[derive(Clone, Copy)]
pub struct FormAction {
    address: &'static str,
    answer: RwSignal<Option<Result<String, UiError>>>,
    pending: RwSignal<bool>,
    version: RwSignal<usize>,
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a live page stays where a form was sent"))]
    told: Told,
}

impl FormAction {
    /// Makes the action of a server function. Make it where a page begins: the error of a form that was
    /// sent without JavaScript is in reach there.
    pub fn of<S: ServerFn<Error = UiError>>() -> Self {
        Self::at(S::PATH, S::url())
    }

    fn at(path: &str, address: &'static str) -> Self {
        let refused = use_context::<ServerActionError>()
            .filter(|error| error.path() == path)
            .map(|error| Err(ServerFnUrlError::<UiError>::decode_err(error.err())));
        Self {
            address,
            answer: RwSignal::new(refused),
            pending: RwSignal::new(false),
            version: RwSignal::new(0),
            told: expect_context(),
        }
    }

    /// Returns how often a form was answered; pages that read again after a form follow it.
    pub fn version(self) -> RwSignal<usize> {
        self.version
    }

    /// Returns the address that a form was answered with, if it was answered with one.
    pub fn address(self) -> Option<String> {
        self.answer.with(|answer| crate::json::read(answer.as_ref()?.as_ref().ok()?).ok())
    }

    /// Sends a form as a live page does.
    #[cfg_attr(not(feature = "hydrate"), expect(clippy::unused_self, reason = "only a live page sends it"))]
    fn submit(self, event: &SubmitEvent) {
        #[cfg(feature = "hydrate")]
        {
            if event.default_prevented() {
                return;
            }
            // Pressed twice is meant once.
            if self.pending.get_untracked() {
                event.prevent_default();
                return;
            }
            // A form that cannot be read is left to the browser.
            let Ok(form) = leptos::form::form_data_from_event(event) else { return };
            let Ok(form) = web_sys::UrlSearchParams::new_with_str_sequence_sequence(&form) else { return };
            event.prevent_default();
            let form = String::from(form.to_string());
            self.pending.set(true);
            leptos::task::spawn_local(async move {
                let answer = crate::call::post(self.address, form).await;
                // Whoever is signed out cannot read the page again either; it stays, with what was typed.
                let stays = matches!(answer, Err(UiError::SignedOut | UiError::Transport));
                // The answer may have led to another page, and this one's signals are gone.
                self.answer.try_set(Some(answer));
                self.pending.try_set(false);
                if !stays {
                    self.told.again();
                    self.version.try_update(|version| *version += 1);
                }
            });
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = event;
    }
}

/// A form that is sent to a server function, with and without JavaScript.
#[component]
pub fn PostForm(
    /// Where it is sent.
    action: FormAction,
    /// Its classes.
    #[prop(optional)]
    class: Option<&'static str>,
    /// Whether browsers may fill it in: `off` where they must not.
    #[prop(optional)]
    autocomplete: Option<&'static str>,
    /// Its controls.
    children: Children,
) -> impl IntoView {
    view! {
        <form method="post" action=action.address class=class autocomplete=autocomplete on:submit=move |event| action.submit(&event)>
            {children()}
        </form>
    }
}

/// What the controls of a form know of its action.
#[derive(Clone, Copy)]
pub struct FormState {
    /// Why it was refused, if it was.
    pub error: Signal<Option<UiError>>,
    /// Whether it is on its way.
    pub pending: Signal<bool>,
}

impl FormState {
    /// Looks at an action.
    pub fn of(action: FormAction) -> Self {
        let error = move || action.answer.with(|answer| answer.as_ref()?.as_ref().err().cloned());
        Self { error: Signal::derive(error), pending: action.pending.into() }
    }

    /// Returns what is wrong with a control.
    pub fn problem(self, name: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || self.error.with(|error| error.as_ref().and_then(|error| error.of_field(name))))
    }
}

/// What a control is tied to for assistive technology: its hint and its problem.
fn described_by(
    id: &str,
    hint: bool,
    problem: Signal<Option<String>>,
) -> impl Fn() -> Option<String> + Clone + Send + Sync + 'static {
    let id = id.to_owned();
    move || {
        let wrong = problem.with(Option::is_some);
        match (hint, wrong) {
            (false, false) => None,
            (true, false) => Some(format!("{id}-hint")),
            (false, true) => Some(format!("{id}-error")),
            (true, true) => Some(format!("{id}-hint {id}-error")),
        }
    }
}

/// The label above a control, and hint and problem below it.
fn labelled(
    id: String,
    label: String,
    hint: Option<String>,
    required: bool,
    problem: Signal<Option<String>>,
    control: AnyView,
) -> AnyView {
    let hint_id = format!("{id}-hint");
    let error_id = format!("{id}-error");
    view! {
        <div class="field">
            <label class="field__label" for=id>
                <span>{label}</span>
                {(!required).then(|| view! { <span class="optional">"optional"</span> }.into_any())}
            </label>
            {control}
            {hint.map(|hint| view! { <p class="field__hint" id=hint_id>{hint}</p> }.into_any())}
            {move || {
                let error_id = error_id.clone();
                problem.get().map(|problem| view! { <p class="field__error" id=error_id>{problem}</p> }.into_any())
            }}
        </div>
    }
    .into_any()
}

fn id_of(id: Option<String>, name: &str) -> String {
    id.unwrap_or_else(|| format!("field-{name}"))
}

fn invalid(problem: Signal<Option<String>>) -> impl Fn() -> Option<&'static str> + Clone + Send + Sync + 'static {
    move || problem.with(|problem| problem.is_some().then_some("true"))
}

/// One line of text.
#[component]
pub fn Field(
    /// The form.
    form: FormState,
    /// The name under which it is sent.
    name: &'static str,
    /// What it is.
    #[prop(into)]
    label: String,
    /// What it starts with.
    #[prop(optional, into)]
    value: String,
    /// `text`, `email`, `password`, `number`, `url`, `color`, `search`.
    #[prop(default = "text")]
    kind: &'static str,
    /// What to know before typing.
    #[prop(optional, into)]
    hint: Option<String>,
    /// An example.
    #[prop(optional, into)]
    placeholder: Option<String>,
    /// Whether it must be filled in.
    #[prop(optional)]
    required: bool,
    /// What browsers and password managers may fill in.
    #[prop(optional)]
    autocomplete: Option<&'static str>,
    /// Which keyboard a phone shows.
    #[prop(optional)]
    inputmode: Option<&'static str>,
    /// At least so many characters.
    #[prop(optional)]
    minlength: Option<u32>,
    /// At most so many characters.
    #[prop(optional)]
    maxlength: Option<u32>,
    /// The least number.
    #[prop(optional, into)]
    min: Option<String>,
    /// The greatest number.
    #[prop(optional, into)]
    max: Option<String>,
    /// How numbers step.
    #[prop(optional)]
    step: Option<&'static str>,
    /// Further classes: `input--lg`, `input--mono`.
    #[prop(optional)]
    class: &'static str,
    /// Where a page has two fields of one name.
    #[prop(optional, into)]
    id: Option<String>,
) -> impl IntoView {
    let id = id_of(id, name);
    let problem = form.problem(name);
    let described = described_by(&id, hint.is_some(), problem);
    let control = view! {
        <input
            class=format!("input {class}") id=id.clone() name=name type=kind value=value
            placeholder=placeholder required=required autocomplete=autocomplete inputmode=inputmode
            minlength=minlength maxlength=maxlength min=min max=max step=step
            aria-invalid=invalid(problem) aria-describedby=described
        />
    };
    labelled(id, label, hint, required, problem, control.into_any())
}

/// Many lines of text.
#[component]
pub fn TextArea(
    /// The form.
    form: FormState,
    /// The name under which it is sent.
    name: &'static str,
    /// What it is.
    #[prop(into)]
    label: String,
    /// What it starts with.
    #[prop(optional, into)]
    value: String,
    /// What to know before typing.
    #[prop(optional, into)]
    hint: Option<String>,
    /// An example.
    #[prop(optional, into)]
    placeholder: Option<String>,
    /// Whether it must be filled in.
    #[prop(optional)]
    required: bool,
    /// How many lines it shows.
    #[prop(default = 4)]
    rows: u32,
    /// At most so many characters.
    #[prop(optional)]
    maxlength: Option<u32>,
    /// Further classes: `textarea--code`.
    #[prop(optional)]
    class: &'static str,
    /// Where a page has two fields of one name.
    #[prop(optional, into)]
    id: Option<String>,
) -> impl IntoView {
    let id = id_of(id, name);
    let problem = form.problem(name);
    let described = described_by(&id, hint.is_some(), problem);
    let control = view! {
        <textarea
            class=format!("textarea {class}") id=id.clone() name=name rows=rows
            placeholder=placeholder required=required maxlength=maxlength
            aria-invalid=invalid(problem) aria-describedby=described
        >{value}</textarea>
    };
    labelled(id, label, hint, required, problem, control.into_any())
}

/// One of some.
#[component]
pub fn SelectField(
    /// The form.
    form: FormState,
    /// The name under which it is sent.
    name: &'static str,
    /// What it is.
    #[prop(into)]
    label: String,
    /// What can be chosen: value and text.
    options: Vec<(String, String)>,
    /// What is chosen at first.
    #[prop(optional, into)]
    value: String,
    /// What to know before choosing.
    #[prop(optional, into)]
    hint: Option<String>,
    /// Where a page has two fields of one name.
    #[prop(optional, into)]
    id: Option<String>,
) -> impl IntoView {
    let id = id_of(id, name);
    let problem = form.problem(name);
    let described = described_by(&id, hint.is_some(), problem);
    let options = options
        .into_iter()
        .map(|(option, text)| {
            let selected = option == value;
            view! { <option value=option selected=selected>{text}</option> }
        })
        .views();
    let control = view! {
        <select class="select" id=id.clone() name=name aria-invalid=invalid(problem) aria-describedby=described>{options}</select>
    };
    labelled(id, label, hint, true, problem, control.into_any())
}

/// One of a few, each with a sentence: radio buttons as cards.
#[component]
pub fn ChoiceField(
    /// The form.
    form: FormState,
    /// The name under which it is sent.
    name: &'static str,
    /// What it is.
    #[prop(into)]
    label: String,
    /// What can be chosen: value, text, and a sentence, which may be empty.
    options: Vec<(String, String, String)>,
    /// What is chosen at first.
    #[prop(optional, into)]
    value: String,
) -> impl IntoView {
    let problem = form.problem(name);
    let options = options
        .into_iter()
        .map(|(option, title, text)| {
            let checked = option == value;
            view! {
                <label class="choice">
                    <input type="radio" name=name value=option checked=checked/>
                    <span class="choice__title">{title}</span>
                    {(!text.is_empty()).then(|| view! { <span class="choice__text">{text}</span> }.into_any())}
                </label>
            }
        })
        .views();
    view! {
        <fieldset class="fieldset">
            <legend class="field__label">{label}</legend>
            <div class="choices">{options}</div>
            {move || problem.get().map(|problem| view! { <p class="field__error">{problem}</p> }.into_any())}
        </fieldset>
    }
}

/// Yes or no. A box that is not ticked is not sent at all: take the argument as `Option<String>` or with a default.
#[component]
pub fn CheckField(
    /// The name under which it is sent.
    name: &'static str,
    /// What it is.
    #[prop(into)]
    label: String,
    /// More about it.
    #[prop(optional, into)]
    hint: Option<String>,
    /// What is sent when it is ticked.
    #[prop(into, default = "true".to_owned())]
    value: String,
    /// Whether it is ticked at first.
    #[prop(optional)]
    checked: bool,
    /// Whether it must be ticked.
    #[prop(optional)]
    required: bool,
    /// Whether it looks like a switch.
    #[prop(optional)]
    switch: bool,
) -> impl IntoView {
    view! {
        <label class=if switch { "check switch" } else { "check" }>
            <input type="checkbox" name=name value=value checked=checked required=required/>
            <span class="check__text">
                <span>{label}</span>
                {hint.map(|hint| view! { <small>{hint}</small> }.into_any())}
            </span>
        </label>
    }
}
