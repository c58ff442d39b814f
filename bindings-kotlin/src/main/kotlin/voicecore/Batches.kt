package voicecore

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** What the native layer gives in batches, one by one. Giving up waiting loses none. */
internal class Batches<T>(private val fetch: suspend (most: UInt) -> List<T>) {
    private val pulling = Mutex()
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val waiting = ArrayDeque<T>()
    private var pull: Deferred<List<T>>? = null

    /** The next ones to the end, without those that `convert` knows nothing of. A collection that is given up can be gone on with. */
    fun <R : Any> flow(convert: (T) -> R?): Flow<R> = Converted(convert)

    /** The builder of flows asks between the taking of an item and its handing over whether the collection was given up. */
    private inner class Converted<R : Any>(private val convert: (T) -> R?) : Flow<R> {
        override suspend fun collect(collector: FlowCollector<R>) {
            while (true) {
                val item = next() ?: break
                convert(item)?.let { collector.emit(it) }
            }
        }
    }

    private suspend fun next(): T? = pulling.withLock {
        if (waiting.isEmpty()) {
            // Whoever gives up leaves the work to the next one that asks.
            val batch = pull ?: scope.async { fetch(BATCH) }.also { pull = it }
            try {
                waiting += translated { batch.await() }
                pull = null
            } catch (e: VoiceException) {
                pull = null
                throw e
            }
        }
        // A flow hands nothing to a collection that was given up.
        currentCoroutineContext().ensureActive()
        waiting.removeFirstOrNull()
    }

    private companion object {
        const val BATCH = 64u
    }
}
