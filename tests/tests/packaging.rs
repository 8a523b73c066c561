//! How our programs are shipped: images.

mod image;
mod sbom;
mod version;
