//! The first rules that somebody reads do what stands beside them.

use carillon_tests::gateway::{Gateway, Options};
use carillon_tests::pages;
use carillon_tests::session::Session;

#[test]
fn the_first_rules_do_what_their_notes_say() {
    let blocks = pages::fenced(&pages::read("docs/rules.md"), "yaml");
    let rules = blocks.iter().find(|block| block.contains("namespaces:"));
    let gateway = Options::rules(rules.expect("the page has rules")).start();
    let (mut one, mut other) = (joined(&gateway), joined(&gateway));

    one.event("/", r#"["say","kitchen","dinner"]"#);
    for socket in [&mut one, &mut other] {
        assert!(socket.next().starts_with(r#"42["said","dinner","#));
    }
    one.event("/", r#"["join","The Kitchen"]"#);
    assert!(one.next().contains(r#""code":"invalid""#));
    one.event("/", r#"["shout"]"#);
    assert!(one.next().contains(r#""code":"unknown_event""#));
    for _ in 0..6 {
        one.event("/", r#"["say","kitchen","dinner"]"#);
    }
    while !one.next().contains(r#""code":"rate_limited""#) {}
}

/// Somebody who was welcomed, and is in a room.
fn joined(gateway: &Gateway) -> Session {
    let (mut session, _) = Session::connected(gateway.port(), "/");
    assert!(session.next().starts_with(r#"42["hello",{"you":"#));
    session.event("/", r#"1["join","kitchen"]"#);
    session.expect(r#"431[{"joined":"kitchen"}]"#);
    session
}
