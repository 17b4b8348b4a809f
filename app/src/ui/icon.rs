//! Icons: one sprite in `public/icons.svg`, one variant of [`Sign`] per symbol in it.

use leptos::prelude::*;

/// A symbol of the sprite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `robot`.
    Robot,
    /// `grid`.
    Grid,
    /// `message-circle`.
    MessageCircle,
    /// `zap`.
    Zap,
    /// `search`.
    Search,
    /// `user`.
    User,
    /// `users`.
    Users,
    /// `building`.
    Building,
    /// `settings`.
    Settings,
    /// `key`.
    Key,
    /// `code`.
    Code,
    /// `chart`.
    Chart,
    /// `card`.
    Card,
    /// `receipt`.
    Receipt,
    /// `layers`.
    Layers,
    /// `home`.
    Home,
    /// `plus`.
    Plus,
    /// `minus`.
    Minus,
    /// `check`.
    Check,
    /// `check-circle`.
    CheckCircle,
    /// `x`.
    X,
    /// `alert`.
    Alert,
    /// `info`.
    Info,
    /// `arrow-right`.
    ArrowRight,
    /// `arrow-left`.
    ArrowLeft,
    /// `chevron-down`.
    ChevronDown,
    /// `chevron-right`.
    ChevronRight,
    /// `chevrons`.
    Chevrons,
    /// `copy`.
    Copy,
    /// `external`.
    External,
    /// `eye`.
    Eye,
    /// `star`.
    Star,
    /// `sun`.
    Sun,
    /// `moon`.
    Moon,
    /// `monitor`.
    Monitor,
    /// `menu`.
    Menu,
    /// `logout`.
    Logout,
    /// `file`.
    File,
    /// `upload`.
    Upload,
    /// `download`.
    Download,
    /// `palette`.
    Palette,
    /// `smile`.
    Smile,
    /// `book`.
    Book,
    /// `globe`.
    Globe,
    /// `shield`.
    Shield,
    /// `clock`.
    Clock,
    /// `refresh`.
    Refresh,
    /// `trash`.
    Trash,
    /// `edit`.
    Edit,
    /// `play`.
    Play,
    /// `pause`.
    Pause,
    /// `send`.
    Send,
    /// `spark`.
    Spark,
    /// `flow`.
    Flow,
    /// `store`.
    Store,
    /// `wallet`.
    Wallet,
    /// `mail`.
    Mail,
    /// `lock`.
    Lock,
    /// `bell`.
    Bell,
    /// `dots`.
    Dots,
    /// `sliders`.
    Sliders,
    /// `loader`.
    Loader,
    /// `list`.
    List,
    /// `tag`.
    Tag,
    /// `activity`.
    Activity,
    /// `inbox`.
    Inbox,
    /// `plug`.
    Plug,
    /// `calendar`.
    Calendar,
}

impl Sign {
    /// Returns the symbol's address.
    pub const fn href(self) -> &'static str {
        match self {
            Self::Robot => "/icons.svg#robot",
            Self::Grid => "/icons.svg#grid",
            Self::MessageCircle => "/icons.svg#message-circle",
            Self::Zap => "/icons.svg#zap",
            Self::Search => "/icons.svg#search",
            Self::User => "/icons.svg#user",
            Self::Users => "/icons.svg#users",
            Self::Building => "/icons.svg#building",
            Self::Settings => "/icons.svg#settings",
            Self::Key => "/icons.svg#key",
            Self::Code => "/icons.svg#code",
            Self::Chart => "/icons.svg#chart",
            Self::Card => "/icons.svg#card",
            Self::Receipt => "/icons.svg#receipt",
            Self::Layers => "/icons.svg#layers",
            Self::Home => "/icons.svg#home",
            Self::Plus => "/icons.svg#plus",
            Self::Minus => "/icons.svg#minus",
            Self::Check => "/icons.svg#check",
            Self::CheckCircle => "/icons.svg#check-circle",
            Self::X => "/icons.svg#x",
            Self::Alert => "/icons.svg#alert",
            Self::Info => "/icons.svg#info",
            Self::ArrowRight => "/icons.svg#arrow-right",
            Self::ArrowLeft => "/icons.svg#arrow-left",
            Self::ChevronDown => "/icons.svg#chevron-down",
            Self::ChevronRight => "/icons.svg#chevron-right",
            Self::Chevrons => "/icons.svg#chevrons",
            Self::Copy => "/icons.svg#copy",
            Self::External => "/icons.svg#external",
            Self::Eye => "/icons.svg#eye",
            Self::Star => "/icons.svg#star",
            Self::Sun => "/icons.svg#sun",
            Self::Moon => "/icons.svg#moon",
            Self::Monitor => "/icons.svg#monitor",
            Self::Menu => "/icons.svg#menu",
            Self::Logout => "/icons.svg#logout",
            Self::File => "/icons.svg#file",
            Self::Upload => "/icons.svg#upload",
            Self::Download => "/icons.svg#download",
            Self::Palette => "/icons.svg#palette",
            Self::Smile => "/icons.svg#smile",
            Self::Book => "/icons.svg#book",
            Self::Globe => "/icons.svg#globe",
            Self::Shield => "/icons.svg#shield",
            Self::Clock => "/icons.svg#clock",
            Self::Refresh => "/icons.svg#refresh",
            Self::Trash => "/icons.svg#trash",
            Self::Edit => "/icons.svg#edit",
            Self::Play => "/icons.svg#play",
            Self::Pause => "/icons.svg#pause",
            Self::Send => "/icons.svg#send",
            Self::Spark => "/icons.svg#spark",
            Self::Flow => "/icons.svg#flow",
            Self::Store => "/icons.svg#store",
            Self::Wallet => "/icons.svg#wallet",
            Self::Mail => "/icons.svg#mail",
            Self::Lock => "/icons.svg#lock",
            Self::Bell => "/icons.svg#bell",
            Self::Dots => "/icons.svg#dots",
            Self::Sliders => "/icons.svg#sliders",
            Self::Loader => "/icons.svg#loader",
            Self::List => "/icons.svg#list",
            Self::Tag => "/icons.svg#tag",
            Self::Activity => "/icons.svg#activity",
            Self::Inbox => "/icons.svg#inbox",
            Self::Plug => "/icons.svg#plug",
            Self::Calendar => "/icons.svg#calendar",
        }
    }

    /// Returns the icon of a category, by its slug.
    pub fn of_category(slug: &str) -> Self {
        match slug {
            "agents" => Self::Robot,
            "apps" => Self::Grid,
            "assistants" => Self::MessageCircle,
            "automations" => Self::Zap,
            _ => Self::Spark,
        }
    }
}

/// An icon. It is hidden from assistive technology: the text beside it says the same.
#[component]
pub fn Icon(
    /// Which.
    sign: Sign,
    /// Further classes: `icon--sm`, `icon--lg`, `icon--filled`.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    view! {
        <svg class=format!("icon {class}") aria-hidden="true" focusable="false">
            <use href=sign.href()></use>
        </svg>
    }
}
