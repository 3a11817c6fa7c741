//! Electing a leader is holding a lease: whoever holds it leads.
//!
//! ```text
//! cargo run --release --example leader            three processes, and a story that checks itself
//! cargo run --release --example leader -- run …   one of them, to be started by hand
//! ```

#[cfg(unix)]
mod candidate;
#[cfg(unix)]
#[path = "../stage/mod.rs"]
mod stage;
#[cfg(unix)]
mod tour;

#[cfg(unix)]
mod program {
    use std::process::ExitCode;

    use anyhow::Context;
    use clap::{Parser, Subcommand};

    use crate::stage::{self, Member};
    use crate::{candidate, tour};

    /// Elects a leader among processes by a lease. Without a command it starts three, kills and pauses leaders, and checks what
    /// comes of it.
    ///
    /// Exit status: 0, or 1 if anything was not as it should be, or 130 when interrupted.
    #[derive(Debug, Parser)]
    #[command(name = "leader", version)]
    struct Args {
        #[command(subcommand)]
        role: Option<Role>,
    }

    #[derive(Debug, Subcommand)]
    enum Role {
        /// Be one of the candidates, until interrupted
        Run {
            #[command(flatten)]
            member: Member,
            /// End with the parent process, however that ends
            #[arg(long)]
            exit_with_parent: bool,
        },
    }

    pub(crate) fn run() -> ExitCode {
        let args = Args::parse();
        // One thread, the main one: on Linux the others die with the thread that started them.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome = runtime
            .context("cannot start the tokio runtime")
            .and_then(|runtime| runtime.block_on(play(args)));
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
            None => stage::act_until_interrupted(tour::play()).await,
            Some(Role::Run { member, exit_with_parent }) => {
                if exit_with_parent {
                    stage::die_with_parent()?;
                }
                stage::act_until_interrupted(async { candidate::run(&member).await.map(|()| true) }).await
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
