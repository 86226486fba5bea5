//! Commands and calls of scripts, asked one at a time or many at once.

use futures_util::future::join_all;
use redis::aio::ConnectionLike;
use redis::{
    Arg, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Script, ServerErrorKind, ToRedisArgs, Value,
};

use super::server::Connection;
use super::shard;

/// A command, or a call of a script that the server may not have yet.
#[derive(Debug)]
pub(super) struct Call {
    command: Cmd,
    script: Option<&'static Script>,
}

impl From<Cmd> for Call {
    fn from(command: Cmd) -> Self {
        Self {
            command,
            script: None,
        }
    }
}

impl Call {
    /// The command that publishes to whoever listens.
    pub(super) const TO_ALL: &str = "PUBLISH";
    /// The one that publishes to those who listen at the channel's shard; where that cannot be had, to all.
    pub(super) const TO_SHARD: &str = "SPUBLISH";

    /// The call of a script with these keys. Arguments follow.
    pub(super) fn of(script: &'static Script, keys: &[impl AsRef<str>]) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(keys.len());
        for key in keys {
            command.arg(key.as_ref());
        }
        Self {
            command,
            script: Some(script),
        }
    }

    pub(super) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.command.arg(argument);
        self
    }

    /// Asks this alone.
    ///
    /// # Errors
    /// What is in the way, or what the server says of it.
    pub(super) async fn ask(&self, connection: &mut impl ConnectionLike) -> RedisResult<Value> {
        let answer = self.command.query_async(connection).await;
        ask_again(&self.command, self.script, answer, connection).await
    }
}

/// Asks all, in this order: together where that can be, and a cluster's nodes each for themselves.
///
/// # Errors
/// What is in the way of all of them.
pub(super) async fn ask_all(
    calls: Vec<Call>,
    connection: &mut Connection,
) -> Result<Vec<RedisResult<Value>>, RedisError> {
    let single = match connection {
        Connection::Single(single) => single,
        Connection::Cluster(cluster) => {
            let answers = calls.iter().map(|call| {
                let mut cluster = cluster.clone();
                async move { call.ask(&mut cluster).await }
            });
            return Ok(join_all(answers).await);
        }
    };
    let mut together = Pipeline::with_capacity(calls.len());
    together.ignore_errors();
    let mut scripts = Vec::with_capacity(calls.len());
    for Call { command, script } in calls {
        together.add_command(command);
        scripts.push(script);
    }
    let mut answers: Vec<RedisResult<Value>> = together.query_async(single).await?;
    for ((answer, script), command) in answers.iter_mut().zip(scripts).zip(together.cmd_iter()) {
        if answer.is_err() {
            let first = std::mem::replace(answer, Ok(Value::Nil));
            *answer = ask_again(command, script, first, single).await;
        }
    }
    Ok(answers)
}

/// Asks once more where there is a way: a server that did not have the script is given it, and what cannot be published to
/// a shard is published to all.
async fn ask_again(
    command: &Cmd,
    script: Option<&Script>,
    answer: RedisResult<Value>,
    connection: &mut impl ConnectionLike,
) -> RedisResult<Value> {
    const NO_SCRIPT: ErrorKind = ErrorKind::Server(ServerErrorKind::NoScript);
    let Err(error) = answer else { return answer };
    match script {
        Some(script) if error.kind() == NO_SCRIPT => {
            script.load_async(connection).await?;
            command.query_async(connection).await
        }
        None if shard::is_not_to_be_had(&error) => match to_all(command) {
            Some(publish) => publish.query_async(connection).await,
            None => Err(error),
        },
        _ => Err(error),
    }
}

/// The command that publishes the same to all, where this one publishes to a shard.
fn to_all(command: &Cmd) -> Option<Cmd> {
    let mut arguments = command.args_iter();
    if arguments.next() != Some(Arg::Simple(Call::TO_SHARD.as_bytes())) {
        return None;
    }
    let mut publish = redis::cmd(Call::TO_ALL);
    for argument in arguments {
        if let Arg::Simple(argument) = argument {
            publish.arg(argument);
        }
    }
    Some(publish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shard_does_not_take_is_published_to_all_as_it_is() {
        let mut command = redis::cmd(Call::TO_SHARD);
        command.arg("channel").arg(b"\x01message");
        let publish = to_all(&command).unwrap();
        let wanted = [b"PUBLISH".as_slice(), b"channel", b"\x01message"].map(Arg::Simple);
        assert!(publish.args_iter().eq(wanted));
        assert!(to_all(&publish).is_none(), "there is no other way");
    }
}
