//! Where Redis is, as our settings or the files that they name say.

use std::fs;
use std::path::PathBuf;

use crate::bus::redis::{RedisUrl, Source};
use crate::config::RedisSettings;

/// What the settings said when they were read; an error is a sentence.
pub(super) fn first(settings: &RedisSettings) -> Result<RedisUrl, String> {
    url(settings.url.expose(), settings.ca.as_deref())
}

/// What the files say from now on, where there are any.
pub(super) fn of(settings: &RedisSettings, first: RedisUrl) -> Source {
    if settings.url_file.is_none() && settings.ca_file.is_none() {
        return Source::fixed(first);
    }
    let settings = settings.clone();
    let read = move || {
        let text = read("CARILLON_REDIS_URL_FILE", settings.url_file.as_ref())?;
        let ca = read("CARILLON_REDIS_CA_FILE", settings.ca_file.as_ref())?;
        let text = text.as_deref().unwrap_or(settings.url.expose());
        url(text.trim(), ca.as_deref())
    };
    Source::new(first, Some(Box::new(read)))
}

fn read(variable: &str, file: Option<&PathBuf>) -> Result<Option<String>, String> {
    let Some(file) = file else { return Ok(None) };
    let read = fs::read_to_string(file).map(Some);
    read.map_err(|error| format!("{variable}: {}: {error}", file.display()))
}

fn url(text: &str, ca: Option<&str>) -> Result<RedisUrl, String> {
    let url: RedisUrl = text
        .parse()
        .map_err(|error| format!("CARILLON_REDIS_URL: {error}"))?;
    let Some(pem) = ca else { return Ok(url) };
    url.with_ca(pem.as_bytes().to_vec())
        .map_err(|error| format!("CARILLON_REDIS_CA_FILE: {error}"))
}
