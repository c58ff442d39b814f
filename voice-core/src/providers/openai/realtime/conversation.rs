//! A conversation over its connection.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{
    super::call::Endpoint,
    connection::{Connection, Purpose},
    protocol::Protocol,
};
use crate::{
    error::{ErrorKind, Result},
    provider::{Conversation, ConversationInput, FromModel, ToModel},
    providers::http::Private,
};

/// How long the server may take to agree to the settings.
const AGREEMENT: Duration = Duration::from_secs(10);

struct Talk {
    connection: Connection,
    protocol: Protocol,
    /// Gone once it has ended.
    input: Option<ConversationInput>,
    /// What was understood and not passed on yet.
    ready: VecDeque<FromModel>,
    is_over: bool,
}

/// What happened next.
enum Step {
    Came(Result<Value>),
    Told(Option<ToModel>),
}

/// Opens a connection, waits until the server has agreed to the settings, and tells it what was said before.
pub(super) async fn open(
    endpoint: &Endpoint,
    session: Value,
    before: ToModel,
    mut protocol: Protocol,
    input: ConversationInput,
) -> Result<Conversation> {
    let mut connection = Connection::open(endpoint, Purpose::Speech, session, protocol.private()).await?;
    let agreed = tokio::time::timeout(AGREEMENT, agreement(&mut connection, protocol.private())).await;
    agreed.map_err(|_| {
        let message = format!("{} did not agree to the session's settings in time", endpoint.peer.host);
        endpoint.peer.error(ErrorKind::FirstByteTimeout, message)
    })??;
    for event in protocol.write(before) {
        connection.send(&event).await?;
    }
    let until = connection.good_until;
    let talk = Talk { connection, protocol, input: Some(input), ready: VecDeque::new(), is_over: false };
    let events = stream::unfold(talk, |mut talk| async move { talk.next().await.map(|item| (item, talk)) });
    Ok(Conversation::new(events.boxed()).with_good_until(until))
}

async fn agreement(connection: &mut Connection, private: &Private) -> Result<()> {
    loop {
        let event = connection.event(private).await?;
        match event["type"].as_str() {
            Some("session.updated") => return Ok(()),
            Some("error") => return Err(connection.peer.reported(&event, private)),
            _ => {}
        }
    }
}

impl Talk {
    async fn next(&mut self) -> Option<Result<FromModel>> {
        while !self.is_over {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if let Err(error) = self.step().await {
                self.is_over = true;
                return Some(Err(error));
            }
        }
        None
    }

    async fn step(&mut self) -> Result<()> {
        let came = self.connection.event(self.protocol.private());
        let step = match &mut self.input {
            Some(input) => tokio::select! {
                biased;
                came = came => Step::Came(came),
                told = input.next() => Step::Told(told),
            },
            None => Step::Came(came.await),
        };
        let send = match step {
            Step::Came(event) => {
                let read = self.protocol.read(&event?)?;
                self.ready.extend(read.events);
                read.send
            }
            Step::Told(Some(told)) => self.protocol.write(told),
            Step::Told(None) => {
                self.input = None;
                Vec::new()
            }
        };
        for event in send {
            self.connection.send(&event).await?;
        }
        Ok(())
    }
}
