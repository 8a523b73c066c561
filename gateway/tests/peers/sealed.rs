//! Who is listened to: ids with a MAC of the ring, and requests that a pod has sealed.

use carillon_gateway::id::KeyRing;
use carillon_gateway::transport::Settings;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::client::{get, open, post, read, send, write};
use crate::fixture::{KEY, Pod, pair};
use crate::{UNKNOWN, run};

#[test]
fn a_made_up_id_costs_no_message() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let forged = KeyRing::new(owner.keys.incarnation(), 1, &[8; 32]).mint(0);
        let made_up = format!("/socket.io/?EIO=4&transport=polling&sid={forged}");
        let (front, last) = path.split_at(path.len() - 1);
        let changed = format!("{front}{}", if last == "A" { "Q" } else { "A" });
        for path in [made_up, changed] {
            let answer = get(landing.client, &path).await;
            assert_eq!((answer.status, &*answer.body), (400, UNKNOWN));
            assert_eq!(post(landing.client, &path, "4x").await.body, UNKNOWN);
        }
        assert_eq!(owner.dialed(), 0);
    });
}

#[test]
fn only_sealed_requests_are_taken_and_only_as_they_were_sealed() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        // What the landing pod sends is caught by a tap.
        let tap = TcpListener::bind("127.0.0.1:0").await.unwrap();
        landing.finds(owner.keys.incarnation(), tap.local_addr().unwrap().port());
        let secrets = "cookie: a=b\r\nauthorization: c\r\ncontent-type: text/plain\r\n";
        let _asked = send(landing.client, "POST", &path, secrets, "4x").await;
        let (mut caught, _) = tap.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n4x") {
            request.push(caught.read_u8().await.unwrap().into());
        }
        assert!(request.contains("carillon-peer: 2 "), "{request}");
        assert!(
            !request.contains("cookie") && !request.contains("authorization"),
            "{request}"
        );
        let sealed = request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        let other = open(owner.client).await;
        for (changed, status) in [
            (sealed.clone(), 200),
            (sealed.replace(&path, &other), 401),
            (sealed.replace("127.0.0.1", "127.0.0.2"), 401),
            (sealed.replace("POST ", "GET "), 401),
            (sealed.replace("carillon-peer", "x-peer"), 401),
            (sealed.replace("\r\n4x", "\r\n4y"), 400),
        ] {
            let answer = read(&mut write(owner.peer, changed.as_bytes()).await).await;
            assert_eq!(answer.status, status, "{changed}");
        }
        assert_eq!(get(owner.client, &path).await.body, "4x");
        // The header means nothing on the client port.
        let forged = read(&mut write(owner.client, sealed.as_bytes()).await).await;
        assert_eq!(forged.status, 200);
    });
}

#[test]
fn the_peer_port_opens_no_session_and_answers_nothing_else() {
    run(async {
        let (owner, _) = pair().await;
        for path in ["/socket.io/?EIO=4&transport=polling", "/", "/v1/info"] {
            assert_eq!(get(owner.peer, path).await.status, 401, "{path}");
        }
        assert_eq!(owner.sessions(), 0);
    });
}

#[test]
fn pods_of_other_keys_refuse_each_other() {
    run(async {
        let owner = Pod::start(1).await;
        let keys = KeyRing::new(2, 9, &[9; 32]);
        keys.accept(1, &KEY);
        let landing = Pod::start_with(keys, Settings::default(), true).await;
        landing.knows(&owner);
        let path = open(owner.client).await;
        assert_eq!(get(landing.client, &path).await.status, 503);
        landing.keys.sign_with(1, &KEY);
        assert_eq!(post(landing.client, &path, "4x").await.status, 200);
    });
}
