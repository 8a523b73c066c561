//! What a new socket gets at its connection.

use std::sync::Arc;

use super::effects::rooms;
use super::facts::Names;
use super::{Kept, NamespaceRules, Refusal};

/// What a new socket gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// Its first rooms.
    pub rooms: Vec<Arc<str>>,
    /// What it is sent, in this order.
    pub welcome: Vec<Emit>,
}

/// Something that one socket is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Emit {
    /// The event, as JSON text.
    pub event: Arc<str>,
    /// The arguments, as JSON text with commas between them.
    pub args: String,
}

/// Renders the rooms and the welcome of a new socket.
///
/// # Errors
/// If a template has no value: the socket is refused.
pub fn admit(rules: &NamespaceRules, socket_id: &str, kept: &Kept) -> Result<Admission, Refusal> {
    let names = Names {
        rules,
        socket_id,
        kept,
        call: None,
    };
    let rooms = rooms(&rules.rules.auto_join, &names, &mut String::new())?;
    let mut welcome = Vec::with_capacity(rules.rules.welcome.len());
    for emit in &rules.rules.welcome {
        let mut args = String::new();
        emit.args.render(&names, &mut args, &mut Vec::new())?;
        welcome.push(Emit {
            event: emit.event.clone(),
            args,
        });
    }
    Ok(Admission { rooms, welcome })
}
