//! A bound of a stream in bytes.

use super::{Link, error::LinkError};

impl Link {
    /// Cuts the oldest entries of a stream off where Redis says that it takes more than so many bytes; how many were cut.
    ///
    /// Redis looks at a few of the stream's nodes and answers an estimate.
    pub async fn cap_stream(&self, stream: &str, bytes: u64) -> Result<u64, LinkError> {
        let mut command = ::redis::cmd("EVAL");
        command.arg(CAP).arg(1).arg(stream).arg(bytes);
        let cut = self.command(command).await?;
        ::redis::from_redis_value(cut).map_err(|_| LinkError::Protocol)
    }
}

/// KEYS the stream; ARGV its bytes. Cuts to a tenth below, so that not every look finds something.
const CAP: &str = r"
local used = redis.call('MEMORY', 'USAGE', KEYS[1])
local bound = tonumber(ARGV[1])
if not used or used <= bound then return 0 end
local keep = math.floor(redis.call('XLEN', KEYS[1]) * bound / used * 0.9)
return redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', keep)
";
