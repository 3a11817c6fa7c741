//! Why a lease is not enough: the story of the paused client (Kleppmann, *How to do distributed locking*, 2016), with real
//! processes and a real pause.
//!
//! ```text
//! cargo run --release --example fencing
//! ```
//!
//! It is told twice: without a gate in front of the storage, where an update is lost, and with one, where it is not. The exit
//! status is 0 only if both come out that way.

#[cfg(unix)]
mod client;
#[cfg(unix)]
#[path = "../stage/mod.rs"]
mod stage;
#[cfg(unix)]
mod storage;
#[cfg(unix)]
mod story;

#[cfg(unix)]
mod program {
    use std::process::ExitCode;

    use anyhow::Context;
    use clap::{Parser, Subcommand};

    use crate::stage::{self, Member};
    use crate::{client, storage, story};

    /// Shows with real processes why a resource must check fencing tokens, and checks itself.
    #[derive(Debug, Parser)]
    #[command(name = "fencing", version)]
    struct Args {
        #[command(subcommand)]
        role: Option<Role>,
    }

    /// What the program starts itself as.
    #[derive(Debug, Subcommand)]
    enum Role {
        /// The storage
        #[command(hide = true)]
        Storage {
            #[command(flatten)]
            member: Member,
            /// Let everybody write
            #[arg(long)]
            without_gate: bool,
        },
        /// One of the clients
        #[command(hide = true)]
        Client {
            #[command(flatten)]
            member: Member,
            /// What to add to the balance
            #[arg(long)]
            deposit: i64,
        },
    }

    pub(crate) fn run() -> ExitCode {
        let args = Args::parse();
        // One thread, the main one: on Linux the others die with the thread that started them.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome = runtime.context("cannot start the tokio runtime").and_then(|runtime| {
            let outcome = runtime.block_on(play(args));
            // A thread that waits for input cannot be interrupted, and must not hold up the end.
            runtime.shutdown_background();
            outcome
        });
        match outcome {
            Ok(Some(true)) => ExitCode::SUCCESS,
            Ok(Some(false)) => ExitCode::FAILURE,
            Ok(None) => ExitCode::from(130),
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    async fn play(args: Args) -> anyhow::Result<Option<bool>> {
        match args.role {
            None => stage::act_until_interrupted(story::tell()).await,
            Some(role) => {
                stage::die_with_parent()?;
                match role {
                    Role::Storage { member, without_gate } => storage::run(&member, !without_gate).await?,
                    Role::Client { member, deposit } => client::run(&member, deposit).await?,
                }
                Ok(Some(true))
            }
        }
    }
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    program::run()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("only Unix can pause a process");
    std::process::exit(1);
}
