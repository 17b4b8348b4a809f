//! The one road on which a live page calls the server functions: an address goes out, JSON comes back.
//!
//! What a newcomer gets wrong: pages never call a server function as a function. Each such call would be
//! compiled for itself, with its own request, answer and waiting; asked as text, all of them share one.

use server_fn::Bytes;
use server_fn::ContentType as _;
use server_fn::client::Client;
use server_fn::client::browser::BrowserClient;
use server_fn::codec::PostUrl;
use server_fn::error::FromServerFnError as _;
use server_fn::redirect::call_redirect_hook;
use server_fn::request::ClientReq;
use server_fn::request::browser::BrowserRequest;
use server_fn::response::ClientRes;

use crate::error::UiError;

const JSON: &str = "application/json";

/// Asks a server function that reads, and returns its answer as JSON.
pub async fn get(path: &str, arguments: &str) -> Result<String, UiError> {
    send(<BrowserRequest as ClientReq<UiError>>::try_new_get(path, JSON, JSON, arguments)?).await
}

/// Sends a form, encoded as in an address, and returns the answer as JSON.
pub async fn post(path: &str, form: String) -> Result<String, UiError> {
    send(<BrowserRequest as ClientReq<UiError>>::try_new_post(path, PostUrl::CONTENT_TYPE, JSON, form)?).await
}

/// Sends a request. Where the answer says so, the router is led on.
async fn send(request: BrowserRequest) -> Result<String, UiError> {
    let response = <BrowserClient as Client<UiError>>::send(request).await?;
    let (status, location) = (ClientRes::<UiError>::status(&response), ClientRes::<UiError>::location(&response));
    let leads_on = (300..=399).contains(&status) || ClientRes::<UiError>::has_redirect(&response);
    let text = ClientRes::<UiError>::try_into_string(response).await?;
    if (400..=599).contains(&status) {
        return Err(UiError::de(Bytes::from(text)));
    }
    if leads_on {
        call_redirect_hook(&location);
    }
    Ok(text)
}
