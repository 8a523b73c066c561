//! Engine.IO over HTTP: a GET is always pending, unless there is something to POST.

use super::Traffic;
use super::client::{Client, Gone};
use super::crew::Crew;
use crate::http;

/// Between the packets of one body.
const SEPARATOR: u8 = 0x1e;
const PATH: &str = "/socket.io/?EIO=4&transport=polling";

/// Asks for a session.
pub(super) fn start(client: &mut Client, host: &str, request: &mut Vec<u8>) -> Result<(), Gone> {
    let poll = client.poll.as_mut().ok_or(Gone)?;
    PATH.clone_into(&mut poll.path);
    request.clear();
    http::write_get(host, &poll.path, request);
    client.write(request)
}

/// Adds a packet to the next POST.
pub(super) fn queue(packet: &[u8], queue: &mut Vec<u8>) {
    if !queue.is_empty() {
        queue.push(SEPARATOR);
    }
    queue.extend_from_slice(packet);
}

impl Crew {
    /// Deals with a complete answer and writes the next request.
    pub(super) fn consume_answer(
        &mut self,
        index: usize,
        input: &[u8],
        now: u64,
        traffic: &mut impl Traffic,
    ) -> Result<usize, Gone> {
        let answer = match http::read(input) {
            Ok(Some(answer)) if answer.status == 200 => answer,
            Ok(None) => return Ok(0),
            _ => return Err(Gone),
        };
        let posted = self.clients[index]
            .poll
            .as_ref()
            .is_some_and(|poll| poll.posting);
        if !posted {
            let packets = answer.body.split(|byte| *byte == SEPARATOR);
            packets.for_each(|packet| self.message(index, packet, now, traffic));
        }
        self.request(index)?;
        Ok(answer.len)
    }

    fn request(&mut self, index: usize) -> Result<(), Gone> {
        let poll = self.clients[index].poll.as_mut().ok_or(Gone)?;
        poll.posting = !poll.queue.is_empty();
        if poll.posting {
            http::write_post(&self.host, &poll.path, &poll.queue, &mut self.reply);
            poll.queue.clear();
        } else {
            http::write_get(&self.host, &poll.path, &mut self.reply);
        }
        Ok(())
    }
}
