//! Where Stripe is, and with which key it is asked.

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

const STRIPE: &str = "https://api.stripe.com/";

/// How keys begin that may ask for something.
const KEYS: [(&str, Mode); 4] =
    [("sk_test_", Mode::Test), ("rk_test_", Mode::Test), ("sk_live_", Mode::Live), ("rk_live_", Mode::Live)];

/// Whether money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// None does.
    Test,
    /// It does.
    Live,
}

/// A key and where it is used, which fit each other.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) key: SecretString,
    pub(crate) base: Url,
    mode: Mode,
}

/// Why a key or an address cannot be used; a sentence for the operator, without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// The key is of another kind.
    #[error("the key must be a secret or restricted one: sk_test_…, rk_test_…, sk_live_… or rk_live_…")]
    Key,
    /// The address is none.
    #[error("the address must be one of https:// without a name, a password, a question or a fragment")]
    Base,
    /// The key would be readable on the way.
    #[error("an address of http:// may be used with a test key and on this machine alone")]
    Plain,
}

impl Endpoint {
    /// Checks a key and an address; Stripe's own where there is none.
    pub fn new(key: SecretString, base: Option<&str>) -> Result<Self, BadEndpoint> {
        let text = key.expose_secret();
        let word =
            |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let (_, mode) =
            KEYS.into_iter().find(|(prefix, _)| text.strip_prefix(prefix).is_some_and(word)).ok_or(BadEndpoint::Key)?;
        let mut base = Url::parse(base.unwrap_or(STRIPE)).map_err(|_| BadEndpoint::Base)?;
        let bare = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !bare || base.host().is_none() {
            return Err(BadEndpoint::Base);
        }
        match base.scheme() {
            "https" => {}
            "http" if mode == Mode::Test && is_this_machine(&base) => {}
            "http" => return Err(BadEndpoint::Plain),
            _ => return Err(BadEndpoint::Base),
        }
        // Without a slash at the end, the last part of the path would be replaced instead of continued.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { key, base, mode })
    }

    /// Returns whether money moves.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(key: &str, base: Option<&str>) -> Result<String, BadEndpoint> {
        Endpoint::new(key.to_owned().into(), base).map(|endpoint| endpoint.base.to_string())
    }

    #[test]
    fn a_key_is_secret_and_says_whether_money_moves() {
        let mode = |key: &str| Endpoint::new(key.to_owned().into(), None).map(|endpoint| endpoint.mode());
        assert_eq!(mode("sk_test_1"), Ok(Mode::Test));
        assert_eq!(mode("rk_live_1"), Ok(Mode::Live));
        for wrong in
            ["", "pk_test_1", "sk_1", "sk_test_", " sk_test_1", "sk_test_1 ", "sk_test_1\n", "xsk_test_1", "sk_live"]
        {
            assert_eq!(mode(wrong), Err(BadEndpoint::Key), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_never_travels_in_the_open() {
        assert_eq!(endpoint("sk_live_1", None), Ok("https://api.stripe.com/".to_owned()));
        assert_eq!(
            endpoint("sk_test_1", Some("http://127.0.0.1:8431/worlds/t1")),
            Ok("http://127.0.0.1:8431/worlds/t1/".to_owned())
        );
        assert_eq!(endpoint("sk_test_1", Some("http://[::1]:1/")), Ok("http://[::1]:1/".to_owned()));
        assert_eq!(endpoint("sk_live_1", Some("http://127.0.0.1/")), Err(BadEndpoint::Plain));
        for base in
            ["http://stripe.example/", "http://127.0.0.1.example/", "http://10.0.0.1/", "http://localhost.example/"]
        {
            assert_eq!(endpoint("sk_test_1", Some(base)), Err(BadEndpoint::Plain), "{base}");
        }
        for base in ["", "api.stripe.com", "ftp://x/", "https://u:p@x/", "https://x/?a", "https://x/#a", "file:///x"] {
            assert_eq!(endpoint("sk_test_1", Some(base)), Err(BadEndpoint::Base), "{base}");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let endpoint = Endpoint::new("sk_test_hunter2".to_owned().into(), None).expect("an endpoint");
        assert!(!format!("{endpoint:?}").contains("hunter2"));
    }
}
