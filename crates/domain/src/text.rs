//! Strings that mean something: each has a type that only a right one can make.

use serde::{Deserialize, Serialize};

/// Why a text was refused; a sentence for the person who typed it, without a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejected(pub &'static str);

macro_rules! text_types {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Rejected;

            fn try_from(text: String) -> Result<Self, Rejected> {
                text.parse()
            }
        }
    )*};
}

text_types! {
    /// An e-mail address, in lower case.
    Email;
    /// A name for URLs: lower-case letters, digits and single hyphens, 2 to 60 characters.
    Slug;
    /// A web origin, `https://shop.example` or `http://localhost:8080`; `https://*.example` for every direct subdomain label.
    Origin;
    /// A colour as `#RRGGBB`.
    Color;
}

impl std::str::FromStr for Email {
    type Err = Rejected;

    fn from_str(text: &str) -> Result<Self, Rejected> {
        const WRONG: Rejected = Rejected("must be an e-mail address, like name@example.com");
        let text = text.trim();
        let (local, host) = text.rsplit_once('@').ok_or(WRONG)?;
        let fine_host = host.len() <= 253
            && host.contains('.')
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        let fine_local = !local.is_empty()
            && local.len() <= 64
            && !local.contains('@')
            && local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"".contains(c));
        if fine_host && fine_local { Ok(Self(text.to_lowercase())) } else { Err(WRONG) }
    }
}

impl std::str::FromStr for Slug {
    type Err = Rejected;

    fn from_str(text: &str) -> Result<Self, Rejected> {
        let fine = (2..=60).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");
        if fine {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rejected("may hold lower-case letters, digits and single hyphens, 2 to 60 characters"))
        }
    }
}

impl Slug {
    /// Makes a slug of a name: other characters become hyphens; `fallback` where nothing is left.
    pub fn of_name(name: &str, fallback: &'static str) -> Self {
        let mut slug = String::new();
        for c in name.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() >= 50 {
                break;
            }
        }
        let slug = slug.trim_matches('-');
        if slug.len() < 2 { Self(fallback.to_owned()) } else { Self(slug.to_owned()) }
    }

    /// Returns this slug with a number behind it, to tell it from one that is taken.
    pub fn numbered(&self, number: u32) -> Self {
        Self(format!("{}-{number}", self.0))
    }
}

impl std::str::FromStr for Color {
    type Err = Rejected;

    fn from_str(text: &str) -> Result<Self, Rejected> {
        let digits = text.trim().strip_prefix('#').unwrap_or_default();
        if digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
            Ok(Self(format!("#{}", digits.to_ascii_uppercase())))
        } else {
            Err(Rejected("must be a colour like #3B82F6"))
        }
    }
}

impl std::str::FromStr for Origin {
    type Err = Rejected;

    fn from_str(text: &str) -> Result<Self, Rejected> {
        const WRONG: Rejected = Rejected("must be a web origin like https://shop.example, without a path");
        let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://").ok_or(WRONG)?;
        if !matches!(scheme, "http" | "https") || rest.len() > 260 {
            return Err(WRONG);
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => {
                let port: u16 = port.parse().map_err(|_| WRONG)?;
                (host, Some(port))
            }
            None => (rest, None),
        };
        let mut labels = host.strip_prefix("*.").unwrap_or(host).split('.');
        let wildcard_is_wide = host.starts_with("*.") && !host[2..].contains('.');
        let fine = labels.all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
        if !fine || wildcard_is_wide {
            return Err(WRONG);
        }
        // A browser leaves the scheme's own port out of the Origin header.
        let port = port.filter(|&port| port != if scheme == "https" { 443 } else { 80 });
        Ok(Self(match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }
}

impl Origin {
    /// Tells whether a browser's `Origin` header is covered: same scheme, host and port.
    ///
    /// `*.` stands for exactly one label, so `https://*.example.com` covers
    /// `https://shop.example.com` and neither `https://example.com` nor `https://a.b.example.com`.
    pub fn covers(&self, header: &str) -> bool {
        let Ok(seen) = header.parse::<Self>() else {
            return false;
        };
        if seen.0.contains('*') {
            return false;
        }
        let Some((scheme, rest)) = self.0.split_once("://*.") else {
            return seen == *self;
        };
        seen.0
            .strip_prefix(scheme)
            .and_then(|seen| seen.strip_prefix("://"))
            .and_then(|host| host.split_once('.'))
            .is_some_and(|(label, parent)| !label.is_empty() && parent == rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_origin_covers_itself_and_nothing_that_only_looks_like_it() {
        let shop: Origin = "https://Shop.example.com:443/".parse().expect("an origin");
        assert!(shop.covers("https://shop.example.com"));
        for other in [
            "https://shop.example.com.evil.test",
            "http://shop.example.com",
            "https://shop.example.com:8443",
            "null",
            "",
            "https://evil.test/https://shop.example.com",
        ] {
            assert!(!shop.covers(other), "{other}");
        }
    }

    #[test]
    fn a_star_stands_for_exactly_one_label() {
        let any: Origin = "https://*.example.com".parse().expect("an origin");
        assert!(any.covers("https://shop.example.com"));
        assert!(!any.covers("https://example.com"));
        assert!(!any.covers("https://a.b.example.com"));
        assert!(!any.covers("https://*.example.com"));
        assert!("https://*.com".parse::<Origin>().is_err());
    }

    #[test]
    fn an_address_needs_a_name_and_a_host() {
        assert_eq!(" Ada@Example.COM ".parse::<Email>().map(String::from), Ok("ada@example.com".to_owned()));
        for wrong in ["ada", "@example.com", "ada@", "ada@localhost", "a b@example.com", "a@-x.com", "a@b..c"] {
            assert!(wrong.parse::<Email>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_name_makes_a_slug_that_parses(name in ".{0,80}") {
            let slug = Slug::of_name(&name, "item");
            prop_assert_eq!(slug.as_str().parse::<Slug>(), Ok(slug.clone()));
            prop_assert!(slug.numbered(42).as_str().parse::<Slug>().is_ok());
        }
    }
}
