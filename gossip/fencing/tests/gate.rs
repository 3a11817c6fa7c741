//! The gate as a resource uses it.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use fencing_gate::{FencingGate, LeaseName, Refused, Token};
use proptest::prelude::*;

#[test]
fn other_histories_and_other_leases_are_kept_out_and_change_nothing() {
    let mut gate = FencingGate::new(1, "db").expect("a name");
    gate.admit(1, "db", Token::new(5)).expect("the first");
    let before = gate.clone();
    assert_eq!(gate.admit(2, "db", Token::new(9)), Err(Refused::Genesis { gate: 1, given: 2 }));
    let db = LeaseName::new("db").expect("a name");
    for name in ["d", "db2", "", "DB", "db\0"] {
        assert_eq!(gate.admit(1, name, Token::new(9)), Err(Refused::Lease { gate: db }));
    }
    assert_eq!(gate, before);
}

#[test]
fn refusals_say_what_to_do() {
    let mut gate = FencingGate::resume(1, "db", Some(Token::new(9))).expect("a name");
    let said = |refused: Result<(), Refused>| refused.expect_err("refused").to_string();
    assert_eq!(
        said(gate.admit(1, "db", Token::new(7))),
        "token 7 is outdated, a holder with token 9 has been here: step down, and acquire the lease anew"
    );
    assert!(said(gate.admit(2, "db", Token::new(9))).contains("history 0000000000000002"));
    assert!(said(gate.admit(1, "x", Token::new(9))).contains("for \"db\""));
    let long = "x".repeat(65);
    assert!(FencingGate::new(1, &long).expect_err("too long").to_string().ends_with("this one has 65"));
    assert!(FencingGate::new(1, "").is_err());
    assert!(FencingGate::new(1, &long[..64]).is_ok_and(|gate| gate.lease() == &long[..64]));
}

proptest! {
    #[test]
    fn the_highest_never_goes_back_and_nothing_lower_gets_in(tokens in prop::collection::vec(0_u64..50, 0..100)) {
        let mut gate = FencingGate::new(1, "db").expect("a name");
        let mut highest = None;
        for token in tokens.into_iter().map(Token::new) {
            let good = highest <= Some(token);
            prop_assert_eq!(gate.check(1, "db", token).is_ok(), good);
            prop_assert_eq!(gate.admit(1, "db", token).is_ok(), good);
            highest = highest.max(gate.highest());
            prop_assert_eq!(gate.highest(), highest);
            prop_assert!(gate.highest() >= Some(token));
        }
    }
}
