//! A gate that several clients would share.

use std::sync::Arc;
use std::sync::Mutex;

use workos_directory_sync::Error;
use workos_directory_sync::rate_limit::Gate;
use workos_directory_sync::rate_limit::Passing;
use workos_directory_sync::rate_limit::RateLimits;

use crate::client;
use crate::server::Server;
use crate::server::answer;
use crate::server::page;

/// Lets so many through and then fails; remembers for which directory it was asked.
struct Few {
    left: Mutex<usize>,
    asked: Mutex<Vec<Option<String>>>,
}

impl Few {
    fn new(left: usize) -> Arc<Self> {
        Arc::new(Self {
            left: Mutex::new(left),
            asked: Mutex::default(),
        })
    }
}

impl Gate for Few {
    fn pass<'a>(&'a self, directory: Option<&'a str>) -> Passing<'a> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(directory.map(str::to_owned));
            let mut left = self.left.lock().unwrap();
            *left = left.checked_sub(1).ok_or("the database is away")?;
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_gate_is_asked_before_each_try_and_hears_of_the_directory_whose_limit_holds() {
    let server = Server::start(vec![answer(503, "", ""), page(&[], None)]).await;
    let gate = Few::new(10);
    let client = client(&server).with_gate(Arc::clone(&gate) as Arc<dyn Gate>);
    client
        .list_directory_groups()
        .directory("directory_1")
        .send()
        .await
        .unwrap();
    let _ = client.list_directory_users().directory("directory_1").send().await;
    let _ = client.list_directory_users().group("directory_group_1").send().await;
    let asked = gate.asked.lock().unwrap().clone();
    assert_eq!(asked, [None, None, Some("directory_1".to_owned()), None]);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn what_no_gate_lets_through_is_not_sent_and_says_why() {
    let server = Server::start(vec![page(&[], None)]).await;
    let plain = client(&server);
    let gated = plain.with_gate(Few::new(1));
    let send = |client: &workos_directory_sync::Client| client.list_directory_groups().directory("directory_1").send();
    send(&gated).await.unwrap();
    let error = send(&gated).await.unwrap_err();
    assert!(
        matches!(&error, Error::Gate { source, .. } if source.to_string() == "the database is away"),
        "{error}"
    );
    assert_eq!((error.attempts(), error.kind()), (0, "gate"));
    assert_eq!(server.requests().len(), 1);
    // The client that it was cloned from has no gate.
    send(&plain).await.unwrap();
    assert_eq!(gated.rate_limits(), RateLimits::off());
}
