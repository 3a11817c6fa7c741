//! A gate in front of a resource: whoever comes with an outdated lease stays outside.
//!
//! A lease tells its holder that it is the only one, and ends by the holder's own clock. That is not enough. Between the
//! last look at the clock and the write that follows, a process can be paused for as long as it pleases the scheduler, the
//! garbage collector or the hypervisor; a packet can lie in a queue. By the time the write arrives the lease is another's. So
//! every grant has a number that only grows, its **fencing token**, and the resource refuses any that is lower than the
//! highest it has seen. Burrows calls it a sequencer (*The Chubby lock service for loosely-coupled distributed systems*, OSDI
//! 2006, §2.4), Kleppmann explains why nothing less will do (*How to do distributed locking*, 2016).
//!
//! ```
//! use fencing_gate::{FencingGate, Refused, Token};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let genesis = 0x5eed; // the history that tokens are counted in
//! let mut gate = FencingGate::new(genesis, "orders/leader")?;
//!
//! gate.admit(genesis, "orders/leader", Token::new(7))?; // the first holder
//! gate.admit(genesis, "orders/leader", Token::new(7))?; // … may come as often as it likes
//! gate.admit(genesis, "orders/leader", Token::new(9))?; // the next one takes over
//!
//! let late = gate.admit(genesis, "orders/leader", Token::new(7)); // the first wakes up from its pause
//! assert!(matches!(late, Err(Refused::Stale { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! # How to use it
//!
//! - **Hold it while you act.** `admit` says that the token is good *now*. If another token is admitted between that and the
//!   write, the write is late after all. `admit` takes `&mut self`; keep the lock that gave you that until the write is done, or
//!   compare the token in the same transaction as the write.
//! - **Reads pass it too** (rule T3). A new holder passes it once before it reads anything that it will act on. Otherwise
//!   it reads, the old holder, still admitted, writes, and the new one acts on what is no longer so.
//! - **One gate per resource and lease**, where the resource is: not in the client, which is what is not trusted here.
//!
//! # What it promises, and what not
//!
//! - A token lower than one that was admitted is never admitted again: not by this gate, and with the feature `std` not by
//!   `PersistentGate` over crashes and restarts either, as long as its file is neither removed nor brought back
//!   from a backup.
//! - Tokens of another history (another genesis id) or of another lease are refused: their numbers say nothing about these.
//! - It does **not** keep out a holder whose lease has ended while no later holder has come by: nobody has been harmed yet.
//! - It does **not** check that a token was granted at all. Its callers are honest; authenticate them by other means.
//! - It does **not** order the requests of one holder, nor make a write that was admitted succeed.
//!
//! # Features
//!
//! None by default: no standard library, no allocation, no dependencies. `std` adds `PersistentGate`.

#![cfg_attr(not(feature = "std"), no_std)]

mod gate;
mod name;
#[cfg(feature = "std")]
mod persistent;
mod token;

pub use gate::{FencingGate, Refused};
pub use name::{LeaseName, NameError};
#[cfg(feature = "std")]
pub use persistent::{GateError, PersistentGate};
pub use token::Token;
