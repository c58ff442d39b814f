package voicecore

import com.sun.jna.Library
import com.sun.jna.Native
import voicecore.ffi.Failure
import voicecore.ffi.FfiConverterString
import voicecore.ffi.RustBuffer
import voicecore.ffi.UniffiRustCallStatus

/** The functions that fail on purpose: in the library under test, not in the one that users get. */
@Suppress("FunctionName")
private interface TestingLibrary : Library {
    fun uniffi_voice_core_uniffi_fn_func_testing_fail_with(code: RustBuffer.ByValue, status: UniffiRustCallStatus)

    fun uniffi_voice_core_uniffi_fn_func_testing_panic_in_call(status: UniffiRustCallStatus)
}

internal object Testing {
    private val library = Native.load("voice_core_uniffi", TestingLibrary::class.java)

    fun failWith(code: String): Unit = checked {
        library.uniffi_voice_core_uniffi_fn_func_testing_fail_with(FfiConverterString.lower(code), it)
    }

    fun panic(): Unit = checked { library.uniffi_voice_core_uniffi_fn_func_testing_panic_in_call(it) }

    private fun checked(call: (UniffiRustCallStatus) -> Unit): Unit = translated {
        val status = UniffiRustCallStatus().also(call)
        if (status.isError()) throw Failure.lift(status.error_buf)
        check(status.isSuccess()) { "the panic left the library" }
    }
}
