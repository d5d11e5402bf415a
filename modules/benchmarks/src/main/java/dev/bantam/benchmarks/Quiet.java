package dev.bantam.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.lang.management.ManagementFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits until no thread of this process works any more.
 *
 * <p>Threads of ONNX Runtime look for new work for some time after a run, which would take
 * processor time from whoever is measured next; so do the JVM's compiler and collector.
 */
final class Quiet {
  private static final Logger LOG = LoggerFactory.getLogger(Quiet.class);

  /** Three ticks of the clock that the JVM reads a process's time from. */
  private static final long WINDOW_MILLIS = 30;

  /** More than the one tick by which an idle process can seem to have worked. */
  private static final long IDLE_NANOS = 15_000_000;

  private static final long PATIENCE_NANOS = 1_000_000_000;

  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private Quiet() {}

  /** Waits; after a second it goes on all the same and says so in the log. */
  static void await() {
    final long start = System.nanoTime();
    long before = PROCESS.getProcessCpuTime();
    do {
      sleep();
      final long now = PROCESS.getProcessCpuTime();
      if (now - before <= IDLE_NANOS) {
        return;
      }
      before = now;
    } while (System.nanoTime() - start < PATIENCE_NANOS);
    LOG.warn("Threads of this process were still at work when a turn began.");
  }

  private static void sleep() {
    try {
      Thread.sleep(WINDOW_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BantamException(ExitCode.INTERRUPTED, "Interrupted while measuring.", e);
    }
  }
}
