//! The broker under test, through its management interface and through a plain channel.

use std::collections::BTreeMap;

use futures::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use messaging::{AmqpConfig, Outgoing, Publisher};
use reqwest::{Method, StatusCode, Url};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PATIENCE, eventually};

/// A vhost of its own, deleted when dropped.
pub struct Broker {
    vhost: String,
    amqp: String,
    management: Url,
    _connection: Connection,
    channel: Channel,
}

/// A message as it lies in a queue.
pub struct Found {
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

impl Found {
    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<String> {
        match self.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            _ => None,
        }
    }
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run through `make test`"))
}

impl Broker {
    /// A new vhost with Lethe's topology.
    pub async fn start() -> Self {
        let broker = Self::start_empty().await;
        messaging::declare_topology(&broker.config()).await.unwrap();
        broker
    }

    /// A new vhost with nothing in it.
    pub async fn start_empty() -> Self {
        let base = Url::parse(&setting("LETHE_TEST_AMQP_URL")).unwrap();
        let management = Url::parse(&setting("LETHE_TEST_MGMT_URL")).unwrap();
        let vhost = format!("messaging-{}", Uuid::new_v4());
        let mut amqp = base;
        amqp.set_path(&vhost);
        let user = management.username().to_owned();
        manage(&management, Method::PUT, &format!("vhosts/{vhost}"), None).await;
        let rights = json!({"configure": ".*", "write": ".*", "read": ".*"});
        let path = format!("permissions/{vhost}/{user}");
        manage(&management, Method::PUT, &path, Some(rights)).await;
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(amqp.as_str(), properties).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { vhost, amqp: amqp.to_string(), management, _connection: connection, channel }
    }

    pub fn url(&self) -> &str {
        &self.amqp
    }

    pub fn config(&self) -> AmqpConfig {
        AmqpConfig::new(SecretString::from(self.amqp.clone()), "test")
    }

    /// The configuration of a client that goes through `port` on this machine.
    pub fn config_through(&self, port: u16) -> AmqpConfig {
        let mut url = Url::parse(&self.amqp).unwrap();
        url.set_port(Some(port)).unwrap();
        AmqpConfig::new(SecretString::from(url.to_string()), "test")
    }

    pub fn port(&self) -> u16 {
        Url::parse(&self.amqp).unwrap().port().unwrap()
    }

    /// Messages waiting in a queue, not those delivered.
    pub async fn depth(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(queue.into(), options, FieldTable::default()).await;
        declared.unwrap().message_count()
    }

    /// Waits until a queue holds exactly so many messages.
    pub async fn wait_for_depth(&self, queue: &str, depth: u32) {
        eventually(&format!("{queue} holds {depth}"), || async { self.depth(queue).await == depth }).await;
    }

    /// Takes one message out of a queue.
    pub async fn take(&self, queue: &str) -> Option<Found> {
        let options = BasicGetOptions { no_ack: true };
        let found = self.channel.basic_get(queue.into(), options).await.unwrap()?;
        Some(Found { properties: found.delivery.properties.clone(), body: found.delivery.data })
    }

    /// Takes so many messages out of a queue.
    pub async fn take_many(&self, queue: &str, count: usize) -> Vec<Found> {
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consuming = self.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
        let consumer = consuming.await.unwrap();
        let found = |delivery: lapin::Result<lapin::message::Delivery>| {
            let delivery = delivery.unwrap();
            Found { properties: delivery.properties, body: delivery.data }
        };
        let taking = consumer.take(count).map(found).collect();
        tokio::time::timeout(PATIENCE, taking).await.expect("as many messages as there should be")
    }

    /// Publishes and insists on every confirm.
    pub async fn publish(&self, batch: &[Outgoing]) {
        let mut publisher = Publisher::connect(&self.config()).await.unwrap();
        for outcome in publisher.publish_batch(batch).await {
            outcome.unwrap();
        }
        publisher.close().await;
    }

    /// Puts bytes into a queue with whatever properties, without confirms.
    pub async fn put(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions::default();
        self.channel
            .basic_publish("".into(), queue.into(), options, body, properties)
            .await
            .unwrap()
            .await
            .unwrap();
    }

    pub async fn delete_queue(&self, queue: &str) {
        let options = QueueDeleteOptions::default();
        self.channel.queue_delete(queue.into(), options).await.unwrap();
    }

    /// Declares a queue with integer or text arguments.
    pub async fn declare_queue(&self, queue: &str, arguments: &[(&str, AMQPValue)]) {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(queue.into(), options, table).await.unwrap();
    }

    /// A queue as the management interface shows it.
    pub async fn describe_queue(&self, queue: &str) -> Value {
        let path = format!("queues/{}/{queue}", self.vhost);
        manage(&self.management, Method::GET, &path, None).await.unwrap()
    }

    pub async fn bindings(&self, queue: &str) -> Vec<(String, String)> {
        let path = format!("queues/{}/{queue}/bindings", self.vhost);
        let found = manage(&self.management, Method::GET, &path, None).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let bindings = found.as_array().unwrap().iter();
        let bindings = bindings.map(|binding| (text(&binding["source"]), text(&binding["routing_key"])));
        bindings.filter(|(source, _)| !source.is_empty()).collect()
    }

    /// Makes the broker close every connection of that name, waiting for the first to be listed.
    pub async fn close_connections(&self, name: &str) {
        let list = format!("vhosts/{}/connections", self.vhost);
        let closed = std::cell::Cell::new(false);
        eventually(&format!("a connection `{name}` is listed and closed"), || async {
            let listed = manage(&self.management, Method::GET, &list, None).await.unwrap();
            for connection in listed.as_array().unwrap() {
                let of_name = connection["client_properties"]["connection_name"] == name;
                let id = connection["name"].as_str().unwrap_or_default();
                if of_name && !id.is_empty() {
                    let path = format!("connections/{}", id.replace(' ', "%20").replace('>', "%3E"));
                    manage(&self.management, Method::DELETE, &path, None).await;
                    closed.set(true);
                }
            }
            closed.get()
        })
        .await;
    }

    pub fn plain_headers(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let (management, path) = (self.management.clone(), format!("vhosts/{}", self.vhost));
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(manage(&management, Method::DELETE, &path, None));
        });
        drop(deleting.join());
    }
}

/// Calls the management interface; `None` for an answer without a body.
async fn manage(base: &Url, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
    let url = base.join("/api/").unwrap().join(path).unwrap();
    let mut bare = url.clone();
    bare.set_username("").unwrap();
    bare.set_password(None).unwrap();
    let mut request =
        reqwest::Client::new().request(method.clone(), bare).basic_auth(base.username(), base.password());
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let gone = method == Method::DELETE && status == StatusCode::NOT_FOUND;
    assert!(status.is_success() || gone, "{method} {path}: {status}");
    answer.json().await.ok()
}
