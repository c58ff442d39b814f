//! The native half of the Python package `voice_core`: converts types and nothing else.
//!
//! Everything that takes time is a pending call, which Python waits for or awaits. The library's own threads never take
//! the interpreter's lock: what they have for Python goes to the courier.

mod agent;
#[cfg(unix)]
mod bell;
mod courier;
mod error;
mod host;
mod live;
mod logging;
mod models;
mod pending;
mod reply;
#[cfg(feature = "testing")]
mod testing;

use pyo3::prelude::*;

/// `voice_core._native`
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", voice_bridge::VERSION)?;
    module.add_class::<agent::Agent>()?;
    #[cfg(unix)]
    module.add_class::<bell::Bell>()?;
    module.add_class::<courier::Errands>()?;
    module.add_class::<agent::EventStream>()?;
    module.add_class::<agent::Input>()?;
    module.add_class::<host::Responder>()?;
    module.add_class::<host::Sound>()?;
    module.add_class::<live::LiveSession>()?;
    module.add_class::<live::LiveWire>()?;
    module.add_class::<pending::Pending>()?;
    module.add_class::<reply::Reply>()?;
    module.add_function(wrap_pyfunction!(courier::close_couriers, module)?)?;
    module.add_function(wrap_pyfunction!(error::error_codes, module)?)?;
    module.add_function(wrap_pyfunction!(agent::config_schema, module)?)?;
    module.add_function(wrap_pyfunction!(logging::configured_log_level, module)?)?;
    module.add_function(wrap_pyfunction!(logging::set_log_sink, module)?)?;
    module.add_function(wrap_pyfunction!(models::list_models, module)?)?;
    module.add_function(wrap_pyfunction!(models::verify_models, module)?)?;
    module.add_function(wrap_pyfunction!(models::fetch_models, module)?)?;
    module.add_function(wrap_pyfunction!(pending::shutdown, module)?)?;
    #[cfg(feature = "testing")]
    testing::add(module)?;
    Ok(())
}
