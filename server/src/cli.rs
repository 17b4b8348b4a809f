//! The command line: one binary, a subcommand for each thing that it does.

#![expect(clippy::print_stdout, reason = "this is what the person at the terminal asked for")]

mod billing;
mod flow;
mod serve;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Overrides};

/// A marketplace for AI agents, apps, assistants and automations.
#[derive(Debug, Parser)]
#[command(name = "cmp", version)]
pub struct Cli {
    /// The settings file; `cmp.toml` in the working directory where it is left out, if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve everything: portal, API, gateway, widget and jobs.
    Serve(ServeArgs),
    /// Run jobs only, beside servers that were started with --no-jobs.
    Worker(WhereArgs),
    /// Bring the database's schema up to date.
    Migrate(WhereArgs),
    /// Load the sample content, if it is missing.
    Seed(WhereArgs),
    /// Manage people.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Look at the settings.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Look after payments.
    Billing {
        #[command(subcommand)]
        command: BillingCommand,
    },
    /// Check and run Langflow exports without a marketplace.
    Flow {
        #[command(subcommand)]
        command: FlowCommand,
    },
    /// Read one file of a buyer from standard input, within bounds; the program starts itself so.
    #[command(hide = true)]
    Extract(ExtractArgs),
}

/// What the reading of a file may cost.
#[derive(Clone, Copy, Debug, Args)]
pub struct ExtractArgs {
    /// Bytes of memory.
    memory: u64,
    /// Seconds of processor time.
    processor: u64,
}

/// Where the data is.
#[derive(Clone, Debug, Args)]
struct WhereArgs {
    /// The directory for everything that is written.
    #[arg(long = "data", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// `sqlite:FILE` or `postgres://…`.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

#[derive(Clone, Debug, Args)]
struct ServeArgs {
    /// The address to listen on.
    #[arg(long)]
    host: Option<String>,
    /// The port to listen on; 0 takes a free one.
    #[arg(long)]
    port: Option<u16>,
    #[command(flatten)]
    place: WhereArgs,
    /// Load the sample content, if it is missing.
    #[arg(long)]
    seed: bool,
    /// Leave jobs to `cmp worker`.
    #[arg(long)]
    no_jobs: bool,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make someone an operator; makes the person too, if nobody has the address.
    CreateOperator(CreateOperatorArgs),
}

#[derive(Debug, Args)]
struct CreateOperatorArgs {
    /// Where mail goes, and the name to sign in with.
    #[arg(long)]
    email: String,
    /// What they are called.
    #[arg(long, default_value = "Operator")]
    name: String,
    /// The password; read from standard input where it is left out. Command lines are visible to
    /// other users of the machine, so prefer standard input or the variable.
    #[arg(long, env = "CMP_OPERATOR_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    #[command(flatten)]
    place: WhereArgs,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the settings that hold, with secrets hidden.
    Show(WhereArgs),
}

#[derive(Debug, Subcommand)]
enum BillingCommand {
    /// Check how Stripe is set up, and ask it.
    Doctor {
        /// Make a payment with a test key, and give it back.
        #[arg(long)]
        live_test: bool,
        #[command(flatten)]
        place: WhereArgs,
    },
}

#[derive(Debug, Subcommand)]
enum FlowCommand {
    /// Say what is in exports, and whether our engine runs them.
    Check {
        /// Langflow exports, JSON or ZIP.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// One JSON object a file.
        #[arg(long)]
        json: bool,
    },
    /// Run an export once.
    Run {
        /// A Langflow export.
        file: PathBuf,
        /// What to say to it.
        #[arg(long)]
        input: String,
        /// The conversation.
        #[arg(long, default_value = "command-line")]
        session: String,
        /// Print the answer, tokens and steps as JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Cli {
    /// Tells whether this process is to read one file and nothing else.
    pub fn reads_a_file(&self) -> Option<ExtractArgs> {
        match self.command {
            Command::Extract(args) => Some(args),
            _ => None,
        }
    }
}

/// Reads one file from standard input; see [`knowledge::extract::worker`].
pub fn read_file(args: ExtractArgs) -> ExitCode {
    match knowledge::extract::worker::serve(args.memory, args.processor) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever started it hears nothing and says that the file is too complex.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Runs the command; a failure is printed with what caused it.
pub async fn run(cli: Cli) -> ExitCode {
    match dispatch(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cmp: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let file = cli.config;
    let load = |place: WhereArgs, host, port| {
        let overrides = Overrides { host, port, data_dir: place.data_dir, database: place.database };
        Config::load(file.as_deref(), overrides)
    };
    let done = |()| ExitCode::SUCCESS;
    match cli.command {
        Command::Serve(args) => {
            let config = load(args.place, args.host, args.port)?;
            serve::serve(config, args.seed, !args.no_jobs).await.map(done)
        }
        Command::Worker(place) => serve::worker(load(place, None, None)?).await.map(done),
        Command::Migrate(place) => serve::migrate(load(place, None, None)?).await.map(done),
        Command::Seed(place) => serve::seed(load(place, None, None)?).await.map(done),
        Command::User { command: UserCommand::CreateOperator(args) } => {
            let config = load(args.place.clone(), None, None)?;
            user::create_operator(config, args).await.map(done)
        }
        Command::Config { command: ConfigCommand::Show(place) } => {
            print!("{}", load(place, None, None)?.to_toml());
            Ok(ExitCode::SUCCESS)
        }
        Command::Billing { command: BillingCommand::Doctor { live_test, place } } => {
            billing::doctor(&load(place, None, None)?, live_test).await
        }
        // The program does this before it has a runtime.
        Command::Extract(args) => Ok(read_file(args)),
        Command::Flow { command: FlowCommand::Check { files, json } } => flow::check(&files, json),
        Command::Flow { command: FlowCommand::Run { file: export, input, session, json } } => {
            let place = WhereArgs { data_dir: None, database: None };
            flow::run(&load(place, None, None)?, &export, input, session, json).await
        }
    }
}
