package voicecore

import com.sun.jna.Callback
import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import voicecore.ffi.uniffiCallbackInterfaceHostLlm
import voicecore.ffi.uniffiCallbackInterfaceHostMetrics
import voicecore.ffi.uniffiCallbackInterfaceHostStore
import voicecore.ffi.uniffiCallbackInterfaceHostStt
import voicecore.ffi.uniffiCallbackInterfaceHostTool
import voicecore.ffi.uniffiCallbackInterfaceHostTts
import voicecore.ffi.uniffiCallbackInterfaceHostTurnDetector
import voicecore.ffi.uniffiCallbackInterfaceLogSink
import voicecore.ffi.uniffiRustFutureContinuationCallbackImpl

/**
 * The library's threads stay attached to the virtual machine once they called it: attaching one and letting it go again takes
 * longer than a whole call does. They are daemons, and are let go when they end.
 */
internal object Threads {
    private val callbacks: List<Callback> = listOf(
        uniffiRustFutureContinuationCallbackImpl,
        uniffiCallbackInterfaceHostLlm.generate,
        uniffiCallbackInterfaceHostMetrics.record,
        uniffiCallbackInterfaceHostStore.call,
        uniffiCallbackInterfaceHostStt.listen,
        uniffiCallbackInterfaceHostStt.transcribe,
        uniffiCallbackInterfaceHostTool.call,
        uniffiCallbackInterfaceHostTts.synthesize,
        uniffiCallbackInterfaceHostTurnDetector.completeness,
        uniffiCallbackInterfaceLogSink.log,
    )

    init {
        val attached = CallbackThreadInitializer(true, false)
        callbacks.forEach { Native.setCallbackThreadInitializer(it, attached) }
    }

    fun stayAttached() = Unit
}
