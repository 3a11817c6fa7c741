//! A client: takes the lease, reads the balance, adds its deposit, writes the sum. It does everything right.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use gossip::{Lease, Node};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::net::TcpStream;

use crate::stage::Member;
use crate::storage::LEASE;

pub(crate) async fn run(member: &Member, deposit: i64) -> anyhow::Result<()> {
    let node = member.start("fencing-example").await?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    // The first thing it is told is where the storage is.
    let addr: SocketAddr = input.next_line().await?.context("the story is over")?.parse()?;
    let mut connection = BufReader::new(TcpStream::connect(addr).await.context("no storage")?);
    loop {
        wait_for(&mut input, "deposit").await?;
        transact(&node, &mut connection, &mut input, deposit).await?;
    }
}

async fn transact(
    node: &Node,
    storage: &mut BufReader<TcpStream>,
    input: &mut Lines<BufReader<Stdin>>,
    deposit: i64,
) -> anyhow::Result<()> {
    let lease = node.acquire(LEASE).await?;
    println!("holds the lease, token {}", lease.token());
    let (genesis, token) = (lease.genesis().0, lease.token());
    let balance = ask(storage, &format!("read {genesis} {token}")).await?;
    let Ok(balance) = balance.parse::<i64>() else { bail!("the storage says: {balance}") };
    println!("read {balance}");

    // It looks at the clock at the last moment before it writes ...
    match lease.check() {
        Ok(permit) => println!("is about to write {}: {permit}", balance + deposit),
        Err(error) => bail!("{error}"),
    }
    // ... but there is always a moment after the last one. Here is where it gets long.
    wait_for(input, "go on").await?;
    let answer = ask(storage, &format!("write {genesis} {token} {}", balance + deposit)).await?;
    println!("wrote {}: {answer}", balance + deposit);
    conclude(lease).await;
    Ok(())
}

async fn conclude(lease: Lease) {
    match lease.check() {
        Ok(_) => println!("still holds the lease, and gives it back"),
        Err(error) => println!("notices: {error}"),
    }
    lease.release().await;
}

async fn wait_for(input: &mut Lines<BufReader<Stdin>>, word: &str) -> anyhow::Result<()> {
    while input.next_line().await?.context("the story is over")? != word {}
    Ok(())
}

/// The storage's answer: the balance, or what it says.
async fn ask(storage: &mut BufReader<TcpStream>, request: &str) -> anyhow::Result<String> {
    storage.write_all(format!("{request}\n").as_bytes()).await?;
    let mut answer = String::new();
    storage.read_line(&mut answer).await?;
    Ok(answer.trim().strip_prefix("ok ").unwrap_or(answer.trim()).to_owned())
}
