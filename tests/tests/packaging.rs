//! How our programs are shipped: images, the files of container hosts.

mod hosts;
mod image;
mod sbom;
mod version;
