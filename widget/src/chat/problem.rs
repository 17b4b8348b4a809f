//! Why a message got no answer, as a visitor can tell apart.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The browser has no network.
    Offline,
    /// The network failed, or the answer broke off.
    Broken,
    /// The key or token was refused.
    Refused,
    /// The plan's calls are used up.
    Quota,
    /// This page may not use the chat.
    Forbidden,
    /// The agent is not there any more.
    Gone,
    /// The same message is still being answered.
    Busy,
    /// The message is too long.
    TooLong,
    /// The message was not accepted.
    Invalid,
    /// Too many messages; so many seconds to wait.
    TooMany(u32),
    /// The agent failed.
    Failed,
    /// The agent took too long.
    Timeout,
}

impl Problem {
    /// Reads an HTTP status.
    pub const fn of_status(status: u16, retry_after: u32) -> Self {
        match status {
            401 => Self::Refused,
            402 => Self::Quota,
            403 => Self::Forbidden,
            404 | 410 => Self::Gone,
            409 => Self::Busy,
            413 => Self::TooLong,
            429 => Self::TooMany(if retry_after == 0 { 5 } else { retry_after }),
            408 | 504 => Self::Timeout,
            400..=499 => Self::Invalid,
            _ => Self::Failed,
        }
    }

    /// Reads the word of an error that arrived inside a stream.
    pub fn of_word(word: &str, retry_after: u32) -> Self {
        let words: [(&str, u16); 8] = [
            ("unauthorized", 401),
            ("payment_required", 402),
            ("forbidden", 403),
            ("not_found", 404),
            ("in_progress", 409),
            ("rate_limited", 429),
            ("timeout", 504),
            ("refused", 422),
        ];
        let status =
            words.iter().find(|(known, _)| known.as_bytes() == word.as_bytes()).map_or(500, |&(_, status)| status);
        Self::of_status(status, retry_after)
    }

    /// Returns the name of its text in the page's strings.
    pub const fn text_name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Broken => "broken",
            Self::Refused => "refused",
            Self::Quota => "quota",
            Self::Forbidden => "forbidden",
            Self::Gone => "gone",
            Self::Busy => "busy",
            Self::TooLong => "too_long",
            Self::Invalid => "invalid",
            Self::TooMany(_) => "too_many",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }

    /// Tells whether the same message may work later.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Broken | Self::Busy | Self::TooMany(_) | Self::Failed | Self::Timeout | Self::Quota)
    }

    /// Tells whether no message will work before somebody changes the settings.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Refused | Self::Forbidden | Self::Gone)
    }

    /// Tells whether the agent may have answered all the same.
    pub const fn leaves_doubt(self) -> bool {
        matches!(self, Self::Broken | Self::Busy)
    }

    /// Returns the seconds to wait.
    pub const fn wait(self) -> u32 {
        match self {
            Self::TooMany(seconds) if seconds < 3600 => seconds,
            Self::TooMany(_) => 3600,
            _ => 0,
        }
    }
}
