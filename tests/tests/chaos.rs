//! Parts of a running cluster are killed, frozen and cut off, and its Redis is lied to, under a steady load with a ledger for
//! each client.

mod bogus;
mod content;
mod faults;
mod frames;
mod modes;
mod peers;
mod pollers;
mod scene;
