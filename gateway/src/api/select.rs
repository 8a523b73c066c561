//! Selections of sockets, from documents.

use std::sync::Arc;

use carillon_crds::names;

use super::problem::{Code, Fault, Problem};
use crate::target::{Target, is_socket_room};

/// The fields of a document that select sockets.
#[derive(Debug, Default)]
pub(super) struct Selection<'a> {
    /// Rooms.
    pub(super) rooms: Option<&'a [String]>,
    /// Ids of sockets.
    pub(super) sockets: Option<&'a [String]>,
    /// Ids of users.
    pub(super) users: Option<&'a [String]>,
    /// Who is left out.
    pub(super) except: Option<&'a [String]>,
}

impl Selection<'_> {
    /// The sockets of a namespace that are selected.
    pub(super) fn target(&self, namespace: Arc<str>) -> Result<Target, Problem> {
        let mut faults = Vec::new();
        if self.users.is_some() {
            faults.push(fault("/users", "not supported by this version"));
        }
        let mut rooms = Vec::new();
        for (field, names) in [("rooms", self.rooms), ("sockets", self.sockets)] {
            let Some(list) = names else { continue };
            if list.is_empty() {
                let detail = "is empty: leave the field out to select the whole namespace";
                faults.push(fault(&format!("/{field}"), detail));
            }
            rooms.extend(room_names(field, list, &mut faults));
        }
        let except = room_names("except", self.except.unwrap_or_default(), &mut faults);
        refuse(faults)?;
        rooms.sort_unstable();
        rooms.dedup();
        Ok(Target {
            namespace,
            rooms,
            except,
        })
    }
}

/// The rooms that sockets shall join or leave.
pub(super) fn changed_rooms(field: &str, list: &[String]) -> Result<Vec<Arc<str>>, Problem> {
    let mut faults = Vec::new();
    if list.is_empty() {
        faults.push(fault(&format!("/{field}"), "is empty"));
    }
    let rooms = room_names(field, list, &mut faults);
    for (index, _) in rooms
        .iter()
        .enumerate()
        .filter(|(_, room)| is_socket_room(room))
    {
        let detail = format!(
            "begins with `{}`, as only the own rooms of sockets do",
            names::SOCKET_ID_PREFIX
        );
        faults.push(fault(&format!("/{field}/{index}"), &detail));
    }
    refuse(faults)?;
    Ok(rooms)
}

fn room_names(field: &str, list: &[String], faults: &mut Vec<Fault>) -> Vec<Arc<str>> {
    if list.len() > MAX_ROOMS {
        let detail = format!("has more than {MAX_ROOMS} entries");
        faults.push(fault(&format!("/{field}"), &detail));
        return Vec::new();
    }
    for (index, room) in list.iter().enumerate() {
        if !(1..=names::MAX_ROOM_BYTES).contains(&room.len()) {
            let detail = format!("must have 1 to {} bytes", names::MAX_ROOM_BYTES);
            faults.push(fault(&format!("/{field}/{index}"), &detail));
        }
    }
    list.iter().map(|room| Arc::from(room.as_str())).collect()
}

fn refuse(faults: Vec<Fault>) -> Result<(), Problem> {
    if faults.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::new(Code::Invalid, "the request is not valid");
    problem.errors = faults;
    Err(problem)
}

fn fault(pointer: &str, detail: &str) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        detail: detail.to_owned(),
    }
}

/// One selection names at most so many rooms in each of its fields.
const MAX_ROOMS: usize = 1000;
