//! A vhost of a test's own on the broker.

use std::collections::BTreeMap;

use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use reqwest::{Client, Method, Url};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::setting::setting;

/// The URL of the broker that tests run on, with its default vhost.
#[must_use]
pub fn amqp_url() -> String {
    setting("LETHE_TEST_AMQP_URL")
}

/// A vhost without queues, deleted with this value and with it whatever is connected.
pub struct Vhost {
    name: String,
    url: String,
    /// Made when first needed: a connection would be in the way of tests that count them.
    channel: OnceCell<(Connection, Channel)>,
}

/// A message as it was found in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The body.
    pub body: Vec<u8>,
    /// The id its sender gave it.
    pub message_id: Option<String>,
    /// The headers that are text.
    pub headers: BTreeMap<String, String>,
}

impl std::fmt::Debug for Vhost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vhost").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Vhost {
    /// A new one.
    pub async fn create() -> Self {
        let name = format!("lethe-test-{}", Uuid::new_v4().simple());
        manage(Method::PUT, &format!("vhosts/{name}"), None).await;
        let mut url = Url::parse(&amqp_url()).expect("LETHE_TEST_AMQP_URL is a URL");
        let rights = json!({"configure": ".*", "write": ".*", "read": ".*"});
        manage(Method::PUT, &format!("permissions/{name}/{}", url.username()), Some(rights)).await;
        url.set_path(&name);
        Self { name, url: url.into(), channel: OnceCell::new() }
    }

    /// Where to connect to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Puts a body into a queue, past all exchanges, and waits until the broker has it.
    pub async fn put(&self, queue: &str, body: &[u8]) {
        let options = BasicPublishOptions::default();
        let (queue, properties) = (short(queue), BasicProperties::default().with_delivery_mode(2));
        let sent = self.channel().await.basic_publish(short(""), queue, options, body, properties).await;
        sent.expect("a message can be sent").await.expect("the broker confirms it");
    }

    /// Takes one message out of a queue, if there is one. RabbitMQ allows that of no queue with a
    /// single active consumer.
    pub async fn take(&self, queue: &str) -> Option<Found> {
        let options = BasicGetOptions { no_ack: true };
        let got = self.channel().await.basic_get(short(queue), options).await;
        let delivery = got.expect("a queue of that name").map(|message| message.delivery)?;
        let headers = delivery.properties.headers().as_ref().map(texts).unwrap_or_default();
        let message_id = delivery.properties.message_id().as_ref().map(ToString::to_string);
        Some(Found { body: delivery.data, message_id, headers })
    }

    /// How many messages wait in a queue; those that were delivered and not settled are not among them.
    pub async fn depth(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.channel().await.queue_declare(short(queue), options, FieldTable::default()).await;
        declared.expect("a queue of that name").message_count()
    }

    /// Throws away what waits in a queue; answers how many messages that were.
    pub async fn purge(&self, queue: &str) -> u32 {
        let purged = self.channel().await.queue_purge(short(queue), QueuePurgeOptions::default()).await;
        purged.expect("a queue of that name")
    }

    async fn channel(&self) -> &Channel {
        let made = self.channel.get_or_init(async || {
            let connection = Connection::connect(&self.url, ConnectionProperties::default()).await;
            let connection = connection.expect("the broker lets us in");
            let channel = connection.create_channel().await.expect("a channel can be opened");
            channel.confirm_select(Default::default()).await.expect("the broker can confirm");
            (connection, channel)
        });
        &made.await.1
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let path = format!("vhosts/{}", self.name);
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(manage(Method::DELETE, &path, None));
        });
        // A vhost that stays behind harms nobody; a panic while panicking would hide the test's own.
        drop(deleting.join());
    }
}

/// Asks the management interface to do something.
async fn manage(method: Method, path: &str, body: Option<Value>) {
    let base = Url::parse(&setting("LETHE_TEST_MGMT_URL")).expect("LETHE_TEST_MGMT_URL is a URL");
    let (user, password) = (base.username().to_owned(), base.password().map(str::to_owned));
    let mut url = base.join(&format!("/api/{path}")).expect("a path");
    let bare = url.set_username("").and_then(|()| url.set_password(None));
    bare.expect("the management interface has a host");
    let mut request = Client::new().request(method.clone(), url).basic_auth(user, password);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
}

fn texts(headers: &FieldTable) -> BTreeMap<String, String> {
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    };
    headers.inner().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect()
}

fn short(name: &str) -> ShortString {
    ShortString::try_new(name).expect("a name of at most 255 bytes")
}
