//! A link, and waiting for what happens on it.

use std::future::Future;
use std::time::Duration;

use carillon_gateway::bus::redis::{
    Event, Events, Link, LinkError, Publish, Settings, Subscription, Value,
};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

pub(crate) struct Pair {
    pub(crate) link: Link,
    pub(crate) events: Events,
}

impl Pair {
    pub(crate) fn start(settings: Settings) -> Self {
        let (link, events, _) = Link::start(settings);
        Self { link, events }
    }

    pub(crate) fn of(url: &str) -> Self {
        let mut settings = Settings::new(url.parse().unwrap());
        settings.request_timeout = Duration::from_secs(2);
        Self::start(settings)
    }

    pub(crate) async fn up(url: &str) -> Self {
        let mut pair = Self::of(url);
        pair.until_up().await;
        pair
    }

    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Event) -> bool,
    ) -> Event {
        let found = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        };
        let found = time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("waited in vain until {what}"))
    }

    pub(crate) async fn until_up(&mut self) {
        let (mut publishing, mut listening) = (false, false);
        self.until("both connections are up", |event| {
            match event {
                Event::Publishing => publishing = true,
                Event::Listening => listening = true,
                Event::Down { listener: true, .. } => listening = false,
                Event::Down { .. } => publishing = false,
                _ => {}
            }
            publishing && listening
        })
        .await;
    }

    pub(crate) async fn until_down(&mut self) {
        let (mut publishing, mut listening) = (true, true);
        self.until("both connections are down", |event| {
            match event {
                Event::Down { listener: true, .. } => listening = false,
                Event::Down { .. } => publishing = false,
                _ => {}
            }
            !publishing && !listening
        })
        .await;
    }

    /// Each connection breaks, and is there again, in any order.
    pub(crate) async fn until_back(&mut self) {
        let (mut broke, mut up) = ([false; 2], [true; 2]);
        self.until("both connections are back", |event| {
            match event {
                Event::Publishing => up[0] = true,
                Event::Listening => up[1] = true,
                Event::Down { listener, .. } => {
                    let index = usize::from(*listener);
                    (broke[index], up[index]) = (true, false);
                }
                _ => {}
            }
            [broke, up] == [[true; 2]; 2]
        })
        .await;
    }

    pub(crate) async fn listen_to(&self, subscription: Subscription) {
        let confirmed = self.link.subscribe(subscription);
        time::timeout(PATIENCE, confirmed).await.unwrap().unwrap();
    }

    /// Publishes, and hears it; no other message comes before.
    pub(crate) async fn hears_itself(&mut self, said: Said) {
        // What a node answers is how many have heard it there; just after trouble it may still be refused, or meet nobody.
        let told = async {
            loop {
                match self.try_ask(said.publish()).await {
                    Ok(Value::Int(count)) if count > 0 || !said.sharded => return,
                    _ => time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        time::timeout(PATIENCE, told)
            .await
            .expect("somebody hears it");
        let heard = self
            .until("the own message comes", |event| {
                matches!(event, Event::Message { .. })
            })
            .await;
        let Event::Message {
            channel, payload, ..
        } = heard
        else {
            unreachable!()
        };
        assert_eq!(
            (&*channel, &*payload),
            (&*said.channel, said.text.as_bytes())
        );
    }

    async fn try_ask(&self, publish: Publish) -> Result<Value, String> {
        let (to, reply) = oneshot::channel();
        self.link
            .publish(publish, Some(to))
            .map_err(|error| error.to_string())?;
        let reply = reply.await.map_err(|error| error.to_string())?;
        reply.map_err(|error| error.to_string())
    }

    /// A command of the queue, with its answer.
    pub(crate) async fn ask(&self, publish: Publish) -> Result<Value, LinkError> {
        let (to, reply) = oneshot::channel();
        self.link.publish(publish, Some(to)).unwrap();
        time::timeout(PATIENCE, reply).await.unwrap().unwrap()
    }
}

pub(crate) fn channel(name: &str) -> Subscription {
    Subscription::Channel(name.to_owned())
}

pub(crate) fn sharded(name: &str) -> Subscription {
    Subscription::Sharded(name.to_owned())
}

/// A message.
pub(crate) struct Said {
    sharded: bool,
    channel: String,
    text: String,
}

impl Said {
    pub(crate) fn publish(&self) -> Publish {
        let (channel, payload) = (self.channel.clone(), self.text.clone().into_bytes());
        match self.sharded {
            true => Publish::sharded(channel, payload),
            false => Publish::channel(channel, payload),
        }
    }
}

pub(crate) fn say(channel: &str, text: &str) -> Said {
    Said {
        sharded: false,
        channel: channel.to_owned(),
        text: text.to_owned(),
    }
}

pub(crate) fn say_sharded(channel: &str, text: &str) -> Said {
    Said {
        sharded: true,
        ..say(channel, text)
    }
}
