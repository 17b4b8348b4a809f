//! `cmp user …`: people, from the command line.

use std::io::Read as _;

use anyhow::Context as _;

use super::CreateOperatorArgs;
use crate::build;
use crate::config::Config;

/// Makes someone an operator.
pub(super) async fn create_operator(config: Config, args: CreateOperatorArgs) -> anyhow::Result<()> {
    let password = match args.password {
        Some(password) => password,
        None => {
            eprintln!("Type the password and end with Enter:");
            let mut text = String::new();
            if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                std::io::stdin().read_line(&mut text)
            } else {
                std::io::stdin().read_to_string(&mut text)
            }
            .context("the password could not be read from standard input")?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    let ctx = build::ctx(&config, build::public_url(&config, config.server.port)).await?;
    services::identity::create_operator(&ctx, &args.email, &password, &args.name).await?;
    ctx.store.close().await;
    println!("{} can sign in as an operator.", args.email);
    Ok(())
}
