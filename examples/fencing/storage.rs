//! The storage: a balance that clients read and write, and perhaps a gate in front of it.
//!
//! One request a line over TCP: `read GENESIS TOKEN` or `write GENESIS TOKEN BALANCE`, answered by `ok BALANCE` or
//! `refused` and why.

use std::sync::Arc;

use anyhow::Context;
use fencing_gate::{PersistentGate, Token};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::stage::Member;

pub(crate) const LEASE: &str = "balance";

/// The balance and its gate, under one lock: nobody is admitted between another's admission and its write.
struct Storage {
    balance: i64,
    gate: Option<PersistentGate>,
}

pub(crate) async fn run(member: &Member, with_gate: bool) -> anyhow::Result<()> {
    // The third voter: with it, either client and the storage are a majority.
    let node = member.start("fencing-example").await?;
    let genesis = loop {
        if let Some(view) = node.view().await? {
            break view.genesis;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let path = member.data.join("balance.gate");
    let gate = with_gate.then(|| PersistentGate::create(path, genesis.0, LEASE)).transpose()?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("the storage cannot listen")?;
    println!("listens {}", listener.local_addr()?);
    let storage = Arc::new(Mutex::new(Storage { balance: 100, gate }));
    loop {
        let (stream, _) = listener.accept().await?;
        let storage = storage.clone();
        tokio::spawn(async move { serve(stream, &storage).await });
    }
}

async fn serve(stream: TcpStream, storage: &Mutex<Storage>) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match storage.lock().await.obey(&line) {
            Ok(balance) => format!("ok {balance}\n"),
            Err(error) => format!("refused {error:#}\n"),
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

impl Storage {
    fn obey(&mut self, line: &str) -> anyhow::Result<i64> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (genesis, token, balance) = match words[..] {
            ["read", genesis, token] => (genesis, token, None),
            ["write", genesis, token, balance] => (genesis, token, Some(balance.parse()?)),
            _ => anyhow::bail!("write: read GENESIS TOKEN, or write GENESIS TOKEN BALANCE"),
        };
        if let Some(gate) = &mut self.gate {
            // Reads pass it too: whoever has read as the new holder must find that the old one can write no more (T3).
            gate.admit(genesis.parse()?, LEASE, Token::new(token.parse()?))?;
        }
        self.balance = balance.unwrap_or(self.balance);
        Ok(self.balance)
    }
}
