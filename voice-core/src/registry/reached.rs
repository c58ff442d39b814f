//! What every provider that is reached over a network is told alike.

/// A provider of the type `$type`, with its key, its address and its model as `$provider` has them.
macro_rules! reached {
    ($type:ty, $provider:expr, $timeouts:expr) => {{
        let provider: &$crate::config::ProviderConfig = $provider;
        let mut made = match &provider.api_key {
            Some(key) => <$type>::new(key.clone()),
            None => <$type>::from_env()?,
        };
        if let Some(url) = &provider.base_url {
            made = made.base_url(url);
        }
        if let Some(model) = &provider.model {
            made = made.model(model);
        }
        made.connect_timeout(std::time::Duration::from_millis($timeouts.connect_ms))
    }};
}
pub(super) use reached;
